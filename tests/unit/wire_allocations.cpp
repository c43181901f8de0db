#include "tests/unit/wire_allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> count{0};
}  // namespace

void* operator new(std::size_t size) {
  ++count;
  if (void* made = std::malloc(size == 0 ? 1 : size)) return made;
  throw std::bad_alloc();
}
// The library's sorting asks so. AddressSanitizer's own would not be free()'s.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++count;
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* one) noexcept { std::free(one); }
void operator delete(void* one, std::size_t) noexcept { std::free(one); }

namespace vmtraffic::wire_test {

std::size_t allocations() { return count; }

}  // namespace vmtraffic::wire_test
