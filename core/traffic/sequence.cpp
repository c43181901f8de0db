#include "core/traffic/sequence.hpp"

#include <algorithm>
#include <utility>

namespace vmtraffic {
namespace {

// A gap as wide as this is no loss: a sender that lost so much would have been silent for hours, or began anew at another number.
constexpr std::uint32_t kWidestGap = 1u << 24;

constexpr Nanoseconds kMillisecond = kSecond / 1000;

}  // namespace

SequenceCounts& SequenceCounts::operator+=(const SequenceCounts& other) {
  received += other.received;
  lost += other.lost;
  late += other.late;
  duplicates += other.duplicates;
  restarts += other.restarts;
  return *this;
}

void SequenceTracker::begin(std::uint32_t sequence) {
  began_ = true;
  highest_ = first_ = sequence;
  span_ = young_span_ = recent_span_ = 1;
  young_missing_ = older_missing_ = 0;  // nobody waits for them any longer
  seen_.reset();
  seen_.set(sequence % kWindow);
  ++counts_.received;
}

SequenceTracker::Arrival SequenceTracker::take(std::uint32_t sequence, bool restarted) {
  if (!began_) {
    begin(sequence);
    return Arrival::kNew;
  }
  const std::uint32_t ahead = sequence - highest_;
  const std::uint32_t behind = highest_ - sequence;
  const bool is_ahead = ahead != 0 && ahead < (1u << 31);
  if (restarted || (is_ahead && ahead > kWidestGap) || (!is_ahead && behind >= kWindow)) {
    begin(sequence);
    ++counts_.restarts;
    return Arrival::kRestart;
  }
  if (is_ahead) {
    if (ahead >= kWindow) {
      seen_.reset();
    } else {
      for (std::uint32_t i = 1; i < ahead; ++i) seen_.reset((highest_ + i) % kWindow);
    }
    seen_.set(sequence % kWindow);
    counts_.lost += ahead - 1;
    young_missing_ += ahead - 1;
    ++counts_.received;
    span_ += ahead;
    young_span_ += ahead;
    recent_span_ += ahead;
    highest_ = sequence;
    return Arrival::kNew;
  }
  if (seen_.test(sequence % kWindow)) {
    ++counts_.duplicates;
    return Arrival::kDuplicate;
  }
  seen_.set(sequence % kWindow);
  // Before the first number that we saw nothing was counted as lost; what is settled stays.
  if (behind < recent_span_) {
    --counts_.lost;
    --(behind < young_span_ ? young_missing_ : older_missing_);
  }
  ++counts_.received;
  ++counts_.late;
  return Arrival::kLate;
}

void SequenceTracker::settle() {
  older_missing_ = std::exchange(young_missing_, 0);
  recent_span_ = std::exchange(young_span_, 0);
}

SequenceCounts SequenceTracker::settled() const {
  SequenceCounts out = counts_;
  out.lost -= young_missing_ + older_missing_;
  return out;
}

bool SequenceTracker::is_missing(std::uint32_t sequence) const {
  const std::uint32_t behind = highest_ - sequence;
  return began_ && behind < kWindow && behind < span_ && !seen_.test(sequence % kWindow);
}

bool DatagramTracker::is_of_another_life(std::uint32_t sequence, std::uint32_t uptime_ms, Nanoseconds now) const {
  if (!began_) return false;
  const Nanoseconds backward = static_cast<std::int32_t>(uptime_ms_ - uptime_ms) * kMillisecond;
  // An agent on a clock that was set back a little goes on.
  if (!numbers_.is_behind(sequence)) return backward > kLongestDelay;
  if (numbers_.is_missing(sequence)) return false;
  if (numbers_.was_seen(sequence) && uptime_ms != uptimes_[sequence % uptimes_.size()]) return true;
  // How long it was under way, as far as the highest number's way is none.
  return backward + (now - at_) > kLongestDelay;
}

DatagramTracker::Arrival DatagramTracker::take(std::uint32_t sequence, std::uint32_t uptime_ms, Nanoseconds now) {
  const Arrival arrival = numbers_.take(sequence, is_of_another_life(sequence, uptime_ms, now));
  began_ = true;
  if (arrival == Arrival::kDuplicate) return arrival;
  uptimes_[sequence % uptimes_.size()] = uptime_ms;
  if (arrival == Arrival::kLate) return arrival;
  uptime_ms_ = uptime_ms;
  at_ = now;
  return arrival;
}

}  // namespace vmtraffic
