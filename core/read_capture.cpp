#include "core/read_capture.hpp"

#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/inventory_file.hpp"
#include "core/probes/packet_file.hpp"
#include "core/sampler.hpp"
#include "core/snapshot/writer.hpp"
#include "core/text.hpp"
#include "core/traffic/capture_intake.hpp"
#include "core/traffic/flow_view.hpp"
#include "core/traffic/performance_view.hpp"

namespace vmtraffic {
namespace {

constexpr Nanoseconds kForEver = std::numeric_limits<Nanoseconds>::max();
constexpr std::size_t kMostSenders = 1024;  // that are taken for vNICs
constexpr std::size_t kBatch = 64;

CaptureIntakeOptions options_of(const CaptureConfig& config) {
  CaptureIntakeOptions options = capture_intake_options(config);
  options.limited = false;
  options.limits.period = kForEver;
  options.idle = kForEver;
  return options;
}

// A domain of one vNIC, named by its MAC address.
Domain sender(const MacAddress& mac) {
  Domain domain;
  std::copy(mac.octets.begin(), mac.octets.end(), domain.uuid.octets.begin());
  domain.name = mac.text();
  domain.state = DomainState::kRunning;
  Vnic vnic;
  vnic.mac = mac;
  domain.vnics.push_back(vnic);
  return domain;
}

class Reader {
 public:
  Reader(const Config& config, std::optional<InventoryFile> inventory)
      : config_(config),
        finds_senders_(!inventory),
        inventory_(std::move(inventory).value_or(InventoryFile{})),
        intake_(options_of(config.capture)) {
    set_inventory();
  }

  void detect_applications(std::unique_ptr<ApplicationDetector> detector) { intake_.detect_applications(std::move(detector)); }
  void read(PacketFile& file);
  // After read(): no packet was one of a vNIC's.
  bool knows_none() const;
  std::vector<std::byte> snapshot(const PacketFile& file, const std::string& host);

 private:
  void set_inventory();
  void find_sender(const CapturedPacket& packet);

  const Config& config_;
  bool finds_senders_;
  InventoryFile inventory_;
  std::vector<std::uint32_t> macvtaps_;  // links, in order
  CaptureIntake intake_;
  absl::flat_hash_set<std::uint64_t> senders_;
  std::uint64_t last_sender_{0}, senders_refused_{0}, backward_{0};
  Nanoseconds first_{0}, now_{0};
};

void Reader::set_inventory() {
  intake_.set_inventory(inventory_.inventory, inventory_.if_indexes);
  macvtaps_.clear();
  std::size_t row = 0;
  for (const Domain& domain : inventory_.inventory.domains) {
    for (const Vnic& vnic : domain.vnics) {
      const std::uint32_t if_index = inventory_.if_indexes[row++];
      if (vnic.type == VnicType::kDirect && if_index != 0) macvtaps_.push_back(if_index);
    }
  }
  std::sort(macvtaps_.begin(), macvtaps_.end());
}

void Reader::find_sender(const CapturedPacket& packet) {
  constexpr std::size_t kAddresses = 12;
  if (packet.ether_type != 0 || packet.octets.size() < kAddresses) return;
  MacAddress mac;
  std::memcpy(mac.octets.data(), packet.octets.data() + mac.octets.size(), mac.octets.size());
  const std::uint64_t number = mac.number();
  if (number == last_sender_) return;
  last_sender_ = number;
  if ((mac.octets[0] & 1) != 0 || number == 0 || senders_.contains(number)) return;
  if (senders_.size() == kMostSenders) {
    ++senders_refused_;
    return;
  }
  senders_.insert(number);
  inventory_.inventory.domains.push_back(sender(mac));
  std::sort(inventory_.inventory.domains.begin(), inventory_.inventory.domains.end(),
            [](const Domain& a, const Domain& b) { return a.uuid < b.uuid; });
  inventory_.if_indexes.push_back(0);
  set_inventory();
}

void Reader::read(PacketFile& file) {
  std::array<CapturedPacket, kBatch> batch;
  std::array<Nanoseconds, kBatch> times{};
  while (const std::size_t count = file.next_captured(batch)) {
    for (std::size_t i = 0; i < count; ++i) {
      const Nanoseconds when = std::max<Nanoseconds>(batch[i].walltime, 1);  // 0 would say that nothing has begun
      if (first_ == 0) {
        first_ = now_ = when;
        intake_.tick(now_, {});
      }
      if (batch[i].if_index != 0 && std::binary_search(macvtaps_.begin(), macvtaps_.end(), batch[i].if_index))
        batch[i].heading = turned(batch[i].heading);
      if (when < now_) ++backward_;
      times[i] = now_ = std::max(now_, when);
      // Before any of them is taken: whoever answers one of these is known when it is asked.
      if (finds_senders_) find_sender(batch[i]);
    }
    intake_.take(std::span(batch).first(count), std::span(times).first(count));
  }
  intake_.end(now_);
}

bool Reader::knows_none() const {
  const FlowCounts& counts = intake_.ledger().counts();
  return counts.packets > 0 && counts.unattributed_packets >= counts.packets;
}

std::vector<std::byte> Reader::snapshot(const PacketFile& file, const std::string& host) {
  intake_.tick(now_, {});
  const std::size_t rows = intake_.ledger().row_count();
  std::vector<VnicTotals> totals;
  for (const std::uint32_t if_index : inventory_.if_indexes) totals.emplace_back().if_index = if_index;
  const FlowLedger* const ledgers[] = {&intake_.ledger()};
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
  content.numbers.totals = totals;
  for (auto& rates : content.numbers.rates) rates.resize(rows);
  ProbeHealth health{
      .name = "recording", .state = HealthState::kUp, .message = {}, .since_boottime = first_, .last_ok_boottime = now_, .counters = {}};
  if (file.fault()) {
    health.state = HealthState::kDegraded;
    health.message = file.fault()->text;
  }
  health.counters = {{"packets", file.packets()}, {"times_backward", backward_}, {"senders_refused", senders_refused_}};
  ProbeHealth capture = health;
  capture.name = "capture";
  capture.state = HealthState::kUp;
  capture.message.clear();
  capture.counters = intake_.counters();
  content.health = {health, capture};
  content.flows =
      flow_rows(ledgers, totals, now_, {.top = config_.capture.top, .place_of_agent = [](std::size_t, std::uint32_t) { return 0U; }});
  content.performance = performance_rows(intake_, now_, config_.capture.top);
  return encode(content);
}

}  // namespace

Result<Replay> read_capture(const Config& config, const CaptureReadOptions& options) {
  std::optional<InventoryFile> inventory;
  if (options.inventory) {
    auto loaded = load_inventory(*options.inventory);
    if (!loaded) return loaded.error();
    inventory = std::move(loaded).value();
  }
  auto file = PacketFile::open(options.recording);
  if (!file) return file.error();
  Reader reader(config, std::move(inventory));
  if (const auto wanted = application_options(config.capture)) {
    auto detector = ApplicationDetector::make(*wanted);
    if (!detector) return detector.error();
    reader.detect_applications(std::move(detector).value());
  }
  reader.read(*file);
  if (file->packets() == 0) {
    if (file->fault()) return *file->fault();
    return Error{ErrorCode::kMissing, fmt::format("{} has no packet", printable(options.recording.string()))};
  }
  if (options.inventory && reader.knows_none())
    return Error{ErrorCode::kMissing,
                 fmt::format("none of the {} packets of {} is one of a vNIC in {}: see its MAC addresses; without "
                             "--inventory all that send are shown",
                             file->packets(), printable(options.recording.string()), printable(options.inventory->string()))};
  return Replay{reader.snapshot(*file, options.recording.filename().string()), file->fault()};
}

}  // namespace vmtraffic
