// The capture's filter, in an interpreter of our own and once in the kernel; and the share of the flows by its two definitions.
#include "core/probes/capture_filter.hpp"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <set>

#include "tests/unit/filter_interpreter.hpp"
#include "tests/unit/generated_frames.hpp"
#include "tests/unit/wire_packet_builder.hpp"

namespace vmtraffic {
namespace {

using filter_test::Interpreter;
using filter_test::PacketFacts;
using wire_test::Bytes;

const Bytes kSomeFrame = wire_test::ethernet(0x0800, wire_test::ipv4(6, wire_test::tcp(Bytes().fill(100))));

CaptureFilter built(const CaptureFilterOptions& options) {
  auto filter = build_capture_filter(options);
  EXPECT_TRUE(filter) << filter.error().text;
  return filter ? *filter : CaptureFilter{};
}

FilterProgram compiled(const std::string& expression) {
  auto program = compile_expression(expression);
  EXPECT_TRUE(program) << program.error().text;
  return program ? *program : FilterProgram{};
}

bool passes(Interpreter& filter, std::uint32_t if_index) { return filter.run(kSomeFrame.octets(), {.if_index = if_index}) != 0; }

bool kernel_takes(const FilterProgram& program) {
  std::vector<sock_filter> code;
  for (const FilterInstruction& i : program) code.push_back({i.code, i.jt, i.jf, i.k});
  const sock_fprog filter{static_cast<unsigned short>(code.size()), code.data()};
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool taken = ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0;
  ::close(fd);
  return taken;
}

class AllowedLinks : public testing::TestWithParam<std::pair<std::size_t, std::uint32_t>> {};

TEST_P(AllowedLinks, AreThoseOfTheSet) {
  const auto [count, range] = GetParam();
  std::mt19937 random(7);
  std::uniform_int_distribution<std::uint32_t> any(1, range);
  std::set<std::uint32_t> allowed;
  while (allowed.size() < count) allowed.insert(any(random));
  std::vector<std::uint32_t> given(allowed.begin(), allowed.end());
  std::shuffle(given.begin(), given.end(), random);
  const CaptureFilter filter = built({.if_indexes = given});
  EXPECT_TRUE(filter.exact);
  EXPECT_LE(filter.program.size(), kLongestFilter);
  EXPECT_TRUE(kernel_takes(filter.program));
  Interpreter interpreter(filter.program);
  std::set<std::uint32_t> asked{0, 1, range, range + 1, 0xFFFF'FFFF};
  for (const std::uint32_t i : allowed) asked.insert({i - 1, i, i + 1});
  for (int i = 0; i < 1000; ++i) asked.insert(any(random));
  for (const std::uint32_t i : asked) {
    ASSERT_EQ(passes(interpreter, i), allowed.contains(i)) << i;
    ASSERT_LE(interpreter.steps(), 40u) << "not a balanced tree";
  }
}

INSTANTIATE_TEST_SUITE_P(Random, AllowedLinks,
                         testing::Values(std::pair(0, 100), std::pair(1, 100), std::pair(2, 100), std::pair(3, 100), std::pair(4, 100),
                                         std::pair(5, 100), std::pair(99, 100), std::pair(255, 1000), std::pair(255, 1'000'000),
                                         std::pair(1000, 1500), std::pair(1000, 4'000'000'000), std::pair(2000, 4'000'000'000)));

TEST(CaptureFilter, WithoutALinkNothingPasses) {
  const CaptureFilter filter = built({.if_indexes = std::vector<std::uint32_t>{}});
  EXPECT_EQ(filter.program.front(), (FilterInstruction{BPF_RET | BPF_K, 0, 0, 0}));
}

TEST(CaptureFilter, WithoutAListEachLinkPasses) {
  const CaptureFilter filter = built({.snapshot_length = 128});
  EXPECT_EQ(filter.program, (FilterProgram{{BPF_RET | BPF_K, 0, 0, 128}}));
}

// Two crowds of links, one of which is too many: who stands between its links may pass, who stands outside of it may not.
TEST(CaptureFilter, TooManyLinksLetTheirNeighboursPass) {
  std::vector<std::uint32_t> given;
  for (std::uint32_t i = 0; i < 3000; ++i) given.push_back(1000 + 2 * i);
  for (std::uint32_t i = 0; i < 100; ++i) given.push_back(500'000 + 10 * i);
  const CaptureFilter filter = built({.if_indexes = given});
  EXPECT_FALSE(filter.exact);
  EXPECT_LE(filter.program.size(), kLongestFilter);
  EXPECT_GT(filter.program.size(), kLongestFilter * 3 / 4) << "coarser than needed";
  Interpreter interpreter(filter.program);
  for (const std::uint32_t i : given) ASSERT_TRUE(passes(interpreter, i)) << i;
  for (const std::uint32_t i : {999u, 6999u, 7000u, 499'999u, 500'991u, 500'005u}) EXPECT_FALSE(passes(interpreter, i)) << i;
  // At the least a range.
  const CaptureFilter range = built({.if_indexes = given, .longest = 7});
  Interpreter ranged(range.program);
  for (const std::uint32_t i : {1000u, 300'000u, 500'990u}) EXPECT_TRUE(passes(ranged, i)) << i;
  for (const std::uint32_t i : {999u, 500'991u}) EXPECT_FALSE(passes(ranged, i)) << i;
}

TEST(CaptureFilter, AnExpressionThatLeavesNoRoomIsRefused) {
  const auto filter =
      build_capture_filter({.if_indexes = {{7}}, .expression = FilterProgram(10, {BPF_RET | BPF_K, 0, 0, 1}), .longest = 12});
  ASSERT_FALSE(filter);
  EXPECT_EQ(filter.error(), (Error{ErrorCode::kInvalid, "the filter takes 15 instructions, and 12 are the most: say it shorter"}));
}

TEST(CaptureFilter, OptionsThatMakeNoSenseAreRefused) {
  const auto empty = build_capture_filter({.snapshot_length = 0});
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error(), (Error{ErrorCode::kInvalid, "a snapshot length of 0 octets captures nothing: 192 holds the headers"}));
  const auto share = build_capture_filter({.kept_flows = {.data = 65'537}});
  ASSERT_FALSE(share);
  EXPECT_EQ(share.error(), (Error{ErrorCode::kInvalid, "65537 of 65536 flows cannot be kept"}));
  const auto computed = build_capture_filter({.expression = {{BPF_RET | BPF_A, 0, 0, 0}}});
  ASSERT_FALSE(computed);
  EXPECT_EQ(computed.error(), (Error{ErrorCode::kInvalid, "the filter's program computes how much it keeps: not supported"}));
}

TEST(CaptureFilter, AnExpressionIsLibpcaps) {
  using namespace wire_test;
  const CaptureFilter filter = built({.if_indexes = {{5, 9}}, .expression = compiled("tcp port 80 or arp"), .snapshot_length = 96});
  EXPECT_TRUE(kernel_takes(filter.program));
  Interpreter interpreter(filter.program);
  const Bytes web = ethernet(0x0800, ipv4(6, tcp(Bytes(), {.src = 80})));
  EXPECT_EQ(interpreter.run(web.octets(), {.if_index = 5}), 96u);
  EXPECT_EQ(interpreter.run(web.octets(), {.if_index = 6}), 0u);
  EXPECT_EQ(interpreter.run(ethernet(0x0806, arp(1)).octets(), {.if_index = 9}), 96u);
  EXPECT_EQ(interpreter.run(ethernet(0x0800, ipv4(6, tcp(Bytes(), {.src = 81}))).octets(), {.if_index = 5}), 0u);
}

// The kernel has taken the tag out before a filter sees the frame.
TEST(CaptureFilter, ATagIsFoundBesideTheFrameAndInIt) {
  using namespace wire_test;
  const CaptureFilter filter = built({.expression = compiled("vlan 5")});
  EXPECT_TRUE(kernel_takes(filter.program));
  Interpreter interpreter(filter.program);
  const Bytes inside = ethernet(0x8100, tag(0x2005, 0x0800, ipv4(17, udp(1, 2, Bytes()))));
  EXPECT_EQ(interpreter.run(kSomeFrame.octets(), {.vlan_tci = 0x2005}), 192u);
  EXPECT_EQ(interpreter.run(kSomeFrame.octets(), {.vlan_tci = 0x2006}), 0u);
  EXPECT_EQ(interpreter.run(kSomeFrame.octets()), 0u);
  EXPECT_EQ(interpreter.run(inside.octets()), 192u);
}

TEST(CaptureFilter, AnExpressionOfDirectionKnowsTheKernelsWord) {
  const CaptureFilter filter = built({.expression = compiled("outbound")});
  Interpreter interpreter(filter.program);
  EXPECT_EQ(interpreter.run(kSomeFrame.octets(), {.packet_type = 4}), 192u);
  EXPECT_EQ(interpreter.run(kSomeFrame.octets(), {.packet_type = 0}), 0u);
}

TEST(CaptureFilter, AnEmptyExpressionIsEveryPacket) {
  EXPECT_EQ(compiled(" \t"), FilterProgram{});
  EXPECT_TRUE(check_expression(""));
}

TEST(CaptureFilter, AWrongExpressionIsRefusedInLibpcapsWords) {
  const Error wrong{ErrorCode::kInvalid,
                    "the filter 'tcp prot 80' is none that pcap-filter(7) describes: can't parse filter expression: syntax error"};
  const auto program = compile_expression("tcp prot 80");
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error(), wrong);
  const Status checked = check_expression("tcp prot 80");
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error(), wrong);
  const Status cut = check_expression(std::string("tcp\0 and nonsense", 17));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(check_expression("vlan 5 and tcp port 443"));
}

constexpr std::uint32_t kKey = 0xDEAD'BEEF;

class FlowShare : public testing::TestWithParam<std::uint32_t> {};

TEST_P(FlowShare, IsWhatWasAskedAndBothDirectionsAgree) {
  using namespace wire_test;
  const CaptureFilter filter = built({.kept_flows = {GetParam()}, .share_key = kKey});
  EXPECT_TRUE(kernel_takes(filter.program));
  Interpreter interpreter(filter.program);
  std::mt19937 random(11);
  std::uniform_int_distribution<std::uint32_t> address, port(1024, 65'535);
  constexpr int kFlows = 100'000;
  int kept = 0;
  for (int i = 0; i < kFlows; ++i) {
    const std::uint32_t a = address(random), b = address(random), ap = port(random), bp = port(random);
    const auto one = [&](std::uint32_t from, std::uint32_t to, std::uint32_t from_port, std::uint32_t to_port) {
      if (i % 2 == 0) return ethernet(0x0800, ipv4(6, tcp(Bytes(), {.src = from_port, .dst = to_port}), {.src = from, .dst = to}));
      return ethernet(0x86DD, ipv6(17, udp(from_port, to_port, Bytes()), {.src = from, .dst = to}));
    };
    const Bytes there = one(a, b, ap, bp), back = one(b, a, bp, ap);
    const bool keeps = interpreter.run(there.octets()) != 0;
    ASSERT_EQ(interpreter.run(back.octets()) != 0, keeps);
    ASSERT_EQ(flow_is_kept(there.octets(), {GetParam()}, kKey), keeps);
    ASSERT_EQ(flow_is_kept(back.octets(), {GetParam()}, kKey), keeps);
    kept += keeps ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(kept) / kFlows, static_cast<double>(GetParam()) / kAllFlows, 0.01);
}

// As real ones are: one server, clients of one network, ports that were given in turn.
TEST_P(FlowShare, IsWhatWasAskedOfFlowsInARow) {
  using namespace wire_test;
  int kept = 0, flows = 0;
  for (std::uint32_t client = 1; client <= 200; ++client) {
    for (std::uint32_t port = 40'000; port < 40'200; ++port, ++flows) {
      const Bytes frame =
          ethernet(0x0800, ipv4(6, tcp(Bytes(), {.src = port, .dst = 443}), {.src = 0x0A000000 + client, .dst = 0x0A000001}));
      kept += flow_is_kept(frame.octets(), {GetParam()}, kKey) ? 1 : 0;
    }
  }
  EXPECT_NEAR(static_cast<double>(kept) / flows, static_cast<double>(GetParam()) / kAllFlows, 0.01);
}

TEST_P(FlowShare, IsTheSameInBothDefinitions) {
  const KeptFlows kept{GetParam(), (GetParam() + kAllFlows / 2) % kAllFlows};
  const CaptureFilter filter = built({.kept_flows = kept, .share_key = kKey});
  Interpreter interpreter(filter.program);
  filter_test::GeneratedFrames frames;
  for (int i = 0; i < 5000; ++i) {
    const Bytes frame = frames.next();
    ASSERT_EQ(interpreter.run(frame.octets()) != 0, flow_is_kept(frame.octets(), kept, kKey)) << testing::PrintToString(frame.vector());
    if (i % 10 != 0) continue;
    for (std::size_t length = 0; length < frame.size(); ++length) {
      const Octets cut = frame.octets().first(length);
      ASSERT_EQ(interpreter.run(cut) != 0, flow_is_kept(cut, kept, kKey)) << length << ": " << testing::PrintToString(frame.vector());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Of65536, FlowShare, testing::Values(0, 1, 256, 6'554, 32'768, 65'000, 65'535, 65'536));

TEST(FlowShareOfControlTraffic, IsOfThese) {
  using namespace wire_test;
  const auto is_control = [](const Bytes& frame) {
    const bool control = flow_is_control(frame.octets());
    EXPECT_EQ(flow_is_kept(frame.octets(), {.data = 0}, kKey), control);
    EXPECT_FALSE(flow_is_kept(frame.octets(), {.data = kAllFlows, .control = 0}, kKey) && control);
    return control;
  };
  const Bytes query = udp(40'000, 53, Bytes().fill(30));
  EXPECT_TRUE(is_control(ethernet(0x0806, arp(1))));
  EXPECT_TRUE(is_control(ethernet(0x88B5, Bytes().fill(46))));
  EXPECT_TRUE(is_control(ethernet(0x0800, ipv4(1, echo(8, 1, 1, Bytes())))));
  EXPECT_TRUE(is_control(ethernet(0x0800, ipv4(1, echo(8, 1, 1, Bytes()), {.fragment = 0x2000}))));
  EXPECT_TRUE(is_control(ethernet(0x0800, ipv4(17, query))));
  EXPECT_TRUE(is_control(ethernet(0x0800, ipv4(17, query, {.options = Bytes().fill(8, 1)}))));
  EXPECT_TRUE(is_control(ethernet(0x0800, ipv4(6, tcp(Bytes(), {.src = 53, .dst = 40'000})))));
  EXPECT_TRUE(is_control(ethernet(0x8100, tag(5, 0x0800, ipv4(17, query)))));
  EXPECT_TRUE(is_control(ethernet(0x88A8, tag(5, 0x8100, tag(6, 0x0800, ipv4(6, tcp(Bytes())))))));
  EXPECT_TRUE(is_control(ethernet(0x86DD, ipv6(58, echo(128, 1, 1, Bytes())))));
  EXPECT_TRUE(is_control(ethernet(0x86DD, ipv6(0, extension(58, Bytes().fill(6, 1), echo(143, 0, 0, Bytes()))))));
  EXPECT_TRUE(is_control(ethernet(0x86DD, ipv6(17, query))));
  EXPECT_FALSE(is_control(ethernet(0x0800, ipv4(6, tcp(Bytes())))));
  EXPECT_FALSE(is_control(ethernet(0x0800, ipv4(17, query, {.fragment = 0x2000}))));
  EXPECT_FALSE(is_control(ethernet(0x86DD, ipv6(6, tcp(Bytes())))));
  EXPECT_FALSE(is_control(ethernet(0x86DD, ipv6(0, extension(17, Bytes().fill(6, 1), query)))));
  EXPECT_FALSE(is_control(ethernet(0x0800, Bytes().fill(19))));
}

TEST(FlowShareOfControlTraffic, IsOneOfItsOwn) {
  using namespace wire_test;
  constexpr std::uint32_t kFlows = 20'000;
  constexpr KeptFlows kKept{.data = 0, .control = kAllFlows / 16};
  const CaptureFilter filter = built({.kept_flows = kKept, .share_key = kKey});
  Interpreter interpreter(filter.program);
  std::array<std::uint32_t, 3> kept{};
  for (std::uint32_t i = 0; i < kFlows; ++i) {
    const std::uint32_t from = 0x0A000000 + i;
    const Bytes frames[] = {ethernet(0x0800, ipv4(1, echo(8, 1, 1, Bytes()), {.src = from})),
                            ethernet(0x0800, ipv4(17, udp(1024 + i, 53, Bytes().fill(30)))),
                            ethernet(0x88B5, Bytes().fill(46), 0x525400000000 + i, 0x1)};
    for (std::size_t kind = 0; kind < kept.size(); ++kind) {
      const bool keeps = interpreter.run(frames[kind].octets()) != 0;
      ASSERT_EQ(keeps, flow_is_kept(frames[kind].octets(), kKept, kKey));
      kept[kind] += keeps ? 1U : 0U;
    }
  }
  for (const std::uint32_t k : kept) EXPECT_NEAR(k, kFlows / 16, 150);
}

// A tenant who computes the hash does not know which of his flows are left out.
TEST(FlowShareOfAKey, IsAnotherOneForEach) {
  using namespace wire_test;
  constexpr std::uint32_t kHalf = kAllFlows / 2, kFlows = 20'000;
  int both = 0;
  for (std::uint32_t i = 0; i < kFlows; ++i) {
    const Bytes frame = ethernet(0x0800, ipv4(17, udp(1024 + i, 5000, Bytes().fill(30))));
    both += flow_is_kept(frame.octets(), {kHalf}, 1) && flow_is_kept(frame.octets(), {kHalf}, 0x8000'0000) ? 1 : 0;
  }
  EXPECT_NEAR(both, kFlows / 4, 250);
}

// Nor can he make ends that a hash takes for one: of flows to one server some are kept and some are not, whoever chose their addresses.
TEST(FlowShareOfAKey, TakesChosenEndsApart) {
  using namespace wire_test;
  int mixed4 = 0, mixed6 = 0;
  constexpr int kKeys = 100;
  std::mt19937 random(3);
  for (int k = 0; k < kKeys; ++k) {
    const auto key = static_cast<std::uint32_t>(random());
    int kept4 = 0, kept6 = 0;
    for (std::uint32_t i = 0; i < 64; ++i) {
      const std::uint32_t port = 1024 + i;
      const Bytes udp4 = ipv4(17, udp(port, 5000, Bytes().fill(30)), {.src = 0x0A000001 ^ port * flow_hash::kPort, .dst = 1});
      kept4 += flow_is_kept(ethernet(0x0800, udp4).octets(), {kAllFlows / 4}, key) ? 1 : 0;
      // The last two words of the address, such that a fold without a key would be one for all.
      Bytes udp6 = ipv6(17, udp(5000, 5000, Bytes().fill(30)), {.src = 1, .dst = 1});
      std::vector<std::byte> octets = ethernet(0x86DD, udp6).vector();
      const std::uint32_t third = i * 0x9E37'79B1, last = third * flow_hash::kFold;
      for (std::size_t o = 0; o < 4; ++o) {
        octets[14 + 8 + 8 + o] = static_cast<std::byte>(third >> (24 - 8 * o));
        octets[14 + 8 + 12 + o] = static_cast<std::byte>(last >> (24 - 8 * o));
      }
      kept6 += flow_is_kept(octets, {kAllFlows / 4}, key) ? 1 : 0;
    }
    mixed4 += kept4 > 0 && kept4 < 64;
    mixed6 += kept6 > 0 && kept6 < 64;
  }
  EXPECT_EQ(mixed4, kKeys);
  EXPECT_EQ(mixed6, kKeys);
}

// All fragments of a packet share its fate, the first one too.
TEST(FlowShareOfFragments, IsByAddressesAlone) {
  using namespace wire_test;
  int kept = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const auto fragment = [&](std::uint32_t field, std::uint32_t port) {
      return ethernet(0x0800, ipv4(17, udp(port, 5000, Bytes().fill(100)), {.src = 0x0A000000 + i, .fragment = field}));
    };
    const bool first = flow_is_kept(fragment(0x2000, 40'000).octets(), {32'768}, kKey);
    for (const auto& [field, port] : {std::pair(0x2010u, 1u), std::pair(0x0020u, 2u), std::pair(0x2000u, 40'001u)})
      ASSERT_EQ(flow_is_kept(fragment(field, port).octets(), {32'768}, kKey), first);
    kept += first ? 1 : 0;
  }
  EXPECT_NEAR(kept, 500, 60);
}

TEST(CaptureFilter, AllThreePartsHold) {
  const CaptureFilter filter = built({.if_indexes = {{4, 8}},
                                      .expression = compiled("vlan 5 or (tcp and not port 80)"),
                                      .kept_flows = {32'768},
                                      .share_key = kKey,
                                      .snapshot_length = 128});
  EXPECT_TRUE(kernel_takes(filter.program));
  Interpreter interpreter(filter.program);
  const FilterProgram alone = compiled("vlan 5 or (tcp and not port 80)");
  Interpreter expression(alone);
  filter_test::GeneratedFrames frames;
  int kept = 0;
  for (int i = 0; i < 3000; ++i) {
    const Bytes frame = frames.next();
    PacketFacts facts{.if_index = i % 3 == 0 ? 6u : 8u};
    if (i % 5 == 0) facts.vlan_tci = 5;
    const bool expected = facts.if_index == 8 && expression.run(frame.octets(), facts) != 0 && flow_is_kept(frame.octets(), {32'768}, kKey);
    ASSERT_EQ(interpreter.run(frame.octets(), facts), expected ? 128u : 0u);
    kept += expected ? 1 : 0;
  }
  EXPECT_GT(kept, 100);
}

}  // namespace
}  // namespace vmtraffic
