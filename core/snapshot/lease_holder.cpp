#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdio>
#include <fstream>

#include "core/snapshot.hpp"
#include "core/text.hpp"

namespace vmtraffic {
namespace {

// The pid that /proc/locks names for a flock on this file. Its line: "1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF".
std::optional<std::int32_t> flock_pid(const struct stat& file) {
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    char kind[16]{};
    int pid = 0;
    unsigned major_number = 0;
    unsigned minor_number = 0;
    unsigned long inode = 0;
    if (std::sscanf(line.c_str(), "%*s %15s %*s %*s %d %x:%x:%lu", kind, &pid, &major_number, &minor_number, &inode) != 5) continue;
    if (std::string_view(kind) != "FLOCK" || inode != file.st_ino) continue;
    if (major_number != major(file.st_dev) || minor_number != minor(file.st_dev)) continue;
    return pid;
  }
  return std::nullopt;
}

}  // namespace

std::optional<LeaseHolder> lease_holder(const std::filesystem::path& directory) {
  struct stat file {};
  if (stat((directory / kLeaseFileName).c_str(), &file) != 0) return std::nullopt;
  const auto pid = flock_pid(file);
  if (!pid) return std::nullopt;
  LeaseHolder holder{*pid, {}, false};
  std::ifstream comm(fmt::format("/proc/{}/comm", *pid));
  std::string name;
  std::getline(comm, name);
  holder.command = printable(name);
  std::ifstream stat_file(fmt::format("/proc/{}/stat", *pid));
  std::string line;
  std::getline(stat_file, line);
  // The state follows the command's closing parenthesis; the command itself may hold parentheses.
  const auto close = line.rfind(')');
  if (close != std::string::npos && close + 2 < line.size()) holder.stopped = line[close + 2] == 'T' || line[close + 2] == 't';
  return holder;
}

}  // namespace vmtraffic
