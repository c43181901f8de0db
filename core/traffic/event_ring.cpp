#include "core/traffic/event_ring.hpp"

#include <algorithm>
#include <utility>

namespace vmtraffic {

void EventRing::restore(std::vector<Event> events, std::uint64_t last_sequence) {
  ring_.assign(std::make_move_iterator(events.begin()), std::make_move_iterator(events.end()));
  last_sequence_ = std::max(last_sequence, ring_.empty() ? 0 : ring_.back().sequence);
  ++revision_;
}

void EventRing::push(Event event) {
  event.sequence = ++last_sequence_;
  ring_.push_back(std::move(event));
  if (ring_.size() > kCapacity) {
    ring_.pop_front();
    ++dropped_;
  }
  ++revision_;
}

void EventRing::expire(Nanoseconds now, Nanoseconds interval) {
  const std::size_t before = ring_.size();
  while (!ring_.empty() && now - ring_.front().boottime > std::max(kKeep, 3 * interval)) ring_.pop_front();
  if (ring_.size() != before) ++revision_;
}

}  // namespace vmtraffic
