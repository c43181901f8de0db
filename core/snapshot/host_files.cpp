#include "core/snapshot/host_files.hpp"

#include <system_error>

#include "core/snapshot.hpp"

namespace vmtraffic {

// Only what we make ourselves: directories that are called like an address, and in them the snapshot.
void HostFiles::remove_others() const {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(hosts_directory(directory_), ignored)) {
    const std::string name = entry.path().filename().string();
    if (!IpAddress::parse(name) || present_.contains(name) || !entry.is_directory(ignored) || entry.is_symlink(ignored)) continue;
    std::filesystem::remove(entry.path() / kSnapshotFileName, ignored);
    std::filesystem::remove(entry.path() / "snapshot.new", ignored);
    std::filesystem::remove(entry.path(), ignored);
  }
}

Status HostFiles::publish(const std::vector<HostSnapshot>& hosts, const SnapshotHeader& header) {
  const std::filesystem::path all = hosts_directory(directory_);
  std::error_code ignored;
  const bool first = !looked_;
  if (hosts.empty() && present_.empty() && (looked_ || !std::filesystem::exists(all, ignored))) {
    looked_ = true;
    return Done{};
  }
  looked_ = true;
  if (auto s = prepare_runtime_directory(all); !s) return s;
  Status result = Done{};
  const auto note = [&](const Status& done) {
    if (!done && result.ok()) result = done;
    return done.ok();
  };
  std::set<std::string> now;
  std::vector<HostStatus> index;
  for (const HostSnapshot& host : hosts) {
    const std::filesystem::path place = host_directory(directory_, host.status.address);
    if (!present_.contains(host.status.address) && !note(prepare_runtime_directory(place))) continue;
    now.insert(host.status.address);
    index.push_back(host.status);
    if (host.fresh) note(vmtraffic::publish(place, host.snapshot));
  }
  const bool changed = first || now != present_;
  present_ = std::move(now);
  const EncodedPart part = encode_hosts(index);
  EncodedSnapshot file;
  file.header = header;
  file.hosts = &part;
  note(vmtraffic::publish(all, file));
  if (changed) remove_others();
  return result;
}

}  // namespace vmtraffic
