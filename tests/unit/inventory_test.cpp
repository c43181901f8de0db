#include "core/traffic/inventory.hpp"

#include <gtest/gtest.h>

namespace vmtraffic {
namespace {

Domain domain(std::uint8_t uuid, std::string connection, std::vector<Vnic> vnics = {}) {
  Domain made;
  made.uuid.octets[15] = uuid;
  made.connection = std::move(connection);
  made.vnics = std::move(vnics);
  return made;
}

Vnic vnic(std::uint8_t mac, std::uint32_t number, std::uint8_t ordinal = 0) {
  Vnic made;
  made.mac.octets[5] = mac;
  made.number = number;
  made.ordinal = ordinal;
  return made;
}

TEST(Inventory, PciAddressReadsAsInSysfs) {
  EXPECT_EQ((PciAddress{0, 3, 0x10, 1}).text(), "0000:03:10.1");
  EXPECT_EQ((PciAddress{0x10002, 0xFF, 0x1F, 7}).text(), "10002:ff:1f.7");
}

TEST(Inventory, CountsVnics) {
  EXPECT_EQ(Inventory{}.vnic_count(), 0u);
  EXPECT_EQ((Inventory{{domain(1, "a", {vnic(1, 0), vnic(2, 1)}), domain(2, "a"), domain(3, "a", {vnic(1, 0)})}}).vnic_count(), 3u);
}

TEST(Inventory, SortsDomainsAndKeepsTheFirstSight) {
  Inventory inventory{{domain(3, "qemu"), domain(1, "qemu"), domain(3, "lxc"), domain(2, "lxc"), domain(1, "lxc")}};
  const Inventory expected{{domain(1, "qemu"), domain(2, "lxc"), domain(3, "qemu")}};
  normalize(inventory);
  EXPECT_EQ(inventory, expected);
  normalize(inventory);
  EXPECT_EQ(inventory, expected);
}

TEST(Inventory, NumbersEqualMacsInTheOrderOfTheXml) {
  Inventory inventory{{domain(1, "", {vnic(9, 0), vnic(5, 3, 7), vnic(9, 2), vnic(5, 1, 7), vnic(1, 4)})}};
  const Inventory expected{{domain(1, "", {vnic(1, 4, 0), vnic(5, 1, 0), vnic(5, 3, 1), vnic(9, 0, 0), vnic(9, 2, 1)})}};
  normalize(inventory);
  EXPECT_EQ(inventory, expected);
  normalize(inventory);
  EXPECT_EQ(inventory, expected);
}

TEST(Inventory, LeavesOutWhatHasNoIdentityLeft) {
  std::vector<Vnic> many, kept;
  for (std::uint32_t i = 0; i < 300; ++i) many.push_back(vnic(1, i));
  many.push_back(vnic(2, 300));
  for (std::uint32_t i = 0; i < 256; ++i) kept.push_back(vnic(1, i, static_cast<std::uint8_t>(i)));
  kept.push_back(vnic(2, 300));
  Inventory inventory{{domain(1, "", many)}};
  normalize(inventory);
  EXPECT_EQ(inventory, (Inventory{{domain(1, "", kept)}}));
}

std::vector<std::string> addresses_of(const Inventory& inventory) {
  std::vector<std::string> out;
  for (const Domain& d : inventory.domains) {
    for (const Vnic& v : d.vnics) {
      std::string all;
      for (const std::string& a : v.addresses) all += (all.empty() ? "" : " ") + a;
      out.push_back(all);
    }
  }
  return out;
}

TEST(Inventory, AddressesGoToTheOneDomainWithTheirMac) {
  Inventory inventory{{domain(1, "a", {vnic(1, 0), vnic(2, 1)}), domain(2, "a", {vnic(2, 0), vnic(3, 1)}), domain(3, "b", {vnic(4, 0)})}};
  const MacAddress one = vnic(1, 0).mac;
  const MacAddress two = vnic(2, 0).mac;
  const MacAddress three = vnic(3, 0).mac;
  add_addresses(inventory, {{one, {"10.0.0.1"}}, {two, {"10.0.0.2"}}, {three, {"10.0.0.3", "fe80::3"}}});
  EXPECT_EQ(addresses_of(inventory), (std::vector<std::string>{"10.0.0.1", "", "", "10.0.0.3 fe80::3", ""}));
}

TEST(Inventory, ATeamingPairSharesItsAddresses) {
  Inventory inventory{{domain(1, "a", {vnic(1, 0), vnic(1, 1, 1)})}};
  add_addresses(inventory, {{vnic(1, 0).mac, {"10.0.0.1"}}});
  EXPECT_EQ(addresses_of(inventory), (std::vector<std::string>{"10.0.0.1", "10.0.0.1"}));
}

TEST(Inventory, AddressesAreUnitedWithLeasesSortedEachOnce) {
  Inventory inventory{{domain(1, "a", {vnic(1, 0)})}};
  inventory.domains[0].vnics[0].addresses = {"10.0.0.2", "10.0.0.4"};
  const AddressesByMac seen{{vnic(1, 0).mac, {"10.0.0.1", "10.0.0.2", "10.0.0.5"}}};
  add_addresses(inventory, seen);
  EXPECT_EQ(addresses_of(inventory), (std::vector<std::string>{"10.0.0.1 10.0.0.2 10.0.0.4 10.0.0.5"}));
  const Inventory before = inventory;
  add_addresses(inventory, seen);
  EXPECT_EQ(inventory, before);
}

// As when libvirt stays silent for months, and the guest takes one address after the other.
TEST(Inventory, AddressesAreBounded) {
  Inventory inventory{{domain(1, "a", {vnic(1, 0)})}};
  for (int i = 0; i < 1000; ++i) add_addresses(inventory, {{vnic(1, 0).mac, {"10.0.0." + std::to_string(i)}}});
  EXPECT_EQ(inventory.domains[0].vnics[0].addresses.size(), 32u);
}

}  // namespace
}  // namespace vmtraffic
