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

// A vNIC that is read apart from the ticks of ten seconds, and more seldom. Two directions' octets.
class SeldomVnic {
 public:
  SeldomVnic() : windows(10 * kSecond) {
    const std::uint32_t row = kNewRow;
    windows.remap({&row, 1});
  }
  // A tick, at which a reading of `seconds_ago` before it is new.
  void tick(std::uint64_t octets, double seconds_ago, MetricSet present = kBoth) {
    raw_ += octets;
    LinkReading reading{0, {}, present, CounterWidth::k64, static_cast<ReadingAge>(seconds_ago * 10)};
    reading.values[kRxOctets] = reading.values[kTxOctets] = raw_;
    tick(reading);
  }
  void held(int ticks = 1) {
    LinkReading reading;
    reading.age = kHeld;
    for (int i = 0; i < ticks; ++i) tick(reading);
  }
  void absent() { tick(LinkReading{}); }
  VnicRates rates(Window w) const { return windows.rates()[static_cast<std::size_t>(w)][0]; }

  static constexpr MetricSet kBoth = 1u << kRxOctets | 1u << kTxOctets;
  Windows windows;
  VnicTotals totals;
  Nanoseconds now{kStart};

 private:
  void tick(const LinkReading& reading) {
    now += 10 * kSecond;
    const CounterStep step = advance(totals, reading, now);
    windows.advance(now, {&totals, 1}, {&step, 1});
  }
  std::uint64_t raw_{1'000'000};
};

VnicRates both(float covered_s, float mean, float highest) {
  VnicRates r = rate(covered_s, mean, highest);
  r.mean[kTxOctets] = mean;
  r.highest[kTxOctets] = highest;
  r.present = SeldomVnic::kBoth;
  return r;
}

TEST(HeldWindows, CoverTheSecondsBetweenTwoReadings) {
  SeldomVnic v;
  v.tick(0, 4);  // at 6 s
  v.held(5);
  for (const Window w : {Window::kInterval, Window::kMinute, Window::kFiveMinutes}) EXPECT_EQ(v.rates(w), VnicRates{});
  v.tick(6400, 0.4);  // at 69.6 s
  EXPECT_EQ(v.rates(Window::kInterval), both(63.6F, static_cast<float>(6400 / 63.6), static_cast<float>(6400 / 63.6)));
  EXPECT_EQ(v.rates(Window::kMinute), v.rates(Window::kInterval));
}

TEST(HeldWindows, StandWhileNothingIsRead) {
  SeldomVnic v;
  v.tick(0, 1);
  v.held(5);
  v.tick(600, 1);
  for (int i = 0; i < 12; ++i) {
    v.held();
    EXPECT_EQ(v.rates(Window::kInterval), both(60, 10, 10));
    EXPECT_EQ(v.rates(Window::kMinute), both(60, 10, 10));
    EXPECT_EQ(v.rates(Window::kFiveMinutes), both(60, 10, 10));
  }
  v.tick(2600, 1);  // 130 s later: neither zeros before nor a burst now
  EXPECT_EQ(v.rates(Window::kInterval), both(130, 20, 20));
  EXPECT_EQ(v.rates(Window::kMinute), both(130, 20, 20));
  EXPECT_EQ(v.rates(Window::kFiveMinutes), both(190, static_cast<float>(3200.0 / 190), 20));
}

TEST(HeldWindows, ForgetWhatIsOlder) {
  SeldomVnic v;
  v.tick(0, 1);
  v.held(5);
  v.tick(60'000, 1);  // a burst
  for (int i = 0; i < 5; ++i) {
    v.held(5);
    v.tick(600, 1);
    EXPECT_EQ(v.rates(Window::kMinute), both(60, 10, 10));
    EXPECT_EQ(v.rates(Window::kFiveMinutes).highest[kRxOctets], i < 4 ? 1000 : 10);
  }
  EXPECT_EQ(v.rates(Window::kFiveMinutes), both(300, 10, 10));
  for (int i = 0; i < 100; ++i) {
    v.held(5);
    v.tick(1200, 1);
  }
  EXPECT_EQ(v.rates(Window::kFiveMinutes), both(300, 20, 20));
}

TEST(HeldWindows, BeginAnewAfterTheRowWasAbsent) {
  SeldomVnic v;
  v.tick(0, 1);
  v.held(5);
  v.tick(600, 1);
  v.held(18);
  v.absent();
  for (const Window w : {Window::kInterval, Window::kMinute, Window::kFiveMinutes}) EXPECT_EQ(v.rates(w), VnicRates{});
  EXPECT_EQ(v.totals.present, 0);
  EXPECT_EQ(v.windows.last_reading(0), 0);
  v.tick(100'000, 1);
  EXPECT_EQ(v.rates(Window::kInterval), VnicRates{});
  v.held(5);
  v.tick(600, 1);
  EXPECT_EQ(v.rates(Window::kFiveMinutes), both(60, 10, 10));
}

TEST(HeldWindows, KeepOneDirectionWhenTheOtherCeases) {
  SeldomVnic v;
  v.tick(0, 1);
  v.held(5);
  v.tick(600, 1);
  v.held(5);
  v.tick(1200, 1, 1u << kRxOctets);
  const VnicRates interval = v.rates(Window::kInterval);
  EXPECT_EQ(interval.present, 1u << kRxOctets);
  EXPECT_EQ(interval.mean[kRxOctets], 20);
  const VnicRates five = v.rates(Window::kFiveMinutes);
  EXPECT_EQ(five.present, 1u << kRxOctets);
  EXPECT_EQ(five.covered_s, 120);
  EXPECT_EQ(five.mean[kRxOctets], 15);
  // It comes back with what it counted in two intervals: no rate until there is one of one.
  v.held(5);
  v.tick(600, 1);
  EXPECT_EQ(v.rates(Window::kInterval), VnicRates{});
  v.held(5);
  v.tick(600, 1);
  EXPECT_EQ(v.rates(Window::kFiveMinutes), both(60, 10, 10));
}

TEST(HeldWindows, GoOnOverAChangeOfTheInventory) {
  SeldomVnic v;
  v.tick(0, 1);
  v.held(5);
  v.tick(600, 1);
  const std::uint32_t from[] = {0, kNewRow};
  v.windows.remap(from);
  EXPECT_EQ(v.windows.rates()[1][0], both(60, 10, 10));
  EXPECT_EQ(v.windows.rates()[1][1], VnicRates{});
  EXPECT_EQ(v.windows.last_reading(0), v.now - kSecond);
  const std::uint32_t back[] = {0};
  v.windows.remap(back);
  v.held(5);
  v.tick(1200, 1);
  EXPECT_EQ(v.rates(Window::kFiveMinutes), both(120, 15, 20));
}

TEST(HeldWindows, AreTheSameForAFollower) {
  SeldomVnic leader;
  Windows follower(10 * kSecond), late(10 * kSecond);
  const std::uint32_t row = kNewRow;
  follower.remap({&row, 1});
  late.remap({&row, 1});
  const auto published = [&](bool late_too) {
    follower.follow(leader.now, {&leader.totals, 1}, leader.windows.rates()[0], true);
    for (std::size_t w = 0; w < kWindowCount; ++w) EXPECT_EQ(follower.rates()[w], leader.windows.rates()[w]);
    EXPECT_EQ(follower.last_reading(0), leader.windows.last_reading(0));
    if (late_too) late.follow(leader.now, {&leader.totals, 1}, leader.windows.rates()[0], true);
  };
  double ago = 0.3;
  for (int round = 0; round < 12; ++round) {
    leader.tick(static_cast<std::uint64_t>(777 * round), ago);
    published(round > 5);
    for (int i = 0; i < 5 + round % 2; ++i) {
      leader.held();
      published(round >= 5);
    }
    ago += 0.7;
  }
  // Who came while the row was held knows no start for it before the next reading, and invents none.
  EXPECT_EQ(late.rates()[0], leader.windows.rates()[0]);
  EXPECT_EQ(late.rates()[1], leader.windows.rates()[1]);
  EXPECT_LT(late.rates()[2][0].covered_s, 400);
  EXPECT_EQ(late.rates()[2][0].present, SeldomVnic::kBoth);
}

TEST(HeldWindows, BeginWithTheNextReadingForWhoComesInBetween) {
  SeldomVnic leader;
  leader.tick(0, 1);
  leader.held(5);
  leader.tick(600, 1);
  leader.held(3);
  Windows follower(10 * kSecond);
  const std::uint32_t row = kNewRow;
  follower.remap({&row, 1});
  follower.follow(leader.now, {&leader.totals, 1}, leader.windows.rates()[0], true);
  EXPECT_EQ(follower.rates()[0][0], VnicRates{});
  EXPECT_EQ(follower.last_reading(0), 0);
  // It takes over: a reading of its own twenty seconds later is a start, and the next gives a rate.
  VnicTotals totals = leader.totals;
  for (const auto& [after_s, raw] : {std::pair{20, 1'002'000ull}, std::pair{80, 1'003'200ull}}) {
    LinkReading reading{0, {}, 1, CounterWidth::k64, 10};
    reading.values[kRxOctets] = raw;
    const Nanoseconds now = leader.now + after_s * kSecond;
    const CounterStep step = advance(totals, reading, now);
    follower.advance(now, {&totals, 1}, {&step, 1});
  }
  EXPECT_EQ(follower.rates()[0][0].covered_s, 60);
  EXPECT_EQ(follower.rates()[0][0].mean[kRxOctets], 20);
}

TEST(HeldWindows, SurviveAgesThatMakeNoSense) {
  SeldomVnic v;
  v.tick(0, 1);
  v.tick(600, 6000);  // before the reading before
  for (const Window w : {Window::kInterval, Window::kMinute, Window::kFiveMinutes}) EXPECT_EQ(v.rates(w), VnicRates{});
}

}  // namespace
}  // namespace vmtraffic
