// A recording of packets instead of taps: the same packets through the same path, and a snapshot of what they say.
//
// The packets' times are the clock. The whole recording is one window: interval, five minutes and totals are the same figures, nothing ages
// out. Exact counters are none, so there is no coverage.
#pragma once

#include <filesystem>
#include <optional>

#include "core/config.hpp"
#include "core/replay.hpp"
#include "core/result.hpp"

namespace vmtraffic {

struct CaptureReadOptions {
  std::filesystem::path recording;  // pcap or pcapng
  // Whose vNICs: a snapshot file or TOML, see core/inventory_file.hpp. Nothing: each MAC address that sends is taken for a vNIC, and named
  // by it.
  std::optional<std::filesystem::path> inventory;
};

// Of `config` counts what [capture] says about networks, tunnels and bounds. Errors: those of the two files, kMissing where the recording
// has no packet.
Result<Replay> read_capture(const Config& config, const CaptureReadOptions& options);

}  // namespace vmtraffic
