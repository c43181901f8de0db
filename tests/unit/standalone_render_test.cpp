// Table and JSON of whole snapshots, against tests/golden/standalone. VMTRAFFIC_UPDATE_GOLDEN=1 writes these files anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/daemon.hpp"
#include "core/snapshot/writer.hpp"
#include "plugins/standalone/flow_table.hpp"
#include "plugins/standalone/json.hpp"
#include "plugins/standalone/table.hpp"
#include "tests/unit/performance_fixture.hpp"
#include "tests/unit/snapshot_fixture.hpp"
#include "tests/unit/standalone_golden.hpp"

namespace vmtraffic::standalone {
namespace {

constexpr Nanoseconds kNow = 5000 * kSecond;
constexpr const char* kBootId = "11111111-2222-3333-4444-555555555555";

Clock clock_at(Nanoseconds boottime) {
  return {[boottime] { return boottime; }, [] { return Nanoseconds{0}; }, kBootId};
}

SnapshotContent empty_content() {
  SnapshotContent content;
  content.header = {.host = "lab-host",
                    .boot_id = kBootId,
                    .sequence = 42,
                    .sampled_boottime = kNow - 3 * kSecond,
                    .sampled_walltime = 1'700'000'000 * kSecond,
                    .interval = 10 * kSecond,
                    .inventory_generation = 7,
                    .writer_pid = 4711,
                    .writer_program = "vmtraffic-collect",
                    .writer_version = "0.1.0"};
  return content;
}

Domain domain(std::uint8_t number, std::string name, DomainState state) {
  Domain made;
  made.uuid.octets[15] = number;
  made.name = std::move(name);
  made.connection = "qemu:///system";
  made.hypervisor = "QEMU";
  made.os_type = "hvm";
  made.state = state;
  return made;
}

Vnic vnic(std::uint8_t number, std::uint32_t place, std::string tap) {
  Vnic made;
  made.mac = {{0x52, 0x54, 0, 0, 0, number}};
  made.number = place;
  made.type = VnicType::kBridge;
  made.source = "br0";
  made.tap = std::move(tap);
  made.model = "virtio";
  made.link = LinkState::kUp;
  return made;
}

VnicRates rates(float octets, float covered_s) {
  VnicRates made{.covered_s = covered_s, .mean = {}, .highest = {}, .present = kAllMetrics};
  made.mean = {octets, octets / 1000, 0.25F, 0, octets / 2, octets / 2000, 0, 0};
  made.highest = {octets * 2, octets / 500, 0.5F, 0, octets, octets / 1000, 0, 0};
  return made;
}

// Two running VMs (one with two vNICs out of the XML's order, one unseen so far), a shut off one, one without vNIC.
SnapshotContent whole_content() {
  SnapshotContent content = empty_content();
  Domain web = domain(1, "web1", DomainState::kRunning);
  web.title = "The shop";
  web.persistent = true;
  web.autostart = false;
  web.vcpus = 2;
  web.vcpus_max = 4;
  web.memory_kib = 1048576;
  web.memory_max_kib = 2097152;
  web.tags = {{"nova.flavor", "m1.small"}, {"nova.project", "shop"}};
  web.vnics = {vnic(1, 1, "vnet1"), vnic(2, 0, "vnet0")};
  web.vnics[0].bandwidth_rx = Bandwidth{1'000'000, 2'000'000, 512};
  web.vnics[0].addresses = {"10.0.0.1", "fe80::1"};
  web.vnics[0].port_id = "c0ffee";
  web.vnics[0].teaming = "transient";
  web.vnics[0].alias = "net1";
  web.vnics[0].pci = PciAddress{0, 3, 0x10, 1};
  Domain fresh = domain(2, "app", DomainState::kPaused);
  fresh.vnics = {vnic(3, 0, "vnet3")};
  Domain off = domain(3, "off", DomainState::kShutoff);
  off.vnics = {vnic(4, 0, "")};
  content.inventory.domains = {web, fresh, off, domain(4, "bare", DomainState::kRunning)};
  content.numbers.domains = {{.cpu_time_ns = 123'456'789, .confirmed_boottime = kNow - 3 * kSecond},
                             {.cpu_time_ns = std::nullopt, .confirmed_boottime = kNow - 3 * kSecond},
                             {.cpu_time_ns = std::nullopt, .confirmed_boottime = std::nullopt},
                             {.cpu_time_ns = 5, .confirmed_boottime = kNow - 3 * kSecond}};
  content.numbers.totals.resize(4);
  content.numbers.totals[0] = {.total = {18'446'744'073'709'551'615ULL, 1000, 1, 2, 3000, 30, 0, 0},
                               .offset = {},
                               .discontinuity_boottime = kNow - 100 * kSecond,
                               .if_index = 11,
                               .present = kAllMetrics,
                               .seen = kAllMetrics};
  content.numbers.totals[1] = {
      .total = {500, 5, 0, 0, 250, 2, 0, 0}, .offset = {}, .if_index = 10, .present = kAllMetrics, .seen = kAllMetrics};
  content.numbers.totals[2] = {.total = {60, 1}, .offset = {}, .if_index = 13, .present = 0x03, .seen = 0x03};
  for (auto& window : content.numbers.rates) window.resize(4);
  content.numbers.rates[0][0] = rates(12.5e6F, 10);
  content.numbers.rates[1][0] = rates(10e6F, 60);
  content.numbers.rates[2][0] = rates(8e6F, 134);
  content.numbers.rates[0][1] = rates(0, 10);
  content.health.resize(3);
  content.health[0].name = "collector";
  content.health[0].state = HealthState::kUp;
  content.health[0].since_boottime = kNow - 4000 * kSecond;
  content.health[0].last_ok_boottime = kNow - 3 * kSecond;
  content.health[0].counters = {{"ticks", 400}, {"published", 399}};
  content.health[1].name = "link_counters";
  content.health[1].state = HealthState::kDegraded;
  content.health[1].message = "some links are hidden";
  content.health[1].since_boottime = kNow - 20 * kSecond;
  content.health[2].name = "libvirt qemu:///system";
  content.events = {{.sequence = 8,
                     .boottime = kNow - 50 * kSecond,
                     .walltime = 1'699'999'950 * kSecond,
                     .kind = EventKind::kStarted,
                     .uuid = web.uuid,
                     .domain = "web1",
                     .detail = "booted"}};
  return content;
}

SnapshotContent hostile_content() {
  SnapshotContent content = empty_content();
  const std::string evil = "/ ' \" = | ; \\ \n\x1B[31m\xFF m\xC3\xBCller \xE2\x80\xAE";
  content.header.host = content.header.writer_program = content.header.writer_version = evil;
  Domain first = domain(1, evil, DomainState::kRunning);
  first.title = first.hypervisor = first.os_type = evil;
  first.tags = {{evil, evil}, {"\"}", "]"}};
  first.vnics = {vnic(1, 0, evil)};
  first.vnics[0].source = first.vnics[0].model = first.vnics[0].port_id = first.vnics[0].teaming = first.vnics[0].alias = evil;
  first.vnics[0].addresses = {evil};
  Domain second = domain(2, std::string(300, 'x'), DomainState::kRunning);
  content.inventory.domains = {first, second};
  content.numbers.domains.resize(2);
  content.numbers.totals.resize(1);
  for (auto& window : content.numbers.rates) window.resize(1);
  content.numbers.rates[0][0] = rates(1, 10);
  content.numbers.rates[0][0].mean = {
      std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -1, 1e30F, 0, 0, 0, 0};
  content.health.resize(1);
  content.health[0].name = content.health[0].message = evil;
  content.health[0].counters = {{evil, std::numeric_limits<std::uint64_t>::max()}};
  content.events = {
      {.sequence = 1, .boottime = 1, .walltime = 1, .kind = EventKind::kRenamed, .uuid = first.uuid, .domain = evil, .detail = evil}};
  return content;
}

Snapshot snapshot_of(const SnapshotContent& content) { return *Snapshot::parse(encode(content)); }

std::string table(const SnapshotContent& content, Nanoseconds now = kNow, TableOptions options = {}) {
  return render_table(snapshot_of(content), clock_at(now), options);
}

TEST(Table, Whole) { expect_golden("whole.txt", table(whole_content())); }
TEST(Table, MinuteAndNarrow) { expect_golden("minute.txt", table(whole_content(), kNow, {.width = 100, .window = Window::kMinute})); }
TEST(Table, Nothing) { expect_golden("nothing.txt", table(empty_content())); }
TEST(Table, StaleWithOldNames) { expect_golden("stale.txt", table(whole_content(), kNow + 300 * kSecond)); }
TEST(Table, Hostile) { expect_golden("hostile.txt", table(hostile_content(), kNow, {.width = 160, .window = Window::kInterval})); }

// What an agent, a network's name and a drop's reason may hold.
SnapshotContent hostile_flows() {
  SnapshotContent content = snapshot_with_flows();
  const std::string evil = "/ ' \" = | ; \\ \n\x1B[31m\xFF m\xC3\xBCller \xE2\x80\xAE";
  for (Domain& d : content.inventory.domains) d.name = evil;
  content.flows->networks = {evil, evil + evil};
  for (DropSums& drop : content.flows->drops) drop.reason = evil;
  for (AgentStatus& agent : content.agents) agent.address = agent.sender = agent.host = evil;
  content.agents[0].sampling_rate = std::numeric_limits<double>::quiet_NaN();
  content.flows->covered_s = std::numeric_limits<double>::infinity();
  content.flows->vnics[0].rx.octets = std::numeric_limits<float>::quiet_NaN();
  content.flows->vnics[0].tx.octets_error = std::numeric_limits<float>::infinity();
  content.flows->vnics[0].tx.total_octets = -1;
  return content;
}

Clock fixture_clock() { return vmtraffic::clock_at(1003 * kSecond); }

TEST(Table, Flows) { expect_golden("flows.txt", render_table(snapshot_of(snapshot_with_flows()), fixture_clock(), {})); }
TEST(Table, Applications) {
  expect_golden("applications.txt", render_table(snapshot_of(snapshot_with_applications()), fixture_clock(), {}));
}
TEST(Table, HostileFlows) { expect_golden("hostile-flows.txt", render_table(snapshot_of(hostile_flows()), fixture_clock(), {})); }

TEST(Table, Performance) { expect_golden("performance.txt", render_table(snapshot_of(snapshot_with_performance()), fixture_clock(), {})); }

TEST(Table, FlowsWithoutASample) {
  SnapshotContent content = small_snapshot();
  content.flows.emplace().vnics.resize(3);
  EXPECT_EQ(render_flows(snapshot_of(content), fixture_clock(), 0),
            "\nSampled packets, rates over 0 s. Since the start 0 samples stand for 0 packets and 0 B.\n\n"
            "No packet of a vNIC was sampled.\n\nNo sFlow agent was heard.\n");
}

std::vector<std::byte> index_of_hosts(const std::vector<HostStatus>& hosts) {
  SnapshotContent content = small_snapshot();
  const EncodedPart part = encode_hosts(hosts);
  EncodedSnapshot index;
  index.header = content.header;
  index.hosts = &part;
  return assemble(index);
}

TEST(Table, Hosts) {
  const std::vector<HostStatus> hosts{{.name = "evil\n\x1B", .address = "10.0.0.9", .last = 900 * kSecond, .domains = 3, .vnics = 5},
                                      {.name = "hv-2", .address = "2001:db8::2", .last = 1000 * kSecond, .domains = 0, .vnics = 0}};
  const Snapshot index = *Snapshot::parse(index_of_hosts(hosts));
  EXPECT_EQ(render_hosts(index, fixture_clock()),
            "HOST          AGENT        VMS  VNICS    AGE\n"
            "evil\\x0a\\x1b  10.0.0.9       3      5  103 s\n"
            "hv-2          2001:db8::2    0      0    3 s\n");
  EXPECT_EQ(
      render_hosts_json(index, fixture_clock()),
      "{\"format\": 1, \"age_ns\": 3000000000, \"stale\": false, \"hosts\": [\n"
      "{\"name\": \"evil\\u000a\\u001b\", \"address\": \"10.0.0.9\", \"last_boottime_ns\": 900000000000, \"domains\": 3, \"vnics\": 5},\n"
      "{\"name\": \"hv-2\", \"address\": \"2001:db8::2\", \"last_boottime_ns\": 1000000000000, \"domains\": 0, \"vnics\": 0}\n"
      "]}\n");
  EXPECT_EQ(render_hosts(*Snapshot::parse(index_of_hosts({})), fixture_clock()),
            "No other host is known: no sFlow agent has described one.\n");
}

TEST(Table, OfAnotherBoot) {
  SnapshotContent content = empty_content();
  content.header.boot_id = "another";
  expect_golden("other-boot.txt", table(content));
}

TEST(Table, EveryWidthKeepsEveryRowOnALine) {
  const auto lines_of = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };
  const auto lines = lines_of(table(hostile_content()));
  for (std::size_t width = 0; width < 400; ++width) {
    const std::string text = table(hostile_content(), kNow, {.width = width, .window = Window::kInterval});
    EXPECT_EQ(lines_of(text), lines);
    EXPECT_EQ(text.find('\x1B'), std::string::npos);
  }
}

void expect_json(const std::string& name, const std::string& text) {
  expect_golden(name, text);
  EXPECT_TRUE(nlohmann::json::accept(text)) << name;
}

TEST(Json, Whole) { expect_json("whole.json", render_json(snapshot_of(whole_content()), clock_at(kNow))); }
TEST(Json, Nothing) { expect_json("nothing.json", render_json(snapshot_of(empty_content()), clock_at(kNow + 60 * kSecond))); }
TEST(Json, Hostile) { expect_json("hostile.json", render_json(snapshot_of(hostile_content()), clock_at(kNow - 60 * kSecond))); }

TEST(Json, Flows) { expect_json("flows.json", render_json(snapshot_of(snapshot_with_flows()), fixture_clock())); }
TEST(Json, Applications) { expect_json("applications.json", render_json(snapshot_of(snapshot_with_applications()), fixture_clock())); }
TEST(Json, HostileFlows) { expect_json("hostile-flows.json", render_json(snapshot_of(hostile_flows()), fixture_clock())); }

TEST(Json, Performance) { expect_json("performance.json", render_json(snapshot_of(snapshot_with_performance()), fixture_clock())); }

nlohmann::json latencies(std::uint64_t count, double median_us) {
  return {{"count", count},         {"minimum_us", median_us / 2},   {"mean_us", median_us + 1},
          {"median_us", median_us}, {"p95_us", median_us * 3 / 2.0}, {"p99_us", median_us * 2}};
}

TEST(Json, PerformanceReadsBackWhatWentIn) {
  const nlohmann::json null;
  const nlohmann::json json = nlohmann::json::parse(render_json(snapshot_of(snapshot_with_performance()), fixture_clock()));
  EXPECT_EQ(json["performance"], nlohmann::json({{"covered_s", 80}, {"kept_share", 0.75}}));
  const nlohmann::json& web = json["vnics"][0];
  ASSERT_EQ(web["latency"].size(), kLatencyKindCount + 2);
  EXPECT_EQ(web["latency"][kLatencyKindCount], nlohmann::json({{"kind", "served"},
                                                               {"service", "tcp/443"},
                                                               {"peer", null},
                                                               {"interval", latencies(5, 700)},
                                                               {"five_minutes", latencies(70, 750)}}));
  EXPECT_EQ(web["latency"][kLatencyKindCount + 1], nlohmann::json({{"kind", "network_rtt"},
                                                                   {"service", null},
                                                                   {"peer", "192.0.2.9"},
                                                                   {"interval", latencies(4, 600)},
                                                                   {"five_minutes", latencies(60, 650)}}));
  EXPECT_EQ(web["loss"]["tx"]["recent"], nlohmann::json({{"segments", 200},
                                                         {"lost_before", 201},
                                                         {"lost_after", 202},
                                                         {"spurious", 203},
                                                         {"reordered", 204},
                                                         {"unseen", 205},
                                                         {"duplicate_acks", 206},
                                                         {"zero_windows", 207},
                                                         {"resets", 208},
                                                         {"connections", 209},
                                                         {"refused", 210},
                                                         {"unanswered", 211},
                                                         {"dns_queries", 212},
                                                         {"dns_unanswered", 213},
                                                         {"unreachable", 214}}));
  EXPECT_EQ(web["loss"]["tx"]["total"]["segments"], 2000);
  EXPECT_EQ(web["loss"]["rx"]["recent"]["segments"], 100);
  EXPECT_EQ(web["loss"]["rx"]["total"]["segments"], 1000);
  EXPECT_EQ(web["loss"]["since_boottime_ns"], 100 * kSecond);
}

// What was not measured in an interval has no minimum of 0, and a vNIC of which nothing came has lost nothing that is known.
TEST(Json, PerformanceThatIsNotKnownIsNull) {
  const nlohmann::json null;
  const nlohmann::json json = nlohmann::json::parse(render_json(snapshot_of(snapshot_with_performance()), fixture_clock()));
  EXPECT_EQ(json["vnics"][1]["latency"], nlohmann::json::array());
  EXPECT_EQ(json["vnics"][1]["loss"], null);
  const nlohmann::json& off = json["vnics"][2];
  EXPECT_EQ(
      off["latency"][0]["interval"],
      nlohmann::json({{"count", 0}, {"minimum_us", null}, {"mean_us", null}, {"median_us", null}, {"p95_us", null}, {"p99_us", null}}));
  EXPECT_EQ(off["latency"][0]["five_minutes"], latencies(1, 250));
  EXPECT_EQ(off["loss"]["rx"]["total"]["segments"], 0);
  const nlohmann::json without = nlohmann::json::parse(render_json(snapshot_of(small_snapshot()), fixture_clock()));
  EXPECT_EQ(without["performance"], null);
  EXPECT_EQ(without["vnics"][0]["latency"], null);
  EXPECT_EQ(without["vnics"][0]["loss"], null);
}

TEST(Json, ReadsBackWhatWentIn) {
  const nlohmann::json json = nlohmann::json::parse(render_json(snapshot_of(whole_content()), clock_at(kNow)));
  EXPECT_EQ(json["age_ns"], 3 * kSecond);
  EXPECT_EQ(json["stale"], false);
  EXPECT_EQ(json["domains"][0]["tags"]["nova.project"], "shop");
  EXPECT_EQ(json["vnics"][0]["rx"]["octets"].get<std::uint64_t>(), 18'446'744'073'709'551'615ULL);
  EXPECT_EQ(json["vnics"][0]["rates"]["1m"]["rx"]["octets"], 10e6);
  EXPECT_TRUE(json["vnics"][2]["tx"]["octets"].is_null());
  EXPECT_TRUE(json["domains"][2]["confirmed_boottime_ns"].is_null());
}

TEST(Log, LinesForTheJournalAndForPeople) {
  EXPECT_EQ(log_line("vmtraffic-collect", LogLevel::kError, "text", true), "<3>text\n");
  EXPECT_EQ(log_line("vmtraffic-collect", LogLevel::kWarning, "text", true), "<4>text\n");
  EXPECT_EQ(log_line("vmtraffic-collect", LogLevel::kNotice, "text", true), "<5>text\n");
  EXPECT_EQ(log_line("vmtraffic-collect", LogLevel::kInfo, "text", true), "<6>text\n");
  EXPECT_EQ(log_line("vmtraffic-collect", LogLevel::kDebug, "text", true), "<7>text\n");
  EXPECT_EQ(log_line("vmtraffic-collect", LogLevel::kError, "text", false), "vmtraffic-collect: error: text\n");
  EXPECT_EQ(log_line("vmtraffic-collect", LogLevel::kNotice, "text", false), "vmtraffic-collect: text\n");
}

TEST(Log, TheJournalIsKnownByWhatStandardErrorIs) {
  EXPECT_FALSE(writes_to_journal(nullptr, 2));
  EXPECT_FALSE(writes_to_journal("1:1", 2));
  EXPECT_FALSE(writes_to_journal("nonsense", 2));
  EXPECT_FALSE(writes_to_journal("1:1", -1));
}

}  // namespace
}  // namespace vmtraffic::standalone
