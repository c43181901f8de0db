// A recording of sFlow instead of the network: the same datagrams through the same path, and a snapshot of what they say.
//
// The packets' times are the clock. The whole recording is one window: `recent` and totals are the same figures, and nothing ages out, so
// that conversations and agents which ended early are still there. Exact counters are none, so there is no coverage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "core/config.hpp"
#include "core/result.hpp"

namespace vmtraffic {

// What stands in a snapshot where the boot's identifier would, when it was made of a recording.
inline constexpr const char* kRecordingBootId = "recording";

struct ReplayOptions {
  std::filesystem::path recording;                 // pcap or pcapng
  std::optional<std::filesystem::path> inventory;  // whose vNICs: a snapshot file or TOML, see core/inventory_file.hpp
  std::optional<std::uint16_t> port;               // UDP destination; nothing: any
};

struct Replay {
  std::vector<std::byte>
      snapshot;                // for Snapshot::parse(): host "the recording's name", boot id kRecordingBootId, times those of the packets
  std::optional<Error> fault;  // the recording is cut or broken: the snapshot is of what stands before
};

// Of `config` counts what [sflow] says about agents, networks, tunnels and bounds; `local_agents` empty: agents whose datagrams came from a
// loopback address. Errors: those of the two files, kMissing where the recording has no sFlow for that port.
Result<Replay> replay_sflow(const Config& config, const ReplayOptions& options);

}  // namespace vmtraffic
