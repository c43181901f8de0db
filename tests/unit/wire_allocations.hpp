// Counts every allocation of the test program. In a file of its own, where the compiler cannot see through operator new.
#pragma once

#include <cstddef>

namespace vmtraffic::wire_test {

std::size_t allocations();  // since the start

}  // namespace vmtraffic::wire_test
