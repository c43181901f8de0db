#include <gmock/gmock.h>

#include "collectd_snapshots.hpp"
#include "plugins/collectd/timeline.hpp"
#include "plugins/collectd/values.hpp"

namespace vmtraffic::collectd {
namespace {

using testing::ElementsAre;

constexpr Nanoseconds kTime = 1'700'000'000 * kSecond;

std::vector<ValueList> values(const SnapshotContent& content, const Mapping& mapping = {}) {
  const auto snapshot = make_snapshot(content);
  return to_values(*snapshot, name_domains(*snapshot, mapping.naming), mapping, kTime);
}

std::vector<std::string> identifiers(const std::vector<ValueList>& lists) {
  std::vector<std::string> out;
  for (const ValueList& list : lists) {
    out.push_back(list.host + "/" + list.plugin + (list.plugin_instance.empty() ? "" : "-") + list.plugin_instance + "/" + list.type +
                  (list.type_instance.empty() ? "" : "-") + list.type_instance);
  }
  return out;
}

ValueList expected(std::string type, std::string instance, std::vector<Value> numbers, const Metadata& metadata, Nanoseconds time = kTime) {
  return {"web",
          "vmtraffic",
          "",
          std::move(type),
          std::move(instance),
          std::move(numbers),
          time,
          10 * kSecond,
          std::make_shared<const Metadata>(metadata)};
}

using Derive = std::int64_t;

TEST(Values, WholeListsOfOneDomain) {
  Domain domain = make_domain(1, "web", {make_vnic(1, "vnet7")});
  domain.tags = {{"nova.instance", "shop"}, {"nova.project", "p\n1"}};
  domain.vnics[0].port_id = "port-1";
  SnapshotContent content = make_content({domain});
  content.numbers.domains[0] = {.cpu_time_ns = 5'000'000'000, .confirmed_boottime = 998 * kSecond};
  Mapping mapping;
  mapping.domain_state = true;
  const Metadata of_domain{{"domain", "web"},
                           {"uuid", "d0000000-0000-0000-0000-000000000001"},
                           {"connection", "qemu:///system"},
                           {"nova.instance", "shop"},
                           {"nova.project", "p\\x0a1"}};
  Metadata of_vnic = of_domain;
  of_vnic.insert(of_vnic.end(),
                 {{"mac", "52:54:00:00:00:01"}, {"tap", "vnet7"}, {"source", "br0"}, {"vnic_type", "bridge"}, {"port_id", "port-1"}});
  const std::string mac = "52:54:00:00:00:01";
  EXPECT_THAT(values(content, mapping), ElementsAre(expected("if_octets", mac, {Derive{100}, Derive{104}}, of_vnic),
                                                    expected("if_packets", mac, {Derive{101}, Derive{105}}, of_vnic),
                                                    expected("if_errors", mac, {Derive{102}, Derive{106}}, of_vnic),
                                                    expected("if_dropped", mac, {Derive{103}, Derive{107}}, of_vnic),
                                                    expected("domain_state", "", {1.0, 1.0}, of_domain)));
}

TEST(Values, PluginNameVirtGivesTheIdentifiersOfVirt) {
  Mapping mapping;
  mapping.naming.plugin = "virt";
  mapping.naming.hostname = "node1";
  mapping.naming.host = {NameWord::kHostname};
  mapping.naming.instance = {NameWord::kName};
  mapping.naming.interface = InterfaceFormat::kName;
  EXPECT_THAT(identifiers(values(make_content({make_domain(1, "web", {make_vnic(1, "vnet7")})}), mapping)),
              ElementsAre("node1/virt-web/if_octets-vnet7", "node1/virt-web/if_packets-vnet7", "node1/virt-web/if_errors-vnet7",
                          "node1/virt-web/if_dropped-vnet7"));
}

TEST(Values, AbsentIsLeftOutAndOneDirectionDoesNotTakeTheOther) {
  SnapshotContent content = make_content({make_domain(1, "web", {make_vnic(1, "vnet7"), make_vnic(2, "vnet8")})});
  content.numbers.totals[0].present = (1U << kRxOctets) | (1U << kTxPackets) | (1U << kRxDrops) | (1U << kTxDrops);
  content.numbers.totals[1].present = 0;
  EXPECT_THAT(identifiers(values(content)),
              ElementsAre("web/vmtraffic/if_rx_octets-52:54:00:00:00:01", "web/vmtraffic/if_tx_packets-52:54:00:00:00:01",
                          "web/vmtraffic/if_dropped-52:54:00:00:00:01"));
}

// A vhost-user port is read once a minute: between two readings there is nothing to say, and collectd is told how seldom it comes.
TEST(Values, AVnicThatIsReadSeldomHasAnIntervalOfItsOwn) {
  SnapshotContent content = make_content({make_domain(1, "web", {make_vnic(1, "vhu1"), make_vnic(2, "vnet8")})});
  content.numbers.totals[0].present = content.numbers.totals[1].present = 1U << kRxOctets;
  content.numbers.rates[0].assign(2, {});
  content.numbers.rates[0][0].covered_s = 60.3F;
  content.numbers.totals[0].age = 4;
  const auto fresh = values(content);
  ASSERT_EQ(fresh.size(), 2U);
  EXPECT_EQ(fresh[0].interval, 60 * kSecond);
  EXPECT_EQ(fresh[1].interval, 10 * kSecond);
  content.numbers.totals[0].age = kHeld;
  EXPECT_THAT(identifiers(values(content)), ElementsAre("web/vmtraffic/if_rx_octets-52:54:00:00:00:02"));
}

TEST(Values, ATotalThatDeriveCannotSayIsLeftOut) {
  SnapshotContent content = make_content({make_domain(1, "web", {make_vnic(1, "vnet7")})});
  content.numbers.totals[0].present = (1U << kRxOctets) | (1U << kTxOctets);
  content.numbers.totals[0].total[kRxOctets] = std::uint64_t{1} << 63U;
  content.numbers.totals[0].total[kTxOctets] = (std::uint64_t{1} << 63U) - 1;
  const auto lists = values(content);
  ASSERT_EQ(lists.size(), 1U);
  EXPECT_EQ(lists[0].type, "if_tx_octets");
  EXPECT_EQ(lists[0].values, std::vector<Value>{Derive{std::numeric_limits<Derive>::max()}});
}

TEST(Values, PausedDomainsStayAndDomainsThatAreOffHaveTheirStateAlone) {
  Domain paused = make_domain(1, "paused", {make_vnic(1, "vnet7")});
  paused.state = DomainState::kPaused;
  Domain off = make_domain(2, "off", {make_vnic(2, "")});
  off.state = DomainState::kShutoff;
  SnapshotContent content = make_content({paused, off});
  content.numbers.domains[0] = content.numbers.domains[1] = {.cpu_time_ns = 5, .confirmed_boottime = 1000 * kSecond};
  content.numbers.totals[1].present = 0;
  Mapping mapping;
  mapping.domain_state = true;
  EXPECT_THAT(identifiers(values(content, mapping)),
              ElementsAre("paused/vmtraffic/if_octets-52:54:00:00:00:01", "paused/vmtraffic/if_packets-52:54:00:00:00:01",
                          "paused/vmtraffic/if_errors-52:54:00:00:00:01", "paused/vmtraffic/if_dropped-52:54:00:00:00:01",
                          "paused/vmtraffic/domain_state", "off/vmtraffic/domain_state"));
}

TEST(Values, AStateThatLibvirtHasNotConfirmedForLongIsNotTold) {
  SnapshotContent content = make_content({make_domain(1, "web")});
  Mapping mapping;
  mapping.domain_state = true;
  content.numbers.domains[0] = {.cpu_time_ns = {}, .confirmed_boottime = 970 * kSecond};
  EXPECT_EQ(values(content, mapping).size(), 1U);
  content.numbers.domains[0] = {.cpu_time_ns = {}, .confirmed_boottime = 969 * kSecond};
  EXPECT_EQ(values(content, mapping).size(), 0U);
}

TEST(Values, SelectionByConnectionDomainAndInterface) {
  Domain container = make_domain(2, "ct", {make_vnic(2, "veth1")});
  container.connection = "lxc:///";
  Vnic second = make_vnic(3, "vnet8");
  second.number = 1;
  const SnapshotContent content = make_content({make_domain(1, "web", {make_vnic(1, "vnet7"), second}), container});
  const auto octets = [&](const Selection& selection) {
    std::vector<std::string> out;
    for (const ValueList& list : values(content, {.naming = {}, .selection = selection})) {
      if (list.type == "if_octets") out.push_back(list.host + " " + list.type_instance);
    }
    return out;
  };
  const std::string web1 = "web 52:54:00:00:00:01";
  const std::string web2 = "web 52:54:00:00:00:03";
  const std::string ct = "ct 52:54:00:00:00:02";
  EXPECT_THAT(octets({}), ElementsAre(web1, web2, ct));
  EXPECT_THAT(octets({.connections = {"lxc:///"}, .domains = {}, .interfaces = {}}), ElementsAre(ct));
  EXPECT_THAT(octets({.connections = {}, .domains = {*Pattern::compile("web")}, .interfaces = {}}), ElementsAre(web1, web2));
  EXPECT_THAT(octets({.connections = {}, .domains = {}, .interfaces = {*Pattern::compile("web:vnet8"), *Pattern::compile("/^ct:/")}}),
              ElementsAre(web2, ct));
  EXPECT_THAT(octets({.connections = {}, .domains = {}, .interfaces = {*Pattern::compile("/:interface-1$/")}, .ignore_selected = true}),
              ElementsAre(web2));
}

TEST(Values, WithoutInterfacesOnlyDomainsAreTold) {
  SnapshotContent content = make_content({make_domain(1, "web", {make_vnic(1, "vnet7")})});
  EXPECT_THAT(identifiers(values(content, {.naming = {}, .selection = {}, .interfaces = false, .domain_state = true})),
              ElementsAre("web/vmtraffic/domain_state"));
}

TEST(Values, MetadataIsPrintableAndBounded) {
  Domain domain = make_domain(1, std::string(3000, 'x') + "\x1b");
  domain.tags = {{"nova.instance", std::string(3000, 'y')}, {"nova.flavor", ""}};
  SnapshotContent content = make_content({domain});
  content.numbers.domains[0] = {.cpu_time_ns = 5, .confirmed_boottime = 1000 * kSecond};
  Mapping mapping;
  mapping.domain_state = true;
  const auto lists = values(content, mapping);
  ASSERT_EQ(lists.size(), 1U);
  EXPECT_EQ(*lists[0].metadata, (Metadata{{"domain", std::string(253, 'x') + "…"},
                                          {"uuid", "d0000000-0000-0000-0000-000000000001"},
                                          {"connection", "qemu:///system"},
                                          {"nova.instance", std::string(253, 'y') + "…"}}));
}

// ---- which time a sample gets

TEST(Timeline, FollowsTheWallClockWhileItRuns) {
  Timeline line;
  EXPECT_EQ(line.advance(100 * kSecond, 5000 * kSecond), (Timeline::Stamp{5000 * kSecond, 0}));
  EXPECT_EQ(line.advance(110 * kSecond, 5010 * kSecond), (Timeline::Stamp{5010 * kSecond, 0}));
  EXPECT_EQ(line.advance(3710 * kSecond, 8610 * kSecond), (Timeline::Stamp{8610 * kSecond, 0}));  // suspended for an hour
}

TEST(Timeline, AClockSetBackLosesNoSampleAndBendsNoRateByMoreThanOnePercent) {
  Timeline line;
  Nanoseconds boot = 100 * kSecond;
  Nanoseconds wall = 50'000 * kSecond;
  Nanoseconds time = line.advance(boot, wall).time;
  wall -= 3600 * kSecond;
  for (int i = 0; i < 40'000; ++i) {
    boot += 10 * kSecond;
    wall += 10 * kSecond;
    const auto stamp = line.advance(boot, wall);
    EXPECT_EQ(stamp.stepped, i == 0 ? -3600 * kSecond : 0);
    EXPECT_GE(stamp.time - time, 9'900'000'000);
    EXPECT_LE(stamp.time - time, 10'000'000'000);
    time = stamp.time;
  }
  EXPECT_EQ(time, wall);  // they have met again
}

TEST(Timeline, AForwardJumpIsTakenAtOnceASmallOneSlowly) {
  Timeline line;
  line.advance(100 * kSecond, 5000 * kSecond);
  EXPECT_EQ(line.advance(110 * kSecond, 8610 * kSecond), (Timeline::Stamp{8610 * kSecond, 3600 * kSecond}));
  EXPECT_EQ(line.advance(120 * kSecond, 8623 * kSecond), (Timeline::Stamp{8620 * kSecond + kSecond / 10, 3 * kSecond}));
  EXPECT_EQ(line.advance(130 * kSecond, 8633 * kSecond), (Timeline::Stamp{8630 * kSecond + kSecond / 5, 0}));
}

}  // namespace
}  // namespace vmtraffic::collectd
