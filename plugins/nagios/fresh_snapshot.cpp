#include "plugins/nagios/fresh_snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.hpp"
#include "plugins/nagios/quantity.hpp"
#include "plugins/nagios/threshold.hpp"

namespace vmtraffic::nagios {
namespace {

// As the reader says it of a snapshot that is not there: one advice, one wording.
constexpr std::string_view kWhatToStart = "start collectd with the vmtraffic plugin, vmtraffic-agentx or vmtraffic-collect";

std::string holder_name(const LeaseHolder& holder) {
  return holder.command.empty() ? fmt::format("pid {}", holder.pid) : fmt::format("pid {} ({})", holder.pid, holder.command);
}

// Who should be publishing, and what to do so that somebody does.
std::string blame(const std::filesystem::path& directory) {
  const std::optional<LeaseHolder> holder = lease_holder(directory);
  if (!holder) return fmt::format("nothing collects now; {}", kWhatToStart);
  if (holder->stopped) return fmt::format("{} holds the lease and is stopped; continue or restart it", holder_name(*holder));
  return fmt::format("{} holds the lease and does not publish; see its log, or restart it", holder_name(*holder));
}

}  // namespace

Result<Snapshot> readable_snapshot(const std::filesystem::path& directory, unsigned parts) {
  Result<Snapshot> snapshot = read_snapshot(directory, parts);
  if (snapshot) return snapshot;
  Error error = snapshot.error();
  switch (error.code) {
    case ErrorCode::kMissing:  // the text says what to start, unless something is running
      if (lease_holder(directory)) error.text += fmt::format("; {}", blame(directory));
      break;
    case ErrorCode::kTruncated:
    case ErrorCode::kCorrupt:
    case ErrorCode::kForeign:
      // A collector replaces the file at its next interval whatever it holds, so nobody collects, or somebody does not get on.
      error.text += fmt::format("; {}", blame(directory));
      break;
    default:
      break;  // rights, versions: the text says what to mend
  }
  return error;
}

Result<Snapshot> fresh_snapshot(const std::filesystem::path& directory, unsigned parts, const Clock& clock) {
  Result<Snapshot> snapshot = readable_snapshot(directory, parts);
  if (!snapshot || !snapshot->stale(clock)) return snapshot;
  return Error{ErrorCode::kUnavailable, staleness(*snapshot, directory, clock)};
}

std::string staleness(const Snapshot& snapshot, const std::filesystem::path& directory, const Clock& clock) {
  const SnapshotInfo info = snapshot.info();
  const std::string where = printable((directory / kSnapshotFileName).string(), "|");
  const std::optional<Nanoseconds> age = snapshot.age(clock);
  std::string how_old;
  if (age) {
    how_old = fmt::format("is {} old, at an interval of {} s", human_duration(static_cast<double>(*age) / kSecond),
                          plain_number(static_cast<double>(info.interval) / kSecond));
  } else if (info.boot_id != clock.boot_id) {
    how_old = "is from before this machine's last boot";
  } else {
    how_old = "lies in the future of this machine's clock";
  }
  return fmt::format("the snapshot {} {}: {}", where, how_old, blame(directory));
}

}  // namespace vmtraffic::nagios
