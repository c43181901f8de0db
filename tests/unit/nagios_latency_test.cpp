// check_vm_latency as a function: arguments and a snapshot in, the whole output and the state out.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "nagios_performance_fixture.hpp"
#include "plugins/nagios/check_vm_latency.hpp"

namespace vmtraffic::nagios {

namespace {

class CheckVmLatency : public NagiosTest {
 protected:
  Outcome run(const std::vector<std::string>& arguments, Nanoseconds now = kNow) const {
    Outcome outcome = run_check_vm_latency(with_directory(arguments), clock_at(now));
    outcome.output = without_directory(outcome.output);
    return outcome;
  }
  State state(const std::vector<std::string>& arguments) const { return run(arguments).state; }
};

VnicLatency of_service(std::uint32_t vnic, std::uint8_t protocol, std::uint16_t port, std::uint64_t count, float median_us) {
  VnicLatency latency = latency_of(vnic, LatencyKind::kServed, count, median_us);
  latency.protocol = protocol;
  latency.port = port;
  return latency;
}

VnicLatency with_peer(std::uint32_t vnic, LatencyKind kind, const char* address, std::uint64_t count, float median_us) {
  VnicLatency latency = latency_of(vnic, kind, count, median_us);
  const IpAddress peer = *IpAddress::parse(address);
  latency.address_version = peer.version;
  latency.address = peer.octets;
  return latency;
}

ContentBuilder measured_vms() {
  ContentBuilder builder = captured_vms();
  builder.content.performance->latencies = {latency_of(0, LatencyKind::kGuestRtt, 900, 300),
                                            latency_of(0, LatencyKind::kNetworkRtt, 1234, 120'000),
                                            latency_of(0, LatencyKind::kServed, 400, 8000),
                                            latency_of(0, LatencyKind::kAsked, 30, 45'000),
                                            latency_of(0, LatencyKind::kDns, 20, 15'500),
                                            latency_of(0, LatencyKind::kGuestEcho, 10, 45),
                                            latency_of(0, LatencyKind::kNetworkEcho, 12, 12'345'678),
                                            of_service(0, 6, 443, 350, 9000),
                                            of_service(0, 17, 53, 50, 1000),
                                            with_peer(0, LatencyKind::kGuestRtt, "192.0.2.9", 40, 250),
                                            with_peer(0, LatencyKind::kNetworkRtt, "192.0.2.9", 60, 90'000),
                                            with_peer(0, LatencyKind::kNetworkRtt, "2001:db8::5", 6, 2000),
                                            latency_of(1, LatencyKind::kGuestRtt, 50, 1500),
                                            latency_of(1, LatencyKind::kNetworkRtt, 70, 4000),
                                            latency_of(2, LatencyKind::kGuestRtt, 80, 500),
                                            latency_of(2, LatencyKind::kNetworkRtt, 4, 900'000)};
  return builder;
}

TEST_F(CheckVmLatency, OneVmTheSlowerSideFirst) {
  write(measured_vms());
  EXPECT_EQ(run({"--name", "web1"}),
            outcome(State::kOk,
                    "VM_LATENCY OK: web1 network side 120 ms (median of 1234), guest side 0.3 ms (median of 900) over 5 min | "
                    "'web1_guest_rtt'=0.3ms;;;0 'web1_network_rtt'=120ms;;;0\n"));
  EXPECT_EQ(run({"-n", "web1", "-w", "50", "-c", "500"}),
            outcome(State::kWarning,
                    "VM_LATENCY WARNING: web1 network side 120 ms WARNING (median of 1234), guest side 0.3 ms (median of 900) over 5 min | "
                    "'web1_guest_rtt'=0.3ms;50;500;0 'web1_network_rtt'=120ms;50;500;0\n"));
  // The side that is judged worse comes before the slower one.
  EXPECT_EQ(
      run({"-n", "web1", "--guest-critical", "0.2", "--network-warning", "50"}),
      outcome(State::kCritical,
              "VM_LATENCY CRITICAL: web1 guest side 0.3 ms CRITICAL (median of 900), network side 120 ms WARNING (median of 1234) over "
              "5 min | 'web1_guest_rtt'=0.3ms;;0.2;0 'web1_network_rtt'=120ms;50;;0\n"));
}

TEST_F(CheckVmLatency, ThresholdsAtTheirEdges) {
  write(measured_vms());
  const std::vector<std::pair<std::vector<std::string>, State>> cases{
      {{"-w", "120"}, State::kOk},
      {{"-w", "119.999"}, State::kWarning},
      {{"-w", "120ms", "-c", "0.12s"}, State::kOk},
      {{"-w", "119999us"}, State::kWarning},
      {{"-c", "0.119s"}, State::kCritical},
      {{"-w", "@0.3:1"}, State::kWarning},
      {{"-w", "@300us:1ms"}, State::kWarning},
      {{"-w", "@0.301:1"}, State::kOk},
      {{"-w", "0.3:"}, State::kOk},
      {{"-w", "0.301:"}, State::kWarning},
      {{"--guest-warning", "0.3"}, State::kOk},
      {{"--guest-warning", "0.299"}, State::kWarning},
      {{"--guest-critical", "299us"}, State::kCritical},
      {{"--network-warning", "119"}, State::kWarning},
      {{"--network-critical", "120"}, State::kOk},
      {{"--network-critical", "119"}, State::kCritical},
      {{"-c", "50", "--network-critical", "200"}, State::kOk},         // a side's own is instead of that of both
      {{"-w", "50", "--network-critical", "200"}, State::kWarning},    // and leaves the other level alone
      {{"-c", "0.1", "--network-critical", "200"}, State::kCritical},  // the guest's side has none of its own
      {{"--kind", "guest-rtt", "-w", "1"}, State::kOk},                // what is not asked for is not judged
      {{"--kind", "network-rtt", "--kind", "guest-rtt", "-w", "1"}, State::kWarning},
  };
  for (const auto& [options, expected] : cases) {
    std::vector<std::string> arguments{"-n", "web1"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    EXPECT_EQ(state(arguments), expected) << fmt::format("{}", fmt::join(options, " "));
  }
}

TEST_F(CheckVmLatency, StatisticAndWindow) {
  write(measured_vms());
  const auto network = [&](const char* statistic) {
    return run({"-n", "web1", "-k", "network-rtt", "--statistic", statistic, "-w", "1s"});
  };
  EXPECT_EQ(network("minimum"), outcome(State::kOk,
                                        "VM_LATENCY OK: web1 network side 60 ms (minimum of 1234) over 5 min | "
                                        "'web1_network_rtt_minimum'=60ms;1000;;0\n"));
  EXPECT_EQ(
      network("mean"),
      outcome(State::kOk, "VM_LATENCY OK: web1 network side 240 ms (mean of 1234) over 5 min | 'web1_network_rtt_mean'=240ms;1000;;0\n"));
  EXPECT_EQ(
      network("median"),
      outcome(State::kOk, "VM_LATENCY OK: web1 network side 120 ms (median of 1234) over 5 min | 'web1_network_rtt'=120ms;1000;;0\n"));
  EXPECT_EQ(
      network("p95"),
      outcome(State::kOk, "VM_LATENCY OK: web1 network side 480 ms (p95 of 1234) over 5 min | 'web1_network_rtt_p95'=480ms;1000;;0\n"));
  EXPECT_EQ(network("p99"), outcome(State::kOk,
                                    "VM_LATENCY OK: web1 network side 960 ms (p99 of 1234) over 5 min | "
                                    "'web1_network_rtt_p99'=960ms;1000;;0\n"));
  EXPECT_EQ(run({"-n", "web1", "--window", "interval", "-c", "239"}),
            outcome(State::kCritical,
                    "VM_LATENCY CRITICAL: web1 network side 240 ms CRITICAL (median of 123), guest side 0.6 ms (median of 90) over 10 s | "
                    "'web1_guest_rtt'=0.6ms;;239;0 'web1_network_rtt'=240ms;;239;0\n"));
}

TEST_F(CheckVmLatency, EveryKind) {
  write(measured_vms());
  EXPECT_EQ(run({"-n", "web1", "-k", "served", "-k", "asked", "-k", "dns", "-k", "guest-echo", "-k", "network-echo", "-k", "dns", "-w",
                 "10", "--guest-warning", "7"}),
            outcome(State::kWarning,
                    "VM_LATENCY WARNING: web1 network echo 12.3 s WARNING (median of 12), asked 45 ms WARNING (median of 30), DNS 15.5 ms "
                    "WARNING (median of 20), served 8 ms WARNING (median of 400), guest echo 0.045 ms (median of 10) over 5 min | "
                    "'web1_served'=8ms;7;;0 'web1_asked'=45ms;10;;0 'web1_dns'=15.5ms;10;;0 'web1_guest_echo'=0.045ms;7;;0 "
                    "'web1_network_echo'=12345.678ms;10;;0\n"));
}

TEST_F(CheckVmLatency, OneService) {
  write(measured_vms());
  EXPECT_EQ(run({"-n", "web1", "--service", "tcp/443", "-w", "8.9"}),
            outcome(State::kWarning,
                    "VM_LATENCY WARNING: web1 served tcp/443 9 ms WARNING (median of 350) over 5 min | 'web1_served'=9ms;8.9;;0\n"));
  EXPECT_EQ(run({"-n", "web1", "--service", "udp/53", "--kind", "served", "--perfdata", "none"}),
            outcome(State::kOk, "VM_LATENCY OK: web1 served udp/53 1 ms (median of 50) over 5 min\n"));
  const std::string nothing = "web1 answered nothing on tcp/53 in 5 min, or that is not among the first capture.top of its services";
  EXPECT_EQ(run({"-n", "web1", "--service", "tcp/53"}), outcome(State::kUnknown, "VM_LATENCY UNKNOWN: " + nothing + "\n"));
  EXPECT_EQ(run({"-n", "web1", "--service", "tcp/53", "--no-data", "ok"}), outcome(State::kOk, "VM_LATENCY OK: " + nothing + "\n"));
  // Of all VMs those without it are counted, unless none has it.
  EXPECT_EQ(
      run({"--service", "tcp/443", "--perfdata", "none"}),
      outcome(State::kOk,
              "VM_LATENCY OK: 4 VMs, 1 not running, 1 not captured, 1 without a measurement (5 min): web1 served tcp/443 9 ms (median "
              "of 350)\n"));
  EXPECT_EQ(run({"--service", "tcp/53", "--perfdata", "none"}),
            outcome(State::kUnknown, "VM_LATENCY UNKNOWN: 4 VMs, 1 not running, 1 not captured, 2 without a measurement (5 min)\n"));
}

TEST_F(CheckVmLatency, OnePeer) {
  write(measured_vms());
  EXPECT_EQ(run({"-n", "web1", "--peer", "192.0.2.9", "-w", "80"}),
            outcome(State::kWarning,
                    "VM_LATENCY WARNING: web1 network side with 192.0.2.9 90 ms WARNING (median of 60), guest side with 192.0.2.9 0.25 ms "
                    "(median of 40) over 5 min | 'web1_guest_rtt'=0.25ms;80;;0 'web1_network_rtt'=90ms;80;;0\n"));
  EXPECT_EQ(run({"-n", "web1", "--peer", "2001:db8:0::5", "--perfdata", "none"}),
            outcome(State::kOk, "VM_LATENCY OK: web1 network side with 2001:db8::5 2 ms (median of 6) over 5 min\n"));
  EXPECT_EQ(run({"-n", "web1", "--peer", "192.0.2.8"}),
            outcome(State::kUnknown,
                    "VM_LATENCY UNKNOWN: web1 had no round trip with 192.0.2.8 in 5 min, or that is not among the first capture.top of its "
                    "peers\n"));
}

TEST_F(CheckVmLatency, FewMeasurementsAreNotJudged) {
  ContentBuilder builder = measured_vms();
  builder.content.performance->latencies[1] = latency_of(0, LatencyKind::kNetworkRtt, 4, 120'000);
  write(builder);
  EXPECT_EQ(run({"-n", "web1", "-c", "100"}),
            outcome(State::kOk,
                    "VM_LATENCY OK: web1 guest side 0.3 ms (median of 900), network side 120 ms (median of 4, few) over 5 min | "
                    "'web1_guest_rtt'=0.3ms;;100;0 'web1_network_rtt'=120ms;;100;0\n"));
  EXPECT_EQ(state({"-n", "web1", "-c", "100", "--minimum-count", "4"}), State::kCritical);
  EXPECT_EQ(state({"-n", "web1", "-c", "0.1", "--minimum-count", "900", "-k", "guest-rtt"}), State::kCritical);
  EXPECT_EQ(state({"-n", "web1", "-c", "0.1", "--minimum-count", "901", "-k", "guest-rtt"}), State::kOk);
}

// The 900 ms of its second vNIC rest on four measurements.
TEST_F(CheckVmLatency, OfSeveralVnicsTheSlowest) {
  write(measured_vms());
  EXPECT_EQ(run({"-n", "db1", "-w", "2"}),
            outcome(State::kWarning,
                    "VM_LATENCY WARNING: db1 network side 4 ms WARNING (median of 70), guest side 1.5 ms (median of 50) over 5 min | "
                    "'db1_guest_rtt'=1.5ms;2;;0 'db1_network_rtt'=4ms;2;;0\n"));
  EXPECT_EQ(run({"-n", "db1", "--minimum-count", "4", "--perfdata", "none"}),
            outcome(State::kOk, "VM_LATENCY OK: db1 network side 900 ms (median of 4), guest side 1.5 ms (median of 50) over 5 min\n"));
}

TEST_F(CheckVmLatency, AllVmsTheWorstFirst) {
  write(measured_vms());
  EXPECT_EQ(
      run({"-w", "100", "--guest-critical", "1"}),
      outcome(State::kCritical,
              "VM_LATENCY CRITICAL: 4 VMs, 1 critical, 1 warning, 1 not running, 1 not captured (5 min): db1 guest side 1.5 ms CRITICAL "
              "(median of 50), network side 4 ms (median of 70); web1 network side 120 ms WARNING (median of 1234), guest side 0.3 ms "
              "(median of 900) | 'vms'=4;;;0 'vms_critical'=1;;;0 'vms_warning'=1;;;0 'vms_unknown'=0;;;0 "
              "'db1_guest_rtt'=1.5ms;100;1;0 'db1_network_rtt'=4ms;100;;0 'web1_guest_rtt'=0.3ms;100;1;0 "
              "'web1_network_rtt'=120ms;100;;0\n"));
  EXPECT_EQ(run({"--top", "1"}),
            outcome(State::kOk,
                    "VM_LATENCY OK: 4 VMs, 1 not running, 1 not captured (5 min): web1 network side 120 ms (median of 1234), guest side "
                    "0.3 ms (median of 900); 1 more | 'vms'=4;;;0 'vms_critical'=0;;;0 'vms_warning'=0;;;0 'vms_unknown'=0;;;0 "
                    "'web1_guest_rtt'=0.3ms;;;0 'web1_network_rtt'=120ms;;;0\n"));
  EXPECT_EQ(run({"--top", "0", "--perfdata", "none"}),
            outcome(State::kOk, "VM_LATENCY OK: 4 VMs, 1 not running, 1 not captured (5 min)\n"));
  EXPECT_EQ(
      run({"--top", "1", "--perfdata", "all", "-k", "guest-rtt", "--not-running", "warning"}),
      outcome(State::kWarning,
              "VM_LATENCY WARNING: 4 VMs, 1 warning, 1 not running, 1 not captured (5 min): off is shut off WARNING; 2 more | 'vms'=4;;;0 "
              "'vms_critical'=0;;;0 'vms_warning'=1;;;0 'vms_unknown'=0;;;0 'db1_guest_rtt'=1.5ms;;;0 'web1_guest_rtt'=0.3ms;;;0\n"));
}

TEST_F(CheckVmLatency, Details) {
  ContentBuilder builder = measured_vms();
  builder.content.performance->kept_share = 0.625;
  write(builder);
  const std::string details =
      "OK: web1 network side 120 ms (median of 1234)\n"
      "OK: db1 network side 4 ms (median of 70)\n"
      "OK: off is shut off\n"
      "OK: new1 was never captured: select it in vmtraffic.toml with vms, tags or all of [capture]\n";
  const std::string kept = "the capture kept 62.5 % of all flows, as capture.cpu_percent has it: figures are of those alone\n";
  const std::string about = "snapshot 42 of lab-host by vmtraffic-collect 0.1.0, pid 4711, 3 s old, every 10 s\n";
  const std::string text = "VM_LATENCY OK: 4 VMs, 1 not running, 1 not captured (5 min)\n";
  const std::vector<std::string> arguments{"-v", "--top", "0", "--perfdata", "none", "-k", "network-rtt"};
  EXPECT_EQ(run(arguments), outcome(State::kOk, text + details + kept + about));
  for (const double whole : {1.0, 1.5, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    builder.content.performance->kept_share = whole;
    write(builder);
    EXPECT_EQ(run(arguments), outcome(State::kOk, text + details + about)) << whole;
  }
}

TEST_F(CheckVmLatency, NotRunningAndIdle) {
  ContentBuilder builder = measured_vms();
  std::erase_if(builder.content.performance->latencies, [](const VnicLatency& row) { return row.vnic > 0; });
  write(builder);
  EXPECT_EQ(run({"-n", "off"}), outcome(State::kOk, "VM_LATENCY OK: off is shut off\n"));
  EXPECT_EQ(run({"-n", "off", "--not-running", "critical"}), outcome(State::kCritical, "VM_LATENCY CRITICAL: off is shut off\n"));
  EXPECT_EQ(run({"-n", "db1"}), outcome(State::kOk, "VM_LATENCY OK: db1 had nothing to measure in 5 min\n"));
  EXPECT_EQ(
      run({"--perfdata", "none"}),
      outcome(State::kOk,
              "VM_LATENCY OK: 4 VMs, 1 not running, 1 not captured, 1 without a measurement (5 min): web1 network side 120 ms (median "
              "of 1234), guest side 0.3 ms (median of 900)\n"));
}

TEST_F(CheckVmLatency, NeverCaptured) {
  ContentBuilder builder = measured_vms();
  write(builder);
  const std::string never = "new1 was never captured: select it in vmtraffic.toml with vms, tags or all of [capture]";
  EXPECT_EQ(run({"-n", "new1"}), outcome(State::kUnknown, "VM_LATENCY UNKNOWN: " + never + "\n"));
  EXPECT_EQ(run({"-n", "new1", "--no-data", "critical"}), outcome(State::kCritical, "VM_LATENCY CRITICAL: " + never + "\n"));
  EXPECT_EQ(run({"-n", "new1", "--no-data", "ok"}), outcome(State::kOk, "VM_LATENCY OK: " + never + "\n"));
  // Asked for beside another, it is not lost among the measured ones; of all VMs it is one that nobody chose.
  EXPECT_EQ(run({"-n", "new1", "-n", "web1", "--perfdata", "none"}),
            outcome(State::kUnknown, "VM_LATENCY UNKNOWN: 2 VMs, 1 unknown, 1 not captured (5 min): " + never +
                                         " UNKNOWN; web1 network side 120 ms (median of 1234), guest side 0.3 ms (median of 900)\n"));
  EXPECT_EQ(state({}), State::kOk);
  builder.content.performance->latencies.clear();
  for (VnicLoss& loss : builder.content.performance->losses) loss = {};
  write(builder);
  EXPECT_EQ(
      run({"--perfdata", "none"}),
      outcome(State::kUnknown,
              "VM_LATENCY UNKNOWN: 4 VMs, 1 not running, 3 not captured (5 min); no VM was ever captured: select it in vmtraffic.toml "
              "with vms, tags or all of [capture]\n"));
  builder.content.health.push_back({"capture", HealthState::kDown, "no right to open a packet socket", 0, std::nullopt, {}});
  write(builder);
  EXPECT_EQ(
      run({"-n", "web1"}),
      outcome(State::kUnknown,
              "VM_LATENCY UNKNOWN: web1 was never captured: select it in vmtraffic.toml with vms, tags or all of [capture]; capture is "
              "down (no right to open a packet socket)\n"));
}

// Who was captured once and has no figure now may be silent, or the capture is.
TEST_F(CheckVmLatency, NothingOfLateWhileTheCaptureIsDown) {
  ContentBuilder builder = measured_vms();
  builder.content.performance->latencies.clear();
  builder.content.health.push_back({"capture", HealthState::kDegraded, "the ring is gone", 0, std::nullopt, {}});
  write(builder);
  const std::string text = "web1 had nothing to measure in 5 min; capture is degraded (the ring is gone)\n";
  EXPECT_EQ(run({"-n", "web1"}), outcome(State::kUnknown, "VM_LATENCY UNKNOWN: " + text));
  EXPECT_EQ(run({"-n", "web1", "--no-data", "critical"}), outcome(State::kCritical, "VM_LATENCY CRITICAL: " + text));
  builder.content.health.back().state = HealthState::kUp;
  write(builder);
  EXPECT_EQ(run({"-n", "web1"}), outcome(State::kOk, "VM_LATENCY OK: web1 had nothing to measure in 5 min\n"));
}

TEST_F(CheckVmLatency, NothingIsCaptured) {
  ContentBuilder builder = measured_vms();
  builder.content.performance.reset();
  write(builder);
  const std::string why = "no packets are captured: select VMs in vmtraffic.toml with vms, tags or all of [capture]\n";
  EXPECT_EQ(run({}), outcome(State::kUnknown, "VM_LATENCY UNKNOWN: " + why));
  EXPECT_EQ(run({"-n", "web1", "--no-data", "ok"}), outcome(State::kOk, "VM_LATENCY OK: " + why));
  EXPECT_EQ(run({"-n", "web9", "--missing", "critical", "--no-data", "ok"}),
            outcome(State::kCritical, "VM_LATENCY CRITICAL: no VM is called web9 (4 are known: web1, db1, off, new1); " + why));
  EXPECT_EQ(state({"-n", "web9", "--missing", "ok"}), State::kUnknown);
  builder.content.health.push_back({"capture", HealthState::kDown, "a|b", 0, std::nullopt, {}});
  write(builder);
  EXPECT_EQ(run({}), outcome(State::kUnknown, "VM_LATENCY UNKNOWN: no packets are captured: capture is down (a\\x7cb)\n"));
}

TEST_F(CheckVmLatency, Missing) {
  write(measured_vms());
  EXPECT_EQ(run({"-n", "web9", "--missing", "critical"}),
            outcome(State::kCritical, "VM_LATENCY CRITICAL: no VM is called web9 (4 are known: web1, db1, off, new1)\n"));
  EXPECT_EQ(
      run({"-n", "web9", "-n", "web1", "-k", "network-rtt", "--perfdata", "none"}),
      outcome(State::kUnknown,
              "VM_LATENCY UNKNOWN: no VM is called web9 (4 are known: web1, db1, off, new1); web1 network side 120 ms (median of 1234) "
              "over 5 min\n"));
  EXPECT_EQ(run({"--tag", "nova.project=shop", "-k", "guest-rtt", "--perfdata", "none"}),
            outcome(State::kOk, "VM_LATENCY OK: web1 guest side 0.3 ms (median of 900) over 5 min\n"));
  EXPECT_EQ(run({"--tag", "nova.project=none"}), outcome(State::kUnknown, "VM_LATENCY UNKNOWN: no VM has the tag nova.project=none\n"));
}

TEST_F(CheckVmLatency, NeverOkWithoutFreshData) {
  EXPECT_EQ(state({"--no-data", "ok"}), State::kUnknown);  // no file
  write(measured_vms());
  EXPECT_EQ(
      run({"--no-data", "ok"}, kNow + 92 * kSecond),
      outcome(State::kUnknown,
              "VM_LATENCY UNKNOWN: the snapshot DIR/snapshot is 95 s old, at an interval of 10 s: nothing collects now; start collectd "
              "with the vmtraffic plugin, vmtraffic-agentx or vmtraffic-collect\n"));
}

// As a damaged or hostile file may have them.
TEST_F(CheckVmLatency, AbsurdFiguresAreAbsent) {
  ContentBuilder builder = measured_vms();
  for (const float absurd : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -1.0F}) {
    builder.content.performance->latencies[1].five_minutes.median_us = absurd;
    write(builder);
    EXPECT_EQ(run({"-n", "web1", "-w", "10"}),
              outcome(State::kOk, "VM_LATENCY OK: web1 guest side 0.3 ms (median of 900) over 5 min | 'web1_guest_rtt'=0.3ms;10;;0\n"));
  }
}

TEST_F(CheckVmLatency, HostileNames) {
  ContentBuilder builder = measured_vms();
  builder.content.inventory.domains[0].name = "w|e='b;\n";
  write(builder);
  EXPECT_EQ(run({"-u", uuid_of(1).text(), "-k", "guest-rtt", "-v"}),
            outcome(State::kOk,
                    "VM_LATENCY OK: \"w\\x7ce='b;\\x0a\" guest side 0.3 ms (median of 900) over 5 min | "
                    "'w\\x7ce\\x3d\\x27b\\x3b\\x0a_guest_rtt'=0.3ms;;;0\n"
                    "OK: \"w\\x7ce='b;\\x0a\" guest side 0.3 ms (median of 900)\n"
                    "snapshot 42 of lab-host by vmtraffic-collect 0.1.0, pid 4711, 3 s old, every 10 s\n"));
}

TEST_F(CheckVmLatency, WrongOptions) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"--vnic", "x"}, "--vnic is no option of check_vm_latency; --help lists them"},
      {{"-k", "rtt"},
       "--kind: \"rtt\" is not known; right would be guest-rtt, network-rtt, served, asked, dns, guest-echo or network-echo"},
      {{"--kind"}, "--kind wants a KIND"},
      {{"--service", "443"}, "--service: \"443\" is no service; right would be e.g. tcp/443 or udp/53"},
      {{"--service", "tcp/80-90"}, "--service: \"tcp/80-90\" is no service; right would be e.g. tcp/443 or udp/53"},
      {{"--service", "tcp/443", "-k", "dns"}, "--service goes with --kind served alone"},
      {{"--service", "tcp/443", "--peer", "192.0.2.9"}, "--service and --peer do not go together: responses are kept by service alone"},
      {{"--peer", "192.0.2.0/24"}, "--peer: \"192.0.2.0/24\" is no address; right would be e.g. 192.0.2.9 or 2001:db8::1"},
      {{"--peer", "a|b\n"}, "--peer: \"a\\x7cb\\x0a\" is no address; right would be e.g. 192.0.2.9 or 2001:db8::1"},
      {{"--peer", "192.0.2.9", "-k", "guest-rtt", "-k", "served"}, "--peer goes with --kind guest-rtt and network-rtt alone"},
      {{"--statistic", "p90"}, "--statistic: \"p90\" is not known; right would be minimum, mean, median, p95 or p99"},
      {{"--window", "1m"}, "--window: \"1m\" is not known; right would be interval or 5m"},
      {{"--minimum-count", "0"}, "--minimum-count: \"0\" does not do; right would be a whole number from 1 to 1000000000"},
      {{"-w", "5m"}, "--warning: \"5m\" is no range: it is no number; right would be e.g. 10, 10:, ~:10, 10:20 or @10:20"},
      {{"-w", "2s:1s"},
       "--warning: \"2s:1s\" is no range: its start 2000 is above its end 1000; right would be e.g. 10, 10:, ~:10, 10:20 "
       "or @10:20"},
      {{"-c", "80%"}, "--critical: leave out the %: -c 80"},
      {{"-k", "dns", "--guest-warning", "5"}, "--guest-warning and --guest-critical: nothing that was asked for is of that side"},
      {{"--service", "tcp/443", "--network-critical", "5"},
       "--network-warning and --network-critical: nothing that was asked for is of that side"},
      {{"--no-data", "bad"}, "--no-data: \"bad\" is no state; right would be ok, warning, critical or unknown"},
  };
  for (const auto& [arguments, sentence] : cases) {
    EXPECT_EQ(run_check_vm_latency(arguments, clock_at(kNow)), outcome(State::kUnknown, "VM_LATENCY UNKNOWN: " + sentence + "\n"));
  }
}

TEST_F(CheckVmLatency, HelpSaysWhoseSideAKindIs) {
  const Outcome help = run_check_vm_latency({"--help"}, clock_at(kNow));
  EXPECT_EQ(help.state, State::kUnknown);
  for (const char* said : {"Of the guest's side are guest-rtt, served and guest-echo", "RANGE is [@]START:END in milliseconds",
                           "\n\nUsage: check_vm_latency", "\n\nExamples:\n  check_vm_latency "}) {
    EXPECT_NE(help.output.find(said), std::string::npos) << said << "\n" << help.output;
  }
}

TEST_F(CheckVmLatency, EveryOctetFlipped) {
  const std::vector<std::byte> whole = encode(measured_vms().content);
  write(whole);
  const Outcome good = run({});
  ASSERT_EQ(good.state, State::kOk);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::vector<std::byte> bytes = whole;
    bytes[at] ^= std::byte{0xFF};
    write(bytes);
    const Outcome flipped = run({});
    if (flipped == good) continue;  // padding, or parts that this check does not read
    EXPECT_EQ(flipped.state, State::kUnknown) << at;
    EXPECT_TRUE(flipped.output.starts_with("VM_LATENCY UNKNOWN: DIR/snapshot: the ")) << flipped.output;
  }
}

}  // namespace
}  // namespace vmtraffic::nagios
