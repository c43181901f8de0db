// One stream of sequence numbers, as sFlow agents and data sources count them: what was lost, came late, came twice, began anew. Pure.
//
// Exact as long as nothing comes later than kWindow numbers after its place: a number that is missing counts as lost until it comes.
#pragma once

#include <bitset>
#include <cstdint>

namespace vmtraffic {

struct SequenceCounts {
  std::uint64_t received{0};    // each number once
  std::uint64_t lost{0};        // numbers passed over that have not come
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

  // A number that was passed over, so near that it may still come.
  bool is_missing(std::uint32_t sequence) const;

  const SequenceCounts& counts() const { return counts_; }

 private:
  void begin(std::uint32_t sequence);

  bool began_{false};
  std::uint32_t highest_{0};
  std::uint32_t first_{0};     // where counting began: what is before it was not lost
  std::uint64_t span_{0};      // numbers from first_ to highest_, 64 bits wide: it does not wrap
  std::bitset<kWindow> seen_;  // by number modulo kWindow, for the last kWindow numbers up to highest_
  SequenceCounts counts_;
};

}  // namespace vmtraffic
