// The whole of what VMTRAFFIC-MIB has of latencies and losses, against one table.
#include <gmock/gmock.h>

#include <limits>

#include "plugins/snmp-subagent/flow_tables.hpp"
#include "plugins/snmp-subagent/tables.hpp"
#include "tests/unit/snmp_fixture.hpp"

namespace vmtraffic::snmp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using enum LatencyKind;

constexpr Nanoseconds kNow = 1004 * kSecond;

LatencySums sums(std::uint64_t count, float us) {
  if (count == 0) return {};
  return {.count = count, .minimum_us = us, .mean_us = us + 30, .median_us = us + 20, .p95_us = us + 40, .p99_us = us + 50};
}

// `count` in the interval; ten times that in five minutes, or seven.
VnicLatency latency(std::uint32_t vnic, LatencyKind kind, std::uint64_t count, float us) {
  VnicLatency row;
  row.vnic = vnic;
  row.kind = kind;
  row.interval = sums(count, us);
  row.five_minutes = sums(count == 0 ? 7 : 10 * count, us + 5);
  return row;
}

VnicLatency with_service(VnicLatency row, std::uint8_t protocol, std::uint16_t port) {
  row.protocol = protocol;
  row.port = port;
  return row;
}

VnicLatency with_peer(VnicLatency row, const std::string& text) {
  const IpAddress address = *IpAddress::parse(text);
  row.address = address.octets;
  row.address_version = address.version;
  return row;
}

// Each field has its place as its last digits.
LossCounts counts(std::uint64_t base) {
  return {.segments = base + 1,
          .lost_before = base + 2,
          .lost_after = base + 3,
          .spurious = base + 4,
          .reordered = base + 5,
          .unseen = base + 6,
          .duplicate_acks = base + 7,
          .zero_windows = base + 8,
          .resets = base + 9,
          .connections = base + 10,
          .refused = base + 11,
          .unanswered = base + 12,
          .dns_queries = base + 13,
          .dns_unanswered = base + 14,
          .unreachable = base + 15};
}

// Of the first vNIC and the third; nothing was captured of the second. Of 2,000 recent segments the guest's side lost 35, the network's 70.
SnapshotContent snapshot_with_performance() {
  SnapshotContent content = small_snapshot();
  PerformanceRows rows;
  rows.covered_s = 80;
  rows.kept_share = 0.975;
  rows.latencies = {latency(0, kGuestRtt, 10, 100),
                    latency(0, kNetworkRtt, 20, 200),
                    latency(0, kServed, 30, 300),
                    latency(0, kAsked, 0, 400),
                    latency(0, kDns, 50, 500),
                    latency(0, kGuestEcho, 60, 600),
                    latency(0, kNetworkEcho, 70, 700),
                    with_service(latency(0, kServed, 25, 310), 6, 443),
                    with_service(latency(0, kServed, 5, 350), 17, 53),
                    with_peer(latency(0, kGuestRtt, 6, 110), "192.0.2.9"),
                    with_peer(latency(0, kNetworkRtt, 7, 210), "192.0.2.9"),
                    with_peer(latency(0, kNetworkRtt, 4, 220), "2001:db8::5"),
                    latency(2, kNetworkRtt, 80, 800),
                    with_peer(latency(2, kNetworkRtt, 8, 810), "192.0.2.10")};
  rows.losses = {{.since = 100 * kSecond,
                  .rx = counts(100),
                  .tx = counts(200),
                  .rx_recent = {.segments = 900, .lost_before = 10, .lost_after = 5},
                  .tx_recent = {.segments = 1060, .lost_before = 30, .lost_after = 60}},
                 {},
                 {.since = 200 * kSecond, .rx = counts(300), .tx = counts(400), .rx_recent = {}, .tx_recent = {}}};
  content.performance = std::move(rows);
  return content;
}

// What that makes of it.
const std::vector<std::string> kPerformance = {
    "1.14.1.0 = Timeticks: 8000",          "1.14.2.0 = Gauge32: 9750",
    "1.15.1.2.1.1.1 = Gauge32: 10",        "1.15.1.2.1.1.2 = Gauge32: 20",
    "1.15.1.2.1.1.3 = Gauge32: 30",        "1.15.1.2.1.1.4 = Gauge32: 0",
    "1.15.1.2.1.1.5 = Gauge32: 50",        "1.15.1.2.1.1.6 = Gauge32: 60",
    "1.15.1.2.1.1.7 = Gauge32: 70",        "1.15.1.2.2.1.2 = Gauge32: 80",
    "1.15.1.3.1.1.1 = Gauge32: 100",       "1.15.1.3.1.1.2 = Gauge32: 200",
    "1.15.1.3.1.1.3 = Gauge32: 300",       "1.15.1.3.1.1.5 = Gauge32: 500",
    "1.15.1.3.1.1.6 = Gauge32: 600",       "1.15.1.3.1.1.7 = Gauge32: 700",
    "1.15.1.3.2.1.2 = Gauge32: 800",       "1.15.1.4.1.1.1 = Gauge32: 130",
    "1.15.1.4.1.1.2 = Gauge32: 230",       "1.15.1.4.1.1.3 = Gauge32: 330",
    "1.15.1.4.1.1.5 = Gauge32: 530",       "1.15.1.4.1.1.6 = Gauge32: 630",
    "1.15.1.4.1.1.7 = Gauge32: 730",       "1.15.1.4.2.1.2 = Gauge32: 830",
    "1.15.1.5.1.1.1 = Gauge32: 120",       "1.15.1.5.1.1.2 = Gauge32: 220",
    "1.15.1.5.1.1.3 = Gauge32: 320",       "1.15.1.5.1.1.5 = Gauge32: 520",
    "1.15.1.5.1.1.6 = Gauge32: 620",       "1.15.1.5.1.1.7 = Gauge32: 720",
    "1.15.1.5.2.1.2 = Gauge32: 820",       "1.15.1.6.1.1.1 = Gauge32: 140",
    "1.15.1.6.1.1.2 = Gauge32: 240",       "1.15.1.6.1.1.3 = Gauge32: 340",
    "1.15.1.6.1.1.5 = Gauge32: 540",       "1.15.1.6.1.1.6 = Gauge32: 640",
    "1.15.1.6.1.1.7 = Gauge32: 740",       "1.15.1.6.2.1.2 = Gauge32: 840",
    "1.15.1.7.1.1.1 = Gauge32: 150",       "1.15.1.7.1.1.2 = Gauge32: 250",
    "1.15.1.7.1.1.3 = Gauge32: 350",       "1.15.1.7.1.1.5 = Gauge32: 550",
    "1.15.1.7.1.1.6 = Gauge32: 650",       "1.15.1.7.1.1.7 = Gauge32: 750",
    "1.15.1.7.2.1.2 = Gauge32: 850",       "1.15.1.8.1.1.1 = Gauge32: 100",
    "1.15.1.8.1.1.2 = Gauge32: 200",       "1.15.1.8.1.1.3 = Gauge32: 300",
    "1.15.1.8.1.1.4 = Gauge32: 7",         "1.15.1.8.1.1.5 = Gauge32: 500",
    "1.15.1.8.1.1.6 = Gauge32: 600",       "1.15.1.8.1.1.7 = Gauge32: 700",
    "1.15.1.8.2.1.2 = Gauge32: 800",       "1.15.1.9.1.1.1 = Gauge32: 105",
    "1.15.1.9.1.1.2 = Gauge32: 205",       "1.15.1.9.1.1.3 = Gauge32: 305",
    "1.15.1.9.1.1.4 = Gauge32: 405",       "1.15.1.9.1.1.5 = Gauge32: 505",
    "1.15.1.9.1.1.6 = Gauge32: 605",       "1.15.1.9.1.1.7 = Gauge32: 705",
    "1.15.1.9.2.1.2 = Gauge32: 805",       "1.15.1.10.1.1.1 = Gauge32: 135",
    "1.15.1.10.1.1.2 = Gauge32: 235",      "1.15.1.10.1.1.3 = Gauge32: 335",
    "1.15.1.10.1.1.4 = Gauge32: 435",      "1.15.1.10.1.1.5 = Gauge32: 535",
    "1.15.1.10.1.1.6 = Gauge32: 635",      "1.15.1.10.1.1.7 = Gauge32: 735",
    "1.15.1.10.2.1.2 = Gauge32: 835",      "1.15.1.11.1.1.1 = Gauge32: 125",
    "1.15.1.11.1.1.2 = Gauge32: 225",      "1.15.1.11.1.1.3 = Gauge32: 325",
    "1.15.1.11.1.1.4 = Gauge32: 425",      "1.15.1.11.1.1.5 = Gauge32: 525",
    "1.15.1.11.1.1.6 = Gauge32: 625",      "1.15.1.11.1.1.7 = Gauge32: 725",
    "1.15.1.11.2.1.2 = Gauge32: 825",      "1.15.1.12.1.1.1 = Gauge32: 145",
    "1.15.1.12.1.1.2 = Gauge32: 245",      "1.15.1.12.1.1.3 = Gauge32: 345",
    "1.15.1.12.1.1.4 = Gauge32: 445",      "1.15.1.12.1.1.5 = Gauge32: 545",
    "1.15.1.12.1.1.6 = Gauge32: 645",      "1.15.1.12.1.1.7 = Gauge32: 745",
    "1.15.1.12.2.1.2 = Gauge32: 845",      "1.15.1.13.1.1.1 = Gauge32: 155",
    "1.15.1.13.1.1.2 = Gauge32: 255",      "1.15.1.13.1.1.3 = Gauge32: 355",
    "1.15.1.13.1.1.4 = Gauge32: 455",      "1.15.1.13.1.1.5 = Gauge32: 555",
    "1.15.1.13.1.1.6 = Gauge32: 655",      "1.15.1.13.1.1.7 = Gauge32: 755",
    "1.15.1.13.2.1.2 = Gauge32: 855",      "1.16.1.1.1.1.6.443 = Gauge32: 25",
    "1.16.1.1.1.1.17.53 = Gauge32: 5",     "1.16.1.2.1.1.6.443 = Gauge32: 310",
    "1.16.1.2.1.1.17.53 = Gauge32: 350",   "1.16.1.3.1.1.6.443 = Gauge32: 340",
    "1.16.1.3.1.1.17.53 = Gauge32: 380",   "1.16.1.4.1.1.6.443 = Gauge32: 330",
    "1.16.1.4.1.1.17.53 = Gauge32: 370",   "1.16.1.5.1.1.6.443 = Gauge32: 350",
    "1.16.1.5.1.1.17.53 = Gauge32: 390",   "1.16.1.6.1.1.6.443 = Gauge32: 360",
    "1.16.1.6.1.1.17.53 = Gauge32: 400",   "1.16.1.7.1.1.6.443 = Gauge32: 250",
    "1.16.1.7.1.1.17.53 = Gauge32: 50",    "1.16.1.8.1.1.6.443 = Gauge32: 315",
    "1.16.1.8.1.1.17.53 = Gauge32: 355",   "1.16.1.9.1.1.6.443 = Gauge32: 345",
    "1.16.1.9.1.1.17.53 = Gauge32: 385",   "1.16.1.10.1.1.6.443 = Gauge32: 335",
    "1.16.1.10.1.1.17.53 = Gauge32: 375",  "1.16.1.11.1.1.6.443 = Gauge32: 355",
    "1.16.1.11.1.1.17.53 = Gauge32: 395",  "1.16.1.12.1.1.6.443 = Gauge32: 365",
    "1.16.1.12.1.1.17.53 = Gauge32: 405",  "1.17.1.2.1.1.1.1 = INTEGER: 1",
    "1.17.1.2.1.1.2.1 = INTEGER: 1",       "1.17.1.2.1.1.2.2 = INTEGER: 2",
    "1.17.1.2.2.1.2.1 = INTEGER: 1",       "1.17.1.3.1.1.1.1 = Hex: c0 00 02 09",
    "1.17.1.3.1.1.2.1 = Hex: c0 00 02 09", "1.17.1.3.1.1.2.2 = Hex: 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 05",
    "1.17.1.3.2.1.2.1 = Hex: c0 00 02 0a", "1.17.1.4.1.1.1.1 = Gauge32: 6",
    "1.17.1.4.1.1.2.1 = Gauge32: 7",       "1.17.1.4.1.1.2.2 = Gauge32: 4",
    "1.17.1.4.2.1.2.1 = Gauge32: 8",       "1.17.1.5.1.1.1.1 = Gauge32: 110",
    "1.17.1.5.1.1.2.1 = Gauge32: 210",     "1.17.1.5.1.1.2.2 = Gauge32: 220",
    "1.17.1.5.2.1.2.1 = Gauge32: 810",     "1.17.1.6.1.1.1.1 = Gauge32: 140",
    "1.17.1.6.1.1.2.1 = Gauge32: 240",     "1.17.1.6.1.1.2.2 = Gauge32: 250",
    "1.17.1.6.2.1.2.1 = Gauge32: 840",     "1.17.1.7.1.1.1.1 = Gauge32: 130",
    "1.17.1.7.1.1.2.1 = Gauge32: 230",     "1.17.1.7.1.1.2.2 = Gauge32: 240",
    "1.17.1.7.2.1.2.1 = Gauge32: 830",     "1.17.1.8.1.1.1.1 = Gauge32: 150",
    "1.17.1.8.1.1.2.1 = Gauge32: 250",     "1.17.1.8.1.1.2.2 = Gauge32: 260",
    "1.17.1.8.2.1.2.1 = Gauge32: 850",     "1.17.1.9.1.1.1.1 = Gauge32: 160",
    "1.17.1.9.1.1.2.1 = Gauge32: 260",     "1.17.1.9.1.1.2.2 = Gauge32: 270",
    "1.17.1.9.2.1.2.1 = Gauge32: 860",     "1.17.1.10.1.1.1.1 = Gauge32: 60",
    "1.17.1.10.1.1.2.1 = Gauge32: 70",     "1.17.1.10.1.1.2.2 = Gauge32: 40",
    "1.17.1.10.2.1.2.1 = Gauge32: 80",     "1.17.1.11.1.1.1.1 = Gauge32: 115",
    "1.17.1.11.1.1.2.1 = Gauge32: 215",    "1.17.1.11.1.1.2.2 = Gauge32: 225",
    "1.17.1.11.2.1.2.1 = Gauge32: 815",    "1.17.1.12.1.1.1.1 = Gauge32: 145",
    "1.17.1.12.1.1.2.1 = Gauge32: 245",    "1.17.1.12.1.1.2.2 = Gauge32: 255",
    "1.17.1.12.2.1.2.1 = Gauge32: 845",    "1.17.1.13.1.1.1.1 = Gauge32: 135",
    "1.17.1.13.1.1.2.1 = Gauge32: 235",    "1.17.1.13.1.1.2.2 = Gauge32: 245",
    "1.17.1.13.2.1.2.1 = Gauge32: 835",    "1.17.1.14.1.1.1.1 = Gauge32: 155",
    "1.17.1.14.1.1.2.1 = Gauge32: 255",    "1.17.1.14.1.1.2.2 = Gauge32: 265",
    "1.17.1.14.2.1.2.1 = Gauge32: 855",    "1.17.1.15.1.1.1.1 = Gauge32: 165",
    "1.17.1.15.1.1.2.1 = Gauge32: 265",    "1.17.1.15.1.1.2.2 = Gauge32: 275",
    "1.17.1.15.2.1.2.1 = Gauge32: 865",    "1.18.1.1.1.1 = Timeticks: 10000",
    "1.18.1.1.2.1 = Timeticks: 20000",     "1.18.1.2.1.1 = Counter64: 101",
    "1.18.1.2.2.1 = Counter64: 301",       "1.18.1.3.1.1 = Counter64: 102",
    "1.18.1.3.2.1 = Counter64: 302",       "1.18.1.4.1.1 = Counter64: 103",
    "1.18.1.4.2.1 = Counter64: 303",       "1.18.1.5.1.1 = Counter64: 104",
    "1.18.1.5.2.1 = Counter64: 304",       "1.18.1.6.1.1 = Counter64: 105",
    "1.18.1.6.2.1 = Counter64: 305",       "1.18.1.7.1.1 = Counter64: 106",
    "1.18.1.7.2.1 = Counter64: 306",       "1.18.1.8.1.1 = Counter64: 107",
    "1.18.1.8.2.1 = Counter64: 307",       "1.18.1.9.1.1 = Counter64: 108",
    "1.18.1.9.2.1 = Counter64: 308",       "1.18.1.10.1.1 = Counter64: 109",
    "1.18.1.10.2.1 = Counter64: 309",      "1.18.1.11.1.1 = Counter64: 110",
    "1.18.1.11.2.1 = Counter64: 310",      "1.18.1.12.1.1 = Counter64: 111",
    "1.18.1.12.2.1 = Counter64: 311",      "1.18.1.13.1.1 = Counter64: 112",
    "1.18.1.13.2.1 = Counter64: 312",      "1.18.1.14.1.1 = Counter64: 113",
    "1.18.1.14.2.1 = Counter64: 313",      "1.18.1.15.1.1 = Counter64: 114",
    "1.18.1.15.2.1 = Counter64: 314",      "1.18.1.16.1.1 = Counter64: 115",
    "1.18.1.16.2.1 = Counter64: 315",      "1.18.1.17.1.1 = Counter64: 201",
    "1.18.1.17.2.1 = Counter64: 401",      "1.18.1.18.1.1 = Counter64: 202",
    "1.18.1.18.2.1 = Counter64: 402",      "1.18.1.19.1.1 = Counter64: 203",
    "1.18.1.19.2.1 = Counter64: 403",      "1.18.1.20.1.1 = Counter64: 204",
    "1.18.1.20.2.1 = Counter64: 404",      "1.18.1.21.1.1 = Counter64: 205",
    "1.18.1.21.2.1 = Counter64: 405",      "1.18.1.22.1.1 = Counter64: 206",
    "1.18.1.22.2.1 = Counter64: 406",      "1.18.1.23.1.1 = Counter64: 207",
    "1.18.1.23.2.1 = Counter64: 407",      "1.18.1.24.1.1 = Counter64: 208",
    "1.18.1.24.2.1 = Counter64: 408",      "1.18.1.25.1.1 = Counter64: 209",
    "1.18.1.25.2.1 = Counter64: 409",      "1.18.1.26.1.1 = Counter64: 210",
    "1.18.1.26.2.1 = Counter64: 410",      "1.18.1.27.1.1 = Counter64: 211",
    "1.18.1.27.2.1 = Counter64: 411",      "1.18.1.28.1.1 = Counter64: 212",
    "1.18.1.28.2.1 = Counter64: 412",      "1.18.1.29.1.1 = Counter64: 213",
    "1.18.1.29.2.1 = Counter64: 413",      "1.18.1.30.1.1 = Counter64: 214",
    "1.18.1.30.2.1 = Counter64: 414",      "1.18.1.31.1.1 = Counter64: 215",
    "1.18.1.31.2.1 = Counter64: 415",      "1.18.1.32.1.1 = Gauge32: 175",
    "1.18.1.33.1.1 = Gauge32: 350",
};

TEST(SnmpPerformanceTables, Whole) {
  const Model model = model_of(snapshot_with_performance());
  expect_whole(Subtree(performance_tables()), View(model, clock_at(kNow)), kPerformance);
}

TEST(SnmpPerformanceTables, NothingWithoutACaptureOrWhileStale) {
  const Model without = model_of(snapshot_with_flows());
  EXPECT_THAT(walk(Subtree(performance_tables()), View(without, clock_at(kNow))), IsEmpty());
  const Model model = model_of(snapshot_with_performance());
  EXPECT_THAT(walk(Subtree(performance_tables()), View(model, clock_at(2000 * kSecond))), IsEmpty());
}

std::string cell(const SnapshotContent& content, const Oid& name) {
  const Model model = model_of(content);
  return get_line(Subtree(vmtraffic_mib()), View(model, clock_at(kNow)), name);
}

TEST(SnmpPerformanceTables, ACaptureThatHasSeenNothing) {
  SnapshotContent content = small_snapshot();
  content.performance.emplace();
  const Model model = model_of(content);
  EXPECT_THAT(walk(Subtree(performance_tables()), View(model, clock_at(kNow))), ElementsAre("1.14.2.0 = Gauge32: 10000"));
}

TEST(SnmpPerformanceTables, NothingMeasuredIsAbsentAndNotZero) {
  const SnapshotContent content = snapshot_with_performance();
  EXPECT_EQ(cell(content, {1, 15, 1, 2, 1, 1, 4}), "1.15.1.2.1.1.4 = Gauge32: 0") << "none in the interval is known";
  for (SubId column = 3; column <= 7; ++column) EXPECT_EQ(cell(content, {1, 15, 1, column, 1, 1, 4}), "noSuchInstance") << column;
  EXPECT_EQ(cell(content, {1, 15, 1, 2, 1, 1, 8}), "noSuchInstance") << "no such kind";
  EXPECT_EQ(cell(content, {1, 15, 1, 2, 2, 1, 1}), "noSuchInstance") << "a kind that was not measured";
  EXPECT_EQ(cell(content, {1, 17, 1, 4, 1, 1, 1, 2}), "noSuchInstance") << "the side of a peer that was not measured";
  EXPECT_EQ(cell(content, {1, 18, 1, 2, 1, 2}), "noSuchInstance") << "nothing was captured of it";
  EXPECT_EQ(cell(content, {1, 18, 1, 32, 2, 1}), "noSuchInstance") << "a share of nothing";
  EXPECT_EQ(cell(content, {1, 18, 1, 33, 2, 1}), "noSuchInstance") << "a share of nothing";
}

TEST(SnmpPerformanceTables, SharesOfBothSides) {
  SnapshotContent content = snapshot_with_performance();
  const Oid guest{1, 18, 1, 32, 1, 1}, network{1, 18, 1, 33, 1, 1};
  VnicLoss& loss = content.performance->losses[0];
  loss.rx_recent = {.segments = 100};
  loss.tx_recent = {};
  EXPECT_EQ(cell(content, guest), "1.18.1.32.1.1 = Gauge32: 0");
  EXPECT_EQ(cell(content, network), "1.18.1.33.1.1 = Gauge32: 0");
  loss.tx_recent = {.segments = 0, .lost_before = 100};  // all that the guest sent, so that the tap saw nothing of it
  EXPECT_EQ(cell(content, guest), "1.18.1.32.1.1 = Gauge32: 5000");
  EXPECT_EQ(cell(content, network), "1.18.1.33.1.1 = Gauge32: 0");
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  loss.rx_recent = loss.tx_recent = {.segments = kMost, .lost_before = kMost, .lost_after = kMost};
  EXPECT_EQ(cell(content, guest), "1.18.1.32.1.1 = Gauge32: 5000") << "sums that no counter holds";
  EXPECT_EQ(cell(content, network), "1.18.1.33.1.1 = Gauge32: 5000");
  loss.rx.segments = kMost;
  EXPECT_EQ(cell(content, {1, 18, 1, 2, 1, 1}), "1.18.1.2.1.1 = Counter64: 18446744073709551615");
}

TEST(SnmpPerformanceTables, NumbersThatCannotBeAreAbsent) {
  SnapshotContent content = snapshot_with_performance();
  PerformanceRows& rows = *content.performance;
  const Oid covered{1, 14, 1, 0}, kept{1, 14, 2, 0}, number{1, 15, 1, 8, 1, 1, 1}, minimum{1, 15, 1, 9, 1, 1, 1};
  LatencySums& measured = rows.latencies[0].five_minutes;
  measured.minimum_us = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(cell(content, minimum), "noSuchInstance");
  measured.minimum_us = -1;
  EXPECT_EQ(cell(content, minimum), "noSuchInstance");
  measured.minimum_us = 1e30F;
  EXPECT_EQ(cell(content, minimum), "1.15.1.9.1.1.1 = Gauge32: 4294967295");
  measured.minimum_us = 0.4F;
  EXPECT_EQ(cell(content, minimum), "1.15.1.9.1.1.1 = Gauge32: 0") << "measured, and less than half a microsecond";
  measured.count = std::uint64_t{1} << 40;
  EXPECT_EQ(cell(content, number), "1.15.1.8.1.1.1 = Gauge32: 4294967295");
  for (const double nonsense : {0.0, -80.0, 1e300, std::numeric_limits<double>::quiet_NaN()}) {
    rows.covered_s = nonsense;
    EXPECT_EQ(cell(content, covered), "noSuchInstance") << nonsense;
  }
  for (const double nonsense : {-1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    rows.kept_share = nonsense;
    EXPECT_EQ(cell(content, kept), "noSuchInstance") << nonsense;
  }
  rows.losses.resize(1);
  EXPECT_EQ(cell(content, {1, 18, 1, 2, 1, 1}), "1.18.1.2.1.1 = Counter64: 101");
  EXPECT_EQ(cell(content, {1, 18, 1, 2, 2, 1}), "noSuchInstance") << "fewer rows than vNICs";
}

std::vector<std::string> keys(const SnapshotContent& content, RowSet set) {
  const Model model = model_of(content);
  const View view(model, clock_at(kNow));
  const RowKeys& rows = view.rows(set);
  std::vector<std::string> out;
  for (std::size_t at = 0; at < rows.size(); ++at) out.push_back(text(rows.key(at)));
  return out;
}

TEST(SnmpPerformanceTables, RowsThatTheMibHasNoPlaceFor) {
  SnapshotContent content = small_snapshot();
  content.performance.emplace().latencies = {
      with_service(latency(0, kAsked, 1, 1), 6, 80),                            // a service that it asks
      with_service(with_peer(latency(0, kServed, 1, 1), "192.0.2.1"), 6, 444),  // one with one peer
      with_service(latency(0, kServed, 1, 1), 6, 443),
      with_peer(latency(0, kDns, 1, 1), "192.0.2.2"),  // a peer of no round trip
      with_peer(latency(0, kGuestRtt, 1, 1), "192.0.2.3"),
      with_peer(latency(0, kGuestRtt, 9, 9), "192.0.2.3"),  // the same again
      with_peer(latency(2, kGuestRtt, 1, 1), "192.0.2.3"),  // another vNIC's: ranks are each vNIC's own
      with_peer(latency(0, kGuestRtt, 1, 1), "192.0.2.4"),  // a vNIC's rows, not together
      latency(1, kServed, 1, 1),
      latency(0, kServed, 1, 1),
  };
  EXPECT_THAT(keys(content, RowSet::kVnicLatencies), ElementsAre("1.1.3", "1.2.3"));
  EXPECT_THAT(keys(content, RowSet::kServiceLatencies), ElementsAre("1.1.6.443"));
  EXPECT_THAT(keys(content, RowSet::kPeerLatencies), ElementsAre("1.1.1.1", "1.1.1.2", "2.1.1.1"));
  EXPECT_THAT(keys(content, RowSet::kLosses), IsEmpty());
  EXPECT_EQ(cell(content, {1, 17, 1, 4, 1, 1, 1, 1}), "1.17.1.4.1.1.1.1 = Gauge32: 1") << "the first of two that are the same";
  EXPECT_EQ(cell(content, {1, 17, 1, 3, 1, 1, 1, 2}), "1.17.1.3.1.1.1.2 = Hex: c0 00 02 04");
}

}  // namespace
}  // namespace vmtraffic::snmp
