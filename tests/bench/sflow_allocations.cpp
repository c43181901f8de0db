// What SflowIntake::take() allocates in steady state: nothing.
//
//   sflow_allocations OVS_PCAP VMS_TOML
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "core/inventory_file.hpp"
#include "core/traffic/sflow_intake.hpp"
#include "tests/bench/sflow_recording.hpp"
#include "tests/unit/wire_allocations.hpp"

using namespace vmtraffic;

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const bench::Recording recording = bench::long_recording(argv[1], 150'000);
  const auto vms = load_inventory(argv[2]);
  if (!vms) return 2;
  SflowIntake intake({});
  intake.set_inventory(vms->inventory, vms->if_indexes);
  const std::size_t steady = recording.frames.size() / 10;
  std::size_t before = 0;
  for (std::size_t i = 0; i < recording.frames.size(); ++i) {
    const auto now = static_cast<Nanoseconds>(recording.times_us[i]) * 1000;
    if (i % 100 == 0) {  // ticks are not the hot path, and may allocate
      const std::size_t outside = wire_test::allocations();
      intake.tick(now, {});
      before += wire_test::allocations() - outside;
    }
    if (i == steady) before = wire_test::allocations();
    intake.take(Octets(recording.frames[i]).subspan(bench::kUdpPayload), *IpAddress::parse("127.0.0.1"), true, now);
  }
  const std::size_t allocations = wire_test::allocations() - before;
  const std::size_t datagrams = recording.frames.size() - steady;
  fmt::print("{} allocations in {} datagrams, {} of them attributed by port\n", allocations, datagrams, intake.ledger().counts().by_port);
  fmt::print("{{\"benchmark\":\"sflow_allocations\",\"datagrams\":{},\"allocations\":{}}}\n", datagrams, allocations);
  return allocations == 0 ? 0 : 1;
}
