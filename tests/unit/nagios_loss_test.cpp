// check_vm_loss as a function: arguments and a snapshot in, the whole output and the state out.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "nagios_performance_fixture.hpp"
#include "plugins/nagios/check_vm_loss.hpp"

namespace vmtraffic::nagios {

namespace {

class CheckVmLoss : public NagiosTest {
 protected:
  Outcome run(const std::vector<std::string>& arguments, Nanoseconds now = kNow) const {
    Outcome outcome = run_check_vm_loss(with_directory(arguments), clock_at(now));
    outcome.output = without_directory(outcome.output);
    return outcome;
  }
  State state(const std::vector<std::string>& arguments) const { return run(arguments).state; }
};

// web1 sent 1,000 segments (10 of them were lost before the tap) and was sent 1,000 (40 before it).
ContentBuilder lossy_vms() {
  ContentBuilder builder = captured_vms();
  VnicLoss& web = builder.content.performance->losses[0];
  web.tx_recent = {.segments = 990,
                   .lost_before = 10,
                   .lost_after = 20,
                   .spurious = 5,
                   .reordered = 30,
                   .unseen = 10,
                   .zero_windows = 4,
                   .resets = 8,
                   .connections = 40,
                   .refused = 6,
                   .unanswered = 4,
                   .dns_queries = 200,
                   .dns_unanswered = 3};
  web.rx_recent = {.segments = 960,
                   .lost_before = 40,
                   .lost_after = 2,
                   .spurious = 25,
                   .reordered = 1,
                   .unseen = 40,
                   .zero_windows = 1,
                   .resets = 2,
                   .connections = 75,
                   .refused = 15,
                   .unanswered = 10,
                   .dns_queries = 50,
                   .dns_unanswered = 1};
  web.rx = web.tx = {.segments = 1'000'000, .lost_before = 500'000, .lost_after = 500'000};  // long ago: judged by nobody
  VnicLoss& db = builder.content.performance->losses[1];
  db.tx_recent = {.segments = 500, .lost_before = 0, .lost_after = 1};
  db.rx_recent = {.segments = 300};
  VnicLoss& db_second = builder.content.performance->losses[2];
  db_second.tx_recent = {.segments = 100, .lost_before = 50};
  db_second.rx_recent = {.segments = 50};
  return builder;
}

TEST_F(CheckVmLoss, OneVmTheWorseSideFirst) {
  write(lossy_vms());
  EXPECT_EQ(run({"--name", "web1"}),
            outcome(State::kOk,
                    "VM_LOSS OK: web1 network side lost 3 % (60 of 2000 segments), guest side lost 0.6 % (12 of 2000 segments) over 80 s | "
                    "'web1_guest_lost'=0.6%;;;0;100 'web1_network_lost'=3%;;;0;100\n"));
  EXPECT_EQ(
      run({"-n", "web1", "-w", "1", "-c", "5"}),
      outcome(State::kWarning,
              "VM_LOSS WARNING: web1 network side lost 3 % WARNING (60 of 2000 segments), guest side lost 0.6 % (12 of 2000 segments) "
              "over 80 s | 'web1_guest_lost'=0.6%;1;5;0;100 'web1_network_lost'=3%;1;5;0;100\n"));
  EXPECT_EQ(
      run({"-n", "web1", "--guest-critical", "0.5", "--network-warning", "2", "--perfdata", "none"}),
      outcome(State::kCritical,
              "VM_LOSS CRITICAL: web1 guest side lost 0.6 % CRITICAL (12 of 2000 segments), network side lost 3 % WARNING (60 of 2000 "
              "segments) over 80 s\n"));
}

TEST_F(CheckVmLoss, ThresholdsAtTheirEdges) {
  write(lossy_vms());
  const std::vector<std::pair<std::vector<std::string>, State>> cases{
      {{"-w", "3"}, State::kOk},
      {{"-w", "2.99"}, State::kWarning},
      {{"-c", "2.99"}, State::kCritical},
      {{"-w", "@3:4"}, State::kWarning},
      {{"-w", "@3.01:4"}, State::kOk},
      {{"--network-warning", "3"}, State::kOk},
      {{"--network-critical", "2.9"}, State::kCritical},
      {{"--guest-warning", "0.61"}, State::kOk},
      {{"--guest-warning", "0.59"}, State::kWarning},
      {{"-c", "1", "--network-critical", "5"}, State::kOk},
      {{"-w", "1", "--network-critical", "5"}, State::kWarning},
  };
  for (const auto& [options, expected] : cases) {
    std::vector<std::string> arguments{"-n", "web1"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    EXPECT_EQ(state(arguments), expected) << fmt::format("{}", fmt::join(options, " "));
  }
}

TEST_F(CheckVmLoss, EveryMetric) {
  write(lossy_vms());
  const std::vector<std::pair<std::string, std::string>> cases{
      {"spurious",
       "network side spurious 2.5 % (25 of 1000 segments), guest side spurious 0.5 % (5 of 1000 segments) over 80 s | "
       "'web1_guest_spurious'=0.5%;;;0;100 'web1_network_spurious'=2.5%;;;0;100"},
      {"reordered",
       "guest side reordered 3 % (30 of 1000 segments), network side reordered 0.1 % (1 of 1000 segments) over 80 s | "
       "'web1_guest_reordered'=3%;;;0;100 'web1_network_reordered'=0.1%;;;0;100"},
      {"unseen", "capture unseen 2.5 % (50 of 2000 segments) over 80 s | 'web1_capture_unseen'=2.5%;;;0;100"},
      {"unanswered",
       "guest side unanswered 10 % (10 of 100 connections), network side unanswered 8 % (4 of 50 connections) over 80 s | "
       "'web1_guest_unanswered'=10%;;;0;100 'web1_network_unanswered'=8%;;;0;100"},
      {"refused",
       "guest side refused 15 % (15 of 100 connections), network side refused 12 % (6 of 50 connections) over 80 s | "
       "'web1_guest_refused'=15%;;;0;100 'web1_network_refused'=12%;;;0;100"},
      {"dns-unanswered",
       "guest side DNS unanswered 2 % (1 of 50 queries), network side DNS unanswered 1.5 % (3 of 200 queries) over 80 s | "
       "'web1_guest_dns_unanswered'=2%;;;0;100 'web1_network_dns_unanswered'=1.5%;;;0;100"},
      {"resets",
       "guest side resets 6 a minute (8 times), network side resets 1.5 a minute (2 times) over 80 s | 'web1_guest_resets'=6;;;0 "
       "'web1_network_resets'=1.5;;;0"},
      {"zero-windows",
       "guest side zero windows 3 a minute (4 times), network side zero windows 0.75 a minute (1 time) over 80 s | "
       "'web1_guest_zero_windows'=3;;;0 'web1_network_zero_windows'=0.75;;;0"},
  };
  for (const auto& [metric, said] : cases)
    EXPECT_EQ(run({"-n", "web1", "--metric", metric}), outcome(State::kOk, fmt::format("VM_LOSS OK: web1 {}\n", said)));
}

TEST_F(CheckVmLoss, FewAreNotJudged) {
  write(lossy_vms());
  EXPECT_EQ(state({"-n", "web1", "-c", "1", "--minimum-segments", "2000"}), State::kCritical);
  EXPECT_EQ(
      run({"-n", "web1", "-c", "1", "--minimum-segments", "2001", "--perfdata", "none"}),
      outcome(State::kOk,
              "VM_LOSS OK: web1 network side lost 3 % (60 of 2000 segments, few), guest side lost 0.6 % (12 of 2000 segments, few) over "
              "80 s\n"));
  EXPECT_EQ(state({"-n", "web1", "-m", "refused", "-c", "1", "--minimum-attempts", "100"}), State::kCritical);
  EXPECT_EQ(
      run({"-n", "web1", "-m", "refused", "--network-critical", "1", "--minimum-attempts", "51", "--perfdata", "none"}),
      outcome(State::kOk,
              "VM_LOSS OK: web1 guest side refused 15 % (15 of 100 connections), network side refused 12 % (6 of 50 connections, few) "
              "over 80 s\n"));
  EXPECT_EQ(state({"-n", "web1", "-m", "resets", "-c", "5", "--minimum-segments", "9999", "--minimum-attempts", "9999"}), State::kCritical);
}

TEST_F(CheckVmLoss, AVmsVnicsAddUp) {
  write(lossy_vms());
  EXPECT_EQ(run({"-n", "db1"}),
            outcome(State::kOk,
                    "VM_LOSS OK: db1 guest side lost 5 % (50 of 1000 segments), network side lost 0.1 % (1 of 1000 segments) over 80 s | "
                    "'db1_guest_lost'=5%;;;0;100 'db1_network_lost'=0.1%;;;0;100\n"));
}

TEST_F(CheckVmLoss, AllVmsTheWorstFirst) {
  write(lossy_vms());
  EXPECT_EQ(
      run({"-w", "2", "-c", "4"}),
      outcome(State::kCritical,
              "VM_LOSS CRITICAL: 4 VMs, 1 critical, 1 warning, 1 not running, 1 not captured (80 s): db1 guest side lost 5 % CRITICAL "
              "(50 of 1000 segments), network side lost 0.1 % (1 of 1000 segments); web1 network side lost 3 % WARNING (60 of 2000 "
              "segments), guest side lost 0.6 % (12 of 2000 segments) | 'vms'=4;;;0 'vms_critical'=1;;;0 'vms_warning'=1;;;0 "
              "'vms_unknown'=0;;;0 'db1_guest_lost'=5%;2;4;0;100 'db1_network_lost'=0.1%;2;4;0;100 'web1_guest_lost'=0.6%;2;4;0;100 "
              "'web1_network_lost'=3%;2;4;0;100\n"));
  EXPECT_EQ(run({"-m", "unanswered", "--perfdata", "none", "--top", "0"}),
            outcome(State::kOk, "VM_LOSS OK: 4 VMs, 1 not running, 1 not captured, 1 without a measurement (80 s)\n"));
}

TEST_F(CheckVmLoss, Details) {
  ContentBuilder builder = lossy_vms();
  builder.content.performance->kept_share = 0.25;
  write(builder);
  EXPECT_EQ(run({"-n", "web1", "-n", "db1", "-m", "resets", "-c", "5", "-v", "--perfdata", "none", "--top", "0"}),
            outcome(State::kCritical,
                    "VM_LOSS CRITICAL: 2 VMs, 1 critical (80 s)\n"
                    "CRITICAL: web1 guest side resets 6 a minute CRITICAL (8 times), network side resets 1.5 a minute (2 times)\n"
                    "OK: db1 guest side resets 0 a minute (0 times), network side resets 0 a minute (0 times)\n"
                    "the capture kept 25 % of all flows, as capture.cpu_percent has it: figures are of those alone\n"
                    "snapshot 42 of lab-host by vmtraffic-collect 0.1.0, pid 4711, 3 s old, every 10 s\n"));
}

TEST_F(CheckVmLoss, WithoutData) {
  ContentBuilder builder = lossy_vms();
  write(builder);
  const std::string never = "new1 was never captured: select it in vmtraffic.toml with vms, tags or all of [capture]\n";
  EXPECT_EQ(run({"-n", "new1"}), outcome(State::kUnknown, "VM_LOSS UNKNOWN: " + never));
  EXPECT_EQ(run({"-n", "new1", "--no-data", "warning"}), outcome(State::kWarning, "VM_LOSS WARNING: " + never));
  // Resets are a number and no share, and yet nobody counted any.
  EXPECT_EQ(run({"-n", "new1", "-m", "resets"}), outcome(State::kUnknown, "VM_LOSS UNKNOWN: " + never));
  EXPECT_EQ(run({"-n", "off"}), outcome(State::kOk, "VM_LOSS OK: off is shut off\n"));
  EXPECT_EQ(run({"-n", "db1", "-m", "refused"}), outcome(State::kOk, "VM_LOSS OK: db1 had nothing to measure in 80 s\n"));
  builder.content.performance.reset();
  write(builder);
  const std::string why = "no packets are captured: select VMs in vmtraffic.toml with vms, tags or all of [capture]\n";
  EXPECT_EQ(run({}), outcome(State::kUnknown, "VM_LOSS UNKNOWN: " + why));
  EXPECT_EQ(run({"--no-data", "ok"}), outcome(State::kOk, "VM_LOSS OK: " + why));
  EXPECT_EQ(run({"--no-data", "ok"}, kNow + 92 * kSecond).state, State::kUnknown);  // stale
}

// Nobody reset anything, or nobody looked.
TEST_F(CheckVmLoss, NoResetsWhileTheCaptureIsDown) {
  ContentBuilder builder = lossy_vms();
  builder.content.health.push_back({"capture", HealthState::kDown, "", 0, std::nullopt, {}});
  write(builder);
  const std::string text = "db1 guest side resets 0 a minute (0 times), network side resets 0 a minute (0 times) over 80 s";
  EXPECT_EQ(run({"-n", "db1", "-m", "resets", "--perfdata", "none"}),
            outcome(State::kUnknown, "VM_LOSS UNKNOWN: " + text + "; capture is down\n"));
  builder.content.health.pop_back();
  write(builder);
  EXPECT_EQ(run({"-n", "db1", "-m", "resets", "--perfdata", "none"}), outcome(State::kOk, "VM_LOSS OK: " + text + "\n"));
}

// Losses that were found now of segments that were sent before; and a window that began a moment ago, or that no number is.
TEST_F(CheckVmLoss, SharesAndRatesKeepToTheirBounds) {
  ContentBuilder builder = lossy_vms();
  VnicLoss& web = builder.content.performance->losses[0];
  web.tx_recent = {.segments = 10, .lost_after = 25, .resets = 3};
  web.rx_recent = {.lost_after = 5};
  write(builder);
  EXPECT_EQ(run({"-n", "web1", "--minimum-segments", "1", "--perfdata", "none"}),
            outcome(State::kOk,
                    "VM_LOSS OK: web1 network side lost 100 % (25 of 10 segments), guest side lost 50 % (5 of 10 segments) over 80 s\n"));
  for (const double absurd : {0.0, -80.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    builder.content.performance->covered_s = absurd;
    write(builder);
    EXPECT_EQ(run({"-n", "web1", "-m", "resets", "--perfdata", "none"}),
              outcome(State::kOk,
                      "VM_LOSS OK: web1 guest side resets 180 a minute (3 times), network side resets 0 a minute (0 times) over 1 s\n"))
        << absurd;
  }
}

TEST_F(CheckVmLoss, HostileNames) {
  ContentBuilder builder = lossy_vms();
  builder.content.inventory.domains[0].name = "w|e='b;\n";
  write(builder);
  EXPECT_EQ(run({"-u", uuid_of(1).text(), "-m", "unseen"}),
            outcome(State::kOk,
                    "VM_LOSS OK: \"w\\x7ce='b;\\x0a\" capture unseen 2.5 % (50 of 2000 segments) over 80 s | "
                    "'w\\x7ce\\x3d\\x27b\\x3b\\x0a_capture_unseen'=2.5%;;;0;100\n"));
}

TEST_F(CheckVmLoss, WrongOptions) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"--kind", "x"}, "--kind is no option of check_vm_loss; --help lists them"},
      {{"-m", "drops"},
       "--metric: \"drops\" is not known; right would be lost, spurious, reordered, unseen, unanswered, refused, dns-unanswered, resets or "
       "zero-windows"},
      {{"-w", "5%"}, "--warning: leave out the %: -w 5"},
      {{"--network-critical", "5ms"},
       "--network-critical: \"5ms\" is no range: it is no number; right would be e.g. 10, 10:, ~:10, 10:20 or @10:20"},
      {{"-w", "5k"}, "--warning: \"5k\" is no range: it is no number; right would be e.g. 10, 10:, ~:10, 10:20 or @10:20"},
      {{"-m", "unseen", "--guest-warning", "5"}, "--guest-warning and --guest-critical: nothing that was asked for is of that side"},
      {{"-m", "unseen", "--network-critical", "5"}, "--network-warning and --network-critical: nothing that was asked for is of that side"},
      {{"--minimum-segments", "none"}, "--minimum-segments: \"none\" does not do; right would be a whole number from 1 to 1000000000"},
      {{"--minimum-attempts", "0"}, "--minimum-attempts: \"0\" does not do; right would be a whole number from 1 to 1000000000"},
      {{"--no-data"}, "--no-data wants a STATE"},
  };
  for (const auto& [arguments, sentence] : cases)
    EXPECT_EQ(run_check_vm_loss(arguments, clock_at(kNow)), outcome(State::kUnknown, "VM_LOSS UNKNOWN: " + sentence + "\n"));
}

TEST_F(CheckVmLoss, EveryOctetFlipped) {
  const std::vector<std::byte> whole = encode(lossy_vms().content);
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
    EXPECT_TRUE(flipped.output.starts_with("VM_LOSS UNKNOWN: DIR/snapshot: the ")) << flipped.output;
  }
}

}  // namespace
}  // namespace vmtraffic::nagios
