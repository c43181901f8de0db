#include "plugins/standalone/log.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace vmtraffic::standalone {
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

}  // namespace

bool writes_to_journal(const char* journal_stream, int fd) {
  struct stat info {};
  if (journal_stream == nullptr || fstat(fd, &info) != 0) return false;
  return fmt::format("{}:{}", info.st_dev, info.st_ino) == journal_stream;
}

std::string log_line(LogLevel level, std::string_view text, bool journal) {
  return journal ? fmt::format("<{}>{}\n", priority_of(level), text) : fmt::format("vmtraffic-collect: {}{}\n", word_of(level), text);
}

Log stderr_log(bool verbose) {
  const bool journal = writes_to_journal(std::getenv("JOURNAL_STREAM"), STDERR_FILENO);
  return [=](LogLevel level, std::string_view text) {
    if (!verbose && level > LogLevel::kNotice) return;
    const std::string line = log_line(level, text, journal);
    // One write a line: lines of several threads do not mix.
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
  };
}

}  // namespace vmtraffic::standalone
