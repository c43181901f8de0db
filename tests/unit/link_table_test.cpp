#include "core/probes/link_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <ostream>

#include "core/probes/virtual_function.hpp"
#include "tests/unit/netlink_messages.hpp"

namespace vmtraffic {

void PrintTo(const Link& link, std::ostream* out) {
  *out << "{" << link.name << " kind=" << link.kind << " port=" << link.port_name << " switch=" << link.switch_id;
  for (const std::string& name : link.other_names) *out << " also=" << name;
  *out << "}";
}

namespace {

namespace fs = std::filesystem;
using netlink_test::attribute;
using netlink_test::Bytes;
using netlink_test::joined;
using netlink_test::kind_attribute;
using netlink_test::link_header;
using netlink_test::message;
using netlink_test::name_attribute;
using netlink_test::octets_of;
using netlink_test::recorded;
using Effect = LinkTable::Effect;
using testing::ElementsAre;

std::vector<Effect> feed(LinkTable& table, const Bytes& octets) {
  std::vector<Effect> effects;
  EXPECT_TRUE(netlink::for_each_message(octets, [&](const netlink::Message& m) { effects.push_back(table.apply(m)); }));
  return effects;
}

Effect apply_new(LinkTable& table, int if_index, std::initializer_list<Bytes> attributes) {
  return feed(table, message(RTM_NEWLINK, 0, 0, joined({link_header(if_index), joined(attributes)}))).at(0);
}

std::map<std::uint32_t, Link> links_in(const LinkTable& table) {
  std::map<std::uint32_t, Link> links;
  for (std::uint32_t if_index = 0; if_index < 100; ++if_index) {
    if (const Link* link = table.find(if_index)) links.emplace(if_index, *link);
  }
  EXPECT_EQ(links.size(), table.size());
  return links;
}

Link link(std::string name, std::string kind, std::vector<std::string> other_names = {}) {
  Link made;
  made.name = std::move(name);
  made.kind = std::move(kind);
  made.other_names = std::move(other_names);
  return made;
}

const std::map<std::uint32_t, Link> kRecorded{
    {1, link("lo", "")},         {2, link("vb", "veth")},          {3, link("va", "veth", {"the-alternative-name-of-va"})},
    {4, link("tap-vm1", "tun")}, {5, link("macvtap0", "macvtap")}, {6, link("br0", "bridge")}};

TEST(LinkTable, ReadsARecordedListing) {
  LinkTable table;
  feed(table, recorded("links.bin"));
  EXPECT_EQ(links_in(table), kRecorded);
  EXPECT_EQ(table.index_of("tap-vm1"), 4u);
  EXPECT_EQ(table.index_of("the-alternative-name-of-va"), 3u);
  EXPECT_EQ(table.index_of("nothing"), std::nullopt);
  EXPECT_EQ(table.index_of(""), std::nullopt);
}

// A bridge says RTM_DELLINK when a port leaves it. The link stays.
TEST(LinkTable, ALinkOutlivesItsPlaceInABridge) {
  LinkTable table;
  feed(table, recorded("links.bin"));
  for (const Effect effect : feed(table, recorded("bridge_port.bin"))) EXPECT_THAT(effect, testing::AnyOf(Effect::kSame, Effect::kNone));
  EXPECT_EQ(links_in(table), kRecorded);
}

TEST(LinkTable, FollowsRecordedRenames) {
  LinkTable table;
  feed(table, recorded("links.bin"));
  const auto effects = feed(table, recorded("renamed.bin"));
  EXPECT_EQ(std::count(effects.begin(), effects.end(), Effect::kChanged),
            4);  // the rename, an alternative name more, one less, the last one less
  auto expected = kRecorded;
  expected[3] = link("vc", "veth");
  EXPECT_EQ(links_in(table), expected);
  EXPECT_EQ(table.index_of("va"), std::nullopt);
  EXPECT_EQ(table.index_of("vc"), 3u);
  EXPECT_EQ(table.index_of("the-alternative-name-of-va"), std::nullopt);
}

TEST(LinkTable, FollowsARecordedDeletion) {
  LinkTable table;
  for (const char* file : {"links.bin", "renamed.bin", "deleted.bin"}) feed(table, recorded(file));
  auto expected = kRecorded;
  for (const std::uint32_t gone : {2u, 3u, 5u}) expected.erase(gone);  // the macvtap went with the veth that carried it
  EXPECT_EQ(links_in(table), expected);
  for (const char* gone : {"va", "vb", "vc", "macvtap0"}) EXPECT_EQ(table.index_of(gone), std::nullopt) << gone;
}

TEST(LinkTable, NamesMayChangePlaces) {
  LinkTable table;
  EXPECT_EQ(apply_new(table, 5, {name_attribute("a"), kind_attribute("tun")}), Effect::kChanged);
  EXPECT_EQ(apply_new(table, 6, {name_attribute("b"), kind_attribute("veth")}), Effect::kChanged);
  apply_new(table, 5, {name_attribute("swap"), kind_attribute("tun")});
  apply_new(table, 6, {name_attribute("a"), kind_attribute("veth")});
  apply_new(table, 5, {name_attribute("b"), kind_attribute("tun")});
  EXPECT_EQ(links_in(table), (std::map<std::uint32_t, Link>{{5, link("b", "tun")}, {6, link("a", "veth")}}));
  EXPECT_EQ(table.index_of("a"), 6u);
  EXPECT_EQ(table.index_of("b"), 5u);
}

// The tap of a VM that was restarted: same name, new index. The old one's end may be told late.
TEST(LinkTable, ANameBelongsToItsNewestBearer) {
  LinkTable table;
  apply_new(table, 5, {name_attribute("vnet0"), kind_attribute("tun")});
  apply_new(table, 9, {name_attribute("vnet0"), kind_attribute("macvtap")});
  EXPECT_EQ(table.index_of("vnet0"), 9u);
  EXPECT_EQ(feed(table, message(RTM_DELLINK, 0, 0, link_header(5))), std::vector{Effect::kChanged});
  EXPECT_EQ(table.index_of("vnet0"), 9u);
  EXPECT_EQ(links_in(table), (std::map<std::uint32_t, Link>{{9, link("vnet0", "macvtap")}}));
}

TEST(LinkTable, KeepsTheKindThatAMessageLeavesOut) {
  LinkTable table;
  apply_new(table, 5, {name_attribute("a"), kind_attribute("macvtap")});
  EXPECT_EQ(apply_new(table, 5, {name_attribute("a")}), Effect::kSame);
  EXPECT_EQ(apply_new(table, 5, {name_attribute("b")}), Effect::kChanged);
  EXPECT_EQ(links_in(table), (std::map<std::uint32_t, Link>{{5, link("b", "macvtap")}}));
}

TEST(LinkTable, IgnoresWhatSaysNothingOfLinks) {
  LinkTable table;
  apply_new(table, 5, {name_attribute("a"), kind_attribute("tun")});
  EXPECT_EQ(apply_new(table, 5, {name_attribute("renamed by a wireless event"), attribute(IFLA_WIRELESS, {})}), Effect::kNone);
  EXPECT_EQ(feed(table, message(RTM_DELLINK, 0, 0, link_header(5, AF_BRIDGE))), std::vector{Effect::kNone});
  EXPECT_EQ(feed(table, message(RTM_DELLINK, 0, 0, link_header(0))), std::vector{Effect::kNone});
  EXPECT_EQ(feed(table, message(RTM_DELLINK, 0, 0, link_header(-5))), std::vector{Effect::kNone});
  EXPECT_EQ(feed(table, message(RTM_DELLINK, 0, 0, link_header(6))), std::vector{Effect::kSame});
  EXPECT_EQ(feed(table, message(RTM_NEWADDR, 0, 0, link_header(5))), std::vector{Effect::kNone});
  EXPECT_EQ(feed(table, message(RTM_NEWLINK, 0, 0, {})), std::vector{Effect::kMalformed});
  EXPECT_EQ(apply_new(table, 5, {}), Effect::kMalformed);
  EXPECT_EQ(apply_new(table, 5, {name_attribute("")}), Effect::kMalformed);
  EXPECT_EQ(apply_new(table, 5, {name_attribute("x"), octets_of(nlattr{200, 1})}), Effect::kMalformed);
  EXPECT_EQ(links_in(table), (std::map<std::uint32_t, Link>{{5, link("a", "tun")}}));
}

TEST(LinkTable, KnowsWhoseEndALinkIs) {
  for (const char* kind : {"tun", "veth", "netkit", "openvswitch", "bridge", "", "kind of the future"})
    EXPECT_EQ(end_of(kind), LinkEnd::kHost) << kind;
  for (const char* kind : {"macvtap", "macvlan", "ipvtap", "ipvlan"}) EXPECT_EQ(end_of(kind), LinkEnd::kGuest) << kind;
}

// ---- Counters

rtnl_link_stats64 distinct_stats() {
  rtnl_link_stats64 stats{};
  stats.rx_packets = 1;
  stats.tx_packets = 2;
  stats.rx_bytes = 3;
  stats.tx_bytes = 4;
  stats.rx_errors = 5;
  stats.tx_errors = 6;
  stats.rx_dropped = 7;
  stats.tx_dropped = 8;
  stats.multicast = 9;
  stats.rx_missed_errors = 100;
  return stats;
}

TEST(Stats64, AreTurnedOnTheHostsEndAlone) {
  const Bytes octets = octets_of(distinct_stats());
  MetricTotals values{};
  EXPECT_EQ(read_stats64(octets, LinkEnd::kHost, values), kAllMetrics);
  EXPECT_EQ(values, (MetricTotals{4, 2, 6, 8, 3, 1, 5, 107}));
  EXPECT_EQ(read_stats64(octets, LinkEnd::kGuest, values), kAllMetrics);
  EXPECT_EQ(values, (MetricTotals{3, 1, 5, 107, 4, 2, 6, 8}));
}

TEST(Stats64, MayGrowButNotShrink) {
  Bytes octets = octets_of(distinct_stats());
  octets.resize(octets.size() + 64);
  MetricTotals values{};
  EXPECT_EQ(read_stats64(octets, LinkEnd::kGuest, values), kAllMetrics);
  EXPECT_EQ(values, (MetricTotals{3, 1, 5, 107, 4, 2, 6, 8}));
  values = {};
  for (std::size_t size = 0; size < offsetof(rtnl_link_stats64, rx_missed_errors) + 8; ++size) {
    EXPECT_EQ(read_stats64({octets.data(), size}, LinkEnd::kGuest, values), 0) << size;
  }
  EXPECT_EQ(values, MetricTotals{});
}

TEST(Stats64, ReadsARecordedDump) {
  std::map<std::uint32_t, MetricTotals> rows;
  EXPECT_TRUE(netlink::for_each_message(recorded("stats.bin"), [&](const netlink::Message& m) {
    if (m.type == NLMSG_DONE) return;
    const auto row = read_stats_row(m);
    ASSERT_TRUE(row);
    EXPECT_EQ(read_stats64(row->stats64, LinkEnd::kHost, rows[row->if_index]), kAllMetrics);
  }));
  std::vector<std::uint32_t> indexes;
  for (const auto& [if_index, values] : rows) indexes.push_back(if_index);
  EXPECT_THAT(indexes, ElementsAre(1, 2, 3, 4, 5, 6));
  // The ends of a veth pair: what one sent the other received.
  EXPECT_NE(rows[3][kTxOctets], 0u);
  EXPECT_EQ(rows[3][kTxOctets], rows[2][kRxOctets]);
  EXPECT_EQ(rows[3][kRxPackets], rows[2][kTxPackets]);
}

// ---- Virtual functions: messages as the kernel's rtnl_fill_vfinfo lays them out, made here

std::vector<VirtualFunctionStats> functions_in(const Bytes& octets, bool whole = true) {
  std::vector<VirtualFunctionStats> functions;
  bool good = true;
  netlink::for_each_message(octets, [&](const netlink::Message& m) { good = read_virtual_functions(m, functions) && good; });
  EXPECT_EQ(good, whole);
  return functions;
}

Bytes parent_message(const Bytes& list) {
  return message(RTM_NEWLINK, 0, 0, joined({link_header(7), name_attribute("ens1f0"), attribute(IFLA_VFINFO_LIST, list)}));
}

TEST(VirtualFunctions, AreReadByTheirNumber) {
  using netlink_test::virtual_function;
  const auto functions = functions_in(parent_message(joined(
      {virtual_function(0, netlink_test::all_stats(100)), virtual_function(3, {{IFLA_VF_STATS_RX_BYTES, 5}}), virtual_function(4, {})})));
  // broadcast and multicast are among the packets already
  const std::vector<VirtualFunctionStats> expected{
      {0, {103, 101, 0, 107, 104, 102, 0, 108}, 0xFF & ~(1u << kRxErrors | 1u << kTxErrors)}, {3, {5}, 1u << kRxOctets}, {4, {}, 0}};
  EXPECT_EQ(functions, expected);
}

TEST(VirtualFunctions, NeedTheirNumber) {
  EXPECT_EQ(functions_in(parent_message(attribute(IFLA_VF_INFO, {})), false), std::vector<VirtualFunctionStats>{});
  EXPECT_EQ(functions_in(message(RTM_NEWLINK, 0, 0, {}), false), std::vector<VirtualFunctionStats>{});
  EXPECT_EQ(functions_in(message(RTM_NEWSTATS, 0, 0, link_header(7)), false), std::vector<VirtualFunctionStats>{});
  EXPECT_EQ(functions_in(message(RTM_NEWLINK, 0, 0, link_header(7))), std::vector<VirtualFunctionStats>{});
}

class Sysfs : public testing::Test {
 protected:
  Sysfs() {
    std::string name = fs::temp_directory_path() / "vmtraffic-sysfs-XXXXXX";
    root_ = ::mkdtemp(name.data());
    for (const char* device : {"0000:03:00.0", "0000:03:00.1", "0000:03:10.0", "0000:03:10.2"}) fs::create_directories(devices() / device);
    fs::create_symlink("../0000:03:00.0", devices() / "0000:03:10.0/physfn");
    fs::create_symlink("../0000:03:00.0", devices() / "0000:03:10.2/physfn");
    fs::create_symlink("../0000:03:10.0", devices() / "0000:03:00.0/virtfn0");
    fs::create_symlink("../0000:03:10.2", devices() / "0000:03:00.0/virtfn12");
    fs::create_symlink("../0000:03:10.2", devices() / "0000:03:00.0/virtfnX");
    for (const char* link : {"ens1f0", "ens1f0npf0vf0"}) fs::create_directories(devices() / "0000:03:00.0/net" / link);
  }
  ~Sysfs() override { fs::remove_all(root_); }
  fs::path devices() const { return root_ / "bus/pci/devices"; }
  fs::path root_;
};

TEST_F(Sysfs, TellsAFunctionsParentAndNumber) {
  EXPECT_EQ(find_virtual_function(root_, {0, 3, 0x10, 2}), (VirtualFunction{12, 0, {"ens1f0", "ens1f0npf0vf0"}}));
  EXPECT_EQ(find_virtual_function(root_, {0, 3, 0x10, 0}), (VirtualFunction{0, 0, {"ens1f0", "ens1f0npf0vf0"}}));
  EXPECT_EQ(find_virtual_function(root_, {0, 3, 0, 1}), std::nullopt);  // a physical function
  EXPECT_EQ(find_virtual_function(root_, {0, 4, 0, 1}), std::nullopt);  // nothing there
  fs::remove(devices() / "0000:03:00.0/virtfn12");
  EXPECT_EQ(find_virtual_function(root_, {0, 3, 0x10, 2}), std::nullopt);  // no number
}

Bytes port(std::string_view port_name, std::string_view switch_id) {
  Bytes id;
  netlink_test::append(id, switch_id.data(), switch_id.size());
  return joined({attribute(IFLA_PHYS_PORT_NAME, netlink_test::text_octets(port_name)), attribute(IFLA_PHYS_SWITCH_ID, id)});
}

TEST(Placement, IsTheParentWithoutASwitch) {
  LinkTable table;
  const VirtualFunction function{3, 0, {"ens1f0"}};
  EXPECT_EQ(place_of(function, table), std::nullopt);
  apply_new(table, 7, {name_attribute("ens1f0")});
  EXPECT_EQ(place_of(function, table), (FunctionPlace{0, 7}));
}

TEST(Placement, IsTheRepresentorOnTheSameSwitch) {
  LinkTable table;
  const VirtualFunction function{3, 1, {"a-representor", "ens1f1", "ens1f1npf1vf3"}};
  apply_new(table, 6, {name_attribute("a-representor"), port("pf1vf0", "switch B")});
  apply_new(table, 7, {name_attribute("ens1f1"), port("p1", "switch B")});
  apply_new(table, 8, {name_attribute("other card"), port("pf1vf3", "switch A")});
  EXPECT_EQ(place_of(function, table), (FunctionPlace{0, 7}));  // its representor is not there
  apply_new(table, 9, {name_attribute("ens1f1npf1vf3"), port("pf1vf3", "switch B")});
  EXPECT_EQ(place_of(function, table), (FunctionPlace{9, 0}));
  apply_new(table, 9, {name_attribute("ens1f1npf1vf3"), port("c1pf1vf3", "switch B")});
  EXPECT_EQ(place_of(function, table), (FunctionPlace{9, 0}));
  apply_new(table, 9, {name_attribute("ens1f1npf1vf3"), port("pf0vf3", "switch B")});
  EXPECT_EQ(place_of(function, table), (FunctionPlace{0, 7}));
}

// ---- Hostile octets

// Every recorded and made message, cut at every octet, and with every octet changed: nothing but answers.
TEST(HostileOctets, DoNoHarm) {
  const Bytes made =
      parent_message(joined({netlink_test::virtual_function(0, netlink_test::all_stats(1)), netlink_test::virtual_function(1, {})}));
  for (const Bytes& whole : {recorded("links.bin"), recorded("renamed.bin"), recorded("stats.bin"), made}) {
    ASSERT_FALSE(whole.empty());
    const auto read_all = [](const Bytes& octets) {
      LinkTable table;
      std::vector<VirtualFunctionStats> functions;
      netlink::for_each_message(octets, [&](const netlink::Message& m) {
        table.apply(m);
        read_virtual_functions(m, functions);
        MetricTotals values{};
        if (const auto row = read_stats_row(m)) read_stats64(row->stats64, LinkEnd::kHost, values);
      });
      return table.size();
    };
    const std::size_t all = read_all(whole);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_LE(read_all(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))),
                all);  // a copy of its own: ASan sees its end
    }
    Bytes changed = whole;
    for (std::size_t i = 0; i < changed.size(); ++i) {
      for (const std::byte value : {std::byte{0}, std::byte{0xFF}}) {
        changed[i] = value;
        read_all(changed);
      }
      changed[i] = whole[i];
    }
  }
}

}  // namespace
}  // namespace vmtraffic
