// What is shown of recordings of real TCP (tests/data/capture/README.md), against tests/golden/standalone and against what the forwarder
// between the guests counted. VMTRAFFIC_UPDATE_GOLDEN=1 writes the golden files anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "core/read_capture.hpp"
#include "core/snapshot/writer.hpp"
#include "plugins/standalone/json.hpp"
#include "plugins/standalone/recording_table.hpp"
#include "tests/unit/standalone_golden.hpp"

namespace vmtraffic::standalone {
namespace {

const std::filesystem::path kRecordings = std::filesystem::path(VMTRAFFIC_TEST_DATA) / "capture";

// `vm`: of whose tap the recording is; empty: all that send.
Snapshot read(const std::string& recording, const std::string& vm) {
  CaptureReadOptions options{.recording = kRecordings / (recording + ".pcap"), .inventory = {}};
  if (!vm.empty()) options.inventory = kRecordings / (vm + ".toml");
  const auto replay = read_capture(Config{}, options);
  EXPECT_TRUE(replay.ok()) << replay.error();
  EXPECT_FALSE(replay->fault) << *replay->fault;
  return *Snapshot::parse(replay->snapshot);
}

// What became of the segments, each way of the guest.
struct Fate {
  std::uint64_t lost_before{0}, lost_after{0}, spurious{0}, reordered{0}, unseen{0};
  friend bool operator==(const Fate&, const Fate&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Fate& f) {
    return out << "before " << f.lost_before << " after " << f.lost_after << " spurious " << f.spurious << " reordered " << f.reordered
               << " unseen " << f.unseen;
  }
};
Fate fate_of(const LossCounts& c) { return {c.lost_before, c.lost_after, c.spurious, c.reordered, c.unseen}; }

struct Case {
  std::string recording, vm;
  Fate rx{}, tx{};  // by the forwarder's exact counts
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.recording; }
};

class Capture : public testing::TestWithParam<Case> {};

TEST_P(Capture, Table) {
  expect_golden("capture-" + GetParam().recording + ".txt", render_recording(read(GetParam().recording, GetParam().vm), 0));
}

TEST_P(Capture, LossesAreThoseThatTheForwarderCounted) {
  const Snapshot snapshot = read(GetParam().recording, GetParam().vm);
  ASSERT_EQ(snapshot.vnic_count(), 1U);
  const std::optional<LossRow> loss = snapshot.loss(0);
  ASSERT_TRUE(loss);
  EXPECT_EQ(fate_of(loss->rx), GetParam().rx);
  EXPECT_EQ(fate_of(loss->tx), GetParam().tx);
  EXPECT_EQ(loss->rx, loss->rx_recent) << "the whole recording is one window";
  EXPECT_EQ(loss->tx, loss->tx_recent);
}

// The server sends the data: behind its tap its losses are the network's, before the client's tap they are the network's too.
INSTANTIATE_TEST_SUITE_P(Recordings, Capture,
                         testing::Values(Case{.recording = "tcp-clean", .vm = "client"},
                                         Case{.recording = "tcp-loss-after", .vm = "server", .tx = {.lost_after = 25}},
                                         Case{.recording = "tcp-loss-before", .vm = "client", .rx = {.lost_before = 25}},
                                         Case{.recording = "tcp-reordered", .vm = "client", .rx = {.reordered = 22}},
                                         Case{.recording = "tcp-no-timestamps", .vm = "server", .tx = {.lost_after = 20}},
                                         Case{.recording = "ipv6", .vm = "server", .tx = {.lost_after = 35}}),
                         [](const auto& one) {
                           std::string name = one.param.recording;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(CaptureOfAllThatSend, Table) { expect_golden("capture-of-all.txt", render_recording(read("tcp-loss-after", ""), 0)); }

TEST(CaptureOfAllThatSend, Json) {
  const Snapshot snapshot = read("tcp-loss-after", "");
  const std::string text = render_json(snapshot, clock_of_recording(snapshot));
  expect_golden("capture-of-all.json", text);
  EXPECT_TRUE(nlohmann::json::accept(text));
}

template <class Number>
std::string octets_of(Number number) {
  return {reinterpret_cast<const char*>(&number), sizeof(number)};
}

// The recording as `tcpdump -i any` would have made it where the guest with this MAC has its packets at the link 7: at a macvtap the kernel
// sends what the guest sends, at a tap it receives that.
std::string of_any(const std::string& pcap, const MacAddress& guest, bool macvtap) {
  constexpr std::uint32_t kCooked2 = 276;
  constexpr std::size_t kFileHeader = 24, kPacketHeader = 16, kEthernet = 14;
  std::string out = pcap.substr(0, kFileHeader - 4) + octets_of(kCooked2);
  for (std::size_t at = kFileHeader; at < pcap.size();) {
    std::array<std::uint32_t, 4> head{};
    std::memcpy(head.data(), pcap.data() + at, sizeof(head));
    const std::string frame = pcap.substr(at + kPacketHeader, head[2]);
    const bool from_guest = std::memcmp(frame.data() + 6, guest.octets.data(), 6) == 0;
    std::string cooked = frame.substr(12, 2) + std::string("\0\0\0\0\0\7\0\1\0\6", 10) + std::string(8, '\0');
    cooked[10] = from_guest == macvtap ? '\4' : '\0';
    cooked += frame.substr(kEthernet);
    out += pcap.substr(at, 8) + octets_of(static_cast<std::uint32_t>(cooked.size())) +
           octets_of(static_cast<std::uint32_t>(head[3] - kEthernet + 20)) + cooked;
    at += kPacketHeader + head[2];
  }
  return out;
}

TEST(CaptureOfAnyLink, TheWaysAreTheGuestsAtTapsAndMacvtaps) {
  const Snapshot plain = read("tcp-loss-after", "server");
  std::stringstream pcap;
  pcap << std::ifstream(kRecordings / "tcp-loss-after.pcap", std::ios::binary).rdbuf();
  std::string pattern = (std::filesystem::temp_directory_path() / "any-test-XXXXXX").string();
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  const std::filesystem::path directory = pattern;
  for (const VnicType type : {VnicType::kBridge, VnicType::kDirect, VnicType::kHostdev}) {
    SnapshotContent known;
    Domain& server = known.inventory.domains.emplace_back();
    server.name = "server";
    server.state = DomainState::kRunning;
    Vnic& vnic = server.vnics.emplace_back();
    vnic.mac = plain.vnic(0).key.mac;
    vnic.type = type;
    known.numbers.domains.resize(1);
    known.numbers.totals.resize(1);
    known.numbers.totals[0].if_index = 7;
    known.numbers.totals[0].present = known.numbers.totals[0].seen = 1;
    for (auto& rates : known.numbers.rates) rates.resize(1);
    const std::vector<std::byte> snapshot = encode(known);
    std::ofstream(directory / "snapshot", std::ios::binary)
        .write(reinterpret_cast<const char*>(snapshot.data()), static_cast<std::streamsize>(snapshot.size()));
    std::ofstream(directory / "any.pcap", std::ios::binary) << of_any(pcap.str(), vnic.mac, type == VnicType::kDirect);
    const auto replay = read_capture(Config{}, {.recording = directory / "any.pcap", .inventory = directory / "snapshot"});
    ASSERT_EQ(replay.ok(), type != VnicType::kHostdev) << "that link is its card's: whose packets these are nobody says";
    if (!replay.ok()) continue;
    const Snapshot shown = *Snapshot::parse(replay->snapshot);
    ASSERT_EQ(shown.vnic_count(), 1U);
    ASSERT_TRUE(shown.loss(0));
    EXPECT_EQ(shown.loss(0)->tx, plain.loss(0)->tx);
    EXPECT_EQ(shown.loss(0)->rx, plain.loss(0)->rx);
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace vmtraffic::standalone
