// The checks as processes: what Nagios and NRPE see of them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "nagios_fixture.hpp"
#include "plugins/nagios/check_process.hpp"

namespace vmtraffic::nagios {
namespace {

struct Ended {
  int status{-1};
  std::string output;
};

Ended run_program(const std::string& program, const std::vector<std::string>& arguments) {
  std::string command = program;
  for (const std::string& argument : arguments) command += " '" + argument + "'";  // ours: no quotes in them
  FILE* pipe = popen(command.c_str(), "r");
  Ended ended;
  std::array<char, 4096> buffer{};
  for (std::size_t got = fread(buffer.data(), 1, buffer.size(), pipe); got > 0; got = fread(buffer.data(), 1, buffer.size(), pipe)) {
    ended.output.append(buffer.data(), got);
  }
  const int status = pclose(pipe);
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

class CheckProcess : public NagiosTest {
 protected:
  // As the real clock sees it.
  void write_now(ContentBuilder builder) {
    const Clock clock = system_clock();
    builder.content.header.boot_id = clock.boot_id;
    builder.content.header.sampled_boottime = clock.boottime();
    for (DomainNumbers& numbers : builder.content.numbers.domains) numbers.confirmed_boottime = clock.boottime();
    write(builder);
  }
};

TEST_F(CheckProcess, EndsWithTheStateAndOneWholeOutput) {
  ContentBuilder builder;
  builder.domain("web1");
  builder.vnic(1, {.rx = {1000, 0, 0, 0}});
  write_now(builder);
  Ended ended = run_program(CHECK_VM_TRAFFIC, with_directory({"-d", "rx"}));
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.output, "VM_TRAFFIC OK: web1 rx 8 kbit/s over 60 s | 'web1_rx_bits'=8000;;;0\n");
  ended = run_program(CHECK_VM_TRAFFIC, with_directory({"-d", "rx", "-w", "7k"}));
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.output, "VM_TRAFFIC WARNING: web1 WARNING rx 8 kbit/s over 60 s | 'web1_rx_bits'=8000;7000;;0\n");
  ended = run_program(CHECK_VM_TRAFFIC, with_directory({"-d", "rx", "-c", "~:7k"}));
  EXPECT_EQ(ended.status, 2);
  EXPECT_EQ(ended.output, "VM_TRAFFIC CRITICAL: web1 CRITICAL rx 8 kbit/s over 60 s | 'web1_rx_bits'=8000;;~:7000;0\n");
  EXPECT_EQ(run_program(CHECK_VM_COLLECTOR, with_directory({})).status, 0);
}

TEST_F(CheckProcess, UnknownIsThree) {
  EXPECT_EQ(run_program(CHECK_VM_TRAFFIC, with_directory({})).status, 3);
  EXPECT_EQ(run_program(CHECK_VM_TRAFFIC, {"--nonsense"}).status, 3);
  EXPECT_EQ(run_program(CHECK_VM_TRAFFIC, {"--help"}).status, 3);
  EXPECT_EQ(run_program(CHECK_VM_TRAFFIC, {"-V"}).output, "check_vm_traffic (vmtraffic) " VMTRAFFIC_VERSION "\n");
  EXPECT_EQ(run_program(CHECK_VM_TALKERS, {"-V"}).output, "check_vm_talkers (vmtraffic) " VMTRAFFIC_VERSION "\n");
  EXPECT_EQ(run_program(CHECK_VM_TALKERS, with_directory({})).status, 3);
  EXPECT_EQ(run_program(CHECK_VM_LATENCY, {"-V"}).output, "check_vm_latency (vmtraffic) " VMTRAFFIC_VERSION "\n");
  EXPECT_EQ(run_program(CHECK_VM_LATENCY, with_directory({})).status, 3);
  EXPECT_EQ(run_program(CHECK_VM_LOSS, {"-V"}).output, "check_vm_loss (vmtraffic) " VMTRAFFIC_VERSION "\n");
  EXPECT_EQ(run_program(CHECK_VM_LOSS, with_directory({})).status, 3);
  EXPECT_EQ(run_program(CHECK_VM_COLLECTOR, {"-V"}).output, "check_vm_collector (vmtraffic) " VMTRAFFIC_VERSION "\n");
  EXPECT_EQ(run_program(CHECK_VM_COLLECTOR, with_directory({})).status, 3);
}

TEST_F(CheckProcess, AFifoInTheSnapshotsPlaceHangsNobody) {
  ASSERT_EQ(mkfifo((directory_ / kSnapshotFileName).c_str(), 0640), 0);
  const Ended ended = run_program(CHECK_VM_TRAFFIC, with_directory({"-t", "5"}));
  EXPECT_EQ(ended.status, 3);
  EXPECT_EQ(without_directory(ended.output).substr(0, 66), "VM_TRAFFIC UNKNOWN: DIR/snapshot is not a regular file: remove it;");
}

// In a child, whose pipe is read: the alarm must end it even when the parent left it blocked.
Ended timed_out(CommonOptions common) {
  int ends[2];
  if (pipe(ends) != 0) abort();
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);
    arm_timeout({"check_vm_traffic", "VM_TRAFFIC"}, common);
    for (;;) pause();
  }
  close(ends[1]);
  Ended ended;
  std::array<char, 4096> buffer{};
  for (ssize_t got = read(ends[0], buffer.data(), buffer.size()); got > 0; got = read(ends[0], buffer.data(), buffer.size())) {
    ended.output.append(buffer.data(), static_cast<std::size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

TEST(Timeout, EndsAsTheUserConfiguredIt) {
  CommonOptions common;
  common.timeout_s = 1;
  Ended ended = timed_out(common);
  EXPECT_EQ(ended.status, 2);
  EXPECT_EQ(ended.output, "VM_TRAFFIC CRITICAL: no answer within 1 s, while reading the snapshot\n");
  common.timeout_state = State::kUnknown;
  ended = timed_out(common);
  EXPECT_EQ(ended.status, 3);
  EXPECT_EQ(ended.output, "VM_TRAFFIC UNKNOWN: no answer within 1 s, while reading the snapshot\n");
}

}  // namespace
}  // namespace vmtraffic::nagios
