// A long recording for the benchmarks, made of a short one: its datagrams again and again, with sequence numbers, pools and uptimes that go
// on from round to round as their agents would have counted them. Packets, sizes and their mix stay those that Open vSwitch really sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace vmtraffic::bench {

struct Recording {
  std::vector<std::vector<std::byte>> frames;  // Ethernet
  std::vector<std::uint64_t> times_us;
  std::uint64_t flow_samples{0};
};

constexpr std::size_t kUdpPayload = 42;  // of the frames: Ethernet, IPv4 without options, UDP

// As many whole rounds of `from` (pcap, microseconds, as tests/data/sflow/ovs.pcap) as have `samples` flow samples.
Recording long_recording(const std::filesystem::path& from, std::uint64_t samples);
void write_recording(const Recording& recording, const std::filesystem::path& to);

// How a program's measurement went, from wait4().
struct Usage {
  double cpu_s{0}, wall_s{0};
  int status{0};
};
// Runs a program on one core with its output thrown away, for 30 seconds at most. status 127: it is not there.
Usage run_on_one_core(const std::vector<std::string>& arguments);

}  // namespace vmtraffic::bench
