// nDPI's C API, loaded when the first detector wants it and never unloaded. Not linked: it is a library of applications for a collector
// that shall tell them, and for nobody else. No header for anybody but the detector.
#pragma once

#include <ndpi/ndpi_api.h>

#include <optional>

#include "core/result.hpp"

// All of nDPI that is called.
// clang-format off: one a line
#define VMTRAFFIC_NDPI_FUNCTIONS(f)                                                                                                 \
  f(ndpi_category_get_name) f(ndpi_detection_get_sizeof_ndpi_flow_struct) f(ndpi_detection_giveup) f(ndpi_detection_process_packet) \
      f(ndpi_exit_detection_module) f(ndpi_finalize_initialization) f(ndpi_free_flow_data) f(ndpi_get_api_version)                  \
          f(ndpi_init_detection_module) f(ndpi_protocol2name) f(ndpi_set_protocol_detection_bitmask2)
// clang-format on

namespace vmtraffic {

struct NdpiLibrary {
// A name that is declared cannot be in parentheses. NOLINTNEXTLINE(bugprone-macro-parentheses)
#define VMTRAFFIC_DECLARE(name) decltype(&::name) name{nullptr};
  VMTRAFFIC_NDPI_FUNCTIONS(VMTRAFFIC_DECLARE)
#undef VMTRAFFIC_DECLARE
};

// Loads it where that was not done. kMissing with what to do where it is not there, kInvalid where it is another nDPI than the one whose
// structures are compiled in; asked again, it is looked for again.
std::optional<Error> load_ndpi();

// To be called by what needs a loaded library to exist at all.
const NdpiLibrary& ndpi();

}  // namespace vmtraffic
