#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>

#include "core/snapshot.hpp"
#include "core/snapshot/file_descriptor.hpp"
#include "core/snapshot/format.hpp"
#include "core/snapshot/impl.hpp"
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

// Memory of its own for a file's octets. What was not read is zero, and costs nothing.
struct Copy {
  std::shared_ptr<std::byte> memory;
  std::size_t size{0};  // how far the file goes: less than was asked for when it was cut meanwhile
};

Result<Copy> memory_for(std::size_t size, const std::filesystem::path& path) {
  void* address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) return system_error(errno, "read", path);
  return Copy{{static_cast<std::byte*>(address), [size](std::byte* p) { munmap(p, size); }}, size};
}

// Reads [from, to) of the file to the same place in the copy.
Status read_range(const FileDescriptor& file, Copy& copy, std::size_t from, std::size_t to, const std::filesystem::path& path) {
  // Pages that come all at once cost a check a third of what zeroed and faulted ones do. Where the kernel cannot, they come one by one.
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t first = from / page * page;
  if (to - from > page) madvise(copy.memory.get() + first, to - first, MADV_POPULATE_WRITE);
  while (from < to) {
    const ssize_t got = pread(file.get(), copy.memory.get() + from, to - from, static_cast<off_t>(from));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(errno, "read", path);
    if (got == 0) {
      copy.size = std::min(copy.size, from);
      return Done{};
    }
    from += static_cast<std::size_t>(got);
  }
  return Done{};
}

// The file's front and the parts that are asked for: what samples say of a thousand VMs is many times what a check of their counters needs.
// Nothing is believed here: Snapshot::parse() judges what was read.
Result<Copy> copy_of(const FileDescriptor& file, std::size_t size, unsigned parts, const std::filesystem::path& path) {
  constexpr std::size_t kFront = sizeof(FileHead) + kSnapshotMaxParts * sizeof(PartEntry);
  auto copy = memory_for(size, path);
  if (!copy) return copy.error();
  if (auto s = read_range(file, *copy, 0, std::min(size, kFront), path); !s) return s.error();
  FileHead head{};
  if (size < sizeof(head)) return copy;
  std::memcpy(&head, copy->memory.get(), sizeof(head));
  const std::size_t count = std::min<std::size_t>(std::min(head.part_count, kSnapshotMaxParts), (size - sizeof(head)) / sizeof(PartEntry));
  for (std::size_t i = 0; i < count; ++i) {
    PartEntry entry{};
    std::memcpy(&entry, copy->memory.get() + sizeof(head) + i * sizeof(entry), sizeof(entry));
    const bool inside = entry.offset <= size && entry.size <= size - entry.offset;
    if (!inside || !is_wanted(static_cast<PartKind>(entry.kind), parts)) continue;
    const std::size_t end = entry.offset + entry.size;
    if (end <= kFront) continue;
    if (auto s = read_range(file, *copy, std::max<std::size_t>(entry.offset, kFront), end, path); !s) return s.error();
  }
  return copy;
}

// Copied first: whoever owns the file could change it after it was verified, or cut it under a mapping.
Result<Snapshot> load_snapshot(const OpenSnapshot& opened, const std::filesystem::path& directory, unsigned parts) {
  const std::filesystem::path path = directory / kSnapshotFileName;
  const auto size = static_cast<std::size_t>(opened.info.st_size);
  if (size > kMaxSize) return with_path({ErrorCode::kForeign, fmt::format("{} octets are no snapshot", size)}, path);
  if (size == 0) return with_path({ErrorCode::kTruncated, "the snapshot is empty"}, path);
  const auto copy = copy_of(opened.file, size, parts, path);
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
