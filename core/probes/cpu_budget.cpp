#include "core/probes/cpu_budget.hpp"

#include <algorithm>

namespace vmtraffic {
namespace {

constexpr Nanoseconds kPeriod = kSecond / 10;
constexpr double kBurst = 0.25;                // seconds of the budget, at once
constexpr double kTarget = 0.88, kLow = 0.72;  // of the limit: where a cut leads to, and below what there is room
constexpr double kDeepest = 0.1;  // what a cut leaves at least: how much more there is than a saturated thread sees is not known
constexpr std::uint32_t kLeast = 1, kLeastCeiling = kAllFlows / 16;
constexpr Nanoseconds kGrowEvery = kSecond / 2;
constexpr Nanoseconds kOneEvent = 2 * kSecond;  // cuts so close are one flood's
constexpr Nanoseconds kFirstBackoff = 10 * kSecond, kLongestBackoff = 120 * kSecond;

std::uint32_t scaled(std::uint32_t kept, double factor) { return static_cast<std::uint32_t>(static_cast<double>(kept) * factor); }

// How much of the whole one of two may take: what the other leaves, and half of it in any case.
double part_of(double whole, double others) { return std::max(whole - others, whole / 2); }

}  // namespace

void SpreadTime::add(Nanoseconds now, Nanoseconds cpu) {
  used_ = used(now);
  all_ += cpu;
  if (added_ != 0 && now > added_) every_ = now - added_;
  added_ = now;
}

Nanoseconds SpreadTime::used(Nanoseconds now) const {
  const double part = std::clamp(static_cast<double>(now - added_) / static_cast<double>(every_), 0.0, 1.0);
  return used_ + static_cast<Nanoseconds>(static_cast<double>(all_ - used_) * part);
}

bool CpuBudget::is_due(Nanoseconds now) const { return limit_ > 0 && (looked_ == 0 || now - looked_ >= kPeriod); }

KeptFlows CpuBudget::kept_flows(Nanoseconds now, Nanoseconds cpu, const PacketsTaken& taken) {
  if (!is_due(now)) return {data_.kept, control_.kept};
  const Nanoseconds passed = now - looked_;
  if (looked_ != 0) {
    const double spent = static_cast<double>(cpu - cpu_), allowed = limit_ * static_cast<double>(passed);
    // Bounded: a flood that no share stops is over when it is over, however long it was.
    debt_ = std::clamp(debt_ + spent - allowed, 0.0, 2 * kBurst * limit_ * static_cast<double>(kSecond));
    const double used = spent / static_cast<double>(passed);
    const auto data = static_cast<double>(taken.data - taken_.data), control = static_cast<double>(taken.control - taken_.control);
    const double by_control = control > 0 ? used * control / (data + control) : 0, by_data = used - by_control;
    // What waited in the ring when a share became smaller is still to be read: that is no reason for another cut.
    const Nanoseconds last_cut = std::max(data_.cut, control_.cut);
    const bool is_rest = last_cut != 0 && now - last_cut < 2 * kPeriod && used < 2 * limit_;
    if (used > limit_ && debt_ > kBurst * limit_ * static_cast<double>(kSecond)) {
      const double target = kTarget * limit_, for_data = part_of(target, by_control), for_control = part_of(target, by_data);
      if (!is_rest && by_data > for_data) cut(data_, now, for_data / by_data);
      if (!is_rest && by_control > for_control) cut(control_, now, for_control / by_control);
    } else if (debt_ == 0) {
      const double for_data = kLow * part_of(limit_, by_control), for_control = kLow * part_of(limit_, by_data);
      if (by_data < for_data) grow(data_, now, by_data < for_data / 3);
      if (by_control < for_control) grow(control_, now, by_control < for_control / 3);
    }
  }
  looked_ = now;
  cpu_ = cpu;
  taken_ = taken;
  return {data_.kept, control_.kept};
}

void CpuBudget::cut(Share& share, Nanoseconds now, double factor) {
  const bool again = share.cut != 0 && now < share.ceiling_until + share.backoff;
  if (share.cut == 0 || now - share.cut > kOneEvent) share.backoff = again ? std::min(2 * share.backoff, kLongestBackoff) : kFirstBackoff;
  // Above where it was too much before, it is too much for the same reason. Not without end: who makes bursts again and again, whatever is
  // kept, must not leave next to nothing to all others in between.
  share.ceiling = std::max(again ? std::min(share.ceiling, share.kept) : share.kept, kLeastCeiling);
  share.ceiling_until = now + share.backoff;
  share.kept = std::max(kLeast, scaled(share.kept, std::max(factor, kDeepest)));
  share.cut = share.grown = now;
}

void CpuBudget::grow(Share& share, Nanoseconds now, bool fast) {
  if (share.kept == kAllFlows || now - share.grown < kGrowEvery) return;
  const std::uint32_t most = now >= share.ceiling_until ? kAllFlows : std::max(kLeast, scaled(share.ceiling, kTarget));
  const std::uint32_t next = std::min(most, std::max(share.kept + 1, scaled(share.kept, fast ? 1.5 : 1.1)));
  if (next <= share.kept) return;
  share.kept = next;
  share.grown = now;
}

}  // namespace vmtraffic
