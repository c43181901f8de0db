#include "core/clock.hpp"

#include <ctime>
#include <fstream>

namespace vmtraffic {
namespace {

Nanoseconds now(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return static_cast<Nanoseconds>(t.tv_sec) * kSecond + t.tv_nsec;
}

}  // namespace

Clock system_clock() {
  Clock clock{[] { return now(CLOCK_BOOTTIME); }, [] { return now(CLOCK_REALTIME); }, {}};
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::getline(file, clock.boot_id);
  return clock;
}

}  // namespace vmtraffic
