// One stream of sequence numbers, as sFlow agents and data sources count them: what was lost, came late, came twice, began anew. Pure.
//
// Exact as long as nothing comes later than kWindow numbers after its place: a number that is missing counts as lost until it comes. What
// is published must not go back: for that there is settled(), which counts a number once it has been missing for a while, and then for
// good.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>

#include "core/types.hpp"

namespace vmtraffic {

struct SequenceCounts {
  std::uint64_t received{0};    // each number once
  std::uint64_t lost{0};        // numbers passed over that have not come (see SequenceTracker::settle())
  std::uint64_t late{0};        // came after a higher one
  std::uint64_t duplicates{0};  // came again: not to be used
  std::uint64_t restarts{0};    // the sender began anew
  SequenceCounts& operator+=(const SequenceCounts& other);
  friend bool operator==(const SequenceCounts&, const SequenceCounts&) = default;
};

class SequenceTracker {
 public:
  static constexpr std::uint32_t kWindow = 1024;

  enum class Arrival : std::uint8_t { kNew, kLate, kDuplicate, kRestart };

  // The next number as it came in, modulo 2^32. `restarted`: the sender is known to have begun anew (its uptime went back).
  // Without that, a number far outside the window is a restart too: no network delays a datagram by so many others.
  Arrival take(std::uint32_t sequence, bool restarted = false);

  // The highest number so far, or one before it, so near that it is told apart from a restart.
  bool is_behind(std::uint32_t sequence) const { return began_ && highest_ - sequence < kWindow; }
  // A number that was passed over, so near that it may still come.
  bool is_missing(std::uint32_t sequence) const;
  bool was_seen(std::uint32_t sequence) const { return is_behind(sequence) && seen_.test(sequence % kWindow); }

  const SequenceCounts& counts() const { return counts_; }

  // To be called from time to time: what was missing at the call before, and still is, will not come.
  void settle();
  // counts() without the losses that are too young to be believed. None of its figures ever goes back.
  SequenceCounts settled() const;

 private:
  void begin(std::uint32_t sequence);

  bool began_{false};
  std::uint32_t highest_{0};
  std::uint32_t first_{0};  // where counting began: what is before it was not lost
  std::uint64_t span_{0};   // numbers from first_ to highest_, 64 bits wide: it does not wrap
  // Of them those that came into sight since the last settle(), and since the one before; and how many of them are missing.
  std::uint64_t young_span_{0}, recent_span_{0};
  std::uint64_t young_missing_{0}, older_missing_{0};  // the second: of those between the two calls
  std::bitset<kWindow> seen_;                          // by number modulo kWindow, for the last kWindow numbers up to highest_
  SequenceCounts counts_;
};

// The same for the datagrams of one agent, which also tell its uptime: so a restart is known however soon it comes.
//
// A datagram that came twice is the same to its last octet, and its copies come close together. A number that was seen and comes with
// another uptime, or from longer ago than any network holds a datagram back, is another life's. So is one that is new when the uptime went
// back. What is taken for reordering is used in any case: nothing of a new life is swallowed but what two lives of less than kLongestDelay
// have in common.
class DatagramTracker {
 public:
  using Arrival = SequenceTracker::Arrival;
  // Between a datagram's way and another's. Uptimes of agents that count in seconds differ by one of them alone.
  static constexpr Nanoseconds kLongestDelay = 2 * kSecond;

  // `uptime_ms` modulo 2^32, `now` by our clock.
  Arrival take(std::uint32_t sequence, std::uint32_t uptime_ms, Nanoseconds now);

  std::uint32_t uptime_ms() const { return uptime_ms_; }  // with the highest number
  const SequenceCounts& counts() const { return numbers_.counts(); }
  void settle() { numbers_.settle(); }
  SequenceCounts settled() const { return numbers_.settled(); }

 private:
  bool is_of_another_life(std::uint32_t sequence, std::uint32_t uptime_ms, Nanoseconds now) const;

  SequenceTracker numbers_;
  bool began_{false};
  std::uint32_t uptime_ms_{0};
  Nanoseconds at_{0};                                              // when the highest number came
  std::array<std::uint32_t, SequenceTracker::kWindow> uptimes_{};  // of the numbers seen
};

}  // namespace vmtraffic
