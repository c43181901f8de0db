// The share of the flows under floods of several kinds, each against a made thread: it uses as much of a core as the kept flows ask for,
// and never more than all of it.
#include "core/probes/cpu_budget.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <utility>
#include <vector>

namespace vmtraffic {
namespace {

constexpr double kLimit = 0.1;
constexpr Nanoseconds kStep = 20'000'000;
constexpr std::size_t kStepsASecond = static_cast<std::size_t>(kSecond / kStep);

class Budget : public testing::Test {
 protected:
  // `demand(second, kept)`: cores that the kept share would take.
  void run(double seconds, const std::function<double(double, double)>& demand) {
    const Nanoseconds end = now_ + static_cast<Nanoseconds>(seconds * 1e9);
    for (; now_ < end; now_ += kStep) {
      const double second = static_cast<double>(now_) / 1e9, noise = noise_(random_);
      std::uint32_t& flooded = is_control_ ? shares_.control : shares_.data;
      kept_ = flooded;
      const double wanted = demand(second, static_cast<double>(kept_) / kAllFlows) * noise;
      const double beside = beside_ * static_cast<double>(is_control_ ? shares_.data : shares_.control) / kAllFlows * noise;
      const double used = std::min(1.0, wanted + beside);
      cpu_ += static_cast<Nanoseconds>(used * static_cast<double>(kStep));
      used_.push_back(used);
      (is_control_ ? taken_.control : taken_.data) += static_cast<std::uint64_t>(1e6 * used * wanted / (wanted + beside));
      (is_control_ ? taken_.data : taken_.control) += static_cast<std::uint64_t>(1e6 * used * beside / (wanted + beside));
      shares_ = budget_.kept_flows(now_ + kStep, cpu_, taken_);
      changes_ += flooded != kept_;
      kept_ = flooded;
    }
  }
  void begin() {
    budget_ = CpuBudget(kLimit);
    shares_ = {};
    used_.clear();
    cpu_ = 0;
    now_ = kSecond;
    taken_ = {};
  }
  // The most that any ten seconds used, of one core.
  double worst_ten_seconds() const {
    const std::size_t window = 10 * kStepsASecond;
    double sum = 0, worst = 0;
    for (std::size_t i = 0; i < used_.size(); ++i) {
      sum += used_[i] - (i >= window ? used_[i - window] : 0);
      if (i + 1 >= window) worst = std::max(worst, sum / static_cast<double>(window));
    }
    return worst;
  }
  double used_lately(double seconds) const {
    const auto count = static_cast<std::size_t>(seconds * static_cast<double>(kStepsASecond));
    double sum = 0;
    for (std::size_t i = used_.size() - count; i < used_.size(); ++i) sum += used_[i];
    return sum / static_cast<double>(count);
  }

  CpuBudget budget_{kLimit};
  Nanoseconds now_{kSecond}, cpu_{0};
  PacketsTaken taken_;
  KeptFlows shares_;
  bool is_control_{false};  // what run() asks for, and kept_ is of; the other kind takes this much of a core where all of it is kept
  double beside_{0};
  std::uint32_t kept_{kAllFlows};
  std::vector<double> used_;
  int changes_{0};
  std::mt19937 random_{1};
  std::uniform_real_distribution<double> noise_{0.85, 1.15};
};

TEST(SpreadTime, IsUsedEvenlyUntilTheNext) {
  SpreadTime ticks;
  EXPECT_EQ(ticks.used(5 * kSecond), 0);
  ticks.add(10 * kSecond, 200);  // how far the next one is, is not known yet: a second
  EXPECT_EQ(ticks.used(10 * kSecond), 0);
  EXPECT_EQ(ticks.used(10 * kSecond + kSecond / 2), 100);
  EXPECT_EQ(ticks.used(15 * kSecond), 200);
  ticks.add(20 * kSecond, 1000);
  EXPECT_EQ(ticks.used(20 * kSecond), 200);
  EXPECT_EQ(ticks.used(22 * kSecond), 400);
  EXPECT_EQ(ticks.used(30 * kSecond), 1200);
  EXPECT_EQ(ticks.used(99 * kSecond), 1200) << "no more than there was";
}

TEST(SpreadTime, LosesNothingWhereOneIsEarlyAndNeverGoesBack) {
  SpreadTime ticks;
  ticks.add(10 * kSecond, 100);
  ticks.add(20 * kSecond, 1000);
  ticks.add(25 * kSecond, 300);  // half of the one before is still to come
  EXPECT_EQ(ticks.used(25 * kSecond), 600);
  EXPECT_EQ(ticks.used(24 * kSecond), 600) << "a clock that was read before";
  EXPECT_EQ(ticks.used(30 * kSecond), 1400);
  ticks.add(30 * kSecond, 50);
  ticks.add(30 * kSecond, 50);  // at once
  EXPECT_EQ(ticks.used(35 * kSecond), 1500);
}

TEST_F(Budget, WithoutALimitKeepsAll) {
  CpuBudget none(0);
  for (Nanoseconds now = kSecond; now < 10 * kSecond; now += kStep) EXPECT_EQ(none.kept_flows(now, now, {}), KeptFlows{});
}

TEST_F(Budget, LeavesAloneWhatFits) {
  run(60, [](double, double kept) { return 0.08 * kept; });
  EXPECT_EQ(changes_, 0);
}

TEST_F(Budget, LeavesAShortBurstAlone) {
  run(60, [](double second, double kept) { return (second - static_cast<int>(second) < 0.02 ? 0.5 : 0.05) * kept; });
  EXPECT_EQ(changes_, 0);
}

TEST_F(Budget, MeetsAFloodWithinTheBarAndStaysThere) {
  for (const auto& [is_control, cores] : std::vector<std::pair<bool, double>>{
           {false, 0.3}, {false, 1.0}, {false, 8.0}, {false, 50.0}, {true, 0.3}, {true, 1.0}, {true, 8.0}, {true, 50.0}}) {
    begin();
    is_control_ = is_control;
    run(5, [](double, double kept) { return 0.02 * kept; });
    run(60, [cores = cores](double, double kept) { return cores * kept; });
    EXPECT_LE(worst_ten_seconds(), 0.12) << cores;
    EXPECT_GE(used_lately(10), 0.06) << cores;
    changes_ = 0;
    run(60, [cores = cores](double, double kept) { return cores * kept; });
    EXPECT_LE(changes_, 12) << cores;
    EXPECT_LE(used_lately(60), 0.105) << cores;
  }
}

// Once a second, and in proportion to what is kept: a flood of new flows.
TEST_F(Budget, TicksAreInIt) {
  SpreadTime ticks;
  double packets = 0, all_ticks = 0, before = 0;  // nanoseconds
  constexpr Nanoseconds kBegin = 20 * kSecond, kEnd = 80 * kSecond;
  for (; now_ < kEnd; now_ += kStep) {
    const double kept = static_cast<double>(shares_.data) / kAllFlows;
    packets += std::min(1.0, 2 * kept) * static_cast<double>(kStep);
    if (now_ % kSecond == 0) {
      const double tick = std::min(0.2, kept) * 1e9;
      ticks.add(now_, static_cast<Nanoseconds>(tick));
      all_ticks += tick;
    }
    if (now_ == kBegin) before = packets + all_ticks;
    taken_.data = static_cast<std::uint64_t>(packets);
    shares_ = budget_.kept_flows(now_ + kStep, static_cast<Nanoseconds>(packets) + ticks.used(now_ + kStep), taken_);
  }
  ASSERT_GT(before, 0);
  const double used = (packets + all_ticks - before) / static_cast<double>(kEnd - kBegin);
  EXPECT_LE(used, 0.105);
  EXPECT_GE(used, 0.06);
  EXPECT_GE(all_ticks / packets, 0.4) << "half of the packets' time, where it is not bounded";
}

// A flood of echoes costs nobody his TCP, nor a flood of TCP the DNS.
TEST_F(Budget, AFloodOfOneKindLeavesTheOtherAlone) {
  for (const bool is_control : {false, true}) {
    begin();
    is_control_ = is_control;
    beside_ = 0.03;
    run(120, [](double, double kept) { return 8 * kept; });
    EXPECT_LE(worst_ten_seconds(), 0.12);
    EXPECT_EQ(is_control ? shares_.data : shares_.control, kAllFlows);
    EXPECT_GE(kept_, kAllFlows / 400) << "it has what the other leaves";
  }
}

TEST_F(Budget, FloodsOfBothShareIt) {
  beside_ = 5;
  run(120, [](double, double kept) { return 8 * kept; });
  EXPECT_LE(worst_ten_seconds(), 0.12);
  EXPECT_GE(8.0 * shares_.data / kAllFlows, 0.03);
  EXPECT_GE(5.0 * shares_.control / kAllFlows, 0.03);
}

TEST_F(Budget, ASingleHeavyFlowDoesNotComeAndGo) {
  run(600, [](double, double kept) { return 0.03 * kept + (kept > 0.3 ? 0.6 : 0); });
  EXPECT_LE(worst_ten_seconds(), 0.12);
  changes_ = 0;
  int came = 0;
  bool is_in = false;
  run(600, [&](double, double kept) {
    came += !is_in && kept > 0.3;
    is_in = kept > 0.3;
    return 0.03 * kept + (is_in ? 0.6 : 0);
  });
  EXPECT_LE(came, 7);
  EXPECT_LE(worst_ten_seconds(), 0.12);
}

TEST_F(Budget, ComesBackWhenTheFloodIsOver) {
  run(20, [](double, double kept) { return 8 * kept; });
  EXPECT_LT(kept_, kAllFlows / 50);
  run(60, [](double, double kept) { return 0.05 * kept; });
  EXPECT_EQ(kept_, kAllFlows);
}

TEST_F(Budget, WhatCannotBeLeftOutDoesNotEndIt) {
  run(30, [](double, double kept) { return 0.5 + kept; });  // one flow whose hash is the least of all
  EXPECT_LE(kept_, kAllFlows / 1024);
  EXPECT_GT(kept_, 0U);
  run(60, [](double, double kept) { return 0.01 + 0.02 * kept; });
  EXPECT_EQ(kept_, kAllFlows) << "it is over when it is over";
}

// A guest's: each leads to a cut, and no share would have stopped it.
TEST_F(Budget, BurstsAgainAndAgainDoNotKeepItAtTheFloor) {
  run(1200, [](double second, double kept) { return second - 12 * static_cast<int>(second / 12) < 0.4 ? 1.0 : 0.05 * kept; });
  std::uint32_t most = 0;
  for (int i = 0; i < 60; ++i) {
    run(1, [](double second, double kept) { return second - 12 * static_cast<int>(second / 12) < 0.4 ? 1.0 : 0.05 * kept; });
    most = std::max(most, kept_);
  }
  EXPECT_GE(most, kAllFlows / 32);
}

}  // namespace
}  // namespace vmtraffic
