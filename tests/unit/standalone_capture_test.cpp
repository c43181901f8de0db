// What is shown of recordings of real TCP (tests/data/capture/README.md), against tests/golden/standalone and against what the forwarder
// between the guests counted. VMTRAFFIC_UPDATE_GOLDEN=1 writes the golden files anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "core/read_capture.hpp"
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

}  // namespace
}  // namespace vmtraffic::standalone
