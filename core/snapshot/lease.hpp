// The lease: who collects on this host. A flock on a file that only the collector's user may open, so nobody else can hold it back.
// The kernel drops it when the holder dies, however it dies; it is never stolen. Beside it stands the precedence, a lease of the same
// kind: whoever collects without it hands over to its holder.
#pragma once

#include <filesystem>
#include <optional>

#include "core/result.hpp"
#include "core/snapshot.hpp"
#include "core/snapshot/file_descriptor.hpp"

namespace vmtraffic {

class Lease {
 public:
  // Held until destroyed. kBusy: another process holds it. Others: it cannot be had at all (rights, a full disk).
  static Result<Lease> acquire(const std::filesystem::path& directory, const char* file_name = kLeaseFileName);

  // False once the file was removed or replaced: then somebody else may hold the new one, and we must stop publishing.
  bool valid() const;

 private:
  Lease(FileDescriptor file, std::filesystem::path path) : file_(std::move(file)), path_(std::move(path)) {}
  FileDescriptor file_;
  std::filesystem::path path_;
};

// Whether another process holds the precedence.
bool precedence_is_held(const std::filesystem::path& directory);

}  // namespace vmtraffic
