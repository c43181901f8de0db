#include "core/snapshot/lease.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "core/snapshot.hpp"
#include "core/snapshot/trust.hpp"
#include "core/text.hpp"

namespace vmtraffic {

Result<Lease> Lease::acquire(const std::filesystem::path& directory, const char* file_name) {
  const std::filesystem::path path = directory / file_name;
  const FileDescriptor dir(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return system_error(errno, "open the lease", path);
  struct stat directory_info {};
  struct stat info {};
  if (fstat(dir.get(), &directory_info) != 0) return system_error(errno, "read", path);
  if (auto s = trusted_directory(directory_info, directory); !s) return s.error();
  FileDescriptor file(openat(dir.get(), file_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!file) return system_error(errno, "open the lease", path);
  if (fstat(file.get(), &info) != 0) return system_error(errno, "read", path);
  if (auto s = trusted_file(info, directory_info, path); !s) return s.error();
  // As root we hand the file to the directory's owner, so that vmtraffic-collect under its own user can take over.
  if (geteuid() == 0 && info.st_uid != directory_info.st_uid && fchown(file.get(), directory_info.st_uid, directory_info.st_gid) != 0) {
    return system_error(errno, "hand over", path);
  }
  if ((info.st_mode & 07777) != 0600 && fchmod(file.get(), 0600) != 0) return system_error(errno, "protect", path);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Error{ErrorCode::kBusy, fmt::format("another process holds {}", printable(path.string()))};
    return system_error(errno, "lock", path);
  }
  Lease lease(std::move(file), path);
  if (!lease.valid()) return Error{ErrorCode::kBusy, fmt::format("{} was replaced meanwhile", printable(path.string()))};
  return lease;
}

bool Lease::valid() const {
  struct stat held {};
  struct stat named {};
  return fstat(file_.get(), &held) == 0 && stat(path_.c_str(), &named) == 0 && held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

bool precedence_is_held(const std::filesystem::path& directory) {
  std::error_code none;
  if (!std::filesystem::exists(directory / kPrecedenceFileName, none)) return false;
  const auto got = Lease::acquire(directory, kPrecedenceFileName);
  return !got && got.error().code == ErrorCode::kBusy;
}

}  // namespace vmtraffic
