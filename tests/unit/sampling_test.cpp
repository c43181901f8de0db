// Sequence numbers, sampling rates, estimates and the bounded table: what the sFlow probe reckons with.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "core/traffic/estimate.hpp"
#include "core/traffic/heavy_table.hpp"
#include "core/traffic/recent_growth.hpp"
#include "core/traffic/sampling_rate.hpp"
#include "core/traffic/sequence.hpp"

namespace vmtraffic {
namespace {

using Arrival = SequenceTracker::Arrival;

TEST(Sequence, CountsWhatIsMissingUntilItComes) {
  SequenceTracker t;
  EXPECT_EQ(t.take(10), Arrival::kNew);
  EXPECT_EQ(t.take(11), Arrival::kNew);
  EXPECT_EQ(t.take(14), Arrival::kNew);
  EXPECT_EQ(t.counts(), (SequenceCounts{.received = 3, .lost = 2}));
  EXPECT_EQ(t.take(12), Arrival::kLate);
  EXPECT_EQ(t.take(12), Arrival::kDuplicate);
  EXPECT_EQ(t.take(14), Arrival::kDuplicate);
  EXPECT_EQ(t.counts(), (SequenceCounts{.received = 4, .lost = 1, .late = 1, .duplicates = 2}));
}

// A manager that subtracts one reading from the next must not be shown a counter that goes back.
TEST(Sequence, WhatIsSettledNeverGoesBack) {
  SequenceTracker t;
  t.take(1);
  t.take(4);
  EXPECT_EQ(t.settled(), (SequenceCounts{.received = 2})) << "2 and 3 may still come";
  t.settle();
  t.take(6);
  EXPECT_EQ(t.take(3), Arrival::kLate);
  EXPECT_EQ(t.settled(), (SequenceCounts{.received = 4, .late = 1}));
  t.settle();
  EXPECT_EQ(t.settled(), (SequenceCounts{.received = 4, .lost = 1, .late = 1})) << "2";
  EXPECT_EQ(t.take(5), Arrival::kLate) << "passed over in the period before this one";
  EXPECT_EQ(t.take(2), Arrival::kLate) << "later than anybody waits";
  t.take(9);
  t.settle();
  t.settle();
  EXPECT_EQ(t.settled(), (SequenceCounts{.received = 7, .lost = 3, .late = 3})) << "2, which came after all, 7 and 8";
  t.take(12);
  EXPECT_EQ(t.take(1, true), Arrival::kRestart);
  EXPECT_EQ(t.settled(), (SequenceCounts{.received = 9, .lost = 5, .late = 3, .restarts = 1})) << "nobody waits for another life's";
}

TEST(Sequence, GoesOnOverTheEndOfItsRange) {
  SequenceTracker t;
  t.take(0xFFFF'FFFE);
  EXPECT_EQ(t.take(1), Arrival::kNew);
  EXPECT_EQ(t.take(0xFFFF'FFFF), Arrival::kLate);
  EXPECT_EQ(t.counts(), (SequenceCounts{.received = 3, .lost = 1, .late = 1}));
}

TEST(Sequence, ARestartIsNoGap) {
  SequenceTracker t;
  t.take(100'000);
  EXPECT_EQ(t.take(1), Arrival::kRestart) << "far behind";
  t.take(2);
  EXPECT_EQ(t.take(1, true), Arrival::kRestart) << "the sender's uptime went back";
  EXPECT_EQ(t.take(3'000'000'000U), Arrival::kRestart) << "far ahead";
  EXPECT_EQ(t.counts(), (SequenceCounts{.received = 5, .lost = 0, .late = 0, .duplicates = 0, .restarts = 3}));
}

TEST(Sequence, WhatCameBeforeTheFirstWasNotLost) {
  SequenceTracker t;
  t.take(10);
  EXPECT_EQ(t.take(9), Arrival::kLate);
  EXPECT_EQ(t.counts(), (SequenceCounts{.received = 2, .lost = 0, .late = 1}));
}

TEST(Sequence, IsExactUnderLossDoublingAndReordering) {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same run every time
  std::vector<std::uint32_t> sent;
  std::uint64_t lost = 0, doubled = 0;
  const std::uint32_t last = 50'000;
  for (std::uint32_t n = 0; n <= last; ++n) {
    const auto fate = random() % 100;
    // The ends stay, so that what is lost lies between two that come.
    if (n != 0 && n != last && fate < 10) {
      ++lost;
      continue;
    }
    sent.push_back(n - 20'000);  // over the wrap
    if (fate >= 90) sent.push_back(n - 20'000), ++doubled;
  }
  for (std::size_t i = 1; i + 101 < sent.size(); i += 100)
    std::shuffle(sent.begin() + static_cast<long>(i), sent.begin() + static_cast<long>(i) + 100, random);
  SequenceTracker t;
  std::size_t taken = 0;
  std::uint64_t settled = 0;
  for (const std::uint32_t n : sent) {
    t.take(n);
    // So seldom that none of those that are overtaken comes too late, and in the midst of them.
    if (++taken % 150 == 0) t.settle();
    EXPECT_GE(t.settled().lost, settled);
    settled = t.settled().lost;
  }
  EXPECT_EQ(t.counts().lost, lost);
  t.settle();
  t.settle();
  EXPECT_EQ(t.settled(), t.counts());
  EXPECT_EQ(t.counts().duplicates, doubled);
  EXPECT_EQ(t.counts().received, last + 1 - lost);
  EXPECT_EQ(t.counts().restarts, 0U);
}

constexpr Nanoseconds kMs = kSecond / 1000;

TEST(Datagrams, ARestartIsKnownHoweverSoonItComes) {
  DatagramTracker t;
  Nanoseconds now = 1000 * kSecond;
  for (std::uint32_t n = 1; n <= 3; ++n) EXPECT_EQ(t.take(n, 1000 * n, now += kSecond), Arrival::kNew);
  // Three seconds after its start the agent begins anew, with the very numbers and uptimes of before.
  EXPECT_EQ(t.take(1, 1000, now += kSecond), Arrival::kRestart);
  EXPECT_EQ(t.take(2, 2000, now += kSecond), Arrival::kNew);
  // And at once again, which the uptime alone tells.
  EXPECT_EQ(t.take(1, 10, now += 20 * kMs), Arrival::kRestart);
  EXPECT_EQ(t.take(2, 20, now += 10 * kMs), Arrival::kNew);
  EXPECT_EQ(t.counts(), (SequenceCounts{.received = 7, .restarts = 2}));
  EXPECT_EQ(t.uptime_ms(), 20U);
}

TEST(Datagrams, ARestartMayBeginBehindItsFirstNumber) {
  DatagramTracker t;
  Nanoseconds now = 1000 * kSecond;
  EXPECT_EQ(t.take(20, 9000, now), Arrival::kNew);
  EXPECT_EQ(t.take(3, 300, now += kSecond), Arrival::kRestart) << "lower than any that was seen";
  EXPECT_EQ(t.take(30, 9000, now += 9 * kSecond), Arrival::kNew);
  EXPECT_EQ(t.take(31, 500, now += kSecond), Arrival::kRestart) << "higher, but what came before was lost";
  EXPECT_EQ(t.counts(), (SequenceCounts{.received = 4, .lost = 26, .restarts = 2}));
}

TEST(Datagrams, ReorderingAndCopiesAreNoRestart) {
  DatagramTracker t;
  const Nanoseconds now = 1000 * kSecond;
  EXPECT_EQ(t.take(5, 0, now), Arrival::kNew);
  EXPECT_EQ(t.take(8, 1000, now), Arrival::kNew) << "an agent that counts in seconds";
  EXPECT_EQ(t.take(5, 0, now + 900 * kMs), Arrival::kDuplicate);
  EXPECT_EQ(t.take(7, 1000, now + 900 * kMs), Arrival::kLate);
  EXPECT_EQ(t.take(4, 0, now + 900 * kMs), Arrival::kLate);
  EXPECT_EQ(t.take(6, 0, now + 60 * kSecond), Arrival::kLate) << "who waited for it?";
  EXPECT_EQ(t.counts(), (SequenceCounts{.received = 5, .late = 3, .duplicates = 1}));
  EXPECT_EQ(t.uptime_ms(), 1000U);
}

TEST(Datagrams, TheUptimeWrapsAndTheAgentsClockMayBeSetBack) {
  DatagramTracker t;
  Nanoseconds now = 1000 * kSecond;
  EXPECT_EQ(t.take(10, 0xFFFF'FF00, now), Arrival::kNew);
  EXPECT_EQ(t.take(11, 500, now += kSecond), Arrival::kNew);
  EXPECT_EQ(t.take(10, 0xFFFF'FF00, now), Arrival::kDuplicate);
  EXPECT_EQ(t.take(12, 0xFFFF'FF00, now += kSecond), Arrival::kNew) << "less than two seconds back";
  EXPECT_EQ(t.counts(), (SequenceCounts{.received = 3, .duplicates = 1}));
}

// Our host sleeps or our process is held: what waited in the socket comes all at once.
TEST(Datagrams, AReceiverThatWasHeldSeesNoRestart) {
  DatagramTracker t;
  Nanoseconds now = 1000 * kSecond;
  t.take(1, 1000, now);
  now += 60 * kSecond;
  for (std::uint32_t n = 2; n <= 60; ++n) EXPECT_EQ(t.take(n, 1000 * n, now), Arrival::kNew);
  EXPECT_EQ(t.take(59, 59'000, now), Arrival::kDuplicate);
  EXPECT_EQ(t.counts(), (SequenceCounts{.received = 60, .duplicates = 1}));
}

TEST(RecentGrowth, CoversThePeriodThatRunsAndTheOneBefore) {
  using Readings = RecentGrowth<1>::Readings;
  RecentGrowth<1> growth(60 * kSecond);
  EXPECT_EQ(growth.of({5}), Readings{5}) << "before the first tick all is lately";
  growth.tick(1000 * kSecond, {5});
  growth.tick(1050 * kSecond, {7});
  EXPECT_EQ(growth.of({8}), Readings{8});
  growth.tick(1060 * kSecond, {8});
  EXPECT_EQ(growth.of({9}), Readings{9});
  growth.tick(1120 * kSecond, {9});
  EXPECT_EQ(growth.of({10}), Readings{2}) << "since the second period began";
  growth.tick(1500 * kSecond, {10});
  EXPECT_EQ(growth.of({10}), Readings{1}) << "a period that no tick ended is as long as it was";
  growth.tick(1560 * kSecond, {10});
  EXPECT_EQ(growth.of({10}), Readings{0});
}

// A switch that is plugged in another way is seen at once, however long all went well before, and its repair too.
TEST(UnattributedShare, IsThatOfTheLastTwoPeriods) {
  using Ppm = std::optional<std::uint64_t>;
  UnattributedShare share(60 * kSecond);
  Nanoseconds now = 1000 * kSecond;
  EXPECT_EQ(share.ppm(0, 0), std::nullopt) << "nothing was sampled yet";
  double packets = 0, without = 0;
  const auto minute = [&](double more, double more_without) {
    share.tick(now, packets, without);
    now += 60 * kSecond;
    packets += more;
    without += more_without;
    return share.ppm(packets, without);
  };
  for (int m = 0; m < 1440; ++m) EXPECT_EQ(minute(1000, 0), Ppm(0));
  EXPECT_EQ(minute(1000, 1000), Ppm(500'000));
  EXPECT_EQ(minute(1000, 1000), Ppm(1'000'000));
  EXPECT_EQ(minute(3000, 0), Ppm(250'000));
  EXPECT_EQ(minute(3000, 0), Ppm(0));
  EXPECT_EQ(minute(0, 0), Ppm(0));
  EXPECT_EQ(minute(0, 0), Ppm(0)) << "nothing was sampled lately";
}

TEST(SamplingRate, APoolThatBeginsAnewIsNotReordering) {
  SamplingRate rate;
  std::uint32_t pool = 50'000'000;
  for (int i = 0; i < 600; ++i) rate.take(pool += 250, 100);
  EXPECT_DOUBLE_EQ(rate.take(pool -= 1000, 100), 250.0 * 343 / 344) << "an overtaken sample";
  EXPECT_EQ(rate.take(pool = 250, 100), 100) << "nothing to compare with yet";
  for (int i = 0; i < 600; ++i) rate.take(pool += 250, 100);
  EXPECT_DOUBLE_EQ(rate.rate(), 250);
}

TEST(SamplingRate, IsWhatWasReallySampled) {
  SamplingRate rate;
  EXPECT_EQ(rate.take(1000, 100), 100) << "nothing to compare with yet";
  std::uint32_t pool = 1000;
  for (int i = 0; i < 600; ++i) rate.take(pool += 250, 100);
  EXPECT_DOUBLE_EQ(rate.rate(), 250);
  EXPECT_EQ(rate.take(1, 50), 50) << "a new rate begins anew";
}

TEST(SamplingRate, OneInOneIsExact) {
  SamplingRate rate;
  for (std::uint32_t pool = 0xFFFF'FF00; pool != 1000; ++pool) ASSERT_DOUBLE_EQ(rate.take(pool, 1), 1);
}

TEST(SamplingRate, APoolThatStandsStillLeavesTheStatedRate) {
  SamplingRate rate;
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(rate.take(0, 64), 64);
}

TEST(SamplingRate, LossReorderingAndTheWrapDoNotBias) {
  std::mt19937 random(2);  // NOLINT(cert-msc51-cpp)
  SamplingRate rate;
  double packets = 0;
  std::uint32_t pool = 0xFFF0'0000;
  const std::uint32_t begin = pool;
  std::vector<std::uint32_t> pools;
  std::geometric_distribution<std::uint32_t> skip(1.0 / 100);
  for (int i = 0; i < 20'000; ++i) {
    pool += skip(random) + 1;
    if (random() % 10 != 0) pools.push_back(pool);
  }
  for (std::size_t i = 0; i + 10 < pools.size(); i += 10)
    std::shuffle(pools.begin() + static_cast<long>(i), pools.begin() + static_cast<long>(i) + 10, random);
  for (const std::uint32_t p : pools) packets += rate.take(p, 100);
  EXPECT_NEAR(packets / (pool - begin), 1, 0.01);
}

TEST(Estimate, BoundsFollowSamplingTheory) {
  SampleSums sums;
  for (int i = 0; i < 100; ++i) sums.add({.octets = i % 2 == 0 ? 100.0 : 300.0, .scale = 1000});
  const Estimate e = estimate_of(sums);
  EXPECT_DOUBLE_EQ(e.packets, 100'000);
  EXPECT_DOUBLE_EQ(e.octets, 20'000'000);
  EXPECT_NEAR(e.packets_error_95, 0.196 * std::sqrt(0.999), 1e-9);
  EXPECT_NEAR(e.octets_error_95, 0.196 * std::sqrt(1.25 * 0.999), 1e-9);
}

TEST(Estimate, EveryPacketSeenIsExactAndNoneSaysNothing) {
  SampleSums sums;
  for (int i = 0; i < 7; ++i) sums.add({.octets = 60.0 + i});
  EXPECT_EQ(estimate_of(sums).octets_error_95, 0);
  EXPECT_TRUE(std::isinf(estimate_of({}).packets_error_95));
}

// Flows that are kept or left out, told in pieces as a capture does.
TEST(Estimate, OfWholeFlowsHoldsItsPromiseToo) {
  std::mt19937 random(5);  // NOLINT(cert-msc51-cpp)
  std::vector<int> flows;  // packets of 1,000 octets: most have few, some have many
  double packets = 0;
  for (int i = 0; i < 4000; ++i) {
    flows.push_back(static_cast<int>(std::min(2 / std::pow((static_cast<double>(random() % 10'000) + 1) / 10'001, 0.6), 300.0)));
    packets += flows.back();
  }
  for (const double share : {0.5, 0.1}) {
    int inside = 0;
    double mean = 0;
    for (int trial = 0; trial < 200; ++trial) {
      SampleSums sums;
      for (const int flow : flows) {
        if (static_cast<double>(random() % 1'000'000) >= share * 1'000'000) continue;
        Seen::Flow seen{.kept = share};
        for (int left = flow; left > 0;) {
          const auto piece = static_cast<std::uint32_t>(std::min(left, 7));
          sums.add({.octets = 1000.0 * piece, .scale = 1 / share, .frames = piece, .flow = &seen});
          seen.recent.octets += 1000.0 * piece, seen.recent.packets += piece;
          left -= static_cast<int>(piece);
        }
      }
      const Estimate e = estimate_of_flows(sums);
      EXPECT_NEAR(e.octets_error_95, e.packets_error_95, 1e-9) << "all are equally long";
      inside += std::abs(e.packets - packets) <= e.packets_error_95 * e.packets;
      mean += e.packets / 200;
    }
    EXPECT_GE(inside, 180) << share;
    EXPECT_NEAR(mean / packets, 1, 0.02) << share;
  }
}

TEST(Estimate, OneFlowAloneIsOffByFar) {
  SampleSums sums;
  const Seen::Flow tenth{.kept = 0.1}, whole;
  sums.add({.octets = 1000, .scale = 10, .frames = 1, .flow = &tenth});
  const double relative = std::sqrt(90.0) / 10;
  EXPECT_NEAR(estimate_of_flows(sums).octets_error_95, 1.96 * relative * (1 + 4 * relative), 1e-9);
  SampleSums all;
  all.add({.octets = 1000, .scale = 1, .frames = 1, .flow = &whole});
  EXPECT_EQ(estimate_of_flows(all).octets_error_95, 0);
  EXPECT_TRUE(std::isinf(estimate_of_flows({}).octets_error_95));
}

// The whole of it: the true value lies inside the bound in 95 of 100 trials, and the mean is unbiased.
TEST(Estimate, HoldsItsPromiseOverManyTrials) {
  std::mt19937 random(3);  // NOLINT(cert-msc51-cpp)
  constexpr int kPackets = 200'000;
  std::vector<std::uint16_t> lengths;
  double octets = 0;
  for (int i = 0; i < kPackets; ++i) {
    lengths.push_back(random() % 10 < 6 ? 66 : 1514);
    octets += lengths.back();
  }
  for (const int one_in : {10, 100, 1000}) {
    int packets_inside = 0, octets_inside = 0;
    double mean = 0;
    for (int trial = 0; trial < 100; ++trial) {
      SamplingRate rate;
      SampleSums sums;
      std::geometric_distribution<int> skip(1.0 / one_in);
      for (int at = skip(random); at < kPackets; at += skip(random) + 1) {
        sums.add({.octets = static_cast<double>(lengths[static_cast<std::size_t>(at)]),
                  .scale = rate.take(static_cast<std::uint32_t>(at + 1), static_cast<std::uint32_t>(one_in))});
      }
      const Estimate e = estimate_of(sums);
      packets_inside += std::abs(e.packets - kPackets) <= e.packets_error_95 * e.packets;
      octets_inside += std::abs(e.octets - octets) <= e.octets_error_95 * e.octets;
      mean += e.octets / 100;
    }
    EXPECT_GE(packets_inside, 88) << one_in;
    EXPECT_GE(octets_inside, 88) << one_in;
    EXPECT_NEAR(mean / octets, 1, 0.02) << one_in;
  }
}

TEST(HeavyTable, AScanEvictsItself) {
  HeavyTable<std::uint64_t, std::uint64_t> table(1024);
  const auto heavy = [&] {
    for (std::uint64_t k = 0; k < 500; ++k) ++table.touch(k);
  };
  for (int i = 0; i < 8; ++i) heavy();
  for (std::uint64_t k = 1'000'000; k < 2'000'000; ++k) {
    ++table.touch(k);
    if (k % 10'000 == 0) heavy();
  }
  for (std::uint64_t k = 0; k < 500; ++k) {
    const std::uint64_t* value = table.find(k);
    ASSERT_NE(value, nullptr) << k;
    EXPECT_EQ(*value, 108U);
  }
  EXPECT_EQ(table.size(), 1024U);
  EXPECT_EQ(table.evictions(), 1'000'500U - 1024);
}

TEST(HeavyTable, ANewHeavyKeyProvesItselfUnderAScan) {
  HeavyTable<std::uint64_t, std::uint64_t> table(1024);
  for (int i = 0; i < 8; ++i) {
    for (std::uint64_t k = 0; k < 1024; ++k) ++table.touch(k);
  }
  for (std::uint64_t k = 1'000'000; k < 1'100'000; ++k) {
    ++table.touch(k);
    if (k % 50 == 0) ++table.touch(5'000'000);
  }
  ASSERT_NE(table.find(5'000'000), nullptr);
  EXPECT_GE(*table.find(5'000'000), 1900U) << "it began anew a few times before it had proved itself";
}

TEST(HeavyTable, FindsWhatAMapFindsWhateverComesAndGoes) {
  for (const bool reserves : {false, true}) {
    HeavyTable<std::uint32_t, std::uint32_t> table(4096);
    if (reserves) table.reserve();
    std::map<std::uint32_t, std::uint32_t> map;
    std::mt19937 generator(1);
    const auto random = [&generator](std::uint32_t below) { return static_cast<std::uint32_t>(generator() % below); };
    for (std::uint32_t i = 0; i < 200'000; ++i) {
      const std::uint32_t key = random(3000);
      const std::uint64_t hash = table.hash_of(key);
      table.prefetch_place(hash);
      auto hint = table.prefetch_entry(hash);
      table.touch_hashed(key, hash, hint, [](std::uint32_t, std::uint32_t) { FAIL() << "there is room"; }) = i;
      map[key] = i;
      EXPECT_EQ(table.key_at(hint), key);
      if (i % 500 != 0) continue;
      const std::uint32_t gone = random(7);
      table.remove_if([gone](std::uint32_t k, std::uint32_t) { return k % 7 == gone; });
      std::erase_if(map, [gone](const auto& entry) { return entry.first % 7 == gone; });
    }
    EXPECT_EQ(table.size(), map.size());
    for (std::uint32_t key = 0; key < 3000; ++key) {
      const auto found = map.find(key);
      const std::uint32_t* value = table.find(key);
      ASSERT_EQ(value != nullptr, found != map.end()) << key;
      if (value != nullptr) {
        EXPECT_EQ(*value, found->second);
      }
    }
  }
}

TEST(HeavyTable, ForgetsWhatIsIdle) {
  HeavyTable<int, int> table(8);
  for (int i = 0; i < 4; ++i) ++table.touch(1);
  ++table.touch(2);
  int stayed = 0, dropped = 0;
  const auto age = [&] { table.age([&](int, int&) { ++stayed; }, [&](int, int) { ++dropped; }); };
  age();
  EXPECT_EQ(stayed, 2);
  age();
  EXPECT_EQ(table.find(2), nullptr);
  age();
  age();
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(dropped, 2);
  for (int k = 0; k < 8; ++k) ++table.touch(k);
  EXPECT_EQ(table.size(), 8U);
  EXPECT_EQ(table.evictions(), 0U);
}

}  // namespace
}  // namespace vmtraffic
