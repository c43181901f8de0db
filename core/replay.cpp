#include "core/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "core/inventory_file.hpp"
#include "core/probes/packet_file.hpp"
#include "core/sampler.hpp"
#include "core/snapshot/writer.hpp"
#include "core/text.hpp"
#include "core/traffic/recent_growth.hpp"
#include "core/traffic/sflow_view.hpp"

namespace vmtraffic {
namespace {

constexpr Nanoseconds kForEver = std::numeric_limits<Nanoseconds>::max();

struct Counts {
  std::uint64_t other{0}, fragments{0}, cut{0}, datagrams{0}, backward{0};
};

SflowIntakeOptions options_of(const SflowConfig& config) {
  SflowIntakeOptions options = intake_options(config);
  options.limits.period = kForEver;
  options.forget_agent_after = kForEver;
  return options;
}

class Reader {
 public:
  Reader(const Config& config, const ReplayOptions& options, InventoryFile inventory)
      : config_(config), port_(options.port), inventory_(std::move(inventory)), intake_(options_of(config.sflow)) {
    // The ifIndexes are kept as those of links that nobody counted.
    for (const std::uint32_t if_index : inventory_.if_indexes) totals_.emplace_back().if_index = if_index;
    intake_.set_inventory(inventory_.inventory, inventory_.if_indexes);
  }

  void read(PacketFile& file);
  std::vector<std::byte> snapshot(const PacketFile& file, const std::string& host);
  const Counts& counts() const { return counts_; }
  std::uint64_t decoded() const {
    return intake_.decoded().datagrams - intake_.decoded().version_refused - intake_.decoded().header_broken;
  }

 private:
  void take(const UdpPacket& packet, Nanoseconds when);
  ProbeHealth recording_health(const PacketFile& file) const;
  ProbeHealth sflow_health() const;

  const Config& config_;
  std::optional<std::uint16_t> port_;
  InventoryFile inventory_;
  std::vector<VnicTotals> totals_;
  SflowIntake intake_;
  Counts counts_;
  Nanoseconds first_{0}, now_{0}, next_tick_{0};
};

void Reader::read(PacketFile& file) {
  while (const PacketFile::Packet* packet = file.next()) {
    const UdpPacket udp = udp_packet(packet->octets, file.link());
    if (udp.found == UdpFound::kFragment) {
      ++counts_.fragments;
    } else if (udp.found == UdpFound::kOther || (port_ && udp.port != *port_)) {
      ++counts_.other;
    } else {
      take(udp, packet->walltime);
    }
  }
}

void Reader::take(const UdpPacket& packet, Nanoseconds when) {
  if (counts_.datagrams++ == 0) first_ = now_ = next_tick_ = std::max<Nanoseconds>(when, 1);  // 0 would say that nothing has begun
  if (packet.found == UdpFound::kCut) ++counts_.cut;
  // Recorders write packets of several interfaces as they come: a clock does not go back for that.
  if (when < now_) ++counts_.backward;
  now_ = std::max(now_, when);
  if (now_ >= next_tick_) {
    intake_.tick(now_, {});
    next_tick_ = now_ + nanoseconds(config_.interval_s);
  }
  intake_.take(packet.payload, packet.sender, packet.sender.is_loopback(), now_);
}

ProbeHealth Reader::recording_health(const PacketFile& file) const {
  ProbeHealth health{
      .name = "recording", .state = HealthState::kUp, .message = {}, .since_boottime = first_, .last_ok_boottime = now_, .counters = {}};
  if (file.fault()) {
    health.state = HealthState::kDegraded;
    health.message = file.fault()->text;
  }
  health.counters = {{"packets", file.packets()},      {"packets_other", counts_.other}, {"fragments", counts_.fragments},
                     {"datagrams", counts_.datagrams}, {"datagrams_cut", counts_.cut},   {"times_backward", counts_.backward}};
  return health;
}

ProbeHealth Reader::sflow_health() const {
  const FlowCounts& flows = intake_.ledger().counts();
  ProbeHealth health{.name = "sflow",
                     .state = HealthState::kUp,
                     .message = {},
                     .since_boottime = first_,
                     .last_ok_boottime = now_,
                     .counters = intake_.counters()};
  // Of one window, which has no period before it.
  if (const auto ppm = UnattributedShare(kForEver).ppm(flows.packets, flows.unattributed_packets))
    health.counters.emplace_back("unattributed_ppm", *ppm);
  return health;
}

std::vector<std::byte> Reader::snapshot(const PacketFile& file, const std::string& host) {
  intake_.tick(now_, {});
  intake_.settle();
  const SflowIntake* const intakes[] = {&intake_};
  SflowView view = sflow_view(intakes, totals_, now_, config_.sflow.top);
  SnapshotContent content;
  content.header = {.host = host,
                    .boot_id = kRecordingBootId,
                    .sequence = 1,
                    .sampled_boottime = now_,
                    .sampled_walltime = now_,
                    .interval = nanoseconds(config_.interval_s),
                    .inventory_generation = 1,
                    .writer_pid = 0,
                    .writer_program = "vmtraffic-collect",
                    .writer_version = VMTRAFFIC_VERSION};
  content.inventory = inventory_.inventory;
  content.numbers.domains.resize(inventory_.inventory.domains.size());
  content.numbers.totals = totals_;
  for (auto& rates : content.numbers.rates) rates.resize(totals_.size());
  content.health = {recording_health(file), sflow_health()};
  content.flows = std::move(view.flows);
  content.agents = std::move(view.agents);
  return encode(content);
}

Error no_sflow(const PacketFile& file, const std::string& name, const ReplayOptions& options, const Counts& counts) {
  const std::string where = options.port ? fmt::format("to UDP port {}", *options.port) : std::string("over UDP");
  if (file.fault()) return *file.fault();
  if (counts.datagrams > 0)
    return {ErrorCode::kMissing,
            fmt::format("{} has no sFlow version 5: none of the {} datagrams {} is it", name, counts.datagrams, where)};
  return {ErrorCode::kMissing, fmt::format("{} has no sFlow: none of its {} packets is a datagram {}{}", name, file.packets(), where,
                                           options.port ? "; --sflow-port names another port, or any" : "")};
}

}  // namespace

Result<Replay> replay_sflow(const Config& config, const ReplayOptions& options) {
  InventoryFile inventory;
  if (options.inventory) {
    auto loaded = load_inventory(*options.inventory);
    if (!loaded) return loaded.error();
    inventory = std::move(loaded).value();
  }
  auto file = PacketFile::open(options.recording);
  if (!file) return file.error();
  Reader reader(config, options, std::move(inventory));
  reader.read(*file);
  if (reader.decoded() == 0) return no_sflow(*file, printable(options.recording.string()), options, reader.counts());
  return Replay{reader.snapshot(*file, options.recording.filename().string()), file->fault()};
}

}  // namespace vmtraffic
