#include "core/snapshot/host_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "core/snapshot.hpp"
#include "core/snapshot/trust.hpp"

namespace vmtraffic {
namespace {

// A directory of ours inside another, made where it is missing, with its owner and group. Never by its path: the runtime directory belongs
// to the user vmtraffic, who could exchange what stands in it while root looks.
Result<FileDescriptor> directory_in(int parent, const char* name, const std::filesystem::path& path) {
  const bool made = mkdirat(parent, name, 0750) == 0;
  if (!made && errno != EEXIST) return system_error(errno, "create", path);
  FileDescriptor directory(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat above {
  }, info{};
  if (!directory || fstat(parent, &above) != 0) return system_error(errno, "write", path);
  if (made) {
    if (geteuid() == 0 && fchown(directory.get(), above.st_uid, above.st_gid) != 0) return system_error(errno, "hand over", path);
    if (fchmod(directory.get(), 0750) != 0) return system_error(errno, "protect", path);
  }
  if (fstat(directory.get(), &info) != 0) return system_error(errno, "read", path);
  if (auto s = trusted_directory(info, path); !s) return s.error();
  return directory;
}

}  // namespace

// Only what we make ourselves: directories that are called like an address, and in them the snapshot.
void HostFiles::remove_others(int all) const {
  const std::unique_ptr<DIR, int (*)(DIR*)> list(fdopendir(openat(all, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), closedir);
  if (list == nullptr) return;
  while (const dirent* entry = readdir(list.get())) {
    const std::string name = entry->d_name;
    if (!IpAddress::parse(name) || present_.contains(name)) continue;
    const FileDescriptor directory(openat(all, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory) continue;
    unlinkat(directory.get(), kSnapshotFileName, 0);
    unlinkat(directory.get(), "snapshot.new", 0);
    unlinkat(all, name.c_str(), AT_REMOVEDIR);
  }
}

Status HostFiles::publish(const std::vector<HostSnapshot>& hosts, const SnapshotHeader& header) {
  const std::filesystem::path path = hosts_directory(directory_);
  std::error_code ignored;
  const bool first = !std::exchange(looked_, true);
  if (hosts.empty() && present_.empty() && (!first || !std::filesystem::exists(path, ignored))) return Done{};
  const FileDescriptor runtime(open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!runtime) return system_error(errno, "write", directory_);
  const auto all = directory_in(runtime.get(), "hosts", path);
  if (!all) return all.error();
  Status result = Done{};
  const auto note = [&](const Status& done) {
    if (!done && result.ok()) result = done;
    return done.ok();
  };
  std::set<std::string> now;
  std::vector<HostStatus> index;
  for (const HostSnapshot& host : hosts) {
    const std::filesystem::path place = host_directory(directory_, host.status.address);
    const auto directory = directory_in(all->get(), host.status.address.c_str(), place);
    if (!directory && !note(directory.error())) continue;
    now.insert(host.status.address);
    index.push_back(host.status);
    if (host.fresh) note(publish_into(directory->get(), place, host.snapshot));
  }
  const bool changed = first || now != present_;
  present_ = std::move(now);
  const EncodedPart part = encode_hosts(index);
  EncodedSnapshot file;
  file.header = header;
  file.hosts = &part;
  note(publish_into(all->get(), path, file));
  if (changed) remove_others(all->get());
  return result;
}

}  // namespace vmtraffic
