// check_vm_talkers as a function: arguments and a snapshot in, the whole output and the state out.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nagios_fixture.hpp"
#include "plugins/nagios/check_vm_talkers.hpp"
#include "snapshot_fixture.hpp"

namespace vmtraffic::nagios {

namespace {

constexpr Nanoseconds kThen = 1003 * kSecond;  // three seconds after the snapshot's samples

Outcome outcome(State state, std::string output) { return {state, std::move(output)}; }

class CheckVmTalkers : public NagiosTest {
 protected:
  Outcome run(const std::vector<std::string>& arguments, Nanoseconds now = kThen) const {
    Outcome outcome = run_check_vm_talkers(with_directory(arguments), vmtraffic::clock_at(now));
    outcome.output = without_directory(outcome.output);
    return outcome;
  }
  using NagiosTest::write;
  void write(const SnapshotContent& content) { write(encode(content)); }
};

constexpr const char* kAddress = "192.0.2.9 tcp/443 rx 600 kbit/s ±25 % (300 samples), tx 7 Mbit/s ±25 % (700 samples)";
constexpr const char* kOffice = "network \"office\\x7c=;'lan\" tcp/443 rx 200 kbit/s ±25 % (100 samples), tx 2 Mbit/s ±25 % (200 samples)";
constexpr const char* kOff = "VM off udp/53 rx 100 kbit/s ±25 % (50 samples), tx 500 kbit/s ±25 % (50 samples)";

std::string perfdata(const char* thresholds, unsigned forbidden) {
  return fmt::format("'web_top_rx_bits'=600000{0} 'web_top_tx_bits'=7000000{0} 'web_peers'=3;;;0 'web_forbidden'={1};;;0", thresholds,
                     forbidden);
}

// The second VM runs, and is called "db".
SnapshotContent two_vms() {
  SnapshotContent content = snapshot_with_flows();
  content.inventory.domains[1].name = "db";
  content.inventory.domains[1].state = DomainState::kRunning;
  return content;
}

TEST_F(CheckVmTalkers, OneVmAndItsPeers) {
  write(snapshot_with_flows());
  EXPECT_EQ(run({"--name", "web"}), outcome(State::kOk, fmt::format("VM_TALKERS OK: web talks to 3 peers (80 s): {}; {}; {} | {}\n",
                                                                    kAddress, kOffice, kOff, perfdata(";;;0", 0))));
  EXPECT_EQ(run({"--name", "web", "--top", "1", "--perfdata", "none"}),
            outcome(State::kOk, fmt::format("VM_TALKERS OK: web talks to 3 peers (80 s): {}; 2 more\n", kAddress)));
  EXPECT_EQ(run({"--name", "web", "--top", "0", "--perfdata", "none"}),
            outcome(State::kOk, "VM_TALKERS OK: web talks to 3 peers (80 s)\n"));
  EXPECT_EQ(run({"--name", "web", "--top", "0"}),
            outcome(State::kOk, fmt::format("VM_TALKERS OK: web talks to 3 peers (80 s) | {}\n", perfdata(";;;0", 0))));
  EXPECT_EQ(run({"--top", "0"}),
            outcome(State::kOk,
                    "VM_TALKERS OK: 2 VMs, 1 not running (80 s) | 'vms'=2;;;0 'vms_critical'=0;;;0 'vms_warning'=0;;;0 "
                    "'vms_unknown'=0;;;0\n"));
  EXPECT_EQ(run({"--name", "web", "--top", "1", "-v", "--perfdata", "none", "-d", "rx"}),
            outcome(State::kOk,
                    "VM_TALKERS OK: web talks to 3 peers (80 s): 192.0.2.9 tcp/443 rx 600 kbit/s ±25 % (300 samples); 2 more\n"
                    "OK: web to 192.0.2.9 tcp/443 rx 600 kbit/s ±25 % (300 samples)\n"
                    "OK: web to network \"office\\x7c=;'lan\" tcp/443 rx 200 kbit/s ±25 % (100 samples)\n"
                    "OK: web to VM off udp/53 rx 100 kbit/s ±25 % (50 samples)\n"
                    "snapshot 42 of hv-1 by vmtraffic-collect 0.1.0, pid 4711, 3 s old, every 10 s\n"));
}

TEST_F(CheckVmTalkers, WhatAPeerIsGivenAndWhoseWordItIs) {
  write(snapshot_with_applications());
  EXPECT_EQ(
      run({"--name", "web", "--top", "1", "--perfdata", "none"}),
      outcome(State::kOk,
              "VM_TALKERS OK: web talks to 3 peers (80 s): 192.0.2.9 tcp/443 TLS.Google rx 600 kbit/s ±25 % (300 samples), tx 7 Mbit/s "
              "±25 % (700 samples), captured; 2 more\n"));
  SnapshotContent scaled = snapshot_with_applications();
  scaled.flows->conversations[0].source = FlowSource::kCaptureScaled;
  write(scaled);
  EXPECT_NE(run({"--name", "web", "--top", "1"}).output.find("(700 samples), captured in part; 2 more"), std::string::npos);
}

TEST_F(CheckVmTalkers, ThresholdsOfTheTopPeer) {
  write(snapshot_with_flows());
  EXPECT_EQ(run({"-n", "web", "-w", "5M", "-c", "10M"}),
            outcome(State::kWarning, fmt::format("VM_TALKERS WARNING: web talks to 3 peers (80 s): {} WARNING; {}; {} | {}\n", kAddress,
                                                 kOffice, kOff, perfdata(";5000000;10000000;0", 0))));
  EXPECT_EQ(run({"-n", "web", "-c", "5M", "-d", "rx"}).state, State::kOk);
  // The range's lower end is for the top peer too, not for those behind it.
  EXPECT_EQ(run({"-n", "web", "-c", "600k:"}).state, State::kOk);
  EXPECT_EQ(run({"-n", "web", "-c", "601k:"}).state, State::kCritical);
  EXPECT_EQ(
      run({"-n", "web", "-c", "1000", "-m", "packets", "-d", "sum", "--top", "1"}),
      outcome(State::kCritical,
              "VM_TALKERS CRITICAL: web talks to 3 peers (80 s): 192.0.2.9 tcp/443 rx+tx 1250 packets/s ±19 % (1000 samples) CRITICAL; 2 "
              "more | 'web_top_sum_packets'=1250;;1000;0 'web_peers'=3;;;0 'web_forbidden'=0;;;0\n"));
  EXPECT_EQ(run({"-n", "web", "-w", "80k", "-m", "octets", "-d", "tx", "--top", "1"}),
            outcome(State::kWarning,
                    "VM_TALKERS WARNING: web talks to 3 peers (80 s): 192.0.2.9 tcp/443 tx 875 kB/s ±25 % (700 samples) WARNING; 2 more | "
                    "'web_top_tx_octets'=875000;80000;;0 'web_peers'=3;;;0 'web_forbidden'=0;;;0\n"));
}

TEST_F(CheckVmTalkers, Share) {
  write(snapshot_with_flows());
  EXPECT_EQ(run({"-n", "web", "--share", "-w", "65", "--top", "1"}),
            outcome(State::kWarning,
                    "VM_TALKERS WARNING: web talks to 3 peers (80 s): 192.0.2.9 tcp/443 rx 60 % ±25 % (300 samples), tx 70 % ±25 % (700 "
                    "samples) WARNING; 2 more | 'web_top_rx_percent'=60%;65;;0;100 'web_top_tx_percent'=70%;65;;0;100 'web_peers'=3;;;0 "
                    "'web_forbidden'=0;;;0\n"));
}

TEST_F(CheckVmTalkers, ARowThatBeganLaterIsAMeanOverTheWholeWindowToo) {
  SnapshotContent content = snapshot_with_flows();
  content.flows->conversations[2].since = 990 * kSecond;
  content.flows->conversations[1].since = 1000 * kSecond - 1;
  write(content);
  EXPECT_EQ(run({"-n", "web", "-d", "rx", "--perfdata", "none"}),
            outcome(State::kOk,
                    "VM_TALKERS OK: web talks to 3 peers (80 s): 192.0.2.9 tcp/443 rx 600 kbit/s ±25 % (300 samples); network "
                    "\"office\\x7c=;'lan\" tcp/443 rx 200 kbit/s ±25 % (100 samples); VM off udp/53 rx 100 kbit/s ±25 % (50 samples)\n"));
}

TEST_F(CheckVmTalkers, PeersOfSeveralVnicsAddUp) {
  SnapshotContent content = snapshot_with_flows();
  ConversationSums more = content.flows->conversations[0];
  more.vnic = 1;
  more.port = 80;
  content.flows->vnics[1] = content.flows->vnics[0];
  content.flows->conversations.insert(content.flows->conversations.begin() + 3, more);
  write(content);
  EXPECT_EQ(run({"-n", "web", "--top", "1", "--perfdata", "none"}),
            outcome(State::kOk,
                    "VM_TALKERS OK: web talks to 3 peers (80 s): 192.0.2.9 rx 1.2 Mbit/s ±17.7 % (600 samples), tx 14 Mbit/s ±17.7 % (1400 "
                    "samples); 2 more\n"));
}

TEST_F(CheckVmTalkers, FewSamplesRaiseNoState) {
  SnapshotContent content = two_vms();
  content.flows->vnics[2].rx = content.flows->conversations[3].rx = flow_sums(18, 100, 64);  // 9 of them recent
  write(content);
  const std::string text = "db talks to 1 peer (80 s): 2001:db8::5 rx 5.76 kbit/s ±25 % (9 samples{}), no tx";
  EXPECT_EQ(run({"-n", "db", "-c", "1k", "--perfdata", "none"}),
            outcome(State::kOk, "VM_TALKERS OK: " + fmt::format(fmt::runtime(text), ", few") + "\n"));
  EXPECT_EQ(run({"-n", "db", "-c", "1k", "--min-samples", "9", "--perfdata", "none"}),
            outcome(State::kCritical, "VM_TALKERS CRITICAL: " + fmt::format(fmt::runtime(text), "") + " CRITICAL\n"));
  EXPECT_EQ(run({"-n", "db", "--deny", "2001:db8::/32", "--perfdata", "none"}),
            outcome(State::kCritical,
                    "VM_TALKERS CRITICAL: " + fmt::format(fmt::runtime(text), ", few") + " CRITICAL (denied by 2001:db8::/32)\n"));
}

TEST_F(CheckVmTalkers, DeniedPeers) {
  write(snapshot_with_flows());
  EXPECT_EQ(run({"-n", "web", "--deny", "vm:off"}),
            outcome(State::kCritical,
                    fmt::format("VM_TALKERS CRITICAL: web talks to 3 peers (80 s): {} CRITICAL (denied by vm:off); {}; {} | {}\n", kOff,
                                kAddress, kOffice, perfdata(";;;0", 1))));
  EXPECT_EQ(run({"-n", "web", "--deny", "office|=;'lan", "--forbidden", "warning", "--perfdata", "none"}),
            outcome(State::kWarning,
                    fmt::format("VM_TALKERS WARNING: web talks to 3 peers (80 s): {} WARNING (denied by \"office\\x7c=;'lan\"); {}; {}\n",
                                kOffice, kAddress, kOff)));
  EXPECT_EQ(run({"-n", "web", "--deny", "192.0.2.0/24", "--allow", "office|=;'lan", "--allow", "vm:off", "--perfdata", "none"}),
            outcome(State::kCritical,
                    fmt::format("VM_TALKERS CRITICAL: web talks to 3 peers (80 s): {} CRITICAL (denied by 192.0.2.0/24); {}; {}\n",
                                kAddress, kOffice, kOff)));
}

TEST_F(CheckVmTalkers, ANamedNetworkMayHoldWhatIsDenied) {
  SnapshotContent content = snapshot_with_flows();
  content.inventory.domains[1].vnics[0].addresses = {"10.9.9.9"};
  write(content);
  const auto run_denied = [&](const char* peer) { return run({"-n", "web", "--deny", peer, "--perfdata", "none"}); };
  const auto unknown = [&](const char* held) {
    return outcome(State::kUnknown, fmt::format("VM_TALKERS UNKNOWN: web talks to 3 peers (80 s): {} UNKNOWN (it may hold {}: name that in "
                                                "[sflow.networks] or [capture.networks] and deny the name); {}; {}\n",
                                                kOffice, held, kAddress, kOff));
  };
  const Outcome fine = run({"-n", "web", "--perfdata", "none"});
  EXPECT_EQ(run_denied("10.66.0.0/16"), unknown("10.66.0.0/16"));  // an older collector tells no addresses
  content.flows->network_prefixes = {{.address = {10, 1}, .name = 1, .version = 4, .length = 16}};
  write(content);
  EXPECT_EQ(run_denied("10.66.0.0/16"), fine);
  EXPECT_EQ(run_denied("2001:db8::1"), fine);
  EXPECT_EQ(run_denied("10.1.2.3"), unknown("10.1.2.3/32"));
  EXPECT_EQ(run_denied("10.0.0.0/15"),
            outcome(State::kCritical,
                    fmt::format("VM_TALKERS CRITICAL: web talks to 3 peers (80 s): {} CRITICAL (denied by 10.0.0.0/15); {}; {}\n", kOffice,
                                kAddress, kOff)));
}

TEST_F(CheckVmTalkers, AVmWithADeniedAddress) {
  SnapshotContent content = snapshot_with_flows();
  content.flows->network_prefixes = {{.address = {10, 1}, .name = 0, .version = 4, .length = 16},
                                     {.address = {172, 16}, .name = 1, .version = 4, .length = 12}};
  const auto run_with = [&](const char* option, const char* peer) {
    write(content);
    return run({"-n", "web", option, peer, "--perfdata", "none", "--top", "1"});
  };
  const auto found = [&](State state, const char* why) {
    return outcome(state, fmt::format("VM_TALKERS {0}: web talks to 3 peers (80 s): {1} {0} ({2}); 2 more\n", name_of(state), kOff, why));
  };
  for (const auto& [peer, shown] : {std::pair("10.1.0.2", "10.1.0.2/32"), std::pair("backup", "backup")}) {
    content.inventory.domains[1].vnics[0].addresses = {};
    EXPECT_EQ(run_with("--deny", peer), found(State::kUnknown, fmt::format("its addresses are not known, so nobody can say whether {} has "
                                                                           "one of them; deny vm:off instead",
                                                                           shown)
                                                                   .c_str()));
    content.inventory.domains[1].vnics[0].addresses = {"fe80::2", "10.1.0.2"};
    EXPECT_EQ(run_with("--deny", peer), found(State::kCritical, fmt::format("denied by {}", shown).c_str()));
    content.inventory.domains[1].vnics[0].addresses = {"10.2.0.2"};
    EXPECT_EQ(run_with("--deny", peer).state, State::kOk);
  }
  const std::vector<std::string> allow_the_rest{"-n", "web", "--allow", "192.0.2.9", "--allow", "office|=;'lan", "--allow", "backup"};
  EXPECT_EQ(run(allow_the_rest).state, State::kCritical);
  content.inventory.domains[1].vnics[0].addresses = {"10.1.0.2"};
  write(content);
  EXPECT_EQ(run(allow_the_rest).state, State::kOk);
  content.inventory.domains[1].vnics[0].addresses = {};
  write(content);
  EXPECT_EQ(run(allow_the_rest).state, State::kUnknown);
}

// Which would be fine for ever.
TEST_F(CheckVmTalkers, ARuleOfANameThatNobodyHas) {
  write(snapshot_with_flows());
  const auto run_with = [&](const char* option, const char* peer) {
    return run({"-n", "web", option, peer, "--perfdata", "none", "--top", "0"});
  };
  const auto found = [](State state, const char* why) {
    return outcome(state, fmt::format("VM_TALKERS {}: {}; web talks to 3 peers (80 s)\n", name_of(state), why));
  };
  const char* banana = "no network banana in [sflow.networks] or [capture.networks]; known: backup, \"office\\x7c=;'lan\"";
  EXPECT_EQ(run_with("--deny", "banana"), found(State::kUnknown, banana));
  EXPECT_EQ(run_with("--allow", "banana"), found(State::kCritical, banana));
  EXPECT_EQ(run_with("--deny", "vm:nosuch"), found(State::kUnknown, "no VM nosuch on this host"));
  EXPECT_EQ(run_with("--deny", "vm:/^nosuch$/"), outcome(State::kOk, "VM_TALKERS OK: web talks to 3 peers (80 s)\n"));
}

TEST_F(CheckVmTalkers, AllowedPeers) {
  write(snapshot_with_flows());
  EXPECT_EQ(run({"-n", "web", "--allow", "192.0.2.9", "--allow", "office|=;'lan", "--allow", "vm:/^of/"}).state, State::kOk);
  EXPECT_EQ(run({"-n", "web", "--allow", "192.0.2.9", "--allow", "vm:off", "--perfdata", "none"}),
            outcome(State::kCritical,
                    fmt::format("VM_TALKERS CRITICAL: web talks to 3 peers (80 s): {} CRITICAL (not among what is allowed); {}; {}\n",
                                kOffice, kAddress, kOff)));
}

TEST_F(CheckVmTalkers, Ports) {
  SnapshotContent content = snapshot_with_flows();
  write(content);
  EXPECT_EQ(run({"-n", "web", "--allow-port", "tcp/1-1023", "--allow-port", "udp/53"}).state, State::kOk);
  EXPECT_EQ(
      run({"-n", "web", "--deny-port", "udp/53", "--perfdata", "none"}),
      outcome(State::kCritical, fmt::format("VM_TALKERS CRITICAL: web talks to 3 peers (80 s): {} CRITICAL (denied by udp/53); {}; {}\n",
                                            kOff, kAddress, kOffice)));
  // A service that no published conversation is mostly of.
  content.flows->services[1].port = 25;
  content.flows->services[1].protocol = 6;
  write(content);
  const std::string service = "service tcp/25 rx 100 kbit/s ±25 % (50 samples), tx 500 kbit/s ±25 % (50 samples) CRITICAL ({})";
  EXPECT_EQ(run({"-n", "web", "--deny-port", "tcp/25"}),
            outcome(State::kCritical,
                    fmt::format("VM_TALKERS CRITICAL: web talks to 3 peers (80 s): {}; {}; {}; {} | {}\n",
                                fmt::format(fmt::runtime(service), "denied by tcp/25"), kAddress, kOffice, kOff, perfdata(";;;0", 1))));
  EXPECT_EQ(run({"-n", "web", "--allow-port", "tcp/443", "--allow-port", "udp/53", "--perfdata", "none", "--top", "1"}),
            outcome(State::kCritical, fmt::format("VM_TALKERS CRITICAL: web talks to 3 peers (80 s): {}; 3 more\n",
                                                  fmt::format(fmt::runtime(service), "tcp/25 is not allowed"))));
}

TEST_F(CheckVmTalkers, WhatEndedIsNotJudged) {
  SnapshotContent content = snapshot_with_flows();
  for (FlowSums* sums : {&content.flows->conversations[2].rx, &content.flows->conversations[2].tx}) {
    sums->samples = 0;
    sums->packets = sums->octets = 0;
    sums->octets_error = sums->packets_error = std::numeric_limits<float>::infinity();
  }
  content.flows->peers[0] = 2;
  write(content);
  EXPECT_EQ(run({"-n", "web", "--deny", "vm:off", "--perfdata", "none"}),
            outcome(State::kOk, fmt::format("VM_TALKERS OK: web talks to 2 peers (80 s): {}; {}\n", kAddress, kOffice)));
}

// A scan is seen by its peers' number although few of them are published.
TEST_F(CheckVmTalkers, PeersThatAreNotPublishedCountToo) {
  SnapshotContent content = two_vms();
  content.flows->peers = {4000, 100, 2};
  write(content);
  std::string numbers = perfdata(";;;0", 0);
  numbers.replace(numbers.find("'web_peers'=3"), 13, "'web_peers'=4100");
  EXPECT_EQ(run({"-n", "web", "--top", "1"}),
            outcome(State::kOk, fmt::format("VM_TALKERS OK: web talks to 4100 peers (80 s): {}; 4099 more | {}\n", kAddress, numbers)));
  EXPECT_EQ(run({"--top", "1", "--perfdata", "none"}),
            outcome(State::kOk, fmt::format("VM_TALKERS OK: 2 VMs (80 s): web to {}; 4101 more\n", kAddress)));
  content.flows->peers.clear();  // an older collector: those that it publishes
  write(content);
  EXPECT_EQ(run({"-n", "web", "--top", "1", "--perfdata", "none"}),
            outcome(State::kOk, fmt::format("VM_TALKERS OK: web talks to 3 peers (80 s): {}; 2 more\n", kAddress)));
}

TEST_F(CheckVmTalkers, AllVmsTheWorstFirst) {
  write(two_vms());
  EXPECT_EQ(
      run({}),
      outcome(State::kOk,
              fmt::format("VM_TALKERS OK: 2 VMs (80 s): web to {}; db to 2001:db8::5 rx 3.2 kbit/s ±25 % (5 samples, few), no tx; 2 more | "
                          "'vms'=2;;;0 'vms_critical'=0;;;0 'vms_warning'=0;;;0 'vms_unknown'=0;;;0 {} 'db_top_rx_bits'=3200;;;0 "
                          "'db_top_tx_bits'=0;;;0 'db_peers'=1;;;0 'db_forbidden'=0;;;0\n",
                          kAddress, perfdata(";;;0", 0))));
  std::string talk_to_db = kOff;
  talk_to_db.replace(talk_to_db.find("off"), 3, "db");
  EXPECT_EQ(
      run({"--deny", "vm:db", "--deny", "2001:db8::5", "--forbidden", "warning", "-c", "5M", "--perfdata", "none", "--allow", "0.0.0.0/0",
           "--allow", "office|=;'lan"}),
      outcome(State::kCritical,
              fmt::format("VM_TALKERS CRITICAL: 2 VMs, 1 critical, 1 warning (80 s): web to {} CRITICAL; web to {} WARNING (denied by "
                          "vm:db); db to 2001:db8::5 rx 3.2 kbit/s ±25 % (5 samples, few), no tx WARNING (denied by "
                          "2001:db8::5/128); 1 more\n",
                          kAddress, talk_to_db)));
}

TEST_F(CheckVmTalkers, NotRunningAndNeverSampled) {
  SnapshotContent content = snapshot_with_flows();
  write(content);
  EXPECT_EQ(run({"-n", "off"}), outcome(State::kOk, "VM_TALKERS OK: off is shut off\n"));
  EXPECT_EQ(run({"--not-running", "warning", "--perfdata", "none", "--top", "1"}),
            outcome(State::kWarning, "VM_TALKERS WARNING: 2 VMs, 1 warning, 1 not running (80 s): off is shut off WARNING; 3 more\n"));
  content = two_vms();
  content.flows->vnics[2] = {};
  content.flows->conversations.pop_back();
  content.flows->peers[2] = 0;
  write(content);
  const std::string never = "db was never sampled: see whether an sFlow agent or [capture] covers its vNICs\n";
  EXPECT_EQ(run({"-n", "db"}), outcome(State::kUnknown, "VM_TALKERS UNKNOWN: " + never));
  EXPECT_EQ(run({"-n", "db", "--no-samples", "ok"}), outcome(State::kOk, "VM_TALKERS OK: " + never));
  EXPECT_EQ(run({"--top", "1", "--perfdata", "none"}),
            outcome(State::kOk, fmt::format("VM_TALKERS OK: 2 VMs, 1 never sampled (80 s): web to {}; 2 more\n", kAddress)));
}

TEST_F(CheckVmTalkers, NothingOfLate) {
  SnapshotContent content = two_vms();
  for (FlowSums* sums : {&content.flows->vnics[2].rx, &content.flows->vnics[2].tx}) sums->samples = 0;
  content.flows->conversations.pop_back();
  content.flows->peers[2] = 0;
  write(content);
  EXPECT_EQ(run({"-n", "db"}),
            outcome(State::kOk,
                    "VM_TALKERS OK: db talked to nobody in 80 s, as far as samples tell | 'db_top_rx_bits'=0;;;0 'db_top_tx_bits'=0;;;0 "
                    "'db_peers'=0;;;0 'db_forbidden'=0;;;0\n"));
  // Of all VMs: then it is the agents that are silent.
  for (FlowSums* sums : {&content.flows->vnics[0].rx, &content.flows->vnics[0].tx}) sums->samples = 0;
  write(content);
  EXPECT_EQ(run({"-n", "db", "--perfdata", "none"}), outcome(State::kUnknown,
                                                             "VM_TALKERS UNKNOWN: no packet of any VM was sampled in 80 s: see whether the "
                                                             "sFlow agents, or the capture, still work; db talked to nobody "
                                                             "in 80 s, as far as samples tell\n"));
}

TEST_F(CheckVmTalkers, NoFlowsAtAll) {
  const std::string off =
      "no packets are sampled: enable [sflow] in vmtraffic.toml and point the switch's sFlow at this host, or let "
      "[capture] select VMs\n";
  const std::string none =
      "no sFlow agent has sent a sample: point the switch's sFlow at this host, and let sflow.listen, sflow.allow and sflow.agents in "
      "vmtraffic.toml take it\n";
  SnapshotContent content = snapshot_with_flows();
  content.flows->samples = 0;
  for (const auto& [snapshot, why] : {std::pair(small_snapshot(), off), std::pair(content, none)}) {
    write(snapshot);
    EXPECT_EQ(run({"-n", "web"}), outcome(State::kUnknown, "VM_TALKERS UNKNOWN: " + why));
    EXPECT_EQ(run({"--no-samples", "warning"}), outcome(State::kWarning, "VM_TALKERS WARNING: " + why));
    EXPECT_EQ(run({"-n", "web", "--no-samples", "ok"}), outcome(State::kOk, "VM_TALKERS OK: " + why));
    const std::string missing = "no VM is called web9 (2 are known: web, off); libvirt qemu:///system is down (libvirtd does not answer); ";
    EXPECT_EQ(run({"-n", "web9", "--no-samples", "ok", "--missing", "critical"}),
              outcome(State::kCritical, "VM_TALKERS CRITICAL: " + missing + why));
  }
}

// Then no switch is to blame.
TEST_F(CheckVmTalkers, NothingIsCapturedYet) {
  SnapshotContent content = snapshot_with_flows();
  content.flows->samples = 0;
  content.performance.emplace().losses.resize(3);
  write(content);
  EXPECT_EQ(run({"-n", "web"}),
            outcome(State::kUnknown, "VM_TALKERS UNKNOWN: no VM is known: libvirt qemu:///system is down (libvirtd does not answer)\n"));
  for (ProbeHealth& probe : content.health) probe.state = HealthState::kUp, probe.message.clear();
  write(content);
  EXPECT_EQ(
      run({"-n", "web"}),
      outcome(State::kUnknown, "VM_TALKERS UNKNOWN: nothing was captured yet at the links that [capture] in vmtraffic.toml selects\n"));
}

TEST_F(CheckVmTalkers, NothingIsSampledWhileTheProbeIsDown) {
  SnapshotContent content = snapshot_with_flows();
  content.flows->samples = 0;
  content.health.push_back(
      {"sflow", HealthState::kDown, "cannot listen on 0.0.0.0:6343: Address already in use", 900 * kSecond, std::nullopt, {}});
  write(content);
  EXPECT_EQ(run({"-n", "web"}),
            outcome(State::kUnknown,
                    "VM_TALKERS UNKNOWN: nothing was sampled: sflow is down (cannot listen on 0.0.0.0:6343: Address already in use)\n"));
  content.health.back().state = HealthState::kUp;
  content.health.back().message.clear();
  write(content);
  EXPECT_TRUE(run({"-n", "web"}).output.starts_with("VM_TALKERS UNKNOWN: no sFlow agent has sent a sample: point the switch's"));
}

TEST_F(CheckVmTalkers, NeverOkWithoutFreshData) {
  EXPECT_EQ(run({}).state, State::kUnknown);  // no file
  write(snapshot_with_flows());
  EXPECT_EQ(
      run({}, 1095 * kSecond),
      outcome(State::kUnknown,
              "VM_TALKERS UNKNOWN: the snapshot DIR/snapshot is 95 s old, at an interval of 10 s: nothing collects now; start collectd "
              "with the vmtraffic plugin, vmtraffic-agentx or vmtraffic-collect\n"));
}

TEST_F(CheckVmTalkers, Missing) {
  SnapshotContent content = snapshot_with_flows();
  content.health.pop_back();  // libvirt's, which is down
  content.health.push_back({"libvirt qemu:///system", HealthState::kUp, "", 1 * kSecond, 1000 * kSecond, {}});
  write(content);
  EXPECT_EQ(run({"-n", "web9", "--missing", "critical"}),
            outcome(State::kCritical, "VM_TALKERS CRITICAL: no VM is called web9 (2 are known: web, off)\n"));
  EXPECT_EQ(run({"--tag", "nova.project=shop", "--perfdata", "none", "--top", "1"}),
            outcome(State::kOk, fmt::format("VM_TALKERS OK: web talks to 3 peers (80 s): {}; 2 more\n", kAddress)));
  EXPECT_EQ(run({"--tag", "nova.project=none"}), outcome(State::kUnknown, "VM_TALKERS UNKNOWN: no VM has the tag nova.project=none\n"));
}

TEST_F(CheckVmTalkers, HostileNamesInPerfdata) {
  SnapshotContent content = snapshot_with_flows();
  content.inventory.domains[0].name = "w|e='b;\n";
  write(content);
  EXPECT_EQ(
      run({"-u", uuid_number(0x11).text(), "-d", "rx", "--top", "1"}),
      outcome(State::kOk,
              "VM_TALKERS OK: \"w\\x7ce='b;\\x0a\" talks to 3 peers (80 s): 192.0.2.9 tcp/443 rx 600 kbit/s ±25 % (300 samples); 2 more | "
              "'w\\x7ce\\x3d\\x27b\\x3b\\x0a_top_rx_bits'=600000;;;0 'w\\x7ce\\x3d\\x27b\\x3b\\x0a_peers'=3;;;0 "
              "'w\\x7ce\\x3d\\x27b\\x3b\\x0a_forbidden'=0;;;0\n"));
}

TEST_F(CheckVmTalkers, WrongOptions) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"--vnic", "x"}, "--vnic is no option of check_vm_talkers; --help lists them"},
      {{"-m", "drops"}, "--metric: \"drops\" is not known; right would be bits, octets or packets"},
      {{"-w", "80%"}, "--warning: percent: use --share -w 80"},
      {{"--deny", "10.0.0.1/8"},
       "--deny: \"10.0.0.1/8\" is no network, or has bits set behind its prefix; right would be e.g. 10.0.0.0/8, 2001:db8::/32, the name "
       "of a "
       "network of [sflow.networks] or [capture.networks], or vm:NAME"},
      {{"--deny", "tcp/25"},
       "--deny: tcp/25 is a port, which --allow-port and --deny-port are for; right would be e.g. 10.0.0.0/8, 2001:db8::/32, the name of a "
       "network of [sflow.networks] or [capture.networks], or vm:NAME"},
      {{"--allow", "vm:"}, "--allow: a VM's name is not empty; right would be e.g. vm:web1 or vm:/^web/"},
      {{"--allow"}, "--allow wants a PEER"},
      {{"--deny-port", "25"}, "--deny-port: \"25\" is no port; right would be e.g. tcp/443, udp/53 or tcp/8000-8099"},
      {{"--allow-port"}, "--allow-port wants a PORT"},
      {{"--min-samples", "few"}, "--min-samples: \"few\" does not do; right would be a whole number from 0 to 1000000"},
      {{"--host", ""}, "--host: a host's name is not empty; right would be a name or an agent's address that this collector knows"},
      {{"--forbidden", "bad"}, "--forbidden: \"bad\" is no state; right would be ok, warning, critical or unknown"},
  };
  for (const auto& [arguments, sentence] : cases) {
    EXPECT_EQ(run_check_vm_talkers(arguments, vmtraffic::clock_at(kThen)),
              outcome(State::kUnknown, "VM_TALKERS UNKNOWN: " + sentence + "\n"));
  }
}

TEST_F(CheckVmTalkers, HelpSaysWhatIsSeen) {
  const Outcome help = run_check_vm_talkers({"--help"}, vmtraffic::clock_at(kThen));
  EXPECT_EQ(help.state, State::kUnknown);
  for (const char* said : {"Only what the collector publishes is seen", "which are always published", "\n\nUsage: check_vm_talkers",
                           "\n\nExamples:\n  check_vm_talkers "}) {
    EXPECT_NE(help.output.find(said), std::string::npos) << said << "\n" << help.output;
  }
}

TEST_F(CheckVmTalkers, EveryOctetFlipped) {
  const std::vector<std::byte> whole = encode(snapshot_with_flows());
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
    EXPECT_TRUE(flipped.output.starts_with("VM_TALKERS UNKNOWN: DIR/snapshot: the ")) << flipped.output;
  }
}

}  // namespace
}  // namespace vmtraffic::nagios
