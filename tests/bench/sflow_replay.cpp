// The whole process of vmtraffic-collect --sflow-read, on one core, against a minimal libpcap reader of the same file in the same run;
// tshark and sfacctd beside it where they are installed.
//
//   sflow_replay COLLECT PCAP_FLOOR OVS_PCAP VMS_TOML [samples] [rounds]      default 160000 11
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tests/bench/sflow_recording.hpp"

using namespace vmtraffic::bench;

namespace {

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "sflow_replay: {}\n", why);
  std::exit(1);
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

void peer(const char* name, std::vector<std::string> arguments, std::uint64_t samples) {
  const Usage usage = run_on_one_core(arguments);
  if (usage.status == 127) return fmt::print("  {:<24} is not installed\n", name);
  if (usage.status != 0) return fmt::print("  {:<24} did not end well within 30 s (status {})\n", name, usage.status);
  fmt::print("  {:<24} {:8.1f} ms   {:>11.0f} samples/s\n", name, usage.cpu_s * 1e3, static_cast<double>(samples) / usage.cpu_s);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) fail("wants COLLECT PCAP_FLOOR OVS_PCAP VMS_TOML");
  const std::uint64_t wanted = argc > 5 ? std::strtoull(argv[5], nullptr, 10) : 160'000;
  const int rounds = argc > 6 ? std::atoi(argv[6]) : 11;
  std::string directory = "/dev/shm/vmtraffic-bench-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) fail("cannot make a directory in /dev/shm");
  const std::string file = directory + "/long.pcap", config = directory + "/vmtraffic.toml", sfacctd = directory + "/sfacctd.conf";
  const Recording recording = long_recording(argv[3], wanted);
  write_recording(recording, file);
  std::ofstream(config) << "[sflow]\n";
  std::ofstream(sfacctd) << "pcap_savefile: " << file
                         << "\npcap_savefile_wait: 0\nplugins: memory[a]\naggregate[a]: src_mac, dst_mac, src_host, dst_host\n";
  fmt::print(
      "{} flow samples in {} datagrams, {} MB: the datagrams of {} again and again, their sequence numbers, pools and uptimes going on\n",
      recording.flow_samples, recording.frames.size(), std::filesystem::file_size(file) / 1'000'000,
      std::filesystem::path(argv[3]).filename().string());
  std::vector<double> floor, ours;
  for (int round = 0; round < rounds; ++round) {
    const Usage least = run_on_one_core({argv[2], file});
    const Usage replay = run_on_one_core({argv[1], "--sflow-read", file, "--inventory", argv[4], "--config", config});
    if (least.status != 0 || replay.status != 0) fail(fmt::format("a reader failed (status {}, {})", least.status, replay.status));
    floor.push_back(least.cpu_s);
    ours.push_back(replay.cpu_s);
  }
  const double ratio = median(ours) / median(floor);
  const double start = run_on_one_core({argv[1], "--version"}).cpu_s;
  fmt::print("CPU of the whole process, medians of {}\n  libpcap alone            {:8.1f} ms\n", rounds, median(floor) * 1e3);
  fmt::print("  --sflow-read             {:8.1f} ms   {:>11.0f} samples/s   {:.2f} x ({:.1f} ms of it are the program's start)\n",
             median(ours) * 1e3, static_cast<double>(recording.flow_samples) / median(ours), ratio, start * 1e3);
  peer("tshark, addresses alone", {"tshark", "-r", file, "-d", "udp.port==6343,sflow", "-T", "fields", "-e", "eth.src", "-e", "ip.src"},
       recording.flow_samples);
  peer("sfacctd", {"sfacctd", "-f", sfacctd}, recording.flow_samples);
  std::filesystem::remove_all(directory);
  fmt::print("{{\"benchmark\":\"sflow_replay\",\"samples\":{},\"floor_ms\":{:.2f},\"replay_ms\":{:.2f},\"ratio\":{:.3f}}}\n",
             recording.flow_samples, median(floor) * 1e3, median(ours) * 1e3, ratio);
  return ratio <= 4 ? 0 : 1;
}
