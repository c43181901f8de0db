#include "core/traffic/counter_delta.hpp"

namespace vmtraffic {
namespace {

constexpr std::uint64_t kSpan32 = std::uint64_t{1} << 32;

enum class Continuity { kGrew, kWrapped, kReset };

// A counter that fell has wrapped when the way over the top is short: less than half of a 32-bit range; for 64 bits, which no link fills in
// its life, less than 2^56. Anything else began anew.
Continuity continuity(std::uint64_t last, std::uint64_t raw, CounterWidth width) {
  if (raw >= last) return Continuity::kGrew;
  const bool wrapped =
      width == CounterWidth::k32 ? last < kSpan32 && kSpan32 - last + raw < kSpan32 / 2 : raw - last < (std::uint64_t{1} << 56);
  return wrapped ? Continuity::kWrapped : Continuity::kReset;
}

}  // namespace

OwnLink own_link(const LinkReading& reading) {
  if (reading.present == 0 || reading.function != 0) return {};
  return {reading.if_index, reading.end};
}

CounterStep advance(VnicTotals& totals, const LinkReading& reading, Nanoseconds now, bool moved) {
  CounterStep step;
  totals.age = reading.age;
  if (reading.age == kHeld) return step;
  totals.present = reading.present;
  if (reading.present == 0) return step;
  const bool replaced = totals.seen != 0 && (moved || totals.if_index != reading.if_index);
  for (std::size_t m = 0; m < kMetricCount; ++m) {
    const auto bit = static_cast<MetricSet>(1u << m);
    if ((reading.present & bit) == 0) continue;
    const std::uint64_t raw = reading.values[m];
    if ((totals.seen & bit) == 0) {
      totals.offset[m] = 0;
      totals.total[m] = raw;
      continue;
    }
    const std::uint64_t last = totals.total[m] - totals.offset[m];
    switch (replaced ? Continuity::kReset : continuity(last, raw, reading.width)) {
      case Continuity::kGrew:
        break;
      case Continuity::kWrapped:
        totals.offset[m] += reading.width == CounterWidth::k32 ? kSpan32 : 0;
        break;  // 64 bits wrap by themselves
      case Continuity::kReset:
        totals.offset[m] = totals.total[m];
        totals.total[m] += raw;
        step.discontinuity = true;
        continue;
    }
    step.delta[m] = raw + totals.offset[m] - totals.total[m];
    step.present |= bit;
    totals.total[m] = raw + totals.offset[m];
  }
  totals.seen |= reading.present;
  totals.if_index = reading.if_index;
  if (step.discontinuity) {
    // One clock for the whole vNIC: when one counter began anew, no delta of this step means anything.
    totals.discontinuity_boottime = now;
    step.delta = {};
    step.present = 0;
  }
  return step;
}

}  // namespace vmtraffic
