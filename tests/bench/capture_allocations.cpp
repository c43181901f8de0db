// What CaptureIntake::take() allocates in steady state: nothing. All of a recording passes, with a tick each second of its time; what the
// first tenth of it allocates is the way to that state.
//
//   capture_allocations RECORDING
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <set>
#include <vector>

#include "core/probes/packet_file.hpp"
#include "core/traffic/capture_intake.hpp"
#include "tests/unit/wire_allocations.hpp"

using namespace vmtraffic;

namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kSource = 6;  // where a frame has its sender's MAC address

std::uint64_t packets_of(const char* name, std::set<MacAddress>& senders) {
  auto file = PacketFile::open(name);
  if (!file || file->link() != LinkHeader::kEthernet) return 0;
  while (const PacketFile::Packet* packet = file->next()) {
    ByteReader reader(packet->octets);
    reader.skip(kSource);
    senders.insert(read_mac(reader));
  }
  return file->packets();
}

Inventory inventory_of(const std::set<MacAddress>& senders) {
  Inventory inventory;
  for (const MacAddress& mac : senders) {
    Domain domain;
    domain.uuid.octets[0] = static_cast<std::uint8_t>(inventory.domains.size() + 1);
    domain.name = mac.text();
    domain.state = DomainState::kRunning;
    domain.vnics.emplace_back().mac = mac;
    inventory.domains.push_back(domain);
  }
  return inventory;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::set<MacAddress> senders;
  const std::uint64_t all = packets_of(argv[1], senders);
  auto file = PacketFile::open(argv[1]);
  if (!file || all == 0) return 2;
  CaptureIntake intake({});
  intake.set_inventory(inventory_of(senders), std::vector<std::uint32_t>(senders.size(), 0));
  std::array<CapturedPacket, kBatch> batch;
  Nanoseconds now = 0, ticked = 0;
  std::uint64_t measured = 0;
  std::size_t allocations = 0;
  while (const std::size_t count = file->next_captured(batch)) {
    now = std::max(now, batch[count - 1].walltime);
    if (now - ticked >= kSecond) {  // not the hot path: it may allocate
      intake.tick(now, {});
      ticked = now;
    }
    const bool is_steady = file->packets() > all / 10;
    const std::size_t before = wire_test::allocations();
    intake.take(std::span(batch).first(count), {&now, 1});
    if (!is_steady) continue;
    allocations += wire_test::allocations() - before;
    measured += count;
  }
  std::uint64_t round_trips = 0;
  for (const auto& [name, value] : intake.counters()) {
    if (name == "round_trips") round_trips = value;
  }
  fmt::print("{} allocations in {} packets of {} VMs, {} round trips (bar 0)\n", allocations, measured, senders.size(), round_trips);
  fmt::print("{{\"benchmark\":\"capture_allocations\",\"packets\":{},\"allocations\":{}}}\n", measured, allocations);
  return allocations == 0 && round_trips > 0 ? 0 : 1;
}
