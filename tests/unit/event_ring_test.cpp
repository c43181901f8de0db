#include "core/traffic/event_ring.hpp"

#include <gtest/gtest.h>

namespace vmtraffic {
namespace {

Event event(Nanoseconds at) { return {0, at, 0, EventKind::kStarted, {}, "vm", ""}; }

TEST(EventRing, NumbersWithoutGaps) {
  EventRing ring;
  ring.push(event(1));
  ring.push(event(2));
  ASSERT_EQ(ring.events().size(), 2u);
  EXPECT_EQ(ring.events()[0].sequence, 1u);
  EXPECT_EQ(ring.events()[1].sequence, 2u);
  EXPECT_EQ(ring.last_sequence(), 2u);
}

TEST(EventRing, GoesOnAfterAHandOver) {
  EventRing before;
  for (int i = 0; i < 3; ++i) before.push(event(i));
  EventRing after;
  after.restore(before.events(), before.last_sequence());
  after.push(event(4));
  EXPECT_EQ(after.last_sequence(), 4u);
  EXPECT_EQ(after.events().size(), 4u);
}

TEST(EventRing, KeepsItsNumberWhenAllHaveExpired) {
  EventRing ring;
  ring.push(event(kSecond));
  ring.expire(kSecond + EventRing::kKeep + 1, 400 * kSecond);
  EXPECT_EQ(ring.events().size(), 1u) << "an event is published before it is forgotten";
  ring.expire(kSecond + EventRing::kKeep + 1, 10 * kSecond);
  EXPECT_TRUE(ring.events().empty());
  EventRing after;
  after.restore({}, ring.last_sequence());
  after.push(event(1));
  EXPECT_EQ(after.last_sequence(), 2u);
}

TEST(EventRing, IsBounded) {
  EventRing ring;
  for (std::size_t i = 0; i < EventRing::kCapacity + 10; ++i) ring.push(event(1));
  EXPECT_EQ(ring.events().size(), EventRing::kCapacity);
  EXPECT_EQ(ring.events().front().sequence, 11u);
}

}  // namespace
}  // namespace vmtraffic
