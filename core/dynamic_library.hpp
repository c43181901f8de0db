// Libraries that are loaded when they are needed first, and never let go.
#pragma once

#include <dlfcn.h>
#include <fmt/format.h>

#include <string_view>

#include "core/result.hpp"
#include "core/text.hpp"

namespace vmtraffic {

// Why the last dlopen() or dlsym() failed; `remedy` is what to do, behind "cannot load NAME: WHY; ".
inline Error cannot_load(const char* name, std::string_view remedy) {
  const char* why = dlerror();
  return {ErrorCode::kMissing, fmt::format("cannot load {}: {}; {}", name, why == nullptr ? "unknown error" : printable(why), remedy)};
}

// False: the library has no such function.
template <class Function>
bool find_function(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(handle, name));
  return function != nullptr;
}

}  // namespace vmtraffic
