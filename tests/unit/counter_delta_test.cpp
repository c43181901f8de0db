#include "core/traffic/counter_delta.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace vmtraffic {
namespace {

constexpr std::uint64_t kMax64 = std::numeric_limits<std::uint64_t>::max();
constexpr MetricSet kRxOctetsOnly = 1;

LinkReading octets(std::uint32_t if_index, std::uint64_t rx, CounterWidth width = CounterWidth::k64) {
  LinkReading r{if_index, {}, kRxOctetsOnly, width};
  r.values[kRxOctets] = rx;
  return r;
}

CounterStep grew(std::uint64_t by) {
  CounterStep s;
  s.delta[kRxOctets] = by;
  s.present = kRxOctetsOnly;
  return s;
}

struct Case {
  const char* what;
  std::uint64_t last, next;
  CounterWidth width;
  CounterStep step;
  std::uint64_t total;
};

TEST(CounterDelta, GrowthWrapAndReset) {
  CounterStep reset;
  reset.discontinuity = true;
  const Case cases[] = {
      {"growth", 100, 150, CounterWidth::k64, grew(50), 150},
      {"nothing new", 100, 100, CounterWidth::k64, grew(0), 100},
      {"64 bits wrap", kMax64 - 9, 5, CounterWidth::k64, grew(15), 5},
      {"reset", 1'000'000, 10, CounterWidth::k64, reset, 1'000'010},
      {"32 bits wrap", 0xFFFFFFF0, 16, CounterWidth::k32, grew(32), 0x100000010},
      {"32 bits wrap from 3 GB", 3'000'000'000, 100, CounterWidth::k32, grew(1'294'967'396), 4'294'967'396},
      {"32 bits reset", 1'000'000'000, 100, CounterWidth::k32, reset, 1'000'000'100},
      {"64 bits do not wrap at 32", 0xFFFFFFF0, 16, CounterWidth::k64, reset, 0x100000000},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    VnicTotals totals;
    EXPECT_EQ(advance(totals, octets(7, c.last, c.width), 1), CounterStep{});
    EXPECT_EQ(totals.total[kRxOctets], c.last);
    EXPECT_EQ(advance(totals, octets(7, c.next, c.width), 2), c.step);
    EXPECT_EQ(totals.total[kRxOctets], c.total);
    EXPECT_EQ(totals.discontinuity_boottime, c.step.discontinuity ? 2 : 0);
  }
}

TEST(CounterDelta, FirstSightPublishesTheKernelsValueAndNoDelta) {
  VnicTotals totals;
  EXPECT_EQ(advance(totals, octets(7, 12345), 9), CounterStep{});
  VnicTotals want;
  want.total[kRxOctets] = 12345;
  want.if_index = 7;
  want.present = want.seen = kRxOctetsOnly;
  EXPECT_EQ(totals, want);
}

TEST(CounterDelta, AVnicOnAnotherTapGoesOnFromItsTotal) {
  VnicTotals totals;
  advance(totals, octets(7, 1000), 1);
  const CounterStep step = advance(totals, octets(8, 30), 2);
  EXPECT_TRUE(step.discontinuity);
  EXPECT_EQ(step.present, 0);
  EXPECT_EQ(totals.total[kRxOctets], 1030u);
  EXPECT_EQ(totals.offset[kRxOctets], 1000u);
  EXPECT_EQ(totals.discontinuity_boottime, 2);
  EXPECT_EQ(advance(totals, octets(8, 50), 3), grew(20));
  EXPECT_EQ(totals.total[kRxOctets], 1050u);
}

TEST(CounterDelta, AnotherTapThatCountedFurtherIsNoGrowth) {
  VnicTotals totals;
  advance(totals, octets(7, 1000), 1);
  EXPECT_TRUE(advance(totals, octets(8, 5000), 2).discontinuity);
  EXPECT_EQ(totals.total[kRxOctets], 6000u);
}

TEST(CounterDelta, WithoutALinkTheTotalsAreAbsentButKept) {
  VnicTotals totals;
  advance(totals, octets(7, 1000), 1);
  EXPECT_EQ(advance(totals, LinkReading{}, 2), CounterStep{});
  EXPECT_EQ(totals.present, 0);
  EXPECT_EQ(totals.seen, kRxOctetsOnly);
  EXPECT_EQ(advance(totals, octets(7, 1100), 3), grew(100));
  EXPECT_EQ(totals.discontinuity_boottime, 0);
}

// libvirt's, of a vNIC that the kernel does not see.
TEST(CounterDelta, CountersWithoutALinkGoOnLikeOthers) {
  VnicTotals totals;
  advance(totals, octets(0, 1000), 1);
  EXPECT_EQ(advance(totals, octets(0, 1500), 2), grew(500));
  EXPECT_EQ(totals.if_index, 0u);
  EXPECT_TRUE(advance(totals, octets(7, 9000), 3).discontinuity) << "a tap of its own counts something else";
  EXPECT_EQ(totals.total[kRxOctets], 10'500u);
  EXPECT_TRUE(advance(totals, octets(0, 9500), 4).discontinuity);
}

TEST(CounterDelta, HeldTotalsStayAsTheyWere) {
  VnicTotals totals;
  LinkReading first = octets(0, 1000);
  first.age = 5;
  advance(totals, first, 1);
  VnicTotals want = totals;
  EXPECT_EQ(want.age, 5);
  want.age = kHeld;
  LinkReading held;
  held.age = kHeld;
  EXPECT_EQ(advance(totals, held, 2), CounterStep{});
  EXPECT_EQ(totals, want);
  LinkReading next = octets(0, 1600);
  next.age = 1;
  EXPECT_EQ(advance(totals, next, 3), grew(600));
  EXPECT_EQ(totals.age, 1);
}

TEST(CounterDelta, ACounterThatBeginsToBeReportedIsFirstSeenThen) {
  VnicTotals totals;
  advance(totals, octets(7, 1000), 1);
  LinkReading both = octets(7, 1010);
  both.present = 0b11;
  both.values[kRxPackets] = 40;
  EXPECT_EQ(advance(totals, both, 2), grew(10));
  EXPECT_EQ(totals.total[kRxPackets], 40u);
}

TEST(CounterDelta, OneCounterThatResetsMakesTheWholeStepMeaningless) {
  VnicTotals totals;
  LinkReading first = octets(7, 1000);
  first.present = 0b11;
  first.values[kRxPackets] = 10;
  advance(totals, first, 1);
  LinkReading second = octets(7, 5);
  second.present = 0b11;
  second.values[kRxPackets] = 11;
  CounterStep want;
  want.discontinuity = true;
  EXPECT_EQ(advance(totals, second, 2), want);
  EXPECT_EQ(totals.total[kRxOctets], 1005u);
  EXPECT_EQ(totals.total[kRxPackets], 11u);
}

}  // namespace
}  // namespace vmtraffic
