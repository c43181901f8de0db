// The files of the other hosts: a directory each with a snapshot, and the index of them (see hosts_directory() in core/snapshot.hpp).
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "core/snapshot/file_descriptor.hpp"
#include "core/snapshot/writer.hpp"

namespace vmtraffic {

struct HostSnapshot {
  HostStatus status;
  EncodedSnapshot snapshot;
  bool fresh{true};  // false: it was not heard for long; its file stays as it is, and so becomes stale
};

class HostFiles {
 public:
  explicit HostFiles(std::filesystem::path runtime_directory) : directory_(std::move(runtime_directory)) {}

  // Writes each host's snapshot, then the index, of which `header` is the header. Directories of hosts that are no more are removed, also
  // those of a collector before this one. Does nothing where there never was a host. The first error; the others are written all the same.
  Status publish(const std::vector<HostSnapshot>& hosts, const SnapshotHeader& header);

 private:
  void remove_others(int all) const;

  std::filesystem::path directory_;
  std::set<std::string> present_;  // addresses that have a directory
  bool looked_{false};             // for what a collector before this one left
};

}  // namespace vmtraffic
