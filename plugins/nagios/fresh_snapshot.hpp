// A snapshot that a check may judge by, or the sentence that says why there is none and what to start or mend.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "core/snapshot.hpp"
#include "plugins/nagios/command_line.hpp"
#include "plugins/nagios/result.hpp"

namespace vmtraffic::nagios {

// Where a check reads: this host's own runtime directory, or what the collector knows of another host.
struct SnapshotPlace {
  std::filesystem::path directory;          // the snapshot's
  std::filesystem::path runtime_directory;  // the collector's, with the lease
  std::string host;                         // the other host as it was asked for; empty: this one

  bool elsewhere() const { return !host.empty(); }
};

// "; libvirt has not confirmed names and states for 2 m", or whoever tells of them there.
std::string old_names(const SnapshotPlace& place, Nanoseconds age);

// This host's, whatever `common` asks for.
SnapshotPlace local_place(const CommonOptions& common);
// The one that `common` asks for. Another host's only when it names one. Errors: as find_host().
Result<SnapshotPlace> place_of(const CommonOptions& common);

// Reads the snapshot. The text of an error also says who holds the lease, when somebody does.
Result<Snapshot> readable_snapshot(const SnapshotPlace& place, unsigned parts);

// The same, and an error when it is stale.
Result<Snapshot> fresh_snapshot(const SnapshotPlace& place, unsigned parts, const Clock& clock);

// How old a stale snapshot is, whose fault that seems to be, and what to do.
std::string staleness(const Snapshot& snapshot, const SnapshotPlace& place, const Clock& clock);

// Why libvirt's word cannot be taken for it that a VM is not there; empty when it can.
std::string libvirt_trouble(const SnapshotPlace& place);

// What keeps the probe of that name ("sflow", "capture") from its work, as it says itself; empty when nothing does.
std::string probe_trouble(const SnapshotPlace& place, std::string_view probe);

// What a snapshot without VMs is worth, and why.
CheckResult no_vms(const SnapshotPlace& place);

// "snapshot 42 of hv-1 by collectd 5.12, pid 4711, 3 s old, every 10 s".
std::string about(const Snapshot& snapshot, const Clock& clock);

}  // namespace vmtraffic::nagios
