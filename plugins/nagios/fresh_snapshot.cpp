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
std::string blame(const SnapshotPlace& place) {
  const std::optional<LeaseHolder> holder = lease_holder(place.runtime_directory);
  if (!holder) return fmt::format("nothing collects now; {}", kWhatToStart);
  if (holder->stopped) return fmt::format("{} holds the lease and is stopped; continue or restart it", holder_name(*holder));
  // Another host's is published when its agent has sent something.
  if (place.elsewhere())
    return fmt::format("{} collects; see whether that host's sFlow agent still sends to this one", holder_name(*holder));
  return fmt::format("{} holds the lease and does not publish; see its log, or restart it", holder_name(*holder));
}

struct Probes {
  bool any{false};
  std::string trouble;  // "libvirt qemu:///system is down (libvirtd does not answer)", of each that is not up
};

template <class Wanted>
Probes probes(const Snapshot& snapshot, const Wanted& wanted) {
  Probes found;
  for (std::size_t index = 0; index < snapshot.health_count(); ++index) {
    const ProbeHealthRow probe = snapshot.health(index);
    if (!wanted(probe.name)) continue;
    found.any = true;
    if (probe.state == HealthState::kUp) continue;
    found.trouble += fmt::format("{}{} is {}", found.trouble.empty() ? "" : ", ", line_of(probe.name), name_of(probe.state));
    if (!probe.message.empty()) found.trouble += fmt::format(" ({})", line_of(probe.message));
  }
  return found;
}

}  // namespace

SnapshotPlace local_place(const CommonOptions& common) {
  return {.directory = common.runtime_directory, .runtime_directory = common.runtime_directory, .host = {}};
}

Result<SnapshotPlace> place_of(const CommonOptions& common) {
  SnapshotPlace place = local_place(common);
  if (common.host.empty()) return place;
  Result<std::filesystem::path> directory = find_host(common.runtime_directory, common.host);
  if (!directory) return directory.error();
  place.directory = std::move(*directory);
  place.host = common.host;
  return place;
}

Result<Snapshot> readable_snapshot(const SnapshotPlace& place, unsigned parts) {
  Result<Snapshot> snapshot = read_snapshot(place.directory, parts);
  if (snapshot) return snapshot;
  Error error = snapshot.error();
  switch (error.code) {
    case ErrorCode::kMissing:  // the text says what to start, unless something is running
      if (lease_holder(place.runtime_directory)) error.text += fmt::format("; {}", blame(place));
      break;
    case ErrorCode::kTruncated:
    case ErrorCode::kCorrupt:
    case ErrorCode::kForeign:
      // A collector replaces the file at its next interval whatever it holds, so nobody collects, or somebody does not get on.
      error.text += fmt::format("; {}", blame(place));
      break;
    default:
      break;  // rights, versions: the text says what to mend
  }
  return error;
}

Result<Snapshot> fresh_snapshot(const SnapshotPlace& place, unsigned parts, const Clock& clock) {
  Result<Snapshot> snapshot = readable_snapshot(place, parts);
  if (!snapshot || !snapshot->stale(clock)) return snapshot;
  return Error{ErrorCode::kUnavailable, staleness(*snapshot, place, clock)};
}

std::string staleness(const Snapshot& snapshot, const SnapshotPlace& place, const Clock& clock) {
  const SnapshotInfo info = snapshot.info();
  const std::string where = printable((place.directory / kSnapshotFileName).string(), "|");
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
  return fmt::format("the snapshot {} {}: {}", where, how_old, blame(place));
}

std::string old_names(const SnapshotPlace& place, Nanoseconds age) {
  return fmt::format("; {} has not confirmed names and states for {}", place.elsewhere() ? "its sFlow agent" : "libvirt",
                     human_duration(static_cast<double>(age) / kSecond));
}

std::string libvirt_trouble(const SnapshotPlace& place) {
  const Result<Snapshot> snapshot = readable_snapshot(place, kPartHealth);
  if (!snapshot) return snapshot.error().text;
  const auto [any, trouble] = probes(*snapshot, [](std::string_view name) { return name.starts_with("libvirt"); });
  // Of another host its agent tells, and no libvirt of ours.
  return any || place.elsewhere() ? trouble : "no libvirt connection is configured";
}

std::string probe_trouble(const SnapshotPlace& place, std::string_view probe) {
  const Result<Snapshot> snapshot = readable_snapshot(place, kPartHealth);
  if (!snapshot) return snapshot.error().text;
  return probes(*snapshot, [&](std::string_view name) { return name == probe; }).trouble;
}

CheckResult no_vms(const SnapshotPlace& place) {
  const std::string trouble = libvirt_trouble(place);
  if (!trouble.empty()) return {.state = State::kUnknown, .text = fmt::format("no VM is known: {}", trouble)};
  return {.state = State::kOk,
          .text = place.elsewhere() ? fmt::format("there is no VM on {}", text_name(place.host)) : "there is no VM on this host"};
}

std::string about(const Snapshot& snapshot, const Clock& clock) {
  const SnapshotInfo info = snapshot.info();
  return fmt::format("snapshot {} of {} by {} {}, pid {}, {} old, every {} s", info.sequence, text_name(info.host),
                     text_name(info.writer_program), text_name(info.writer_version), info.writer_pid,
                     human_duration(static_cast<double>(snapshot.age(clock).value_or(0)) / kSecond),
                     plain_number(static_cast<double>(info.interval) / kSecond));
}

}  // namespace vmtraffic::nagios
