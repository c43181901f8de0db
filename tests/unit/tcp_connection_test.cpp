#include "core/traffic/tcp_connection.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <ostream>
#include <tuple>
#include <vector>

#include "tests/unit/wire_bytes.hpp"

namespace vmtraffic {
namespace {

constexpr Nanoseconds kMs = 1'000'000;
constexpr std::uint8_t kClient = 0, kServer = 1;

// What a segment told, as values that can be compared: 0 where it told nothing.
struct Told {
  Nanoseconds rtt{0}, response{0};
  std::uint32_t lost_before{0}, reordered{0}, spurious{0}, duplicated{0}, unseen{0};
  std::uint32_t others{0};  // kinds that have no figure
  friend bool operator==(const Told&, const Told&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Told& t) {
    return out << "rtt " << t.rtt << " response " << t.response << " before " << t.lost_before << " reordered " << t.reordered
               << " spurious " << t.spurious << " duplicated " << t.duplicated << " unseen " << t.unseen << " others " << std::hex
               << t.others << std::dec;
  }
};

struct Seg {
  std::uint32_t seq{0}, length{0}, ack{0};  // relative to the ends' first ones
  std::uint16_t flags{kTcpAck};
  std::uint16_t window{1000};
  std::optional<TcpTimestamps> ts{};
  std::vector<SackBlock> sack{};  // relative to the other end's
  std::uint16_t mss{0};
};

class TcpConnectionTest : public testing::Test {
 protected:
  // The ends' initial numbers lie so that both wrap in the course of a test.
  static constexpr std::array<std::uint32_t, 2> kFirst{0xFFFF'FF00, 0xFFFF'F000};

  Told at(Nanoseconds when, std::uint8_t from, const Seg& seg) {
    wire_test::Bytes options;
    if (seg.mss != 0) options.u8(2).u8(4).u16(seg.mss);
    if (seg.ts) options.u8(1).u8(1).u8(8).u8(10).u32(seg.ts->value).u32(seg.ts->echo_reply);
    if (!seg.sack.empty()) {
      options.u8(1).u8(1).u8(5).u8(2 + 8 * seg.sack.size());
      for (const SackBlock& b : seg.sack) options.u32(kFirst[1 - from] + b.left).u32(kFirst[1 - from] + b.right);
    }
    const Octets octets = options.octets();
    Tcp tcp{.src_port = static_cast<std::uint16_t>(from == kClient ? 40000 : 443),
            .dst_port = static_cast<std::uint16_t>(from == kClient ? 443 : 40000),
            .seq = kFirst[from] + seg.seq,
            .ack = kFirst[1 - from] + seg.ack,
            .flags = seg.flags,
            .window = seg.window,
            .header_length = static_cast<std::uint8_t>(20 + octets.size()),
            .options = {0, static_cast<std::uint32_t>(octets.size())}};
    TcpEvents e;
    e.clear();
    connection_.take({tcp, seg.length, octets, kBegin + when}, from, gaps_, e);
    constexpr std::uint32_t kFigures = TcpEvents::kRoundTrip | TcpEvents::kResponse | TcpEvents::kLostBefore | TcpEvents::kReordered |
                                       TcpEvents::kSpurious | TcpEvents::kDuplicated | TcpEvents::kUnseen;
    const auto figure = [&](TcpEvents::Kind kind, auto value) { return e.has(kind) ? value : 0; };
    return {.rtt = figure(TcpEvents::kRoundTrip, e.rtt),
            .response = figure(TcpEvents::kResponse, e.response),
            .lost_before = figure(TcpEvents::kLostBefore, e.lost_before),
            .reordered = figure(TcpEvents::kReordered, e.reordered),
            .spurious = figure(TcpEvents::kSpurious, e.spurious),
            .duplicated = figure(TcpEvents::kDuplicated, e.duplicated),
            .unseen = figure(TcpEvents::kUnseen, e.unseen),
            .others = e.kinds & ~kFigures};
  }
  // 10 ms to the server, 2 ms to the client. Ends at 12 ms.
  void shake_hands(bool timestamps = false) {
    const auto ts = [&](std::uint32_t value, std::uint32_t echo) {
      return timestamps ? std::optional(TcpTimestamps{value, echo}) : std::nullopt;
    };
    EXPECT_EQ(at(0, kClient, {.seq = 0, .flags = kTcpSyn, .ts = ts(100, 0), .mss = 1460}), Told{});
    EXPECT_EQ(at(10 * kMs, kServer, {.seq = 0, .ack = 1, .flags = kTcpSyn | kTcpAck, .ts = ts(500, 100), .mss = 1460}),
              (Told{.rtt = 10 * kMs, .others = TcpEvents::kHandshake | TcpEvents::kAccepted}));
    EXPECT_EQ(at(12 * kMs, kClient, {.seq = 1, .ack = 1, .ts = ts(110, 500)}), (Told{.rtt = 2 * kMs, .others = TcpEvents::kHandshake}));
  }
  std::uint32_t lost_after(std::uint8_t end, Nanoseconds when) { return connection_.settle(end, kBegin + when); }

  static constexpr Nanoseconds kBegin = 1'700'000'000 * kSecond;
  TcpGaps gaps_{128};  // half of them for one owner
  TcpConnection connection_;
};

TEST_F(TcpConnectionTest, TheHandshakeMeasuresBothSides) {
  shake_hands();
  EXPECT_EQ(connection_.client(), kClient);
  EXPECT_FALSE(connection_.opening());
}

TEST_F(TcpConnectionTest, ARequestAndItsResponse) {
  shake_hands();
  EXPECT_EQ(at(20 * kMs, kClient, {.seq = 1, .length = 100, .ack = 1}), Told{});
  EXPECT_EQ(at(21 * kMs, kClient, {.seq = 101, .length = 50, .ack = 1}), Told{});
  EXPECT_EQ(at(30 * kMs, kServer, {.seq = 1, .ack = 151}), (Told{.rtt = 10 * kMs}));
  EXPECT_EQ(at(71 * kMs, kServer, {.seq = 1, .length = 1460, .ack = 151}), (Told{.response = 50 * kMs}))
      << "since the request's last octet";
  EXPECT_EQ(at(72 * kMs, kServer, {.seq = 1461, .length = 1460, .ack = 151}), Told{}) << "only the first octet answers";
  EXPECT_EQ(at(73 * kMs, kClient, {.seq = 151, .ack = 2921}), (Told{.rtt = 2 * kMs}));
  EXPECT_EQ(connection_.segments(kServer), 2U);
}

TEST_F(TcpConnectionTest, ADuplicateThatIsCountedAlreadySettlesNothingElse) {
  shake_hands();
  for (std::uint32_t i = 0; i < 4; ++i) at(20 * kMs, kServer, {.seq = 1 + 1460 * i, .length = 1460, .ack = 1});
  at(22 * kMs, kClient, {.seq = 1, .ack = 1, .sack = {{1461, 5841}}});
  EXPECT_EQ(at(40 * kMs, kServer, {.seq = 1, .length = 1460, .ack = 1}), Told{});
  at(42 * kMs, kClient, {.seq = 1, .ack = 5841});
  at(43 * kMs, kServer, {.seq = 5841, .length = 1460, .ack = 1});
  at(43 * kMs, kServer, {.seq = 7301, .length = 1460, .ack = 1});
  at(45 * kMs, kClient, {.seq = 1, .ack = 5841, .sack = {{7301, 8761}}});
  EXPECT_EQ(at(60 * kMs, kServer, {.seq = 5841, .length = 1460, .ack = 1}), Told{});  // two segments, from 1 to 7301
  EXPECT_EQ(at(61 * kMs, kServer, {.seq = 1461, .length = 1460, .ack = 1}), (Told{.spurious = 1}));
  at(62 * kMs, kClient, {.seq = 1, .ack = 8761});
  EXPECT_EQ(at(63 * kMs, kClient, {.seq = 1, .ack = 8761, .sack = {{1461, 2921}}}), Told{}) << "it is counted already";
  EXPECT_EQ(lost_after(kServer, 2000 * kMs), 2U);
}

TEST_F(TcpConnectionTest, APureAcknowledgementBeginsNoMeasurement) {
  shake_hands(true);
  EXPECT_EQ(at(20 * kMs, kClient, {.seq = 1, .ack = 1, .ts = {{120, 500}}}), Told{});
  EXPECT_EQ(at(900 * kMs, kServer, {.seq = 1, .length = 10, .ack = 1, .ts = {{900, 120}}}), Told{});
}

TEST_F(TcpConnectionTest, LostBehindTheTap) {
  shake_hands();
  at(20 * kMs, kServer, {.seq = 1, .length = 1460, .ack = 1});
  at(20 * kMs, kServer, {.seq = 1461, .length = 1460, .ack = 1});
  at(20 * kMs, kServer, {.seq = 2921, .length = 1460, .ack = 1});
  at(22 * kMs, kClient, {.seq = 1, .ack = 1, .sack = {{1461, 4381}}});
  EXPECT_EQ(at(40 * kMs, kServer, {.seq = 1, .length = 1460, .ack = 1}), Told{});
  EXPECT_TRUE(connection_.unsettled());
  EXPECT_EQ(at(42 * kMs, kClient, {.seq = 1, .ack = 4381}), Told{}) << "Karn: whose acknowledgement this is nobody knows";
  EXPECT_EQ(lost_after(kServer, 500 * kMs), 0U) << "a duplicate may still be reported";
  EXPECT_EQ(lost_after(kServer, 1050 * kMs), 1U);
  EXPECT_EQ(lost_after(kServer, 9000 * kMs), 0U) << "given once";
  EXPECT_FALSE(connection_.unsettled());
}

TEST_F(TcpConnectionTest, TimestampsTellWhichCopyArrived) {
  shake_hands(true);
  at(20 * kMs, kServer, {.seq = 1, .length = 1448, .ack = 1, .ts = {{520, 110}}});
  at(250 * kMs, kServer, {.seq = 1, .length = 1448, .ack = 1, .ts = {{750, 110}}});
  EXPECT_EQ(at(260 * kMs, kClient, {.seq = 1, .ack = 1449, .ts = {{300, 520}}}), (Told{.rtt = 240 * kMs})) << "the first one, late";
  at(300 * kMs, kServer, {.seq = 1449, .length = 1448, .ack = 1, .ts = {{800, 300}}});
  at(600 * kMs, kServer, {.seq = 1449, .length = 1448, .ack = 1, .ts = {{1100, 300}}});
  EXPECT_EQ(at(602 * kMs, kClient, {.seq = 1, .ack = 2897, .ts = {{640, 1100}}}), Told{}) << "the second: the measurement is of the first";
}

TEST_F(TcpConnectionTest, LostBeforeTheTap) {
  shake_hands();
  at(20 * kMs, kServer, {.seq = 1, .length = 1460, .ack = 1});
  EXPECT_EQ(at(21 * kMs, kServer, {.seq = 2921, .length = 1460, .ack = 1}), Told{});
  EXPECT_EQ(at(23 * kMs, kClient, {.seq = 1, .ack = 1461, .sack = {{2921, 4381}}}), (Told{.rtt = 3 * kMs}));
  // The way to the server and back takes 10 ms, so this one was sent because of the complaint.
  EXPECT_EQ(at(33 * kMs, kServer, {.seq = 1461, .length = 1460, .ack = 1}), (Told{.lost_before = 1}));
  EXPECT_EQ(at(35 * kMs, kClient, {.seq = 1, .ack = 4381}), Told{});
  EXPECT_EQ(lost_after(kServer, 9000 * kMs), 0U);
}

TEST_F(TcpConnectionTest, OvertakenIsNotLost) {
  shake_hands();
  at(20 * kMs, kServer, {.seq = 1, .length = 1460, .ack = 1});
  at(21 * kMs, kServer, {.seq = 2921, .length = 1460, .ack = 1});
  at(23 * kMs, kClient, {.seq = 1, .ack = 1461, .sack = {{2921, 4381}}});
  EXPECT_EQ(at(24 * kMs, kServer, {.seq = 1461, .length = 1460, .ack = 1}), (Told{.reordered = 1})) << "nobody could have known yet";
  at(30 * kMs, kServer, {.seq = 5841, .length = 1460, .ack = 1});
  EXPECT_EQ(at(80 * kMs, kServer, {.seq = 4381, .length = 1460, .ack = 1}), (Told{.reordered = 1})) << "nobody complained";
}

TEST_F(TcpConnectionTest, TheTimestampTellsWhatWasSentFirst) {
  shake_hands(true);
  at(20 * kMs, kServer, {.seq = 1, .length = 1448, .ack = 1, .ts = {{520, 110}}});
  at(21 * kMs, kServer, {.seq = 2897, .length = 1448, .ack = 1, .ts = {{525, 110}}});
  at(23 * kMs, kClient, {.seq = 1, .ack = 1449, .ts = {{130, 520}}, .sack = {{2897, 4345}}});
  EXPECT_EQ(at(90 * kMs, kServer, {.seq = 1449, .length = 1448, .ack = 1, .ts = {{524, 110}}}), (Told{.reordered = 1})) << "sent before";
  at(91 * kMs, kServer, {.seq = 5793, .length = 1448, .ack = 1, .ts = {{600, 110}}});
  EXPECT_EQ(at(92 * kMs, kServer, {.seq = 4345, .length = 1448, .ack = 1, .ts = {{601, 110}}}), (Told{.lost_before = 1})) << "sent after";
}

TEST_F(TcpConnectionTest, SentAgainForNothing) {
  shake_hands();
  at(20 * kMs, kServer, {.seq = 1, .length = 1460, .ack = 1});
  at(22 * kMs, kClient, {.seq = 1, .ack = 1461});
  EXPECT_EQ(at(230 * kMs, kServer, {.seq = 1, .length = 1460, .ack = 1}), (Told{.spurious = 1})) << "it was acknowledged";
  at(300 * kMs, kServer, {.seq = 1461, .length = 1460, .ack = 1});
  at(500 * kMs, kServer, {.seq = 1461, .length = 1460, .ack = 1});
  EXPECT_EQ(at(502 * kMs, kClient, {.seq = 1, .ack = 2921, .sack = {{1461, 2921}}}), (Told{.duplicated = 1})) << "D-SACK";
  EXPECT_EQ(lost_after(kServer, 9000 * kMs), 0U);
}

TEST_F(TcpConnectionTest, WhatTheCaptureMissed) {
  shake_hands();
  at(20 * kMs, kServer, {.seq = 1, .length = 1460, .ack = 1});
  at(20 * kMs, kServer, {.seq = 4381, .length = 1460, .ack = 1});
  EXPECT_EQ(at(22 * kMs, kClient, {.seq = 1, .ack = 5841}), (Told{.rtt = 2 * kMs, .unseen = 2}));
  EXPECT_EQ(at(24 * kMs, kClient, {.seq = 1, .ack = 5841 + 1460}), (Told{.unseen = 1})) << "beyond what was seen";
  EXPECT_EQ(at(25 * kMs, kServer, {.seq = 5841 + 1460, .length = 1460, .ack = 1}), Told{}) << "goes on from there";
}

TEST_F(TcpConnectionTest, ASuperFrameIsSeveralSegments) {
  shake_hands(true);
  at(20 * kMs, kServer, {.seq = 1, .length = 14480, .ack = 1, .ts = {{520, 110}}});
  EXPECT_EQ(connection_.segments(kServer), 10U);
  at(40 * kMs, kServer, {.seq = 1, .length = 2896, .ack = 1, .ts = {{540, 110}}});
  EXPECT_EQ(lost_after(kServer, 2000 * kMs), 2U);
}

TEST_F(TcpConnectionTest, DuplicateAcksAndWindows) {
  shake_hands();
  at(20 * kMs, kServer, {.seq = 1, .length = 1460, .ack = 1});
  at(20 * kMs, kServer, {.seq = 1461, .length = 1460, .ack = 1});
  at(22 * kMs, kClient, {.seq = 1, .ack = 1461});
  EXPECT_EQ(at(23 * kMs, kClient, {.seq = 1, .ack = 1461}), (Told{.others = TcpEvents::kDuplicateAck}));
  EXPECT_EQ(at(24 * kMs, kClient, {.seq = 1, .ack = 1461, .window = 900}), Told{}) << "a window update";
  EXPECT_EQ(at(25 * kMs, kClient, {.seq = 1, .ack = 2921, .window = 0}).others, std::uint32_t{TcpEvents::kZeroWindow});
  EXPECT_EQ(at(26 * kMs, kClient, {.seq = 1, .ack = 2921, .window = 0}).others, 0U) << "closed once";
}

TEST_F(TcpConnectionTest, KeepAlivesAreNoRetransmissions) {
  shake_hands();
  at(20 * kMs, kServer, {.seq = 1, .length = 10, .ack = 1});
  at(22 * kMs, kClient, {.seq = 1, .ack = 11});
  EXPECT_EQ(at(9000 * kMs, kServer, {.seq = 10, .length = 1, .ack = 1}), Told{});
  EXPECT_EQ(at(9002 * kMs, kClient, {.seq = 1, .ack = 11}), Told{});
  EXPECT_EQ(lost_after(kServer, 99'000 * kMs), 0U);
}

TEST_F(TcpConnectionTest, RefusedResetAndUnanswered) {
  EXPECT_EQ(at(0, kClient, {.seq = 0, .flags = kTcpSyn}), Told{});
  EXPECT_TRUE(connection_.opening());
  EXPECT_EQ(at(1 * kMs, kServer, {.seq = 0, .ack = 1, .flags = kTcpRst | kTcpAck}), (Told{.others = TcpEvents::kRefused}));
  EXPECT_TRUE(connection_.closed());
  EXPECT_FALSE(connection_.opening());
  shake_hands();  // the same ports again
  EXPECT_FALSE(connection_.closed());
  EXPECT_EQ(at(20 * kMs, kClient, {.seq = 1, .ack = 1, .flags = kTcpRst}), (Told{.others = TcpEvents::kReset}));
  EXPECT_EQ(at(21 * kMs, kClient, {.seq = 1, .ack = 1, .flags = kTcpRst}), Told{}) << "it is closed";
}

TEST_F(TcpConnectionTest, ASynSentAgainSpoilsTheHandshake) {
  at(0, kClient, {.seq = 0, .flags = kTcpSyn});
  EXPECT_EQ(at(1000 * kMs, kClient, {.seq = 0, .flags = kTcpSyn}), Told{});
  EXPECT_EQ(at(1010 * kMs, kServer, {.seq = 0, .ack = 1, .flags = kTcpSyn | kTcpAck}), (Told{.others = TcpEvents::kAccepted}));
  EXPECT_EQ(lost_after(kClient, 9000 * kMs), 1U);
}

TEST_F(TcpConnectionTest, ASynThatNobodyAnswersIsNotLost) {
  for (const Nanoseconds when : {0 * kMs, 1000 * kMs, 3000 * kMs}) EXPECT_EQ(at(when, kClient, {.seq = 0, .flags = kTcpSyn}), Told{});
  EXPECT_EQ(lost_after(kClient, 4500 * kMs), 0U) << "it may still be answered";
  EXPECT_TRUE(connection_.opening());
  connection_.give_up();
  EXPECT_EQ(lost_after(kClient, 9000 * kMs), 0U);
  EXPECT_FALSE(connection_.unsettled());
}

TEST_F(TcpConnectionTest, ASynThatIsAnsweredLateWasLost) {
  for (const Nanoseconds when : {0 * kMs, 1000 * kMs, 3000 * kMs}) at(when, kClient, {.seq = 0, .flags = kTcpSyn});
  EXPECT_EQ(lost_after(kClient, 4500 * kMs), 0U);
  at(4600 * kMs, kServer, {.seq = 0, .ack = 1, .flags = kTcpSyn | kTcpAck});
  EXPECT_EQ(lost_after(kClient, 4700 * kMs), 2U);
}

TEST_F(TcpConnectionTest, BegunBeforeTheCapture) {
  EXPECT_EQ(at(0, kClient, {.seq = 50'000, .ack = 90'000}), Told{});
  EXPECT_EQ(connection_.client(), kClient) << "the one that is not on the lower port";
  EXPECT_EQ(at(1 * kMs, kServer, {.seq = 95'000, .length = 100, .ack = 50'000}), Told{}) << "what was under way is no gap";
  EXPECT_EQ(at(3 * kMs, kClient, {.seq = 50'000, .ack = 95'100}), (Told{.rtt = 2 * kMs}));
}

TEST_F(TcpConnectionTest, GapsAreGivenBack) {
  shake_hands();
  for (std::uint32_t i = 0; i < 200; ++i) at((20 + i) * kMs, kServer, {.seq = 1 + i * 2000, .length = 1000, .ack = 1});
  EXPECT_EQ(gaps_.refused(), 0U);  // one sender has its own bound
  connection_.release(gaps_);
  for (std::uint32_t i = 0; i < 64; ++i) EXPECT_NE(gaps_.take({}), TcpGaps::kNone);
  EXPECT_EQ(gaps_.take({}), TcpGaps::kNone);
  EXPECT_EQ(gaps_.refused(), 1U);
}

TEST_F(TcpConnectionTest, AGapFilledInItsMiddle) {
  shake_hands();
  at(20 * kMs, kServer, {.seq = 1, .length = 1000, .ack = 1});
  at(20 * kMs, kServer, {.seq = 4001, .length = 1000, .ack = 1});
  at(22 * kMs, kClient, {.seq = 1, .ack = 1001, .sack = {{4001, 5001}}});
  EXPECT_EQ(at(40 * kMs, kServer, {.seq = 2001, .length = 1000, .ack = 1}), (Told{.lost_before = 1}));
  EXPECT_EQ(at(41 * kMs, kServer, {.seq = 1001, .length = 1000, .ack = 1}), (Told{.lost_before = 1}));
  EXPECT_EQ(at(42 * kMs, kServer, {.seq = 3001, .length = 1000, .ack = 1}), (Told{.lost_before = 1}));
  at(43 * kMs, kServer, {.seq = 3001, .length = 1000, .ack = 1});
  EXPECT_EQ(lost_after(kServer, 9000 * kMs), 1U) << "now it was seen";
}

TEST_F(TcpConnectionTest, NobodyHasMoreGapsThanAreFree) {
  TcpGaps gaps(8);
  const auto taken = [&](std::uint32_t owner) {
    std::vector<std::uint32_t> out;
    for (std::uint32_t at = gaps.take({.owner = owner}); at != TcpGaps::kNone; at = gaps.take({.owner = owner})) out.push_back(at);
    return out;
  };
  const std::vector<std::uint32_t> first = taken(5);
  EXPECT_EQ(first.size(), 4U);
  EXPECT_EQ(taken(0).size(), 2U);
  EXPECT_EQ(taken(1).size(), 1U);
  for (const std::uint32_t at : first) gaps.give_back(at);
  EXPECT_EQ(taken(1).size(), 2U) << "3 of 8, and 3 are free";
}

TEST_F(TcpConnectionTest, WithoutRoomForAGapNothingIsClaimed) {
  shake_hands();
  while (gaps_.take({}) != TcpGaps::kNone) {
  }
  at(20 * kMs, kServer, {.seq = 1, .length = 1000, .ack = 1});
  at(21 * kMs, kServer, {.seq = 2001, .length = 1000, .ack = 1});
  EXPECT_EQ(at(400 * kMs, kServer, {.seq = 1001, .length = 1000, .ack = 1}), Told{});
  EXPECT_EQ(lost_after(kServer, 9000 * kMs), 0U) << "the tap never saw it";
  at(9001 * kMs, kClient, {.seq = 1, .ack = 2001});
  EXPECT_EQ(at(9002 * kMs, kServer, {.seq = 1001, .length = 1000, .ack = 1}), (Told{.spurious = 1})) << "it has arrived, that is known";
  for (const Nanoseconds when : {9100 * kMs, 9400 * kMs}) at(when, kServer, {.seq = 3001, .length = 1000, .ack = 1});
  EXPECT_EQ(lost_after(kServer, 19'000 * kMs), 1U) << "nothing was missing of it";
}

TEST_F(TcpConnectionTest, BeyondOneSendersBoundNothingIsClaimed) {
  shake_hands();
  for (std::uint32_t i = 0; i < 66; ++i) at(20 * kMs, kServer, {.seq = 1 + i * 2000, .length = 1000, .ack = 1});
  EXPECT_EQ(at(400 * kMs, kServer, {.seq = 1001, .length = 1000, .ack = 1}), (Told{.lost_before = 1})) << "of the first it is known";
  EXPECT_EQ(at(400 * kMs, kServer, {.seq = 64 * 2000 + 1001, .length = 1000, .ack = 1}), Told{});
  EXPECT_EQ(lost_after(kServer, 9000 * kMs), 0U);
}

TEST_F(TcpConnectionTest, ASynThatWasGivenUpOpensNoOtherConnection) {
  at(0, kClient, {.seq = 0, .flags = kTcpSyn});
  connection_.give_up();
  EXPECT_TRUE(connection_.closed());
  for (const Nanoseconds when : {7000 * kMs, 15'000 * kMs}) {
    EXPECT_EQ(at(when, kClient, {.seq = 0, .flags = kTcpSyn}), Told{});
    EXPECT_FALSE(connection_.opening());
    EXPECT_FALSE(connection_.closed()) << "it is not the first to be forgotten";
    EXPECT_FALSE(connection_.unsettled()) << "nor is it lost";
  }
  EXPECT_FALSE(connection_.refuse(kClient, kFirst[kClient])) << "it is counted already";
  EXPECT_EQ(at(15'001 * kMs, kServer, {.seq = 0, .ack = 1, .flags = kTcpRst | kTcpAck}), Told{}) << "so it is by a reset";
  EXPECT_EQ(at(16'000 * kMs, kClient, {.seq = 5000, .flags = kTcpSyn}), Told{});
  EXPECT_TRUE(connection_.opening()) << "another one, from the same port";
}

TEST_F(TcpConnectionTest, ASynThatWasGivenUpMayBeAccepted) {
  at(0, kClient, {.seq = 0, .flags = kTcpSyn});
  connection_.give_up();
  at(7000 * kMs, kClient, {.seq = 0, .flags = kTcpSyn});
  EXPECT_EQ(at(7010 * kMs, kServer, {.seq = 0, .ack = 1, .flags = kTcpSyn | kTcpAck}), (Told{.others = TcpEvents::kAccepted}))
      << "of which copy nobody knows";
  EXPECT_FALSE(connection_.closed());
  EXPECT_EQ(at(7012 * kMs, kClient, {.seq = 1, .ack = 1}), (Told{.rtt = 2 * kMs, .others = TcpEvents::kHandshake}));
  EXPECT_EQ(at(7020 * kMs, kServer, {.seq = 1, .ack = 1, .flags = kTcpRst}), (Told{.others = TcpEvents::kReset}));
}

}  // namespace
}  // namespace vmtraffic
