// check_vm_traffic as a function: arguments and a snapshot in, the whole output and the state out.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nagios_fixture.hpp"
#include "plugins/nagios/check_vm_traffic.hpp"

namespace vmtraffic::nagios {

namespace {

class CheckVmTraffic : public NagiosTest {
 protected:
  Outcome run(const std::vector<std::string>& arguments, Nanoseconds now = kNow) const {
    Outcome outcome = run_check_vm_traffic(with_directory(arguments), clock_at(now));
    outcome.output = without_directory(outcome.output);
    return outcome;
  }
};

Outcome outcome(State state, std::string output) { return {state, std::move(output)}; }

// web1: 12.5 MB/s in, 1 MB/s out; db1: two vNICs; off: shut off.
ContentBuilder three_vms() {
  ContentBuilder builder;
  builder.domain("web1").tags = {{"nova.project", "shop"}};
  builder.vnic(1, {.rx = {12.5e6F, 9000, 0.5F, 0}, .tx = {1e6F, 4000, 0, 2}});
  builder.domain("db1");
  builder.vnic(2, {.rx = {1000, 10, 0, 0}, .tx = {2000, 20, 0, 0}});
  builder.vnic(3, {.rx = {500, 5, 0, 0}, .tx = {250, 2, 0, 0}});
  builder.domain("off", DomainState::kShutoff);
  builder.bare_vnic(4);
  return builder;
}

TEST_F(CheckVmTraffic, OneVm) {
  write(three_vms());
  EXPECT_EQ(
      run({"--name", "web1"}),
      outcome(State::kOk,
              "VM_TRAFFIC OK: web1 rx 100 Mbit/s, tx 8 Mbit/s over 60 s | 'web1_rx_bits'=100000000;;;0 'web1_tx_bits'=8000000;;;0\n"));
  EXPECT_EQ(run({"-n", "web1", "-w", "50M", "-c", "200M", "-d", "rx"}),
            outcome(State::kWarning,
                    "VM_TRAFFIC WARNING: web1 WARNING rx 100 Mbit/s over 60 s | 'web1_rx_bits'=100000000;50000000;200000000;0\n"));
  EXPECT_EQ(
      run({"--uuid", uuid_of(1).text(), "-c", "5M", "--metric", "octets", "--direction", "sum"}),
      outcome(State::kCritical, "VM_TRAFFIC CRITICAL: web1 CRITICAL rx+tx 13.5 MB/s over 60 s | 'web1_sum_octets'=13500000;;5000000;0\n"));
}

TEST_F(CheckVmTraffic, SumOverVnicsOrEach) {
  write(three_vms());
  EXPECT_EQ(run({"--name", "db1", "-m", "packets"}),
            outcome(State::kOk,
                    "VM_TRAFFIC OK: db1 rx 15 packets/s, tx 22 packets/s over 60 s | 'db1_rx_packets'=15;;;0 'db1_tx_packets'=22;;;0\n"));
  EXPECT_EQ(run({"--name", "db1", "-m", "packets", "--per", "vnic", "-w", "15", "-d", "tx"}),
            outcome(State::kWarning,
                    "VM_TRAFFIC WARNING: 2 vNICs, 1 warning (1m): db1 52:54:00:00:00:02 tx 20 packets/s WARNING; db1 "
                    "52:54:00:00:00:03 tx 2 packets/s | 'vnics'=2;;;0 'vnics_critical'=0;;;0 'vnics_warning'=1;;;0 'vnics_unknown'=0;;;0 "
                    "'db1/52:54:00:00:00:02_tx_packets'=20;15;;0 'db1/52:54:00:00:00:03_tx_packets'=2;15;;0\n"));
  EXPECT_EQ(run({"--vnic", "52-54-00-00-00-03", "-d", "rx"}),
            outcome(State::kOk, "VM_TRAFFIC OK: db1 rx 4 kbit/s over 60 s | 'db1_rx_bits'=4000;;;0\n"));
}

TEST_F(CheckVmTraffic, AllVmsTheWorstFirst) {
  write(three_vms());
  EXPECT_EQ(run({"-w", "50M"}),
            outcome(State::kWarning,
                    "VM_TRAFFIC WARNING: 3 VMs, 1 warning, 1 not running (1m): web1 rx 100 Mbit/s, tx 8 Mbit/s WARNING; db1 rx 12 kbit/s, "
                    "tx 18 kbit/s | "
                    "'vms'=3;;;0 'vms_critical'=0;;;0 'vms_warning'=1;;;0 'vms_unknown'=0;;;0 'web1_rx_bits'=100000000;50000000;;0 "
                    "'web1_tx_bits'=8000000;50000000;;0 'db1_rx_bits'=12000;50000000;;0 'db1_tx_bits'=18000;50000000;;0\n"));
  EXPECT_EQ(
      run({"--top", "1", "--perfdata", "none"}),
      outcome(State::kOk, "VM_TRAFFIC OK: 3 VMs, 1 not running (1m): web1 rx 100 Mbit/s, tx 8 Mbit/s; 1 more, none above 18 kbit/s\n"));
  EXPECT_EQ(run({"--top", "0", "--perfdata", "none"}), outcome(State::kOk, "VM_TRAFFIC OK: 3 VMs, 1 not running (1m)\n"));
  EXPECT_EQ(run({"--top", "0"}), outcome(State::kOk,
                                         "VM_TRAFFIC OK: 3 VMs, 1 not running (1m) | 'vms'=3;;;0 'vms_critical'=0;;;0 'vms_warning'=0;;;0 "
                                         "'vms_unknown'=0;;;0\n"));
  EXPECT_EQ(run({"-v", "--perfdata", "none", "-d", "rx", "--tag", "nova.project=shop", "-n", "web1"}),
            outcome(State::kOk,
                    "VM_TRAFFIC OK: web1 rx 100 Mbit/s over 60 s\nOK: web1 rx 100 Mbit/s\nsnapshot 42 of lab-host by vmtraffic-collect "
                    "0.1.0, pid 4711, 3 s "
                    "old, every 10 s\n"));
}

TEST_F(CheckVmTraffic, OrderOfStates) {
  ContentBuilder builder;
  for (const float rate : {1e3F, 1e6F, 1e8F}) {
    builder.domain("vm" + std::to_string(builder.content.inventory.domains.size()));
    builder.vnic(static_cast<unsigned>(builder.content.inventory.domains.size()), {.rx = {rate, 0, 0, 0}});
  }
  builder.domain("dark");
  builder.bare_vnic(9);
  write(builder);
  EXPECT_EQ(run({"-d", "rx", "-m", "octets", "-w", "10k", "-c", "10M", "--perfdata", "none"}),
            outcome(State::kCritical,
                    "VM_TRAFFIC CRITICAL: 4 VMs, 1 critical, 1 warning, 1 unknown (1m): vm2 rx 100 MB/s CRITICAL; vm1 rx 1 MB/s "
                    "WARNING; dark is running and nothing counts its octets UNKNOWN; vm0 rx 1 kB/s\n"));
}

TEST_F(CheckVmTraffic, Percent) {
  ContentBuilder builder = three_vms();
  builder.content.inventory.domains[0].vnics[0].bandwidth_rx = Bandwidth{.average = 10'000'000};
  write(builder);
  EXPECT_EQ(run({"-n", "web1", "--percent", "-d", "rx", "-w", "80"}),
            outcome(State::kWarning, "VM_TRAFFIC WARNING: web1 WARNING rx 125 % over 60 s | 'web1_rx_percent'=125%;80;;0\n"));
  EXPECT_EQ(
      run({"-n", "web1", "--percent", "--speed", "1G"}),
      outcome(State::kOk, "VM_TRAFFIC OK: web1 rx 10 %, tx 0.8 % over 60 s | 'web1_rx_percent'=10%;;;0 'web1_tx_percent'=0.8%;;;0\n"));
  EXPECT_EQ(
      run({"-n", "db1", "--percent"}),
      outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: no speed is known for db1: give --speed 1G, or <bandwidth> in the VM's definition\n"));
  EXPECT_EQ(run({"--percent", "--perfdata", "none"}),
            outcome(State::kOk, "VM_TRAFFIC OK: 3 VMs, 1 not running, 1 without a known speed (1m): web1 rx 125 %\n"));
}

TEST_F(CheckVmTraffic, PercentWithoutAnySpeed) {
  ContentBuilder two;
  for (const char* name : {"web1", "db1"}) {
    two.domain(name);
    two.vnic(static_cast<unsigned>(two.content.inventory.domains.size()), {});
  }
  write(two);
  EXPECT_EQ(run({"--percent", "-w", "80", "--perfdata", "none"}),
            outcome(State::kUnknown,
                    "VM_TRAFFIC UNKNOWN: 2 VMs, 2 without a known speed (1m); no speed is known for web1, db1: give --speed 1G, or "
                    "<bandwidth> in the VM's definition\n"));

  // Behind VMs that do not run, and more of them than a person reads.
  ContentBuilder many;
  for (unsigned i = 1; i <= 9; ++i) {
    many.domain("off" + std::to_string(i), DomainState::kShutoff);
    many.bare_vnic(i);
  }
  for (unsigned i = 1; i <= 9; ++i) {
    many.domain("on" + std::to_string(i));
    many.vnic(100 + i, {});
  }
  write(many);
  EXPECT_EQ(run({"--percent", "--perfdata", "none"}),
            outcome(State::kUnknown,
                    "VM_TRAFFIC UNKNOWN: 18 VMs, 9 not running, 9 without a known speed (1m); no speed is known for on1, on2, on3, on4, "
                    "on5, …: give --speed 1G, or <bandwidth> in the VM's definition\n"));
}

TEST_F(CheckVmTraffic, HighestAndShortWindows) {
  ContentBuilder builder = three_vms();
  for (auto& window : builder.content.numbers.rates) window[0].covered_s = 34;
  write(builder);
  EXPECT_EQ(run({"-n", "web1", "--highest", "-d", "rx", "--window", "5m"}),
            outcome(State::kOk, "VM_TRAFFIC OK: web1 rx 200 Mbit/s at most over 34 s | 'web1_rx_bits_highest'=200000000;;;0\n"));
  EXPECT_EQ(run({"-d", "rx", "--perfdata", "none"}),
            outcome(State::kOk, "VM_TRAFFIC OK: 3 VMs, 1 not running (1m): web1 rx 100 Mbit/s over 34 s; db1 rx 12 kbit/s\n"));
  EXPECT_EQ(run({"-d", "rx", "--perfdata", "none", "--highest", "--top", "1"}),
            outcome(State::kOk,
                    "VM_TRAFFIC OK: 3 VMs, 1 not running (highest interval, 1m): web1 rx 200 Mbit/s at most over 34 s; 1 more, none above "
                    "24 kbit/s\n"));
}

TEST_F(CheckVmTraffic, TotalsAreExact) {
  ContentBuilder builder = three_vms();
  builder.content.numbers.totals[0].total[kRxOctets] = 18'446'744'073'709'551'615ULL;
  write(builder);
  EXPECT_EQ(run({"-n", "web1", "--totals", "-d", "rx"}),
            outcome(State::kOk,
                    "VM_TRAFFIC OK: web1 rx 100 Mbit/s over 60 s | 'web1_rx_bits'=100000000;;;0 "
                    "'web1/52:54:00:00:00:01_rx_octets_total'=18446744073709551615c 'web1/52:54:00:00:00:01_rx_packets_total'=1001c "
                    "'web1/52:54:00:00:00:01_tx_octets_total'=2000c 'web1/52:54:00:00:00:01_tx_packets_total'=2001c\n"));
}

TEST_F(CheckVmTraffic, FirstSight) {
  ContentBuilder alone;
  alone.domain("new");
  alone.fresh_vnic(1);
  write(alone);
  EXPECT_EQ(
      run({"--totals"}),
      outcome(State::kUnknown,
              "VM_TRAFFIC UNKNOWN: new has no rate yet, it is counted for the first time | 'new/52:54:00:00:00:01_rx_octets_total'=1000c "
              "'new/52:54:00:00:00:01_rx_packets_total'=1001c 'new/52:54:00:00:00:01_tx_octets_total'=2000c "
              "'new/52:54:00:00:00:01_tx_packets_total'=2001c\n"));
  EXPECT_EQ(run({"--no-rate", "ok"}), outcome(State::kOk, "VM_TRAFFIC OK: new has no rate yet, it is counted for the first time\n"));

  ContentBuilder among = three_vms();
  among.domain("new");
  among.fresh_vnic(9);
  write(among);
  EXPECT_EQ(run({"--top", "1", "-d", "rx", "--perfdata", "none"}),
            outcome(State::kOk,
                    "VM_TRAFFIC OK: 4 VMs, 1 not running, 1 without a rate (1m): web1 rx 100 Mbit/s; 1 more, none above 12 kbit/s\n"));
}

TEST_F(CheckVmTraffic, WhatRunsWithoutRates) {
  ContentBuilder builder;
  builder.domain("none");
  builder.domain("paused", DomainState::kPaused);
  builder.vnic(1, {});
  builder.domain("half");
  builder.vnic(2, {.rx = {1000, 0, 0, 0}});
  builder.bare_vnic(3);
  builder.domain("dark", DomainState::kPaused);
  builder.bare_vnic(4);
  write(builder);
  EXPECT_EQ(run({"-n", "none"}), outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: none has no vNIC\n"));
  EXPECT_EQ(run({"-n", "paused", "-d", "rx", "--perfdata", "none"}),
            outcome(State::kOk, "VM_TRAFFIC OK: paused rx 0 bit/s over 60 s, paused\n"));
  EXPECT_EQ(run({"-n", "half", "-d", "rx", "--perfdata", "none"}),
            outcome(State::kOk, "VM_TRAFFIC OK: half rx 8 kbit/s over 60 s, 1 of 2 vNICs without a rate\n"));
  EXPECT_EQ(run({"-n", "dark", "-m", "drops"}),
            outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: dark is paused and nothing counts its drops\n"));
  EXPECT_EQ(run({"-n", "dark", "--no-rate", "warning"}),
            outcome(State::kWarning, "VM_TRAFFIC WARNING: dark is paused and nothing counts its bits\n"));
}

TEST_F(CheckVmTraffic, NoVnicIsSaid) {
  ContentBuilder builder;
  builder.domain("a");
  builder.domain("b");
  write(builder);
  EXPECT_EQ(run({"--perfdata", "none"}), outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: 2 VMs, 2 with no vNIC (1m)\n"));
  EXPECT_EQ(run({"--perfdata", "none", "--no-rate", "ok"}), outcome(State::kOk, "VM_TRAFFIC OK: 2 VMs, 2 with no vNIC (1m)\n"));
  builder.domain("c");
  builder.fresh_vnic(1);
  write(builder);
  EXPECT_EQ(run({"--perfdata", "none"}), outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: 3 VMs, 1 without a rate, 2 with no vNIC (1m)\n"));
}

TEST_F(CheckVmTraffic, NotRunning) {
  ContentBuilder builder = three_vms();
  write(builder);
  EXPECT_EQ(run({"-n", "off"}), outcome(State::kOk, "VM_TRAFFIC OK: off is shut off\n"));
  EXPECT_EQ(run({"-n", "off", "--not-running", "critical", "--per", "vnic"}),
            outcome(State::kCritical, "VM_TRAFFIC CRITICAL: off is shut off\n"));
  EXPECT_EQ(run({"--vnic", mac_of(4).text()}), outcome(State::kOk, "VM_TRAFFIC OK: off is shut off\n"));
  // libvirt said so long ago: not known now
  builder.content.numbers.domains[2].confirmed_boottime = kNow - 400 * kSecond;
  write(builder);
  EXPECT_EQ(run({"-n", "off"}),
            outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: off is shut off; libvirt has not confirmed names and states for 6 min\n"));
}

TEST_F(CheckVmTraffic, OldNamesAreMarkedAndRatesGoOn) {
  ContentBuilder builder = three_vms();
  builder.content.numbers.domains[0].confirmed_boottime = kNow - 95 * kSecond;
  write(builder);
  EXPECT_EQ(run({"-n", "web1", "-d", "rx", "--perfdata", "none"}),
            outcome(State::kOk, "VM_TRAFFIC OK: web1 rx 100 Mbit/s over 60 s; libvirt has not confirmed names and states for 95 s\n"));
}

TEST_F(CheckVmTraffic, Missing) {
  ContentBuilder builder = three_vms();
  write(builder);
  EXPECT_EQ(run({"-n", "web9"}), outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: no VM is called web9 (3 are known: web1, db1, off)\n"));
  EXPECT_EQ(run({"-n", "web9", "-n", "web1", "-n", "x y", "--missing", "critical", "-d", "rx"}),
            outcome(State::kCritical,
                    "VM_TRAFFIC CRITICAL: no VM is called web9 or \"x y\" (3 are known: web1, db1, off); web1 rx 100 Mbit/s over 60 s | "
                    "'vms'=1;;;0 'vms_critical'=0;;;0 "
                    "'vms_warning'=0;;;0 'vms_unknown'=0;;;0 'web1_rx_bits'=100000000;;;0\n"));
  EXPECT_EQ(run({"--tag", "nova.project=none"}), outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: no VM has the tag nova.project=none\n"));
  EXPECT_EQ(run({"--vnic", mac_of(77).text(), "--missing", "ok"}),
            outcome(State::kOk, "VM_TRAFFIC OK: no VM has the vNIC 52:54:00:00:00:4d\n"));
  EXPECT_EQ(run({"-r", "^x"}), outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: no VM's name matches /^x/\n"));
  EXPECT_EQ(run({"-n", "db1", "--tag", "nova.project=shop"}),
            outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: no VM has all that is asked for\n"));
  EXPECT_EQ(run({"-n", "db1", "--vnic", mac_of(1).text()}),
            outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: no VM that is selected has the vNIC 52:54:00:00:00:01\n"));
  builder.content.health[0].state = HealthState::kDown;
  builder.content.health[0].message = "it does not answer | \n";
  write(builder);
  EXPECT_EQ(run({"-n", "web9"}), outcome(State::kUnknown,
                                         "VM_TRAFFIC UNKNOWN: no VM is called web9 (3 are known: web1, db1, off); libvirt qemu:///system "
                                         "is down (it does not answer \\x7c \\x0a)\n"));
}

TEST_F(CheckVmTraffic, AnEmptyHost) {
  ContentBuilder builder;
  write(builder);
  EXPECT_EQ(run({}), outcome(State::kOk, "VM_TRAFFIC OK: there is no VM on this host\n"));
  builder.content.health[0].state = HealthState::kStarting;
  write(builder);
  EXPECT_EQ(run({}), outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: no VM is known: libvirt qemu:///system is starting\n"));
  builder.content.health.clear();
  write(builder);
  EXPECT_EQ(run({}), outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: no VM is known: no libvirt connection is configured\n"));
}

TEST_F(CheckVmTraffic, EqualNamesAndEqualMacsStayApart) {
  ContentBuilder builder;
  builder.domain("web");
  builder.vnic(1, {.rx = {1000, 0, 0, 0}});
  builder.vnic(1, {.rx = {3000, 0, 0, 0}});
  builder.domain("web").connection = "lxc:///system";
  builder.vnic(2, {.rx = {2000, 0, 0, 0}});
  write(builder);
  EXPECT_EQ(run({"--per", "vnic", "-d", "rx"}),
            outcome(State::kOk,
                    "VM_TRAFFIC OK: 3 vNICs (1m): web (00000000-0000-0000-0000-000000000001) 52:54:00:00:00:01#1 rx 24 kbit/s; web "
                    "(00000000-0000-0000-0000-000000000002) 52:54:00:00:00:02 rx 16 kbit/s; web (00000000-0000-0000-0000-000000000001) "
                    "52:54:00:00:00:01 rx 8 kbit/s | 'vnics'=3;;;0 'vnics_critical'=0;;;0 'vnics_warning'=0;;;0 'vnics_unknown'=0;;;0 "
                    "'web/00000000-0000-0000-0000-000000000001/52:54:00:00:00:01#1_rx_bits'=24000;;;0 "
                    "'web/00000000-0000-0000-0000-000000000002/52:54:00:00:00:02_rx_bits'=16000;;;0 "
                    "'web/00000000-0000-0000-0000-000000000001/52:54:00:00:00:01_rx_bits'=8000;;;0\n"));
}

TEST_F(CheckVmTraffic, HostileNames) {
  ContentBuilder builder;
  const std::vector<std::string> names{"/ ' \" = | ; \\", "a\nb", "\x1B[31m", "\xFF\xFE", std::string(300, 'x'), "a::b", "x OK | 'y'=1"};
  unsigned mac = 0;
  for (const std::string& name : names) {
    builder.domain(name);
    ++mac;
    builder.vnic(mac, {.rx = {static_cast<float>(100 * names.size() - 100 * mac), 0, 0, 0}});
  }
  write(builder);
  const std::string x300(300, 'x');
  EXPECT_EQ(run({"-d", "rx", "--top", "10"}),
            outcome(State::kOk,
                    R"(VM_TRAFFIC OK: 7 VMs (1m): "/ ' \x22 = \x7c ; \\" rx 4.8 kbit/s; "a\x0ab" rx 4 kbit/s; "\x1b[31m" rx 3.2 kbit/s; )"
                    R"("\xff\xfe" rx 2.4 kbit/s; )" +
                        x300 +
                        R"( rx 1.6 kbit/s; "a::b" rx 800 bit/s; "x OK \x7c 'y'=1" rx 0 bit/s | )"
                        R"('vms'=7;;;0 'vms_critical'=0;;;0 'vms_warning'=0;;;0 'vms_unknown'=0;;;0 )"
                        R"('\x2f \x27 \x22 \x3d \x7c \x3b \\_rx_bits'=4800;;;0 'a\x0ab_rx_bits'=4000;;;0 '\x1b[31m_rx_bits'=3200;;;0 )"
                        R"('\xff\xfe_rx_bits'=2400;;;0 ')" +
                        label_part(x300) +
                        R"(_rx_bits'=1600;;;0 'a:\x3Ab_rx_bits'=800;;;0 )"
                        R"('x OK \x7c \x27y\x27\x3d1_rx_bits'=0;;;0)"
                        "\n"));
}

TEST_F(CheckVmTraffic, NrpeLimits) {
  ContentBuilder builder;
  for (unsigned i = 1; i <= 1000; ++i) {
    builder.domain("machine-" + std::to_string(i));
    builder.vnic(i, {.rx = {static_cast<float>(i), 0, 0, 0}});
  }
  write(builder);
  for (const std::size_t limit : {200U, 1023U, 8191U, 65000U}) {
    const Outcome all = run({"--perfdata", "all", "-v", "--max-output", std::to_string(limit)});
    EXPECT_LE(all.output.size(), limit);
    EXPECT_EQ(all.state, State::kOk);
    EXPECT_TRUE(all.output.starts_with("VM_TRAFFIC OK: 1000 VMs (1m): machine-1000 rx 8 kbit/s, tx 0 bit/s; machine-999 ")) << all.output;
  }
}

TEST_F(CheckVmTraffic, NeverOkWithoutFreshData) {
  EXPECT_EQ(run({}).state, State::kUnknown);  // no file
  write(three_vms());
  EXPECT_EQ(run({}).state, State::kOk);
  EXPECT_EQ(run({"-n", "web1"}, kNow + 25 * kSecond).state, State::kOk);
  EXPECT_EQ(run({"-n", "web1"}, kNow + 92 * kSecond),
            outcome(State::kUnknown,
                    "VM_TRAFFIC UNKNOWN: the snapshot DIR/snapshot is 95 s old, at an interval of 10 s: nothing collects now; start "
                    "collectd with the vmtraffic plugin, vmtraffic-agentx or vmtraffic-collect\n"));
  EXPECT_EQ(run({}, kNow - 50 * kSecond),
            outcome(State::kUnknown,
                    "VM_TRAFFIC UNKNOWN: the snapshot DIR/snapshot lies in the future of this machine's clock: nothing collects now; "
                    "start collectd with the vmtraffic plugin, vmtraffic-agentx or vmtraffic-collect\n"));
  ContentBuilder other_boot = three_vms();
  other_boot.content.header.boot_id = "another";
  write(other_boot);
  EXPECT_EQ(run({}), outcome(State::kUnknown,
                             "VM_TRAFFIC UNKNOWN: the snapshot DIR/snapshot is from before this machine's last boot: nothing collects "
                             "now; start collectd with the vmtraffic plugin, vmtraffic-agentx or vmtraffic-collect\n"));
}

TEST_F(CheckVmTraffic, WrongOptions) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"--foo"}, "--foo is no option of check_vm_traffic; --help lists them"},
      {{"foo"}, "foo is no option of check_vm_traffic; --help lists them"},
      {{"-w"}, "--warning wants a RANGE, e.g. 800M"},
      {{"-w", "10:5"},
       "--warning: \"10:5\" is no range: its start 10 is above its end 5; right would be e.g. 10, 10:, ~:10, 10:20 or @10:20"},
      {{"-c", "x"}, "--critical: \"x\" is no range: it is no number; right would be e.g. 10, 10:, ~:10, 10:20 or @10:20"},
      {{"--speed"}, "--speed wants BITS"},
      {{"--name"}, "--name wants a NAME"},
      {{"--top"}, "--top wants a number N"},
      {{"--per"}, "--per wants vm or vnic"},
      {{"--tag"}, "--tag wants KEY=VALUE"},
      {{"-w", "80%"}, "--warning: percent: use --percent --speed 1G -w 80"},
      {{"-c", "10%:90%"}, "--critical: percent: use --percent --speed 1G -c 10:90"},
      {{"-c", "%"}, "--critical: \"%\" is no range: it is no number; right would be e.g. 10, 10:, ~:10, 10:20 or @10:20"},
      {{"--speed", "1G"}, "--speed goes with --percent"},
      {{"--window", "2m"}, "--window: \"2m\" is not known; right would be interval, 1m or 5m"},
      {{"--direction", "in"}, "--direction: \"in\" is not known; right would be rx, tx, both or sum"},
      {{"--metric", "bytes"}, "--metric: \"bytes\" is not known; right would be bits, octets, packets, errors or drops"},
      {{"--per", "host"}, "--per: \"host\" is not known; right would be vm or vnic"},
      {{"--perfdata", "some"}, "--perfdata: \"some\" is not known; right would be all, top or none"},
      {{"--regex", "web["}, "--regex: /web[/ is no regular expression: missing ]: [ at character 4; the syntax is RE2's"},
      {{"--name", "/(/"}, "--name: /(/ is no regular expression: missing ): ( at character 1; the syntax is RE2's"},
      {{"--name", ""}, "--name: a VM's name is not empty; right would be e.g. web1 or /^web/"},
      {{"--uuid", "1234"}, "--uuid: \"1234\" is no UUID; right would be 8-4-4-4-12 hexadecimal digits"},
      {{"--vnic", "52:54"}, "--vnic: \"52:54\" is no MAC address; right would be e.g. 52:54:00:12:34:56"},
      {{"--tag", "x"}, "--tag: x is no tag; right would be KEY=VALUE or KEY=/EXPRESSION/, e.g. nova.project=web"},
      {{"--speed", "fast"}, "--speed: \"fast\" is no speed; right would be bits per second, e.g. 1G or 100M"},
      {{"--percent", "-m", "drops"}, "--percent: drops have no speed to be a percentage of; right would be --metric bits"},
      {{"--percent", "-d", "sum"}, "--percent: a speed is that of one direction; right would be --direction rx, tx or both"},
      {{"--missing", "bad"}, "--missing: \"bad\" is no state; right would be ok, warning, critical or unknown"},
      {{"-t", "0"}, "--timeout: \"0\" is no time-out; right would be whole seconds from 1 to 3600"},
      {{"--top", "-1"}, "--top: \"-1\" does not do; right would be a whole number from 0 to 10000"},
      {{"--max-output", "10"}, "--max-output: \"10\" does not do; right would be a whole number from 200 to 1000000000"},
      {{"--timeout-state", "|\n"}, "--timeout-state: \"\\x7c\\x0a\" is no state; right would be ok, warning, critical or unknown"},
      {{"--runtime-directory", ""}, "--runtime-directory: the directory's name is empty"},
      {{"--b|a\n"}, "\"--b\\x7ca\\x0a\" is no option of check_vm_traffic; --help lists them"},
  };
  for (const auto& [arguments, sentence] : cases) {
    EXPECT_EQ(run_check_vm_traffic(arguments, clock_at(kNow)), outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: " + sentence + "\n"));
  }
}

TEST_F(CheckVmTraffic, HelpAndVersionAreUnknown) {
  EXPECT_EQ(run_check_vm_traffic({"-V"}, clock_at(kNow)), outcome(State::kUnknown, "check_vm_traffic (vmtraffic) " VMTRAFFIC_VERSION "\n"));
  const Outcome help = run_check_vm_traffic({"--help"}, clock_at(kNow));
  EXPECT_EQ(help.state, State::kUnknown);
  EXPECT_TRUE(help.output.starts_with("Checks the traffic of virtual machines")) << help.output;
  EXPECT_NE(help.output.find("\n\nUsage: check_vm_traffic"), std::string::npos) << help.output;
  EXPECT_NE(help.output.find("\n\nExamples:\n  check_vm_traffic "), std::string::npos) << help.output;
}

TEST_F(CheckVmTraffic, RangesMayBeginWithAMinus) {
  write(three_vms());
  EXPECT_EQ(run({"-n", "web1", "-w", "-5:10", "-d", "rx", "--perfdata", "none"}).state, State::kWarning);
  EXPECT_EQ(run({"-n", "web1", "--warning=-5:1G", "-d", "rx", "--perfdata", "none"}).state, State::kOk);
}

// What the file's defects are called is the reader's; that each of them is a line, UNKNOWN and no crash is ours.
void expect_refused(const Outcome& outcome, const std::string& what) {
  EXPECT_EQ(outcome.state, State::kUnknown) << what << ": " << outcome.output;
  EXPECT_TRUE(outcome.output.starts_with("VM_TRAFFIC UNKNOWN: DIR/snapshot: the ")) << what << ": " << outcome.output;
  EXPECT_EQ(outcome.output.find('\n'), outcome.output.size() - 1) << what;
}

TEST_F(CheckVmTraffic, TruncatedAtEveryLength) {
  const std::vector<std::byte> whole = encode(three_vms().content);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write(std::span(whole).first(length));
    expect_refused(run({}), "length " + std::to_string(length));
  }
}

TEST_F(CheckVmTraffic, EveryOctetFlipped) {
  const std::vector<std::byte> whole = encode(three_vms().content);
  write(whole);
  const Outcome good = run({});
  ASSERT_EQ(good.state, State::kOk);
  std::size_t refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::vector<std::byte> bytes = whole;
    bytes[at] ^= std::byte{0xFF};
    write(bytes);
    const Outcome outcome = run({});
    // Padding between parts and parts that this check does not read may hold anything.
    if (outcome == good) continue;
    ++refused;
    expect_refused(outcome, "octet " + std::to_string(at));
  }
  EXPECT_GT(refused, whole.size() / 2);
}

}  // namespace
}  // namespace vmtraffic::nagios
