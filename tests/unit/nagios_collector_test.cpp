// check_vm_collector as a function: arguments and a snapshot in, the whole output and the state out.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include "nagios_fixture.hpp"
#include "plugins/nagios/check_vm_collector.hpp"
#include "plugins/nagios/check_vm_traffic.hpp"

namespace vmtraffic::nagios {

namespace {

Outcome outcome(State state, std::string output) { return {state, std::move(output)}; }

ProbeHealth probe(std::string name, HealthState state, std::string message, Nanoseconds since,
                  std::vector<std::pair<std::string, std::uint64_t>> counters = {}) {
  ProbeHealth made;
  made.name = std::move(name);
  made.state = state;
  made.message = std::move(message);
  made.since_boottime = since;
  made.counters = std::move(counters);
  return made;
}

ContentBuilder healthy() {
  ContentBuilder builder;
  builder.content.health = {probe("collector", HealthState::kUp, "", 0, {{"ticks", 7}}),
                            probe("link_counters", HealthState::kUp, "", 0, {{"dumps", 7}, {"notifications_lost", 0}}),
                            probe("libvirt qemu:///system", HealthState::kUp, "", 0)};
  builder.domain("web1");
  builder.domain("db1");
  return builder;
}

constexpr const char* kPublished = "vmtraffic-collect, pid 4711, published snapshot 42 3 s ago, every 10 s";
constexpr const char* kAllUp = "collector, link_counters, libvirt qemu:///system up";
constexpr const char* kNames = "names of 2 VMs of qemu:///system up to 3 s old";
constexpr const char* kPerfdata = "'age'=3s;;;0 'link_counters_notifications_lost'=0c 'names_age_qemu:///system'=3s;;;0";

class CheckVmCollector : public NagiosTest {
 protected:
  Outcome run(const std::vector<std::string>& arguments, Nanoseconds now = kNow) const {
    Outcome outcome = run_check_vm_collector(with_directory(arguments), clock_at(now));
    outcome.output = without_directory(outcome.output);
    return outcome;
  }
};

TEST_F(CheckVmCollector, AllIsWell) {
  write(healthy());
  EXPECT_EQ(run({}), outcome(State::kOk, fmt::format("VM_COLLECTOR OK: {}; {}; {} | {}\n", kPublished, kAllUp, kNames, kPerfdata)));
  EXPECT_EQ(run({"-v"}),
            outcome(State::kOk, fmt::format("VM_COLLECTOR OK: {}; {}; {} | {}\ncollector: up, ticks 7\nlink_counters: up, dumps 7, "
                                            "notifications_lost 0\nlibvirt qemu:///system: up\n",
                                            kPublished, kAllUp, kNames, kPerfdata)));
}

TEST_F(CheckVmCollector, AgeThresholds) {
  write(healthy());
  EXPECT_EQ(run({"-w", "2", "-c", "5"}),
            outcome(State::kWarning, fmt::format("VM_COLLECTOR WARNING: {}; {}; {} | 'age'=3s;2;5;0 'link_counters_notifications_lost'=0c "
                                                 "'names_age_qemu:///system'=3s;;;0\n",
                                                 kPublished, kAllUp, kNames)));
  EXPECT_EQ(run({"-c", "2"}).state, State::kCritical);
}

TEST_F(CheckVmCollector, StaleIsUnknownUnlessToldOtherwise) {
  write(healthy());
  EXPECT_EQ(run({}, kNow + 92 * kSecond),
            outcome(State::kUnknown,
                    "VM_COLLECTOR UNKNOWN: the snapshot DIR/snapshot is 95 s old, at an interval of 10 s: nothing collects now; start "
                    "collectd with the vmtraffic plugin, vmtraffic-agentx or vmtraffic-collect; it was published by vmtraffic-collect, "
                    "pid 4711 | 'age'=95s;;;0\n"));
  EXPECT_EQ(run({"--stale", "critical"}, kNow + 92 * kSecond).state, State::kCritical);
  EXPECT_EQ(run({"-c", "90"}, kNow + 92 * kSecond).state, State::kCritical);
  EXPECT_EQ(run({"-c", "1000"}, kNow + 92 * kSecond).state, State::kUnknown);
}

TEST_F(CheckVmCollector, NoSnapshot) {
  EXPECT_EQ(run({}), outcome(State::kUnknown,
                             "VM_COLLECTOR UNKNOWN: there is no snapshot at DIR/snapshot: start collectd with the vmtraffic plugin, "
                             "vmtraffic-agentx or vmtraffic-collect\n"));
  EXPECT_EQ(run({"--stale", "critical"}).state, State::kCritical);
}

TEST_F(CheckVmCollector, Probes) {
  ContentBuilder builder = healthy();
  builder.content.health[1] = probe("link_counters", HealthState::kDegraded, "half | of it", kNow - 7 * kSecond);
  builder.content.health[2] = probe("libvirt qemu:///system", HealthState::kDown, "it hangs", kNow - 95 * kSecond);
  builder.content.health.push_back(probe("late", HealthState::kStarting, "", kNow - 10 * kSecond));
  write(builder);
  const std::string text = fmt::format(
      "link_counters is degraded for 7 s (half \\x7c of it); libvirt qemu:///system is down for 95 s (it hangs); {}; late is "
      "starting for 10 s; collector up; {} | 'age'=3s;;;0 'names_age_qemu:///system'=3s;;;0\n",
      kPublished, kNames);
  EXPECT_EQ(run({}), outcome(State::kCritical, "VM_COLLECTOR CRITICAL: " + text));
  EXPECT_EQ(run({"--down", "unknown"}), outcome(State::kWarning, "VM_COLLECTOR WARNING: " + text));
  EXPECT_EQ(run({"--down", "ok", "--degraded", "ok"}).state, State::kOk);
  EXPECT_EQ(run({"--down", "ok", "--degraded", "ok", "--starting", "critical"}).state, State::kCritical);

  builder.content.health = {probe("late", HealthState::kStarting, "", kNow - 61 * kSecond)};
  write(builder);
  EXPECT_EQ(run({}).state, State::kWarning);
  builder.content.health.clear();
  write(builder);
  EXPECT_EQ(run({}), outcome(State::kUnknown, fmt::format("VM_COLLECTOR UNKNOWN: no probe says how it is; {}; {} | 'age'=3s;;;0 "
                                                          "'names_age_qemu:///system'=3s;;;0\n",
                                                          kPublished, kNames)));
}

TEST_F(CheckVmCollector, LossesAndUnattributedShare) {
  ContentBuilder builder = healthy();
  builder.content.health = {probe(
      "sflow", HealthState::kUp, "", 0,
      {{"datagrams_dropped", 12}, {"samples_lost", 3}, {"agents_refused", 2}, {"agents_denied", 9}, {"rx_unattributed_ppm", 12'345}})};
  write(builder);
  EXPECT_EQ(
      run({"--drops-warning", "10", "--drops-critical", "100", "--unattributed-critical", "1"}),
      outcome(State::kCritical,
              fmt::format(
                  "VM_COLLECTOR CRITICAL: sflow leaves 1.23 % without a vNIC; 17 lost since the start: sflow datagrams_dropped 12, sflow "
                  "samples_lost 3, sflow agents_refused 2; {}; sflow up; {} | 'age'=3s;;;0 'sflow_datagrams_dropped'=12c "
                  "'sflow_samples_lost'=3c 'sflow_agents_refused'=2c "
                  "'sflow_rx_unattributed'=1.234%;;1;0;100 'names_age_qemu:///system'=3s;;;0\n",
                  kPublished, kNames)));
  EXPECT_EQ(run({"--drops-warning", "10"}).state, State::kWarning);
  EXPECT_EQ(run({}).state, State::kOk);
  write(healthy());
  EXPECT_EQ(run({"--unattributed-warning", "5"}).state, State::kUnknown);  // asked for and not published
}

ContentBuilder with_agents() {
  ContentBuilder builder = healthy();
  builder.content.agents = {
      {.address = "10.0.0.1",
       .sender = "127.0.0.1",
       .host = "",
       .last = kNow - 4 * kSecond,
       .datagrams = 900,
       .lost = 100,
       .samples = 4900,
       .samples_lost = 12,
       .sampling_rate = 100.54},
      {.address = "2001:db8::2", .sub_agent = 7, .sender = "a|b", .host = "to\nr", .last = kNow - 95 * kSecond, .datagrams = 50}};
  return builder;
}

TEST_F(CheckVmCollector, Agents) {
  write(with_agents());
  const auto expected = [](State state, const char* problems, const char* well, const char* thresholds) {
    return outcome(state, fmt::format("VM_COLLECTOR {}: {}{}; {}; {}{} | {} {}\n", name_of(state), problems, kPublished, kAllUp, kNames,
                                      well, kPerfdata, thresholds));
  };
  const char* lost = "sFlow agent 10.0.0.1 lost 10 % of its datagrams; ";
  const char* silent = "sFlow agent 2001:db8::2/7 (\"to\\x0ar\") was heard 95 s ago; ";
  const std::string both = fmt::format("{}{}", lost, silent);
  EXPECT_EQ(run({"--agent-warning", "5", "--agent-critical", "20"}),
            expected(State::kWarning, lost, "; sFlow agent 2001:db8::2/7 (\"to\\x0ar\") was heard 95 s ago",
                     "'agents_lost'=10%;5;20;0;100 'agents_silent'=95s;;;0"));
  EXPECT_EQ(run({"--agent-silent-warning", "30", "--agent-silent-critical", "90"}),
            expected(State::kCritical, silent, "; sFlow agent 10.0.0.1 lost 10 % of its datagrams",
                     "'agents_lost'=10%;;;0;100 'agents_silent'=95s;30;90;0"));
  EXPECT_EQ(run({"--agent-critical", "9", "--agent-silent-warning", "90"}),
            expected(State::kCritical, both.c_str(), "", "'agents_lost'=10%;;9;0;100 'agents_silent'=95s;90;;0"));
  EXPECT_EQ(run({"--agent-critical", "10", "--agent-silent-warning", "95"}).state, State::kOk);
}

TEST_F(CheckVmCollector, AgentsOnlyWhenAskedFor) {
  write(with_agents());
  EXPECT_EQ(run({}), outcome(State::kOk, fmt::format("VM_COLLECTOR OK: {}; {}; {} | {}\n", kPublished, kAllUp, kNames, kPerfdata)));
  EXPECT_EQ(
      run({"-v"}),
      outcome(State::kOk,
              fmt::format("VM_COLLECTOR OK: {}; {}; {} | {}\ncollector: up, ticks 7\nlink_counters: up, dumps 7, notifications_lost 0\n"
                          "libvirt qemu:///system: up\n"
                          "sFlow agent 10.0.0.1: heard 4 s ago from 127.0.0.1, 900 datagrams, 100 lost, 4900 samples, 12 lost, 1 of "
                          "100.5 packets sampled\n"
                          "sFlow agent 2001:db8::2/7 (\"to\\x0ar\"): heard 95 s ago from a\\x7cb, 50 datagrams, 0 lost, 0 samples, 0 "
                          "lost, 1 of ? packets sampled\n",
                          kPublished, kAllUp, kNames, kPerfdata)));
  write(healthy());
  EXPECT_EQ(run({"--agent-silent-warning", "30"}),
            outcome(State::kUnknown, fmt::format("VM_COLLECTOR UNKNOWN: no sFlow agent has sent a datagram; {}; {}; {} | {}\n", kPublished,
                                                 kAllUp, kNames, kPerfdata)));
}

TEST_F(CheckVmCollector, OldNames) {
  ContentBuilder builder = healthy();
  builder.content.numbers.domains[1].confirmed_boottime = kNow - 95 * kSecond;
  builder.content.inventory.domains[1].name = "d b|1";
  write(builder);
  EXPECT_EQ(run({}),
            outcome(State::kWarning,
                    fmt::format("VM_COLLECTOR WARNING: qemu:///system has not confirmed 1 of 2 VMs, \"d b\\x7c1\" for 95 s; {}; {} | "
                                "'age'=3s;;;0 'link_counters_notifications_lost'=0c 'names_age_qemu:///system'=95s;;;0\n",
                                kPublished, kAllUp)));
  EXPECT_EQ(run({"--names-warning", "200", "--names-critical", "300"}).state, State::kOk);
  EXPECT_EQ(run({"--names-critical", "90"}).state, State::kCritical);
}

TEST_F(CheckVmCollector, WrongOptions) {
  EXPECT_EQ(
      run_check_vm_collector({"--drops-warning", "many"}, clock_at(kNow)),
      outcome(State::kUnknown,
              "VM_COLLECTOR UNKNOWN: --drops-warning: \"many\" is no range: it is no number; right would be e.g. 10, 10:, ~:10, 10:20 or "
              "@10:20\n"));
  EXPECT_EQ(run_check_vm_collector({"--name", "x"}, clock_at(kNow)),
            outcome(State::kUnknown, "VM_COLLECTOR UNKNOWN: --name is no option of check_vm_collector; --help lists them\n"));
  EXPECT_EQ(run_check_vm_collector({"--warning"}, clock_at(kNow)),
            outcome(State::kUnknown, "VM_COLLECTOR UNKNOWN: --warning wants a RANGE, e.g. 30\n"));
  EXPECT_EQ(run_check_vm_collector({"--unattributed-warning", "5%"}, clock_at(kNow)),
            outcome(State::kUnknown, "VM_COLLECTOR UNKNOWN: --unattributed-warning: leave out the %: --unattributed-warning 5\n"));
  EXPECT_EQ(
      run_check_vm_collector({"--down", "bad"}, clock_at(kNow)),
      outcome(State::kUnknown, "VM_COLLECTOR UNKNOWN: --down: \"bad\" is no state; right would be ok, warning, critical or unknown\n"));
}

TEST_F(CheckVmCollector, Help) {
  const std::string help = run_check_vm_collector({"--help"}, clock_at(kNow)).output;
  for (const char* said :
       {"(default 3 intervals, at least 30 s)", "\n\nUsage: check_vm_collector", "\n\nExamples:\n  check_vm_collector"}) {
    EXPECT_NE(help.find(said), std::string::npos) << said << "\n" << help;
  }
}

TEST_F(CheckVmCollector, TruncatedAndFlippedIsUnknown) {
  const std::vector<std::byte> whole = encode(healthy().content);
  for (std::size_t length = 0; length < whole.size(); length += 3) {
    write(std::span(whole).first(length));
    EXPECT_EQ(run({}).state, State::kUnknown) << length;
  }
  write(whole);
  const Outcome good = run({});
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::vector<std::byte> bytes = whole;
    bytes[at] ^= std::byte{0x01};
    write(bytes);
    const Outcome outcome = run({});
    if (outcome == good) continue;  // padding, or the events, which this check does not read
    EXPECT_EQ(outcome.state, State::kUnknown) << at;
    EXPECT_TRUE(outcome.output.starts_with("VM_COLLECTOR UNKNOWN: DIR/snapshot: the ")) << outcome.output;
  }
}

// A process that holds the directory's lease, until it is ended.
class Holder {
 public:
  explicit Holder(const std::filesystem::path& directory) {
    const std::filesystem::path lease = directory / kLeaseFileName;
    std::ofstream(lease).put('\n');
    int ready[2];
    if (pipe(ready) != 0) abort();
    pid_ = fork();
    if (pid_ == 0) {
      const int fd = open(lease.c_str(), O_RDWR | O_CLOEXEC);
      const bool held = fd >= 0 && flock(fd, LOCK_EX) == 0;
      [[maybe_unused]] const ssize_t told = write(ready[1], held ? "y" : "n", 1);
      for (;;) pause();
    }
    char answer = 'n';
    EXPECT_EQ(read(ready[0], &answer, 1), 1);
    EXPECT_EQ(answer, 'y');
    close(ready[0]);
    close(ready[1]);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  void stop() const {
    kill(pid_, SIGSTOP);
    waitpid(pid_, nullptr, WUNTRACED);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_{-1};
};

TEST_F(CheckVmCollector, WhoseLeaseIsHeldWhileStale) {
  write(healthy());
  const Holder holder(directory_);
  const std::string who = fmt::format("pid {} (nagios_test)", holder.pid());
  const std::string stale = "the snapshot DIR/snapshot is 95 s old, at an interval of 10 s: ";
  const std::string end = "; it was published by vmtraffic-collect, pid 4711 | 'age'=95s;;;0\n";
  EXPECT_EQ(
      run({}, kNow + 92 * kSecond),
      outcome(State::kUnknown, fmt::format("VM_COLLECTOR UNKNOWN: {}{} holds the lease and does not publish; see its log, or restart it{}",
                                           stale, who, end)));
  holder.stop();
  EXPECT_EQ(run({}, kNow + 92 * kSecond),
            outcome(State::kUnknown,
                    fmt::format("VM_COLLECTOR UNKNOWN: {}{} holds the lease and is stopped; continue or restart it{}", stale, who, end)));
  Outcome traffic = run_check_vm_traffic(with_directory({}), clock_at(kNow + 92 * kSecond));
  EXPECT_EQ(without_directory(traffic.output),
            fmt::format("VM_TRAFFIC UNKNOWN: {}{} holds the lease and is stopped; continue or restart it\n", stale, who));
}

}  // namespace
}  // namespace vmtraffic::nagios
