#include "core/traffic/inventory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

namespace vmtraffic {
namespace {

// Together with those from DHCP leases. Bounds what is carried on while libvirt does not answer.
constexpr std::size_t kMostAddresses = 32;

constexpr std::size_t kOrdinals = std::numeric_limits<decltype(Vnic::ordinal)>::max() + std::size_t{1};

// vNICs of one domain with equal MACs are told apart by their order in the XML. Beyond the last ordinal there is no identity left to give.
void normalize_vnics(std::vector<Vnic>& vnics) {
  std::stable_sort(vnics.begin(), vnics.end(),
                   [](const Vnic& a, const Vnic& b) { return std::tie(a.mac, a.number) < std::tie(b.mac, b.number); });
  std::size_t kept = 0;
  std::size_t equal = 0;
  for (std::size_t i = 0; i < vnics.size(); ++i) {
    equal = kept > 0 && vnics[kept - 1].mac == vnics[i].mac ? equal + 1 : 0;
    if (equal >= kOrdinals) continue;
    vnics[i].ordinal = static_cast<std::uint8_t>(equal);
    if (kept != i) vnics[kept] = std::move(vnics[i]);
    ++kept;
  }
  vnics.resize(kept);
}

void insert_addresses(Vnic& v, const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses) {
    const auto place = std::lower_bound(v.addresses.begin(), v.addresses.end(), address);
    if (place != v.addresses.end() && *place == address) continue;
    if (v.addresses.size() >= kMostAddresses) break;
    v.addresses.insert(place, address);
  }
}

}  // namespace

std::string PciAddress::text() const { return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", domain, bus, slot, function); }

std::size_t Inventory::vnic_count() const {
  std::size_t count = 0;
  for (const Domain& domain : domains) count += domain.vnics.size();
  return count;
}

void add_addresses(Inventory& inventory, const AddressesByMac& seen) {
  if (seen.empty()) return;
  constexpr std::size_t kSeveral = std::numeric_limits<std::size_t>::max();
  std::map<MacAddress, std::size_t> owner;  // the one domain with that MAC
  for (std::size_t d = 0; d < inventory.domains.size(); ++d) {
    for (const Vnic& v : inventory.domains[d].vnics) {
      const auto [found, first] = owner.try_emplace(v.mac, d);
      if (!first && found->second != d) found->second = kSeveral;
    }
  }
  for (Domain& domain : inventory.domains) {
    for (Vnic& v : domain.vnics) {
      const auto found = seen.find(v.mac);
      if (found == seen.end() || owner[v.mac] == kSeveral) continue;
      insert_addresses(v, found->second);
    }
  }
}

void add_addresses(Inventory& inventory, const std::map<VnicKey, std::vector<std::string>>& known) {
  if (known.empty()) return;
  for (Domain& domain : inventory.domains) {
    for (Vnic& v : domain.vnics) {
      const auto found = known.find({domain.uuid, v.mac, v.ordinal});
      if (found != known.end()) insert_addresses(v, found->second);
    }
  }
}

void normalize(Inventory& inventory) {
  auto& domains = inventory.domains;
  std::stable_sort(domains.begin(), domains.end(), [](const Domain& a, const Domain& b) { return a.uuid < b.uuid; });
  domains.erase(std::unique(domains.begin(), domains.end(), [](const Domain& a, const Domain& b) { return a.uuid == b.uuid; }),
                domains.end());
  for (Domain& domain : domains) normalize_vnics(domain.vnics);
}

}  // namespace vmtraffic
