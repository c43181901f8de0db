#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <span>

#include "core/snapshot.hpp"
#include "core/snapshot/file_descriptor.hpp"
#include "core/snapshot/trust.hpp"
#include "core/text.hpp"

namespace vmtraffic {
namespace {

struct OpenSnapshot {
  FileDescriptor file;
  struct stat info {};
};

// A thousand VMs take less than one MiB.
constexpr std::size_t kMaxSize = std::size_t{256} << 20;

constexpr const char* kWhatToStart = "start collectd with the vmtraffic plugin, vmtraffic-agentx or vmtraffic-collect";

Error missing(const std::filesystem::path& path) {
  return {ErrorCode::kMissing, fmt::format("there is no snapshot at {}: {}", printable(path.string()), kWhatToStart)};
}

Error denied(const std::filesystem::path& path) {
  return {ErrorCode::kDenied, fmt::format("no right to read {}: add this user to the group vmtraffic", printable(path.string()))};
}

Error open_error(int code, const std::filesystem::path& path) {
  if (code == ENOENT) return missing(path);
  if (code == EACCES || code == EPERM) return denied(path);
  if (code == ELOOP) return {ErrorCode::kForeign, fmt::format("{} is a symbolic link: remove it", printable(path.string()))};
  return system_error(code, "read", path);
}

// Opens the directory first and the file inside it, so that what was checked is what is read.
Result<OpenSnapshot> open_snapshot(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / kSnapshotFileName;
  const FileDescriptor dir(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return open_error(errno, path);
  struct stat dir_info {};
  if (fstat(dir.get(), &dir_info) != 0) return system_error(errno, "read", directory);
  if (auto s = trusted_directory(dir_info, directory); !s) return s.error();
  // O_NONBLOCK: a FIFO in the file's place must not hang us.
  const int fd = openat(dir.get(), kSnapshotFileName, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return open_error(errno, path);
  OpenSnapshot opened{FileDescriptor(fd), {}};
  if (fstat(fd, &opened.info) != 0) return system_error(errno, "read", path);
  if (auto s = trusted_file(opened.info, dir_info, path); !s) return s.error();
  return opened;
}

Error with_path(Error error, const std::filesystem::path& path) {
  error.text = fmt::format("{}: {}", printable(path.string()), error.text);
  return error;
}

// Memory of its own for a file's octets: pages that come all at once cost a check a third of what zeroed and faulted ones do.
struct Copy {
  std::shared_ptr<std::byte> memory;
  std::size_t size{0};
};

// Up to `size` octets of a file: fewer when it was cut meanwhile.
Result<Copy> copy_of(const FileDescriptor& file, std::size_t size, const std::filesystem::path& path) {
  void* address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (address == MAP_FAILED) return system_error(errno, "read", path);
  Copy copy{{static_cast<std::byte*>(address), [size](std::byte* p) { munmap(p, size); }}, 0};
  while (copy.size < size) {
    const ssize_t got = pread(file.get(), copy.memory.get() + copy.size, size - copy.size, static_cast<off_t>(copy.size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(errno, "read", path);
    if (got == 0) break;
    copy.size += static_cast<std::size_t>(got);
  }
  return copy;
}

// Copied first: whoever owns the file could change it after it was verified, or cut it under a mapping.
Result<Snapshot> load_snapshot(const OpenSnapshot& opened, const std::filesystem::path& directory, unsigned parts) {
  const std::filesystem::path path = directory / kSnapshotFileName;
  const auto size = static_cast<std::size_t>(opened.info.st_size);
  if (size > kMaxSize) return with_path({ErrorCode::kForeign, fmt::format("{} octets are no snapshot", size)}, path);
  if (size == 0) return with_path({ErrorCode::kTruncated, "the snapshot is empty"}, path);
  const auto copy = copy_of(opened.file, size, path);
  if (!copy) return copy.error();
  auto snapshot = Snapshot::parse(std::span<const std::byte>(copy->memory.get(), copy->size), parts, copy->memory);
  if (!snapshot) return with_path(snapshot.error(), path);
  return snapshot;
}

}  // namespace

Result<Snapshot> read_snapshot(const std::filesystem::path& directory, unsigned parts) {
  const auto opened = open_snapshot(directory);
  if (!opened) return opened.error();
  return load_snapshot(*opened, directory, parts);
}

SnapshotReader::SnapshotReader(std::filesystem::path directory, unsigned parts) : directory_(std::move(directory)), parts_(parts) {}

Result<std::shared_ptr<const Snapshot>> SnapshotReader::poll() {
  const auto opened = open_snapshot(directory_);
  if (!opened) return opened.error();
  const struct stat& info = opened->info;
  const FileId id{info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size), info.st_mtim.tv_sec * kSecond + info.st_mtim.tv_nsec};
  if (current_ != nullptr && id == current_id_) return current_;
  auto snapshot = load_snapshot(*opened, directory_, parts_);
  if (!snapshot) return snapshot.error();
  current_ = std::make_shared<const Snapshot>(std::move(snapshot).value());
  current_id_ = id;
  return current_;
}

}  // namespace vmtraffic
