// Volumes of a share of the flows: how far they are from what passed, by what is published beside them.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "core/traffic/capture_intake.hpp"
#include "core/traffic/flow_share.hpp"
#include "core/traffic/flow_view.hpp"
#include "tests/unit/captured_frame.hpp"
#include "tests/unit/flow_fixture.hpp"
#include "tests/unit/wire_packet_builder.hpp"

namespace vmtraffic::flow_test {
namespace {

using wire_test::Bytes;

constexpr std::uint32_t kTap = 11, kKey = 7, kKept = 8192;  // an eighth of all flows

class CaptureShareTest : public testing::Test {
 protected:
  CaptureShareTest() { begin(); }
  void begin(const CaptureIntakeOptions& options = {}) {
    intake_ = std::make_unique<CaptureIntake>(options);
    inventory_.domains = {domain(1), domain(2)};
    intake_->set_inventory(inventory_, ports_);
    totals_.assign(2, {});
    for (VnicTotals& t : totals_) t.present = kAllMetrics;
    sent_ = 0;
    tick();
    intake_->set_kept_flows({kKept}, now_);
  }
  void take(const Bytes& frame, std::uint32_t link, Heading heading) { intake_->take(captured(frame, now_, link, heading), now_); }
  // One flow of VM 1, of which the kernel counts all and the capture sees all or nothing.
  void flow(std::uint32_t packets, std::uint32_t length) {
    const std::uint32_t peer = number(0);
    const Bytes frame = wire_test::ethernet(
        0x0800, wire_test::ipv4(17, wire_test::udp(1024 + number(60'000), 5000, Bytes().fill(length)), {.src = 0x0A000001, .dst = peer}),
        0x525400000001, 0x5254000000FF);
    const bool kept = flow_is_kept(frame.octets(), {kKept}, kKey);
    for (std::uint32_t i = 0; i < packets; ++i) {
      sent_ += static_cast<double>(frame.size());
      totals_[0].total[kTxOctets] += frame.size();
      if (kept) take(frame, kTap, Heading::kIn);
    }
  }
  // Most are small, some large.
  void flows(int count) {
    for (int i = 0; i < count; ++i) {
      const double u = (static_cast<double>(number(10'000)) + 1) / 10'001;
      flow(static_cast<std::uint32_t>(std::min(1.5 / std::pow(u, 0.6), 300.0)), 60 + number(1300));
    }
  }
  void tick() {
    now_ += 10 * kSecond;
    intake_->tick(now_, totals_);
  }
  VnicFlowSums published() const {
    const FlowLedger* const ledgers[] = {&intake_->ledger()};
    return flow_rows(ledgers, totals_, now_, {.top = 10, .place_of_agent = [](std::size_t, std::uint32_t) { return 0U; }}).vnics[0];
  }

  // Below `end`; 0: any of 32 bits.
  std::uint32_t number(std::uint32_t end) { return static_cast<std::uint32_t>(end == 0 ? random_() : random_() % end); }

  std::mt19937 random_{7};  // NOLINT(cert-msc51-cpp)
  Inventory inventory_;
  std::vector<std::uint32_t> ports_{kTap, 12};
  std::vector<VnicTotals> totals_;
  std::unique_ptr<CaptureIntake> intake_;
  Nanoseconds now_{1'700'000'000 * kSecond};
  double sent_{0};
};

TEST_F(CaptureShareTest, TheSumIsInsideThePublishedBound) {
  for (const int count : {600, 1500, 6000}) {
    constexpr int kTrials = 100;
    int inside = 0;
    double mean = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      begin();
      flows(count);
      tick();
      const FlowSums tx = published().tx;
      ASSERT_GT(tx.total_octets_error, 0);
      ASSERT_LT(tx.total_octets_error, 3);
      inside += std::abs(tx.total_octets - sent_) <= static_cast<double>(tx.total_octets_error) * tx.total_octets ? 1 : 0;
      mean += tx.total_octets / sent_ / kTrials;
    }
    EXPECT_GE(inside, 89) << "95 of 100, of one in eight of " << count << " flows";
    EXPECT_NEAR(mean, 1, 0.06) << count;
  }
}

TEST_F(CaptureShareTest, ExactCountersPullItToWhatTheyCount) {
  // The same flows go on: what the kept ones are unlike the others by does not go away by itself.
  const auto period = [&](int large) {
    random_.seed(99);
    for (int i = 0; i < 800; ++i) {
      flow(static_cast<std::uint32_t>(i % 5 == 0 ? large : 3), 1000);
    }
    tick();
  };
  for (int i = 0; i < 6; ++i) period(20);
  const double told = published().tx.total_octets, sent = sent_;
  for (int i = 0; i < 10; ++i) period(20);
  EXPECT_NEAR((published().tx.total_octets - told) / (sent_ - sent), 1, 0.02);
}

// Flows that go on for an hour: what is recent is as uncertain as it was in the first minutes, and what they counted while all flows were
// kept is certain.
TEST_F(CaptureShareTest, TheErrorOfWhatIsRecentDoesNotGrow) {
  intake_->set_kept_flows({}, now_);
  const auto minutes = [&](int count) {
    for (int i = 0; i < 6 * count; ++i) {
      random_.seed(5);
      for (int f = 0; f < 800; ++f) flow(2, 100);
      tick();
    }
    return published().tx;
  };
  EXPECT_EQ(minutes(30).octets_error, 0);
  intake_->set_kept_flows({kKept}, now_);
  const FlowSums first = minutes(5), later = minutes(60);
  EXPECT_GT(first.octets_error, 0.1);
  EXPECT_LT(first.octets_error, 1);
  EXPECT_NEAR(later.octets_error / first.octets_error, 1, 0.1);
  EXPECT_GT(later.total_octets_error, first.octets_error / 4) << "the flows' totals are as uncertain as the flows";
  EXPECT_LE(later.total_octets_error, first.octets_error);
}

// Where the exact counters pull the scale to nearly 1, the flows beside the large one are left out all the same.
TEST_F(CaptureShareTest, ALargeKeptFlowDoesNotMakeTheOthersCertain) {
  constexpr std::uint32_t kHalf = kAllFlows / 2;
  intake_->set_kept_flows({kHalf}, now_);
  const auto frame_of = [](std::uint32_t number) {
    return wire_test::ethernet(0x0800,
                               wire_test::ipv4(17, wire_test::udp(1024, 5000, Bytes().fill(1000)), {.src = 0x0A000001, .dst = number}),
                               0x525400000001, 0x5254000000FF);
  };
  std::uint32_t large = 1;
  while (!flow_is_kept(frame_of(large).octets(), {kHalf}, kKey)) ++large;
  for (int i = 0; i < 12; ++i) {
    for (int p = 0; p < 1000; ++p) {
      take(frame_of(large), kTap, Heading::kIn);
      totals_[0].total[kTxOctets] += frame_of(large).size();
    }
    tick();
  }
  const Bytes small = wire_test::ethernet(
      0x0800, wire_test::ipv4(6, wire_test::tcp(Bytes().fill(100), {.src = 1024, .dst = 22}), {.src = 0x0A000001, .dst = 0xC0000201}),
      0x525400000001, 0x5254000000FF);
  take(small, kTap, Heading::kIn);
  tick();
  const FlowLedger* const ledgers[] = {&intake_->ledger()};
  const FlowRows all = flow_rows(ledgers, totals_, now_, {.top = 10, .place_of_agent = [](std::size_t, std::uint32_t) { return 0U; }});
  const auto ssh = std::find_if(all.services.begin(), all.services.end(), [](const ServiceFlowSums& s) { return s.port == 22; });
  ASSERT_NE(ssh, all.services.end());
  EXPECT_GT(ssh->tx.total_octets_error, 1);
}

// Whoever begins with a fragment of what has port 53, which the filter takes for data, and goes on with whole packets of it.
TEST_F(CaptureShareTest, WhatIsControlIsAskedOfEachPacket) {
  const Bytes datagram = wire_test::udp(1024, 53, Bytes().fill(200));
  const auto frame = [&](bool more) {
    Bytes packet = wire_test::ipv4(17, datagram, {.src = 0x0A000001, .dst = 0xC0000201, .fragment = more ? 0x2000U : 0U});
    return wire_test::ethernet(0x0800, packet, 0x525400000001, 0x5254000000FF);
  };
  ASSERT_FALSE(flow_is_control(frame(true).octets()));
  ASSERT_TRUE(flow_is_control(frame(false).octets()));
  take(frame(true), kTap, Heading::kIn);
  for (int i = 0; i < 100; ++i) take(frame(false), kTap, Heading::kIn);
  EXPECT_EQ(intake_->taken().data, 1U);
  EXPECT_EQ(intake_->taken().control, 100U);
  tick();
  EXPECT_NEAR(published().tx.total_packets, 108, 1e-6) << "one of an eighth of the data, a hundred of all control traffic";
}

// The counters have what the filter refuses: pulled to them, the rest would be told for more than it is.
TEST_F(CaptureShareTest, ExactCountersSayNothingOfWhatAFilterLets) {
  begin({.filtered = true});
  for (int i = 0; i < 10; ++i) {
    flows(800);
    totals_[0].total[kTxOctets] += totals_[0].total[kTxOctets];  // as much again passes, and is refused
    tick();
  }
  EXPECT_NEAR(published().tx.total_octets / sent_, 1, 0.3) << "and not twice as much";
}

// Seen at a mirror port: the kernel asks the outermost headers, which are UDP's whatever is inside.
TEST_F(CaptureShareTest, WhatIsInsideOfATunnelIsOfTheTunnelsShare) {
  for (std::uint32_t i = 0; i < 2000; ++i) {
    const Bytes query = wire_test::ipv4(17, wire_test::udp(1024 + i, 53, Bytes().fill(40)), {.src = 0x0A000001, .dst = 0x08080808});
    const Bytes inner = wire_test::ethernet(0x0800, query, 0x525400000001, 0x5254000000FF);
    const Bytes vxlan = Bytes().u8(8).u24(0).u24(42).u8(0).add(inner);
    const Bytes frame = wire_test::ethernet(
        0x0800, wire_test::ipv4(17, wire_test::udp(10'000 + i, 4789, vxlan), {.src = number(0), .dst = 0xAC100002}), 0x1, 0x2);
    if (!flow_is_kept(frame.octets(), {kKept}, kKey)) continue;
    take(frame, 99, Heading::kUnknown);
  }
  tick();
  EXPECT_NEAR(published().tx.total_packets, 2000, 300);
  EXPECT_GT(published().tx.total_packets_error, 0);
}

// The kernel's filter reads no MPLS and two tags no more. That is control traffic to it, which has a share of its own.
TEST_F(CaptureShareTest, WhatTheFilterCannotReadIsControlTraffic) {
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const Bytes packet = wire_test::ipv4(17, wire_test::udp(1024 + i, 5000, Bytes().fill(100)), {.src = 0x0A000001, .dst = 0xC0000201});
    const Bytes frame =
        wire_test::ethernet(0x8100, wire_test::tag(5, 0x8100, wire_test::tag(6, 0x0800, packet)), 0x525400000001, 0x5254000000FF);
    ASSERT_TRUE(flow_is_kept(frame.octets(), {kKept}, kKey));
    sent_ += static_cast<double>(frame.size());
    take(frame, kTap, Heading::kIn);
  }
  tick();
  EXPECT_EQ(published().tx.total_octets, sent_);
  EXPECT_EQ(published().tx.total_octets_error, 0);
}

// A share of it too: what one flow of them stands for is an estimate like any other, and not subtracted from what was counted.
TEST_F(CaptureShareTest, ExactCountersPullControlTrafficToo) {
  intake_->set_kept_flows({kAllFlows, kKept}, now_);
  const Bytes query = wire_test::ethernet(0x0800, wire_test::ipv4(17, wire_test::udp(5000, 53, Bytes().fill(1000)), {.src = 0x0A000001}),
                                          0x525400000001, 0x5254000000FF);
  const Bytes other = wire_test::ethernet(0x0800, wire_test::ipv4(17, wire_test::udp(5000, 5000, Bytes().fill(1000)), {.src = 0x0A000001}),
                                          0x525400000001, 0x5254000000FF);
  const auto period = [&] {
    for (int i = 0; i < 1100; ++i) {
      const Bytes& frame = i % 11 == 0 ? query : other;
      totals_[0].total[kTxOctets] += frame.size();
      sent_ += static_cast<double>(frame.size());
      take(frame, kTap, Heading::kIn);
    }
    tick();
  };
  for (int i = 0; i < 10; ++i) period();
  const double told = published().tx.total_octets, sent = sent_;
  for (int i = 0; i < 10; ++i) period();
  EXPECT_NEAR((published().tx.total_octets - told) / (sent_ - sent), 1, 0.35);
  EXPECT_GT((published().tx.total_octets - told) / (sent_ - sent), 0.99) << "what is all kept is not made less";
}

TEST_F(CaptureShareTest, WithAllFlowsNothingIsScaled) {
  intake_->set_kept_flows({}, now_);
  const double before = sent_;
  for (int i = 0; i < 50; ++i) {
    const Bytes frame =
        wire_test::ethernet(0x0800, wire_test::ipv4(17, wire_test::udp(1024, 5000, Bytes().fill(100))), 0x525400000001, 0x5254000000FF);
    sent_ += static_cast<double>(frame.size());
    take(frame, kTap, Heading::kIn);
  }
  tick();
  const FlowSums tx = published().tx;
  EXPECT_EQ(tx.total_octets, sent_ - before);
  EXPECT_EQ(tx.total_octets_error, 0);
}

}  // namespace
}  // namespace vmtraffic::flow_test
