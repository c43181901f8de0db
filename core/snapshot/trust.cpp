#include "core/snapshot/trust.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <vector>

#include "core/text.hpp"

namespace vmtraffic {
namespace {

// Our user is a system user of this host: /etc/passwd is read first, because the name service costs a check half of its time.
Result<std::optional<uid_t>> vmtraffic_user() {
  if (std::FILE* file = std::fopen("/etc/passwd", "re"); file != nullptr) {
    std::optional<uid_t> uid;
    while (const passwd* entry = fgetpwent(file)) {
      if (std::string_view(entry->pw_name) == "vmtraffic") uid = entry->pw_uid;
    }
    std::fclose(file);
    if (uid) return uid;
  } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
    return system_error(errno, "read", "/etc/passwd");
  }
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(4096);
  if (getpwnam_r("vmtraffic", &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::optional<uid_t>();
  return std::optional<uid_t>(entry.pw_uid);
}

}  // namespace

Status trusted_directory(const struct stat& info, const std::filesystem::path& directory) {
  const std::string name = printable(directory.string());
  if (!S_ISDIR(info.st_mode)) return Error{ErrorCode::kInvalid, fmt::format("{} is not a directory", name)};
  if ((info.st_mode & S_ISVTX) != 0 && (info.st_mode & 0022) != 0) {  // everybody's, such as /tmp: its mode is right for that
    return Error{ErrorCode::kInsecure,
                 fmt::format("{} may be written by others (mode {:04o}): runtime_directory wants a directory of its own, such as "
                             "/run/vmtraffic",
                             name, info.st_mode & 07777)};
  }
  if ((info.st_mode & 0022) != 0) {
    return Error{ErrorCode::kInsecure,
                 fmt::format("{} may be written by others (mode {:04o}): chmod go-w {}", name, info.st_mode & 07777, name)};
  }
  if (info.st_uid == 0 || info.st_uid == geteuid()) return Done{};
  const auto ours = vmtraffic_user();
  if (!ours) return ours.error();
  if (info.st_uid == *ours) return Done{};
  return Error{ErrorCode::kInsecure, fmt::format("{} belongs to uid {}, who is neither root nor vmtraffic: chown vmtraffic:vmtraffic {}",
                                                 name, info.st_uid, name)};
}

Status trusted_file(const struct stat& info, const struct stat& directory_info, const std::filesystem::path& file) {
  const std::string name = printable(file.string());
  if (!S_ISREG(info.st_mode)) return Error{ErrorCode::kForeign, fmt::format("{} is not a regular file: remove it", name)};
  if ((info.st_mode & 0022) != 0) {
    return Error{ErrorCode::kInsecure, fmt::format("{} may be written by others (mode {:04o}): remove it", name, info.st_mode & 07777)};
  }
  // Of a hard link somebody else decides what else it is; root would give that away with it.
  if (info.st_nlink > 1) return Error{ErrorCode::kInsecure, fmt::format("{} has another hard link: remove it", name)};
  if (info.st_uid == 0 || info.st_uid == directory_info.st_uid) return Done{};
  return Error{ErrorCode::kInsecure,
               fmt::format("{} belongs to uid {}, who is neither root nor its directory's owner: remove it", name, info.st_uid)};
}

Error system_error(int code, std::string_view doing, const std::filesystem::path& path) {
  const ErrorCode kind = code == ENOENT ? ErrorCode::kMissing : code == EACCES || code == EPERM ? ErrorCode::kDenied : ErrorCode::kIo;
  return {kind, fmt::format("cannot {} {}: {}", doing, printable(path.string()), std::strerror(code))};
}

}  // namespace vmtraffic
