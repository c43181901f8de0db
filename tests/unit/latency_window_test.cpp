#include "core/traffic/latency_window.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace vmtraffic {
namespace {

constexpr Nanoseconds kMillisecond = 1'000'000;

TEST(LatencyHistogram, BucketsFollowEachOtherWithoutGapAndHoldWhatTheySay) {
  double end = 0;
  for (std::size_t b = 0; b < LatencyHistogram::kBuckets; ++b) {
    const auto [first, last] = LatencyHistogram::range_of(b);
    ASSERT_EQ(first, end) << b;
    ASSERT_EQ(LatencyHistogram::bucket_of(static_cast<Nanoseconds>(first)), b);
    ASSERT_EQ(LatencyHistogram::bucket_of(static_cast<Nanoseconds>(last) - 1), b);
    end = last;
  }
  EXPECT_EQ(LatencyHistogram::bucket_of(1000 * kSecond), LatencyHistogram::kBuckets - 1);
  EXPECT_EQ(LatencyHistogram::bucket_of(-1), 0U);
}

// Whatever the distribution, each quantile is within 1/64 of the true one.
TEST(LatencyHistogram, QuantilesAreAsGoodAsStated) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> spread(15, 2);  // around 3 ms, from microseconds to seconds
  LatencyHistogram histogram;
  std::vector<Nanoseconds> all;
  for (int i = 0; i < 100'000; ++i) {
    all.push_back(static_cast<Nanoseconds>(spread(random)));
    histogram.add(all.back());
  }
  std::sort(all.begin(), all.end());
  const std::array shares{0.5, 0.95, 0.99};
  const auto quantiles = histogram.quantiles(all.size(), shares);
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const auto rank = static_cast<std::size_t>(shares[i] * static_cast<double>(all.size()));
    const auto exact = static_cast<double>(all[rank]);
    EXPECT_NEAR(quantiles[i], exact, exact / 64 + 128) << shares[i];
  }
}

TEST(LatencyHistogram, OfOneLatencyAloneToo) {
  for (double latency = 100; latency < 60e9; latency *= 1.01) {
    LatencyHistogram histogram;
    for (int i = 0; i < 100; ++i) histogram.add(static_cast<Nanoseconds>(latency));
    for (const double quantile : histogram.quantiles(100, std::array{0.5, 0.95, 0.99}))
      ASSERT_NEAR(quantile, latency, latency / 64 + 129) << "129: the latency is cut to nanoseconds";
  }
}

TEST(LatencyWindow, TellsOfTheLastIntervalAndOfFiveMinutes) {
  LatencyWindow window;
  EXPECT_TRUE(window.empty());
  Nanoseconds now = 1000 * kSecond;
  for (int i = 1; i <= 100; ++i) window.add(i * kMillisecond);
  window.tick(now);
  const LatencyStats first = window.interval();
  EXPECT_EQ(first.count, 100U);
  EXPECT_EQ(first.minimum_us, 1000);
  EXPECT_DOUBLE_EQ(first.mean_us, 50'500);
  EXPECT_NEAR(first.median_us, 50'000, 50'000 / 64.0);
  EXPECT_NEAR(first.p95_us, 95'000, 95'000 / 64.0);
  EXPECT_NEAR(first.p99_us, 99'000, 99'000 / 64.0);
  EXPECT_EQ(window.five_minutes(), first);
  window.tick(now += 10 * kSecond);
  EXPECT_EQ(window.interval(), LatencyStats{});
  EXPECT_EQ(window.five_minutes(), first);
  window.add(kMillisecond / 2);
  window.tick(now += 250 * kSecond);
  EXPECT_EQ(window.interval().count, 1U);
  EXPECT_EQ(window.five_minutes().count, 101U);
  EXPECT_EQ(window.five_minutes().minimum_us, 500);
  window.tick(now += 60 * kSecond);
  EXPECT_EQ(window.five_minutes().count, 1U) << "the first is older than five minutes";
  EXPECT_FALSE(window.empty());
  window.tick(now += 300 * kSecond);
  EXPECT_EQ(window.five_minutes(), LatencyStats{});
  EXPECT_TRUE(window.empty());
}

// What is taken out after five minutes is what was put in, however the half minutes fall.
TEST(LatencyWindow, ForgetsExactlyWhatItAdded) {
  std::mt19937_64 random(3);
  LatencyWindow window;
  Nanoseconds now = kSecond;
  for (int i = 0; i < 2000; ++i) {
    for (std::uint64_t n = random() % 5; n > 0; --n) window.add(static_cast<Nanoseconds>(random() % (2 * kSecond)));
    window.tick(now += static_cast<Nanoseconds>(1 + random() % 20) * kSecond);
    const LatencyStats& all = window.five_minutes();
    ASSERT_LE(all.count, 5U * 310U);
    ASSERT_TRUE(all.count == 0 || all.median_us <= 2'100'000);
  }
  window.tick(now += 400 * kSecond);
  EXPECT_EQ(window.five_minutes(), LatencyStats{});
}

TEST(LatencyWindow, OneValueIsAllItsQuantiles) {
  LatencyWindow window;
  window.add(123'456);
  window.tick(kSecond);
  const LatencyStats& s = window.interval();
  EXPECT_DOUBLE_EQ(s.minimum_us, 123.456);
  EXPECT_DOUBLE_EQ(s.mean_us, 123.456);
  EXPECT_NEAR(s.median_us, 123.456, 123.456 / 32);
  EXPECT_GE(s.median_us, s.minimum_us);
}

}  // namespace
}  // namespace vmtraffic
