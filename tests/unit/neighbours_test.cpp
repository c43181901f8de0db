// The neighbour tables, from messages made here as the kernel's neigh_fill_info lays them out, and from the kernel itself.
#include "core/probes/neighbours.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/neighbour.h>

#include <ostream>

#include "tests/unit/fake_kernel.hpp"
#include "tests/unit/netlink_messages.hpp"

namespace vmtraffic {

void PrintTo(const Neighbour& n, std::ostream* out) {
  *out << n.address << " at " << n.mac.text() << " on " << n.if_index << " in " << n.state;
}

namespace {

using namespace netlink_test;

constexpr const char* kMac = "52:54:00:00:00:01";

Bytes address(const std::string& text) {
  std::array<std::byte, 16> octets{};
  const int family = text.find(':') == std::string::npos ? AF_INET : AF_INET6;
  EXPECT_EQ(::inet_pton(family, text.c_str(), octets.data()), 1) << text;
  return {octets.begin(), octets.begin() + (family == AF_INET ? 4 : 16)};
}
Bytes mac(const std::string& text) { return octets_of(MacAddress::parse(text).value().octets); }

Bytes entry(const std::string& ip, const std::string& mac_text = kMac, std::uint16_t state = NUD_STALE, std::uint8_t flags = 0) {
  return neighbour(ip.find(':') == std::string::npos ? AF_INET : AF_INET6, 3, state, address(ip), mac(mac_text), flags);
}

std::optional<Neighbour> read(const Bytes& payload, std::uint16_t type = RTM_NEWNEIGH) {
  const Bytes whole = message(type, 0, 0, payload);
  std::optional<Neighbour> found;
  EXPECT_TRUE(netlink::for_each_message(whole, [&](const netlink::Message& m) { found = read_neighbour(m); }));
  return found;
}

TEST(Neighbour, IsReadInEveryStateThatKnowsItsMac) {
  for (const int flag : {NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE, NUD_PERMANENT}) {
    const auto state = static_cast<std::uint16_t>(flag);
    EXPECT_EQ(read(entry("10.0.0.7", kMac, state)), (Neighbour{3, *MacAddress::parse(kMac), "10.0.0.7", state}));
  }
  EXPECT_EQ(read(entry("2001:db8::7")), (Neighbour{3, *MacAddress::parse(kMac), "2001:db8::7", NUD_STALE}));
  EXPECT_EQ(read(entry("fe80::5054:ff:fe00:1"))->address, "fe80::5054:ff:fe00:1");
}

TEST(Neighbour, IsNotWhatIsNoStation) {
  for (const int state : {NUD_NONE, NUD_INCOMPLETE, NUD_FAILED, NUD_NOARP}) {
    EXPECT_EQ(read(entry("10.0.0.7", kMac, static_cast<std::uint16_t>(state))), std::nullopt) << state;
  }
  for (const char* ip : {"0.0.0.0", "127.0.0.1", "224.0.0.22", "255.255.255.255", "::", "::1", "ff02::16"}) {
    EXPECT_EQ(read(entry(ip)), std::nullopt) << ip;
  }
  for (const char* other : {"00:00:00:00:00:00", "01:00:5e:00:00:16", "33:33:00:00:00:16", "ff:ff:ff:ff:ff:ff"}) {
    EXPECT_EQ(read(entry("10.0.0.7", other)), std::nullopt) << other;
  }
  EXPECT_EQ(read(entry("10.0.0.7", kMac, NUD_PERMANENT, NTF_PROXY)), std::nullopt);
  EXPECT_EQ(read(entry("10.0.0.7"), RTM_DELNEIGH), std::nullopt);
  EXPECT_EQ(read(neighbour(AF_BRIDGE, 3, NUD_REACHABLE, address("10.0.0.7"), mac(kMac))), std::nullopt);
  EXPECT_EQ(read(neighbour(AF_INET, 0, NUD_REACHABLE, address("10.0.0.7"), mac(kMac))), std::nullopt);
}

TEST(Neighbour, HasAnAddressAndAMacOfTheRightLength) {
  const Bytes ip = address("10.0.0.7");
  EXPECT_EQ(read(neighbour(AF_INET6, 3, NUD_STALE, ip, mac(kMac))), std::nullopt);
  EXPECT_EQ(read(neighbour(AF_INET, 3, NUD_STALE, address("2001:db8::7"), mac(kMac))), std::nullopt);
  EXPECT_EQ(read(neighbour(AF_INET, 3, NUD_STALE, {}, mac(kMac))), std::nullopt);
  EXPECT_EQ(read(neighbour(AF_INET, 3, NUD_STALE, ip, Bytes(20))), std::nullopt);  // InfiniBand
  EXPECT_EQ(read(neighbour(AF_INET, 3, NUD_STALE, ip, {})), std::nullopt);         // a tunnel
  ndmsg header{};
  header.ndm_family = AF_INET;
  header.ndm_ifindex = 3;
  header.ndm_state = NUD_STALE;
  EXPECT_EQ(read(octets_of(header)), std::nullopt);
}

TEST(Neighbour, TruncatedAnywhereItIsNone) {
  const Bytes whole = entry("2001:db8::7");
  ASSERT_TRUE(read(whole));
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const auto got = read(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)));
    // Cut between two attributes behind the MAC, nothing is missing.
    if (got) {
      EXPECT_EQ(got->address, "2001:db8::7");
      EXPECT_GE(n, whole.size() - 8 - 2) << "only without the last attribute, and the MAC's padding";
    }
  }
}

Neighbour seen(std::uint8_t last_octet, const std::string& ip) {
  Neighbour n;
  n.mac.octets = {0x52, 0x54, 0, 0, 0, last_octet};
  n.address = ip;
  return n;
}

TEST(NeighbourAddresses, AreSortedAndEachOnce) {
  NeighbourAddresses addresses;
  for (const char* ip : {"10.0.0.9", "10.0.0.1", "2001:db8::1", "10.0.0.9"}) addresses.add(seen(1, ip));
  addresses.add(seen(2, "10.0.0.1"));
  EXPECT_EQ(addresses.by_mac(),
            (AddressesByMac{{seen(1, "").mac, {"10.0.0.1", "10.0.0.9", "2001:db8::1"}}, {seen(2, "").mac, {"10.0.0.1"}}}));
}

TEST(NeighbourAddresses, AreTheSameFewHoweverManyAGuestClaims) {
  NeighbourAddresses up, down;
  for (int i = 100; i < 200; ++i) up.add(seen(1, "10.0.0." + std::to_string(i)));
  for (int i = 199; i >= 100; --i) down.add(seen(1, "10.0.0." + std::to_string(i)));
  EXPECT_EQ(up.by_mac(), down.by_mac());
  EXPECT_EQ(up.by_mac().begin()->second.size(), NeighbourAddresses::kMostOfOneMac);
  EXPECT_EQ(up.by_mac().begin()->second.back(), "10.0.0.115");
}

TEST(NeighbourAddresses, AreBoundedInAll) {
  NeighbourAddresses addresses;
  for (std::size_t i = 0; i < NeighbourAddresses::kMost + 100; ++i) {
    Neighbour n = seen(1, "10.0.0.1");
    for (std::size_t o = 3; o < 6; ++o) n.mac.octets[o] = static_cast<std::uint8_t>(i >> (5 - o) * 8);
    addresses.add(n);
  }
  EXPECT_EQ(addresses.by_mac().size(), NeighbourAddresses::kMost);
}

using Counts = std::vector<std::pair<std::string, std::uint64_t>>;
Counts counts(std::uint64_t dumps, std::uint64_t failures) { return {{"neighbour_dumps", dumps}, {"neighbour_failures", failures}}; }
const AddressesByMac kOne{{*MacAddress::parse(kMac), {"10.0.0.7"}}};

TEST(Neighbours, AreListedByOneDumpOfBothFamilies) {
  FakeKernel kernel([](const netlink::Message& m) -> Answers {
    EXPECT_EQ(m.type, RTM_GETNEIGH);
    EXPECT_EQ(m.flags, NLM_F_REQUEST | NLM_F_DUMP);
    EXPECT_EQ(netlink::value_at<ndmsg>(m.payload)->ndm_family, AF_UNSPEC);
    return {joined({message(RTM_NEWNEIGH, NLM_F_MULTI, m.sequence, entry("10.0.0.7")),
                    message(RTM_NEWNEIGH, NLM_F_MULTI, m.sequence, entry("10.0.0.8", kMac, NUD_FAILED))}),
            message(RTM_NEWNEIGH, NLM_F_MULTI, m.sequence, entry("2001:db8::7")), done(m.sequence)};
  });
  {
    Neighbours neighbours(kernel.opener());
    const auto got = neighbours.list();
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(*got, (AddressesByMac{{*MacAddress::parse(kMac), {"10.0.0.7", "2001:db8::7"}}}));
    EXPECT_EQ(neighbours.counters(), counts(1, 0));
  }
}

TEST(Neighbours, AreListedAgainAfterAnInterruption) {
  int dumps = 0;
  FakeKernel kernel([&dumps](const netlink::Message& m) -> Answers {
    const std::uint16_t flags = ++dumps == 1 ? NLM_F_DUMP_INTR : 0;
    return {message(RTM_NEWNEIGH, NLM_F_MULTI, m.sequence, entry(dumps == 1 ? "10.0.0.6" : "10.0.0.7")), done(m.sequence, flags)};
  });
  {
    Neighbours neighbours(kernel.opener());
    const auto got = neighbours.list();
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(*got, kOne);
    EXPECT_EQ(neighbours.counters(), counts(2, 0));
  }
}

TEST(Neighbours, SayWhatTheKernelRefusedAndTryAgain) {
  FakeKernel kernel([](const netlink::Message& m) -> Answers { return {refused(m.sequence, EPERM)}; });
  {
    Neighbours neighbours(kernel.opener());
    EXPECT_EQ(neighbours.list().error(), (Error{ErrorCode::kUnavailable, "rtnetlink: a request was refused: Operation not permitted"}));
    EXPECT_EQ(neighbours.counters(), counts(1, 1));
    kernel.set([](const netlink::Message& m) -> Answers {
      return {message(RTM_NEWNEIGH, NLM_F_MULTI, m.sequence, entry("10.0.0.7")), done(m.sequence)};
    });
    EXPECT_EQ(*neighbours.list(), kOne);
    EXPECT_EQ(neighbours.counters(), counts(2, 1));
  }
}

TEST(Neighbours, OfThisHostCanBeListed) {
  Neighbours neighbours;
  EXPECT_TRUE(neighbours.list());
}

}  // namespace
}  // namespace vmtraffic
