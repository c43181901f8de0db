// What is shown of a recording, against tests/golden/standalone. VMTRAFFIC_UPDATE_GOLDEN=1 writes these files anew.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "core/replay.hpp"
#include "plugins/standalone/json.hpp"
#include "plugins/standalone/recording_table.hpp"
#include "tests/unit/standalone_golden.hpp"

namespace vmtraffic::standalone {
namespace {

const std::filesystem::path kRecordings = std::filesystem::path(VMTRAFFIC_TEST_DATA) / "sflow";

Snapshot replayed(bool with_inventory) {
  Config config;
  config.sflow.networks = {{"far", *IpNetwork::parse("10.0.0.99")}};
  ReplayOptions options{.recording = kRecordings / "ovs.pcap", .inventory = {}, .port = 6343};
  if (with_inventory) options.inventory = kRecordings / "ovs-vms.toml";
  const auto replay = replay_sflow(config, options);
  EXPECT_TRUE(replay.ok()) << replay.error();
  return *Snapshot::parse(replay->snapshot);
}

TEST(Recording, Table) { expect_golden("recording.txt", render_recording(replayed(true), 0)); }
TEST(Recording, TableOfNobody) { expect_golden("recording-of-nobody.txt", render_recording(replayed(false), 0)); }

TEST(Recording, Json) {
  const Snapshot snapshot = replayed(true);
  const std::string text = render_json(snapshot, clock_of_recording(snapshot));
  expect_golden("recording.json", text);
  EXPECT_TRUE(nlohmann::json::accept(text));
}

}  // namespace
}  // namespace vmtraffic::standalone
