#include "core/probes/libvirt_library.hpp"

#include <dlfcn.h>

#include <mutex>

#include "core/dynamic_library.hpp"

namespace vmtraffic {
namespace {

constexpr const char* kName = "libvirt.so.0";

LibvirtLibrary g_library;

Error missing() {
  return cannot_load(kName,
                     "install it (on Debian: libvirt0), or name no connection (libvirt.uris = []) where there are no VMs but those that "
                     "sFlow tells of");
}

}  // namespace

std::optional<Error> load_libvirt() {
  static std::mutex mutex;
  static bool loaded = false;
  const std::lock_guard lock(mutex);
  if (loaded) return std::nullopt;
  // Left open for good: its threads and our callbacks outlive every connection.
  void* const handle = dlopen(kName, RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr) return missing();
  LibvirtLibrary library;
#define VMTRAFFIC_FIND(name) \
  if (!find_function(handle, #name, library.name)) return missing();
  VMTRAFFIC_LIBVIRT_FUNCTIONS(VMTRAFFIC_FIND)
#undef VMTRAFFIC_FIND
  g_library = library;
  loaded = true;
  return std::nullopt;
}

const LibvirtLibrary& libvirt() { return g_library; }

}  // namespace vmtraffic
