#include "core/daemon.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

namespace vmtraffic {
namespace {

// syslog's priorities, as sd-daemon(3) has them.
int priority_of(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return 3;
    case LogLevel::kWarning:
      return 4;
    case LogLevel::kNotice:
      return 5;
    case LogLevel::kInfo:
      return 6;
    case LogLevel::kDebug:
      break;
  }
  return 7;
}

std::string_view word_of(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return "error: ";
    case LogLevel::kWarning:
      return "warning: ";
    default:
      return "";
  }
}

// A pipe that is ready takes PIPE_BUF octets at once, and a line is shorter.
bool takes_a_line(int fd) {
  pollfd ready{fd, POLLOUT, 0};
  return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0;
}

}  // namespace

void begin_daemon() noexcept {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest free descriptor is this one: those below are open by now.
    if (fcntl(fd, F_GETFD) < 0) [[maybe_unused]]
      const int null = open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY);
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

bool writes_to_journal(const char* journal_stream, int fd) {
  struct stat info {};
  if (journal_stream == nullptr || fstat(fd, &info) != 0) return false;
  return fmt::format("{}:{}", info.st_dev, info.st_ino) == journal_stream;
}

std::string log_line(std::string_view program, LogLevel level, std::string_view text, bool journal) {
  return journal ? fmt::format("<{}>{}\n", priority_of(level), text) : fmt::format("{}: {}{}\n", program, word_of(level), text);
}

Log stderr_log(std::string program, bool verbose) {
  const bool journal = writes_to_journal(std::getenv("JOURNAL_STREAM"), STDERR_FILENO);
  const auto lost = std::make_shared<std::atomic<std::uint64_t>>(0);
  return [program = std::move(program), verbose, journal, lost](LogLevel level, std::string_view text) {
    if (!verbose && level > LogLevel::kNotice) return;
    if (!takes_a_line(STDERR_FILENO)) {
      ++*lost;
      return;
    }
    std::string line;
    if (const std::uint64_t before = lost->exchange(0); before > 0) {
      line = log_line(program, LogLevel::kWarning, fmt::format("{} lines were lost: standard error took none", before), journal);
    }
    line += log_line(program, level, text, journal);
    // One write: lines of several threads do not mix.
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
  };
}

}  // namespace vmtraffic
