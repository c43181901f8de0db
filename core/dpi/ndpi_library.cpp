#include "core/dpi/ndpi_library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <mutex>

#include "core/dynamic_library.hpp"

namespace vmtraffic {
namespace {

constexpr const char* kName = "libndpi.so.4.2";  // the only one whose struct ndpi_flow_struct is ours

NdpiLibrary g_library;

Error missing() {
  return cannot_load(kName, "install it (on Debian: libndpi4.2) and restart the collector, or switch the applications off");
}

}  // namespace

std::optional<Error> load_ndpi() {
  static std::mutex mutex;
  static bool loaded = false;
  const std::lock_guard lock(mutex);
  if (loaded) return std::nullopt;
  // Left open for good: flows in detection are freed through it.
  void* const handle = dlopen(kName, RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr) return missing();
  NdpiLibrary library;
#define VMTRAFFIC_FIND(name) \
  if (!find_function(handle, #name, library.name)) return missing();
  VMTRAFFIC_NDPI_FUNCTIONS(VMTRAFFIC_FIND)
#undef VMTRAFFIC_FIND
  // Fields of its flows are read by their place.
  const unsigned version = library.ndpi_get_api_version();
  const std::size_t flow = library.ndpi_detection_get_sizeof_ndpi_flow_struct();
  if (version != NDPI_API_VERSION || flow != sizeof(ndpi_flow_struct)) {
    return Error{ErrorCode::kInvalid, fmt::format("{} has API {} and flows of {} octets, and this program was made for API {} and {}; "
                                                  "install Debian's libndpi4.2, or switch the applications off",
                                                  kName, version, flow, NDPI_API_VERSION, sizeof(ndpi_flow_struct))};
  }
  g_library = library;
  loaded = true;
  return std::nullopt;
}

const NdpiLibrary& ndpi() { return g_library; }

}  // namespace vmtraffic
