#include "plugins/collectd/timeline.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>

namespace vmtraffic::collectd {
namespace {

constexpr Nanoseconds kForwardJump = 60 * kSecond;
constexpr Nanoseconds kNotableStep = kSecond;
constexpr Nanoseconds kSlewDivisor = 100;  // 1 %

}  // namespace

Timeline::Stamp Timeline::advance(Nanoseconds boottime, Nanoseconds walltime) {
  Stamp stamp{walltime, 0};
  if (last_) {
    const Nanoseconds passed = boottime - last_->boottime;
    assert(passed > 0);
    const Nanoseconds expected = last_->time + passed;
    const Nanoseconds error = walltime - expected;
    const Nanoseconds slew = passed / kSlewDivisor;
    if (error <= kForwardJump) stamp.time = std::max(expected + std::clamp(error, -slew, slew), last_->time + 1);
    const Nanoseconds stepped = walltime - last_->walltime - passed;
    if (std::abs(stepped) > kNotableStep) stamp.stepped = stepped;
  }
  last_ = Last{boottime, walltime, stamp.time};
  return stamp;
}

}  // namespace vmtraffic::collectd
