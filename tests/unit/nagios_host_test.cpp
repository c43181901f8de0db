// --host: another host's snapshot below this one's runtime directory, and never without being asked for.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "core/snapshot/lease.hpp"
#include "nagios_fixture.hpp"
#include "plugins/nagios/check_vm_latency.hpp"
#include "plugins/nagios/check_vm_talkers.hpp"
#include "plugins/nagios/check_vm_traffic.hpp"
#include "snapshot_fixture.hpp"

namespace vmtraffic::nagios {

namespace {

constexpr Nanoseconds kThen = 1003 * kSecond;

Outcome outcome(State state, std::string output) { return {state, std::move(output)}; }

class CheckOtherHost : public NagiosTest {
 protected:
  void SetUp() override {
    NagiosTest::SetUp();
    const EncodedPart hosts = encode_hosts({{"hv-2", "10.0.0.2", 999 * kSecond, 2, 3}});
    EncodedSnapshot index;
    index.header = small_snapshot().header;
    index.hosts = &hosts;
    write_at(hosts_directory(directory_), assemble(index));
    SnapshotContent other = snapshot_with_flows();
    other.header.host = "hv-2";
    other.health.clear();
    write_at(host_directory(directory_, "10.0.0.2"), encode(other));
  }
  void write_at(const std::filesystem::path& directory, const std::vector<std::byte>& bytes) {
    std::filesystem::create_directories(directory);
    ASSERT_EQ(chmod(directory.c_str(), 0750), 0);
    const std::filesystem::path runtime_directory = std::exchange(directory_, directory);
    write(bytes);
    directory_ = runtime_directory;
  }
  Outcome traffic(const std::vector<std::string>& arguments, Nanoseconds now = kThen) const {
    Outcome outcome = run_check_vm_traffic(with_directory(arguments), vmtraffic::clock_at(now));
    outcome.output = without_directory(outcome.output);
    return outcome;
  }
  Outcome talkers(const std::vector<std::string>& arguments) const {
    Outcome outcome = run_check_vm_talkers(with_directory(arguments), vmtraffic::clock_at(kThen));
    outcome.output = without_directory(outcome.output);
    return outcome;
  }
};

TEST_F(CheckOtherHost, ByNameOrAddress) {
  const std::vector<std::string> what{"-n", "web", "-d", "rx", "--perfdata", "none"};
  for (const char* host : {"hv-2", "10.0.0.2"}) {
    std::vector<std::string> arguments = what;
    arguments.insert(arguments.end(), {"--host", host});
    EXPECT_EQ(traffic(arguments), outcome(State::kOk, "VM_TRAFFIC OK: web rx 400 bit/s over 60 s, 1 of 2 vNICs without a rate\n")) << host;
  }
  EXPECT_EQ(
      talkers({"--host", "hv-2", "-n", "web", "-d", "rx", "--perfdata", "none", "--top", "1"}),
      outcome(State::kOk, "VM_TALKERS OK: web talks to 3 peers (80 s): 192.0.2.9 tcp/443 rx 600 kbit/s ±25 % (300 samples); 2 more\n"));
  EXPECT_EQ(traffic({"--host", "hv-2", "-n", "web9"}),
            outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: no VM is called web9 (2 are known: web, off)\n"));
  EXPECT_EQ(talkers({"--host", "hv-2", "-n", "web", "--deny", "vm:nosuch", "--perfdata", "none", "--top", "0"}),
            outcome(State::kUnknown, "VM_TALKERS UNKNOWN: no VM nosuch on hv-2; web talks to 3 peers (80 s)\n"));
}

TEST_F(CheckOtherHost, NotWithoutBeingAskedFor) {
  const std::string nothing =
      " UNKNOWN: there is no snapshot at DIR/snapshot: start collectd with the vmtraffic plugin, vmtraffic-agentx or vmtraffic-collect\n";
  EXPECT_EQ(traffic({"-n", "web"}), outcome(State::kUnknown, "VM_TRAFFIC" + nothing));
  EXPECT_EQ(talkers({"-n", "web"}), outcome(State::kUnknown, "VM_TALKERS" + nothing));
}

TEST_F(CheckOtherHost, Unknown) {
  EXPECT_EQ(traffic({"--host", "hv-9"}), outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: no host hv-9 among the 1 known: hv-2 (10.0.0.2)\n"));
  EXPECT_EQ(traffic({"--host", "../.."}),
            outcome(State::kUnknown, "VM_TRAFFIC UNKNOWN: no host ../.. among the 1 known: hv-2 (10.0.0.2)\n"));
  std::filesystem::remove_all(hosts_directory(directory_));
  EXPECT_EQ(talkers({"--host", "hv-2"}),
            outcome(State::kUnknown, "VM_TALKERS UNKNOWN: no other host is known at DIR: no sFlow agent has described one\n"));
}

// Which no option of the other host's could change.
TEST_F(CheckOtherHost, NothingIsCapturedThere) {
  EXPECT_EQ(
      run_check_vm_latency(with_directory({"--host", "hv-2", "-n", "web"}), vmtraffic::clock_at(kThen)),
      outcome(State::kUnknown,
              "VM_LATENCY UNKNOWN: of hv-2 no packets are captured, a collector captures those of its own host alone: check it there\n"));
}

TEST_F(CheckOtherHost, WithoutVms) {
  SnapshotContent empty;
  empty.header = small_snapshot().header;
  write_at(host_directory(directory_, "10.0.0.2"), encode(empty));
  EXPECT_EQ(traffic({"--host", "hv-2"}), outcome(State::kOk, "VM_TRAFFIC OK: there is no VM on hv-2\n"));
}

TEST_F(CheckOtherHost, StaleWhileTheCollectorIsWell) {
  const Nanoseconds later = 1095 * kSecond;
  const std::string stale = "VM_TRAFFIC UNKNOWN: the snapshot DIR/hosts/10.0.0.2/snapshot is 95 s old, at an interval of 10 s: ";
  EXPECT_EQ(traffic({"--host", "hv-2"}, later),
            outcome(State::kUnknown,
                    stale + "nothing collects now; start collectd with the vmtraffic plugin, vmtraffic-agentx or vmtraffic-collect\n"));
  const auto lease = Lease::acquire(directory_);
  ASSERT_TRUE(lease.ok());
  EXPECT_EQ(
      traffic({"--host", "hv-2"}, later),
      outcome(State::kUnknown, fmt::format("{}pid {} (nagios_test) collects; see whether that host's sFlow agent still sends to this one\n",
                                           stale, getpid())));
}

}  // namespace
}  // namespace vmtraffic::nagios
