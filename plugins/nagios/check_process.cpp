#include "plugins/nagios/check_process.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

namespace vmtraffic::nagios {
namespace {

// The signal handler may not format, so its line is made beforehand.
std::array<char, 256> timeout_line{};
std::size_t timeout_line_size = 0;
int timeout_exit_code = 2;

extern "C" void on_timeout(int) {
  [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, timeout_line.data(), timeout_line_size);
  _exit(timeout_exit_code);
}

}  // namespace

void arm_timeout(CheckName name, const CommonOptions& common) {
  const std::string line = fmt::format("{} {}: no answer within {} s, while reading the snapshot\n", name.service,
                                       name_of(common.timeout_state), common.timeout_s);
  timeout_line_size = std::min(line.size(), timeout_line.size());
  std::copy_n(line.begin(), timeout_line_size, timeout_line.begin());
  timeout_exit_code = exit_code(common.timeout_state);
  struct sigaction action {};
  action.sa_handler = on_timeout;
  sigaction(SIGALRM, &action, nullptr);
  // A parent may have left the signal blocked, and a blocked alarm is none.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGALRM);
  sigprocmask(SIG_UNBLOCK, &signals, nullptr);
  alarm(common.timeout_s);
}

int finish(const Outcome& outcome) {
  std::string_view rest = outcome.output;
  while (!rest.empty()) {
    const ssize_t written = write(STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return exit_code(State::kUnknown);  // nobody reads what we found
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return exit_code(outcome.state);
}

Outcome failed(CheckName name, const char* what) {
  return {State::kUnknown, fmt::format("{} UNKNOWN: the check itself failed: {}\n", name.service, line_of(what))};
}

}  // namespace vmtraffic::nagios
