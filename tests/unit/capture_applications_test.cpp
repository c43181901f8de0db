// What the capture's flows were found to carry, by the real nDPI.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/traffic/capture_intake.hpp"
#include "core/traffic/flow_view.hpp"
#include "tests/unit/captured_frame.hpp"
#include "tests/unit/dpi_conversations.hpp"
#include "tests/unit/flow_fixture.hpp"

namespace vmtraffic::flow_test {
namespace {

using dpi_test::Conversation;
using wire_test::Bytes;
using wire_test::ethernet;

constexpr std::uint32_t kTapA = 11, kTapB = 12;
constexpr std::uint64_t kMacOfA = 0x525400000001, kMacOfB = 0x525400000002;

class CaptureApplicationsTest : public testing::Test {
 protected:
  void begin(ApplicationOptions options = {}, bool detects = true) {
    intake_ = std::make_unique<CaptureIntake>(CaptureIntakeOptions{});
    inventory_.domains = {domain(1), domain(2)};
    intake_->set_inventory(inventory_, ports_);
    intake_->tick(now_, {});
    if (!detects) return;
    auto detector = ApplicationDetector::make(options);
    ASSERT_TRUE(detector.ok()) << detector.error().text;
    intake_->detect_applications(std::move(detector).value());
  }
  void take(const Bytes& frame, std::uint32_t link, Heading heading, std::uint32_t snapshot = 65'536) {
    intake_->take(captured(frame, now_, link, heading, snapshot), now_);
  }
  // VM A is the client, and its own tap sees it.
  void pass(const Bytes& packet, bool from_client, std::uint32_t snapshot = 65'536) {
    const std::uint32_t type = std::to_integer<unsigned>(packet.octets()[0]) >> 4 == 6 ? 0x86DD : 0x0800;
    const Bytes frame = from_client ? ethernet(type, packet, kMacOfA, kMacOfB) : ethernet(type, packet, kMacOfB, kMacOfA);
    take(frame, kTapA, from_client ? Heading::kIn : Heading::kOut, snapshot);
  }
  void pass(const Conversation& conversation, std::uint32_t snapshot = 65'536) {
    const auto source = [](const Bytes& packet) {
      const bool is6 = std::to_integer<unsigned>(packet.octets()[0]) >> 4 == 6;
      const Octets s = is6 ? packet.octets().subspan(8, 16) : packet.octets().subspan(12, 4);
      return std::string(reinterpret_cast<const char*>(s.data()), s.size());
    };
    for (const Bytes& packet : conversation.packets) pass(packet, source(packet) == source(conversation.packets[0]), snapshot);
  }
  void tick(Nanoseconds passed = 10 * kSecond) {
    now_ += passed;
    intake_->tick(now_, {});
  }
  FlowRows flows() const {
    const FlowLedger* const ledgers[] = {&intake_->ledger()};
    return flow_rows(ledgers, {}, now_, {.top = 10, .place_of_agent = [](std::size_t, std::uint32_t) { return 0U; }});
  }
  // Octets both ways of VM A, by application.
  std::map<std::string, double> applications() const {
    std::map<std::string, double> out;
    const FlowRows rows = flows();
    for (const ApplicationFlowSums& row : rows.applications) {
      EXPECT_EQ(row.vnic, 0U);
      out[rows.application_names[row.application]] += row.rx.total_octets + row.tx.total_octets;
    }
    return out;
  }
  std::map<std::string, std::uint64_t> counters() const {
    const auto all = intake_->counters();
    return {all.begin(), all.end()};
  }

  Inventory inventory_;
  std::vector<std::uint32_t> ports_{kTapA, kTapB};
  std::unique_ptr<CaptureIntake> intake_;
  Nanoseconds now_{1'700'000'000 * kSecond};
};

double octets_of(const Conversation& conversation) {
  double out = 0;
  for (const Bytes& packet : conversation.packets) out += static_cast<double>(packet.size() + 14);
  return out;
}

TEST_F(CaptureApplicationsTest, AreThoseOfTheirFlowsAndAddUp) {
  begin();
  std::map<std::string, double> by_kind;  // octets
  for (const Conversation& c : dpi_test::known_conversations()) {
    by_kind[c.name.substr(0, c.name.size() - 1)] += octets_of(c);
    pass(c);
  }
  tick();
  const auto found = applications();
  EXPECT_EQ(found.at("DNS"), by_kind["dns"]);
  EXPECT_EQ(found.at("SSH"), by_kind["ssh"]);
  EXPECT_EQ(found.at("NTP"), by_kind["ntp"]);
  EXPECT_EQ(found.at("TLS.Google"), by_kind["tls-google"]);
  EXPECT_EQ(found.at("TLS"), by_kind["tls"]);
  double all = 0;
  for (const auto& [name, octets] : found) all += octets;
  const FlowRows rows = flows();
  EXPECT_EQ(all, rows.vnics[0].rx.total_octets + rows.vnics[0].tx.total_octets);
  EXPECT_EQ(counters().at("applications_in_detection"), 0U) << "each has its verdict";
  EXPECT_TRUE(rows.server_names.empty()) << "nobody asked for them";
}

TEST_F(CaptureApplicationsTest, AConversationSaysWhatMostOfItIsAndWhoWasAskedFor) {
  begin({.server_names = true});
  const Conversation hello = dpi_test::over_tcp("tls", 443, {dpi_test::client_hello("shop.example.org"), dpi_test::server_hello()});
  pass(hello);
  tick();
  for (int i = 0; i < 100; ++i) pass(hello.packets.back(), false);
  tick();
  const FlowRows rows = flows();
  ASSERT_EQ(rows.conversations.size(), 1U);
  EXPECT_EQ(rows.application_names.at(rows.conversations[0].application - 1U), "TLS");
  EXPECT_EQ(rows.application_categories.at(rows.conversations[0].application - 1U), "Web");
  EXPECT_EQ(rows.server_names, std::vector<std::string>{"shop.example.org"});
  EXPECT_EQ(rows.conversations[0].source, FlowSource::kCapture);
  EXPECT_EQ(rows.conversations[0].port, 443);
}

TEST_F(CaptureApplicationsTest, NothingIsSaidWhereNobodyAsked) {
  begin({}, false);
  for (const Conversation& c : dpi_test::known_conversations()) pass(c);
  tick();
  const FlowRows rows = flows();
  EXPECT_TRUE(rows.applications.empty());
  EXPECT_TRUE(rows.application_names.empty());
  for (const ConversationSums& c : rows.conversations) EXPECT_EQ(c.application, 0);
  EXPECT_FALSE(counters().contains("applications_put_off"));
}

TEST_F(CaptureApplicationsTest, ACutPacketTellsItsProtocol) {
  begin({.server_names = true});
  const Conversation hello = dpi_test::over_tcp("tls", 443, {dpi_test::client_hello("shop.example.org"), dpi_test::server_hello()});
  pass(hello, 128);
  tick();
  EXPECT_EQ(applications(), (std::map<std::string, double>{{"TLS", octets_of(hello)}}));
  EXPECT_TRUE(flows().server_names.empty()) << "half a name is another name";
}

TEST_F(CaptureApplicationsTest, WhoGoesOnWithoutAWordMakesRoomForOthers) {
  begin({.packets_per_flow = 8, .flows = 8});
  const auto talks = [&](std::uint32_t port) {
    pass(wire_test::ipv4(17, wire_test::udp(40000 + port, 51000 + port, dpi_test::noise(60, port))), true);
  };
  for (std::uint32_t port = 0; port < 8; ++port) talks(port);
  EXPECT_EQ(counters().at("applications_in_detection"), 4U);
  EXPECT_EQ(counters().at("applications_put_off"), 4U);
  now_ += 11 * kSecond;
  for (std::uint32_t port = 8; port < 12; ++port) talks(port);  // the first is refused and makes room
  EXPECT_EQ(counters().at("applications_put_off"), 5U);
  EXPECT_EQ(counters().at("applications_in_detection"), 3U);
  tick();
  tick();
  EXPECT_EQ(counters().at("applications_in_detection"), 0U) << "silent ones are guessed at";
  const auto found = applications();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.begin()->first, "Unknown");
  EXPECT_EQ(found.begin()->second, 12 * (14 + 20 + 8 + 60));
}

TEST_F(CaptureApplicationsTest, OneVmLeavesRoomForOthers) {
  begin({.packets_per_flow = 8, .flows = 6});
  const auto talk = [&](std::uint64_t mac, std::uint32_t tap) {
    for (std::uint32_t port = 0; port < 10; ++port)
      take(ethernet(0x0800, wire_test::ipv4(17, wire_test::udp(40000 + port, 51000 + tap, dpi_test::noise(60, port))), mac, 0x525400000099),
           tap, Heading::kIn);
  };
  talk(kMacOfA, kTapA);
  EXPECT_EQ(counters().at("applications_in_detection"), 3U);
  talk(kMacOfB, kTapB);
  EXPECT_EQ(counters().at("applications_in_detection"), 5U);
}

TEST_F(CaptureApplicationsTest, WhoKeepsAConnectionOpenWithoutAWordMakesRoomToo) {
  begin({.packets_per_flow = 8, .flows = 8});
  const auto segment = [&](std::uint32_t port, std::size_t payload) {
    pass(
        wire_test::ipv4(6, wire_test::tcp(dpi_test::noise(payload, port), {.src = port, .dst = 51'000, .seq = 1, .ack = 1, .flags = 0x10})),
        true);
  };
  for (std::uint32_t port = 50'000; port < 50'004; ++port) segment(port, 20);
  EXPECT_EQ(counters().at("applications_in_detection"), 4U);
  for (int i = 0; i < 3; ++i) {
    now_ += 5 * kSecond;
    for (std::uint32_t port = 50'000; port < 50'004; ++port) segment(port, 0);
  }
  segment(50'010, 20);  // is put off, and makes room
  EXPECT_EQ(counters().at("applications_in_detection"), 0U);
}

TEST_F(CaptureApplicationsTest, InsideOfTagsAndTunnels) {
  begin();
  const Conversation ssh =
      dpi_test::over_tcp("ssh", 22, {Bytes().text("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), Bytes().text("SSH-2.0-x\r\n")});
  const Bytes tagged = ethernet(0x8100, wire_test::tag(7, 0x0800, ssh.packets[3]), kMacOfA, kMacOfB);
  take(tagged, kTapA, Heading::kIn);
  // At a mirror port, of VM A by the address inside.
  for (const Bytes& packet : {ssh.packets[3], ssh.packets[4]}) {
    const bool is_first = packet.size() == ssh.packets[3].size();
    const Bytes inner = is_first ? ethernet(0x0800, packet, kMacOfA, 0x525400000099) : ethernet(0x0800, packet, 0x525400000099, kMacOfA);
    const Bytes vxlan = Bytes().u8(8).u24(0).u24(42).u8(0).add(inner);
    const Bytes frame = ethernet(0x0800, wire_test::ipv4(17, wire_test::udp(50000, 4789, vxlan)), 0x525400000071, 0x525400000072);
    take(frame, 99, Heading::kUnknown);
  }
  intake_->end(now_);
  tick();
  EXPECT_EQ(counters().at("applications_by_content"), 2U);
  EXPECT_EQ(applications().size(), 1U);
  EXPECT_EQ(applications().begin()->first, "SSH");
}

}  // namespace
}  // namespace vmtraffic::flow_test
