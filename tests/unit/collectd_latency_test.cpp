#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "collectd_snapshots.hpp"
#include "performance_fixture.hpp"
#include "plugins/collectd/latency_values.hpp"
#include "plugins/collectd/values.hpp"

namespace vmtraffic::collectd {
namespace {

constexpr Nanoseconds kTime = 1'700'000'000 * kSecond;
const std::string kWeb = "52:54:00:00:00:01";
const std::string kOff = "52:54:00:00:00:03";

using Lines = std::vector<std::string>;

// Of 1,000 segments of both directions 51 were lost on the guest's side and 17 on the network's.
SnapshotContent measured() {
  SnapshotContent content = snapshot_with_performance();
  VnicLoss& web = content.performance->losses[0];
  web.rx_recent = {.segments = 600, .lost_before = 1, .lost_after = 2};
  web.tx_recent = {.segments = 350, .lost_before = 49, .lost_after = 16};
  return content;
}

// The lists that the capture gave; not the exact counters'.
std::vector<ValueList> latency_values(const SnapshotContent& content, const Mapping& mapping = {}) {
  const auto snapshot = make_snapshot(content);
  auto lists = to_values(*snapshot, name_domains(*snapshot, mapping.naming), mapping, kTime);
  Mapping exact = mapping;
  exact.latency = false;
  for (const ValueList& list : to_values(*snapshot, name_domains(*snapshot, exact.naming), exact, kTime)) {
    const auto at = std::find(lists.begin(), lists.end(), list);
    EXPECT_NE(at, lists.end()) << list;
    if (at != lists.end()) lists.erase(at);
  }
  return lists;
}

// "type instance value".
Lines lines(const std::vector<ValueList>& lists) {
  Lines out;
  for (const ValueList& list : lists) {
    EXPECT_EQ(list.values.size(), 1U);
    out.push_back(fmt::format("{} {} {:.6g}", list.type, list.type_instance, std::get<double>(list.values.at(0))));
  }
  return out;
}

Lines of_web(const Lines& all) {
  Lines out;
  for (const std::string& line : all) {
    const std::size_t space = line.find(' ') + 1;
    out.push_back(line.substr(0, space) + kWeb + ":" + line.substr(space));
  }
  return out;
}

// Of a service and of a peer there are rows too: their names would be without bound.
TEST(LatencyValues, AllThatACaptureMeasuresOfAVnic) {
  EXPECT_EQ(lines(latency_values(measured())),
            of_web({"ping guest 1", "ping guest-p95 1.5", "ping network 2", "ping network-p95 3", "ping guest_echo 6",
                    "ping guest_echo-p95 9", "ping network_echo 7", "ping network_echo-p95 10.5", "latency served 0.003",
                    "latency served-p95 0.0045", "latency asked 0.004", "latency asked-p95 0.006", "latency dns 0.005",
                    "latency dns-p95 0.0075", "ping_droprate guest 0.051", "ping_droprate network 0.017"}));
}

TEST(LatencyValues, AWholeList) {
  const auto lists = latency_values(measured());
  ASSERT_FALSE(lists.empty());
  const Metadata of_vnic{{"domain", "web"},
                         {"uuid", uuid_number(0x11).text()},
                         {"connection", "qemu:///system"},
                         {"nova.instance", "web-1"},
                         {"nova.project", "shop"},
                         {"mac", kWeb},
                         {"tap", "vnet0"},
                         {"source", "br0"},
                         {"vnic_type", "bridge"},
                         {"port_id", "port-a"}};
  EXPECT_EQ(
      lists[0],
      (ValueList{"web", "vmtraffic", "", "ping", kWeb + ":guest", {1.0}, kTime, 10 * kSecond, std::make_shared<const Metadata>(of_vnic)}));
}

// A VM that was silent has answered nobody in 0 ms, and lost 0 of nothing.
TEST(LatencyValues, WhatWasNotMeasuredIsNotSent) {
  SnapshotContent content = measured();
  content.performance->latencies.erase(content.performance->latencies.begin(), content.performance->latencies.begin() + 6);
  content.performance->losses[0].rx_recent = content.performance->losses[0].tx_recent = {};
  EXPECT_EQ(lines(latency_values(content)), of_web({"ping network_echo 7", "ping network_echo-p95 10.5"}));
  content.performance->latencies[0].interval.count = 0;
  EXPECT_EQ(lines(latency_values(content)), Lines{});
  content.performance->losses[2].rx_recent.segments = 10;
  EXPECT_EQ(lines(latency_values(content)), (Lines{"ping_droprate " + kOff + ":guest 0", "ping_droprate " + kOff + ":network 0"}));
}

TEST(LatencyValues, EachLossLiesOnOneSide) {
  const auto shares = [](const LossCounts& rx, const LossCounts& tx) {
    SnapshotContent content = measured();
    content.performance->latencies.clear();
    content.performance->losses[0].rx_recent = rx;
    content.performance->losses[0].tx_recent = tx;
    return lines(latency_values(content));
  };
  const LossCounts some{.segments = 9};
  EXPECT_EQ(shares({.segments = 10, .lost_after = 5}, {}), of_web({"ping_droprate guest 0.5", "ping_droprate network 0"}));
  EXPECT_EQ(shares({.segments = 0, .lost_before = 1}, some), of_web({"ping_droprate guest 0", "ping_droprate network 0.1"}));
  EXPECT_EQ(shares({}, {.segments = 10, .lost_after = 5}), of_web({"ping_droprate guest 0", "ping_droprate network 0.5"}));
  EXPECT_EQ(shares(some, {.segments = 0, .lost_before = 1}), of_web({"ping_droprate guest 0.1", "ping_droprate network 0"}));
  EXPECT_EQ(shares({}, {.segments = 2, .lost_after = 5}), of_web({"ping_droprate guest 0", "ping_droprate network 1"}))
      << "known late, of segments before this window";
}

TEST(LatencyValues, TheyMayBeLeftOut) {
  Mapping mapping;
  mapping.interfaces = false;
  EXPECT_EQ(latency_values(measured(), mapping), std::vector<ValueList>{});
  mapping.interfaces = true;
  mapping.latency = false;
  const auto snapshot = make_snapshot(measured());
  EXPECT_EQ(to_values(*snapshot, name_domains(*snapshot, {}), mapping, kTime).size(),
            to_values(*make_snapshot(small_snapshot()), name_domains(*snapshot, {}), {}, kTime).size());
  EXPECT_EQ(latency_values(small_snapshot()), std::vector<ValueList>{});
}

TEST(LatencyValues, WhatIsNoNumberIsNotSent) {
  SnapshotContent content = measured();
  content.performance->latencies[0].interval.median_us = std::numeric_limits<float>::quiet_NaN();
  content.performance->latencies[1].interval.p95_us = std::numeric_limits<float>::infinity();
  const Lines all = lines(latency_values(content));
  ASSERT_EQ(all.size(), 14U);
  EXPECT_EQ(Lines(all.begin(), all.begin() + 3), of_web({"ping guest-p95 1.5", "ping network 2", "ping guest_echo 6"}));
}

// What the capture says of a vNIC whose exact counters are not read at this tick is new all the same.
TEST(LatencyValues, AVnicWhoseCountersAreHeld) {
  const Lines all = lines(latency_values(measured()));
  SnapshotContent content = measured();
  content.numbers.totals[0].age = kHeld;
  EXPECT_EQ(lines(latency_values(content)), all);
}

}  // namespace
}  // namespace vmtraffic::collectd
