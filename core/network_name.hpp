// What a network of [sflow.networks] may be called: what no rule of check_vm_talkers would take for something else. Pure.
#pragma once

#include <string_view>

namespace vmtraffic {

// What a rule about a VM begins with.
inline constexpr std::string_view kVmPrefix = "vm:";

// Whoever writes only digits and what stands between them means an address: a slip in it must not become a network's name.
inline bool looks_like_address(std::string_view text) {
  return text.find_first_of("./:") != std::string_view::npos &&
         text.find_first_not_of("0123456789abcdefABCDEF./:") == std::string_view::npos;
}

}  // namespace vmtraffic
