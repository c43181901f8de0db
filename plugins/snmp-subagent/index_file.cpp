// IndexFile: the index store on disk.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "plugins/snmp-subagent/index_store.hpp"

namespace vmtraffic::snmp {
namespace {

constexpr off_t kMaxFileSize = 64 << 20;

struct Descriptor {
  int fd{-1};
  explicit Descriptor(int descriptor) : fd(descriptor) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

Error system_error(std::string_view what, const std::filesystem::path& file) {
  const int error = errno;
  const ErrorCode code = error == ENOENT ? ErrorCode::kMissing : error == EACCES || error == EPERM ? ErrorCode::kDenied : ErrorCode::kIo;
  return {code, fmt::format("cannot {} {}: {}", what, file.string(), std::strerror(error))};
}

Result<std::string> read_file(const std::filesystem::path& file) {
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (in.fd < 0 || ::fstat(in.fd, &status) != 0) return system_error("read", file);
  if (!S_ISREG(status.st_mode) || status.st_size > kMaxFileSize) return Error{ErrorCode::kCorrupt, "it is no file of a sensible size"};
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t got = ::read(in.fd, text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", file);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);
  return text;
}

// As root we hand the file to the directory's owner: the service, under its own user, goes on with the same numbers.
bool hand_over(int fd, const std::filesystem::path& directory) {
  if (::geteuid() != 0) return true;
  struct stat owner {};
  return ::stat(directory.c_str(), &owner) == 0 && ::fchown(fd, owner.st_uid, owner.st_gid) == 0;
}

Status write_file(const std::filesystem::path& file, std::string_view text) {
  const std::filesystem::path fresh = file.string() + ".new";
  // Always a new file: what the directory's owner may have put there under this name is not root's to write to or to give away.
  if (::unlink(fresh.c_str()) != 0 && errno != ENOENT) return system_error("replace", fresh);
  {
    const Descriptor out(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (out.fd < 0) return system_error("write", fresh);
    if (!hand_over(out.fd, file.parent_path())) return system_error("hand over", fresh);
    while (!text.empty()) {
      const ssize_t put = ::write(out.fd, text.data(), text.size());
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return system_error("write", fresh);
      text.remove_prefix(static_cast<std::size_t>(put));
    }
    if (::fsync(out.fd) != 0) return system_error("write", fresh);
  }
  if (::rename(fresh.c_str(), file.c_str()) != 0) return system_error("replace", file);
  return Done{};
}

}  // namespace

IndexFile::IndexFile(const std::filesystem::path& directory, Log log) : file_(directory / "snmp-indexes"), log_(std::move(log)) {}

IndexStore IndexFile::load() {
  const auto text = read_file(file_);
  if (!text && text.error().code == ErrorCode::kMissing) return IndexStore{};
  if (!text && text.error().code != ErrorCode::kCorrupt) {
    keep_ = false;
    log_(LogLevel::kError, fmt::format("{}; SNMP indexes are given anew and kept in memory alone", text.error().text));
    return IndexStore{};
  }
  auto store = text ? IndexStore::parse(*text) : Result<IndexStore>(text.error());
  if (store) return std::move(store).value();
  const std::string aside = file_.string() + ".bad";
  keep_ = ::rename(file_.c_str(), aside.c_str()) == 0;
  log_(LogLevel::kError, fmt::format("{} cannot be used: {}. SNMP indexes are given anew{}", file_.string(), store.error().text,
                                     keep_ ? fmt::format("; the old file is now {}", aside) : " and kept in memory alone"));
  return IndexStore{};
}

void IndexFile::save(IndexStore& store) {
  if (!keep_ || (!store.changed() && trouble_.empty())) return;
  const Status written = write_file(file_, store.text());
  const std::string trouble = written ? "" : written.error().text;
  if (trouble == trouble_) return;
  if (trouble.empty()) {
    log_(LogLevel::kNotice, fmt::format("SNMP indexes are kept in {} again", file_.string()));
  } else {
    log_(LogLevel::kError, fmt::format("{}; until then SNMP indexes last only as long as this program", trouble));
  }
  trouble_ = trouble;
}

}  // namespace vmtraffic::snmp
