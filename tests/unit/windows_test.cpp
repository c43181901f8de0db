#include "core/analysis/windows.hpp"

#include <gtest/gtest.h>

#include "core/traffic/ledger.hpp"

namespace vmtraffic {
namespace {

constexpr Nanoseconds kStart = 1'000 * kSecond;

// One vNIC that receives octets alone.
class OneVnic {
 public:
  explicit OneVnic(Nanoseconds interval) : windows(interval), interval_(interval) {
    const std::uint32_t row = kNewRow;
    windows.remap({&row, 1});
  }
  void tick(std::uint64_t octets, Nanoseconds after = 0) {
    now_ += after != 0 ? after : interval_;
    raw_ += octets;
    LinkReading reading{if_index, {}, 1, CounterWidth::k64};
    reading.values[kRxOctets] = raw_;
    const CounterStep step = advance(totals, reading, now_);
    windows.advance(now_, {&totals, 1}, {&step, 1});
  }
  void tick_without_link() {
    now_ += interval_;
    const CounterStep step = advance(totals, LinkReading{}, now_);
    windows.advance(now_, {&totals, 1}, {&step, 1});
  }
  VnicRates rates(Window w) const { return windows.rates()[static_cast<std::size_t>(w)][0]; }
  Windows windows;
  VnicTotals totals;
  std::uint32_t if_index{7};

 private:
  Nanoseconds interval_;
  Nanoseconds now_{kStart};
  std::uint64_t raw_{0};
};

VnicRates rate(float covered_s, float mean, float highest) {
  VnicRates r;
  r.covered_s = covered_s;
  r.mean[kRxOctets] = mean;
  r.highest[kRxOctets] = highest;
  r.present = 1;
  return r;
}

TEST(Windows, FirstSightHasNoRate) {
  OneVnic v(10 * kSecond);
  v.tick(1'000'000);
  for (const Window w : {Window::kInterval, Window::kMinute, Window::kFiveMinutes}) EXPECT_EQ(v.rates(w), VnicRates{});
}

TEST(Windows, SayWhatTheyReallyCover) {
  OneVnic v(10 * kSecond);
  v.tick(0);
  v.tick(1000);
  EXPECT_EQ(v.rates(Window::kInterval), rate(10, 100, 100));
  EXPECT_EQ(v.rates(Window::kMinute), rate(10, 100, 100));
  v.tick(3000);
  EXPECT_EQ(v.rates(Window::kInterval), rate(10, 300, 300));
  EXPECT_EQ(v.rates(Window::kMinute), rate(20, 200, 300));
  EXPECT_EQ(v.rates(Window::kFiveMinutes), rate(20, 200, 300));
}

TEST(Windows, ForgetWhatIsOlder) {
  OneVnic v(10 * kSecond);
  v.tick(0);
  v.tick(100'000);  // a burst
  for (int i = 0; i < 6; ++i) v.tick(1000);
  EXPECT_EQ(v.rates(Window::kMinute), rate(60, 100, 100));
  EXPECT_EQ(v.rates(Window::kFiveMinutes).highest[kRxOctets], 10'000);
  for (int i = 0; i < 24; ++i) v.tick(1000);
  EXPECT_EQ(v.rates(Window::kFiveMinutes), rate(300, 100, 100));
  for (int i = 0; i < 500; ++i) v.tick(2000);
  EXPECT_EQ(v.rates(Window::kFiveMinutes), rate(300, 200, 200));
}

TEST(Windows, OneSecondIntervalsAreSummedInSlots) {
  OneVnic v(kSecond);
  v.tick(0);
  for (int i = 0; i < 400; ++i) v.tick(i % 10 == 0 ? 1000 : 0);
  const VnicRates minute = v.rates(Window::kMinute);
  EXPECT_GE(minute.covered_s, 55);
  EXPECT_LE(minute.covered_s, 65);
  EXPECT_NEAR(minute.mean[kRxOctets], 100, 10);
  EXPECT_EQ(minute.highest[kRxOctets], 1000);
  const VnicRates five = v.rates(Window::kFiveMinutes);
  EXPECT_GE(five.covered_s, 295);
  EXPECT_LE(five.covered_s, 305);
  EXPECT_NEAR(five.mean[kRxOctets], 100, 2);
}

TEST(Windows, ALateTickInventsNothing) {
  OneVnic v(10 * kSecond);
  v.tick(0);
  v.tick(1000);
  v.tick(8000, 40 * kSecond);
  EXPECT_EQ(v.rates(Window::kInterval), rate(40, 200, 200));
  EXPECT_EQ(v.rates(Window::kMinute), rate(50, 180, 200));
}

TEST(Windows, BeginAnewAfterADiscontinuity) {
  OneVnic v(10 * kSecond);
  v.tick(0);
  v.tick(1'000'000);
  v.if_index = 8;
  v.tick(5);
  for (const Window w : {Window::kInterval, Window::kMinute, Window::kFiveMinutes}) EXPECT_EQ(v.rates(w), VnicRates{});
  v.tick(1000);
  EXPECT_EQ(v.rates(Window::kMinute), rate(10, 100, 100));
}

TEST(Windows, AGapInTheReadingsIsNotBridged) {
  OneVnic v(10 * kSecond);
  v.tick(0);
  v.tick(1000);
  v.tick_without_link();
  EXPECT_EQ(v.rates(Window::kMinute), VnicRates{});
  v.tick(1000);
  EXPECT_EQ(v.rates(Window::kInterval), VnicRates{});
  v.tick(500);
  EXPECT_EQ(v.rates(Window::kMinute), rate(10, 50, 50));
}

TEST(Windows, BeginMidSlotWithTheirOwnStart) {
  OneVnic v(kSecond);
  v.tick(0);
  for (int i = 0; i < 14; ++i) v.tick(100);
  v.if_index = 9;
  v.tick(100);
  v.tick(50);
  v.tick(50);
  EXPECT_EQ(v.rates(Window::kMinute), rate(2, 50, 50));
}

TEST(Windows, FollowAnotherCollectorWithoutABreak) {
  OneVnic leader(10 * kSecond);
  Windows follower(10 * kSecond);
  const std::uint32_t row = kNewRow;
  follower.remap({&row, 1});
  Nanoseconds now = kStart;
  for (int i = 0; i < 20; ++i) {
    leader.tick(static_cast<std::uint64_t>(100 * i));
    now += 10 * kSecond;
    follower.follow(now, {&leader.totals, 1}, leader.windows.rates()[0], true);
  }
  for (std::size_t w = 0; w < kWindowCount; ++w) EXPECT_EQ(follower.rates()[w], leader.windows.rates()[w]);
}

TEST(Windows, AreHonestlyShortenedWhenASnapshotWasMissed) {
  OneVnic leader(10 * kSecond);
  Windows follower(10 * kSecond);
  const std::uint32_t row = kNewRow;
  follower.remap({&row, 1});
  Nanoseconds now = kStart;
  for (int i = 0; i < 5; ++i) {
    leader.tick(1000);
    now += 10 * kSecond;
    follower.follow(now, {&leader.totals, 1}, leader.windows.rates()[0], i != 3);
  }
  EXPECT_EQ(follower.rates()[1][0], rate(10, 100, 100));
}

TEST(Windows, KeepTheirRowsWhenTheInventoryChanges) {
  OneVnic v(10 * kSecond);
  v.tick(0);
  v.tick(1000);
  const std::uint32_t from[] = {kNewRow, 0};
  v.windows.remap(from);
  VnicTotals fresh;
  LinkReading reading{30, {}, 1, CounterWidth::k64};
  const CounterStep none = advance(fresh, reading, kStart + 30 * kSecond);
  LinkReading next{7, {}, 1, CounterWidth::k64};
  next.values[kRxOctets] = 3000;
  const CounterStep step = advance(v.totals, next, kStart + 30 * kSecond);
  const VnicTotals totals[] = {fresh, v.totals};
  const CounterStep steps[] = {none, step};
  v.windows.advance(kStart + 30 * kSecond, totals, steps);
  EXPECT_EQ(v.windows.rates()[1][0], VnicRates{});
  EXPECT_EQ(v.windows.rates()[1][1], rate(20, 150, 200));
}

}  // namespace
}  // namespace vmtraffic
