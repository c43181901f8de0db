// Domain events, numbered without gaps over hand-overs, kept long enough for every follower to see each. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "core/types.hpp"

namespace vmtraffic {

struct Event {
  std::uint64_t sequence{0};
  Nanoseconds boottime{0}, walltime{0};
  EventKind kind{EventKind::kOther};
  DomainUuid uuid;
  std::string domain, detail;
  friend bool operator==(const Event&, const Event&) = default;
};

class EventRing {
 public:
  static constexpr std::size_t kCapacity = 4096;
  static constexpr Nanoseconds kKeep = 600 * kSecond;  // at least

  void restore(std::vector<Event> events, std::uint64_t last_sequence);
  // Gives the event its number.
  void push(Event event);
  // Forgets what is older than kKeep and three intervals, so that a quiet host's snapshot stays small.
  void expire(Nanoseconds now, Nanoseconds interval);

  std::vector<Event> events() const { return {ring_.begin(), ring_.end()}; }
  std::uint64_t last_sequence() const { return last_sequence_; }
  // Pushed out by newer ones before their time.
  std::uint64_t dropped() const { return dropped_; }
  // Changes whenever events() does.
  std::uint64_t revision() const { return revision_; }

 private:
  std::deque<Event> ring_;
  std::uint64_t last_sequence_{0};
  std::uint64_t revision_{0};
  std::uint64_t dropped_{0};
};

}  // namespace vmtraffic
