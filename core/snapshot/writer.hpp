// A snapshot's content as plain values, and its way into octets and into the file.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "core/snapshot.hpp"
#include "core/traffic/event_ring.hpp"
#include "core/traffic/flow_rows.hpp"
#include "core/traffic/inventory.hpp"
#include "core/traffic/numbers.hpp"
#include "core/traffic/performance_rows.hpp"
#include "core/types.hpp"

namespace vmtraffic {

struct SnapshotHeader {
  std::string host, boot_id;
  std::uint64_t sequence{0};
  Nanoseconds sampled_boottime{0}, sampled_walltime{0}, interval{10 * kSecond};
  std::uint64_t inventory_generation{0};
  std::uint32_t writer_pid{0};
  std::string writer_program, writer_version;
};

struct ProbeHealth {
  std::string name;
  HealthState state{HealthState::kStarting};
  std::string message;
  Nanoseconds since_boottime{0};
  std::optional<Nanoseconds> last_ok_boottime;
  std::vector<std::pair<std::string, std::uint64_t>> counters;
  friend bool operator==(const ProbeHealth&, const ProbeHealth&) = default;
};

// Figures in inventory order: one entry per domain, one per vNIC (domain by domain, in VnicKey order).
struct Numbers {
  std::vector<DomainNumbers> domains;
  std::vector<VnicTotals> totals;
  std::array<std::vector<VnicRates>, kWindowCount> rates;
};

// A part of the file, encoded and with its checksum, to be written as often as it stays the same.
struct EncodedPart {
  std::span<const std::uint8_t> bytes;
  std::uint64_t checksum{0};
  std::shared_ptr<const void> memory;  // where `bytes` lie
};
EncodedPart encode_inventory(const Inventory& inventory);  // without the tags
EncodedPart encode_tags(const Inventory& inventory);
EncodedPart encode_numbers(const std::vector<DomainNumbers>& domains, const std::vector<VnicTotals>& totals,
                           const std::array<std::vector<VnicRates>, kWindowCount>& rates);
inline EncodedPart encode_numbers(const Numbers& numbers) { return encode_numbers(numbers.domains, numbers.totals, numbers.rates); }
EncodedPart encode_health(const std::vector<ProbeHealth>& health);
EncodedPart encode_events(const std::vector<Event>& events, std::uint64_t last_sequence);
EncodedPart encode_flows(const FlowRows& flows);
EncodedPart encode_agents(const std::vector<AgentStatus>& agents);  // sorted by address and sub-agent
EncodedPart encode_hosts(const std::vector<HostStatus>& hosts);     // sorted by name and address

EncodedPart encode_performance(const PerformanceRows& performance);

// A whole file's octets; what tests, --once and the writer use.
struct EncodedSnapshot {
  SnapshotHeader header;
  const EncodedPart* inventory{nullptr};
  const EncodedPart* numbers{nullptr};
  const EncodedPart* health{nullptr};
  const EncodedPart* events{nullptr};
  const EncodedPart* tags{nullptr};
  const EncodedPart* flows{nullptr};
  const EncodedPart* agents{nullptr};
  const EncodedPart* hosts{nullptr};
  const EncodedPart* performance{nullptr};
};
std::vector<std::byte> assemble(const EncodedSnapshot& snapshot);

// For tests of front ends: everything at once. `inventory` must be normalized and `numbers` fit it.
struct SnapshotContent {
  SnapshotHeader header;
  Inventory inventory;
  Numbers numbers;
  std::vector<ProbeHealth> health;
  std::vector<Event> events;
  std::optional<FlowRows> flows{};
  std::vector<AgentStatus> agents{};
  std::optional<PerformanceRows> performance{};
};
std::vector<std::byte> encode(const SnapshotContent& content);

// For tests and fuzzing: makes the checksums of a file's octets fit them again, so that what stands behind the checksums is reached.
void reseal(std::vector<std::byte>& file);

// The same into a directory that is open already and was judged by whoever opened it; `directory` names it in errors.
Status publish_into(int descriptor, const std::filesystem::path& directory, const EncodedSnapshot& snapshot);

// Publishes `directory`/snapshot: writes a new file (0640, owner and group of the directory when we may) and renames it.
Status publish(const std::filesystem::path& directory, const EncodedSnapshot& snapshot);

// kInsecure unless `directory` belongs to root, to us or to the user vmtraffic and nobody else may write it.
// Creates it (0750, vmtraffic:vmtraffic when run as root and the user exists) when it is missing.
Status prepare_runtime_directory(const std::filesystem::path& directory);

}  // namespace vmtraffic
