#include "tests/bench/sflow_recording.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <tuple>

namespace vmtraffic::bench {
namespace {

std::uint32_t get(const std::vector<std::byte>& octets, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<std::uint32_t>(octets.at(at + i));
  return value;
}
void put(std::vector<std::byte>& octets, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) octets.at(at + i) = static_cast<std::byte>(value >> (8 * (3 - i)));
}

// Where a number stands, and what it counts: kind (0 datagrams, 1 flow samples, 2 pool, 3 counter samples), sub-agent, data source.
using Series = std::tuple<int, std::uint32_t, std::uint32_t>;
struct Place {
  std::size_t at{0};
  Series series;
};

// sFlow version 5 from an agent with an IPv4 address, compact formats.
std::vector<Place> places_of(const std::vector<std::byte>& frame, std::uint64_t& flow_samples) {
  const std::uint32_t sub_agent = get(frame, kUdpPayload + 12);
  std::vector<Place> places{{kUdpPayload + 16, {0, sub_agent, 0}}};
  std::size_t at = kUdpPayload + 28;
  for (std::uint32_t i = get(frame, kUdpPayload + 24); i > 0; --i) {
    const std::uint32_t format = get(frame, at), source = get(frame, at + 12);
    places.push_back({at + 8, {format == 1 ? 1 : 3, sub_agent, source}});
    if (format == 1) places.push_back({at + 20, {2, sub_agent, source}});
    flow_samples += format == 1 ? 1 : 0;
    at += 8 + get(frame, at + 4);
  }
  return places;
}

}  // namespace

Recording long_recording(const std::filesystem::path& from, std::uint64_t samples) {
  std::ifstream file(from, std::ios::binary);
  const std::vector<char> content{std::istreambuf_iterator<char>(file), {}};
  Recording round;
  std::vector<std::vector<Place>> places;
  std::map<Series, std::uint32_t> first, last;
  for (std::size_t at = 24; at + 16 <= content.size();) {
    std::uint32_t head[4];
    std::memcpy(head, content.data() + at, sizeof(head));
    const auto* octets = reinterpret_cast<const std::byte*>(content.data() + at + 16);
    round.frames.emplace_back(octets, octets + head[2]);
    round.times_us.push_back(std::uint64_t{head[0]} * 1'000'000 + head[1]);
    places.push_back(places_of(round.frames.back(), round.flow_samples));
    for (const Place& place : places.back()) {
      const std::uint32_t value = get(round.frames.back(), place.at);
      first.try_emplace(place.series, value);
      last[place.series] = value;
    }
    at += 16 + head[2];
  }
  const std::uint64_t length_us = round.times_us.back() - round.times_us.front() + 1'000'000;
  Recording out;
  for (std::uint32_t rounds = 0; out.flow_samples < samples; ++rounds) {
    for (std::size_t i = 0; i < round.frames.size(); ++i) {
      std::vector<std::byte> frame = round.frames[i];
      put(frame, kUdpPayload + 20, get(frame, kUdpPayload + 20) + rounds * static_cast<std::uint32_t>(length_us / 1000));
      for (const Place& place : places[i]) {
        const std::uint32_t grown = last[place.series] - first[place.series] + 1;
        put(frame, place.at, get(frame, place.at) + rounds * grown);
      }
      out.frames.push_back(std::move(frame));
      out.times_us.push_back(round.times_us[i] + rounds * length_us);
    }
    out.flow_samples += round.flow_samples;
  }
  return out;
}

void write_recording(const Recording& recording, const std::filesystem::path& to) {
  std::ofstream file(to, std::ios::binary);
  const auto write = [&](const void* octets, std::size_t size) {
    file.write(static_cast<const char*>(octets), static_cast<std::streamsize>(size));
  };
  const std::uint32_t head[6]{0xA1B2C3D4, 2 | 4 << 16, 0, 0, 65535, 1};
  write(head, sizeof(head));
  for (std::size_t i = 0; i < recording.frames.size(); ++i) {
    const auto size = static_cast<std::uint32_t>(recording.frames[i].size());
    const std::uint32_t packet[4]{static_cast<std::uint32_t>(recording.times_us[i] / 1'000'000),
                                  static_cast<std::uint32_t>(recording.times_us[i] % 1'000'000), size, size};
    write(packet, sizeof(packet));
    write(recording.frames[i].data(), size);
  }
}

Usage run_on_one_core(const std::vector<std::string>& arguments) {
  const auto begin = std::chrono::steady_clock::now();
  const pid_t pid = fork();
  if (pid == 0) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof(one), &one);
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, 1);
    dup2(nowhere, 2);
    alarm(30);  // whatever hangs is no peer
    std::vector<char*> words;
    for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    execvp(words[0], words.data());
    _exit(127);
  }
  int status = 0;
  rusage used{};
  wait4(pid, &status, 0, &used);
  const auto s = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return {s(used.ru_utime) + s(used.ru_stime), std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
          WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}

}  // namespace vmtraffic::bench
