// sflow_resample PCAP PORT SEED IFINDEX=MAC...: samples a recording anew, at 1 in 10, 100 and 1000, and says how the estimates do.
//
// The recording is what a switch that samples each packet sent to UDP port PORT. For each trial some of its samples are drawn, numbered and
// packed anew into datagrams, with the pools and rates that an agent of that rate would state, and go the whole way of the collector:
// decoder, intake, ledger, published row. Once more with a network in between that loses a tenth of the datagrams, doubles and swaps as
// many. Output: a JSON array of objects, one for each rate, vNIC, direction and quantity: the true value (of all samples), how many of the
// trials had it within the published bound, and the means of the estimate over the true value, of the bound as a share, and of the number
// of samples.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/traffic/flow_view.hpp"
#include "core/traffic/sflow_intake.hpp"
#include "core/wire/byte_reader.hpp"

namespace vmtraffic {
namespace {

constexpr int kTrials = 100;
constexpr std::size_t kSamplesPerDatagram = 7;
constexpr std::uint32_t kFlowSample = 1;
constexpr Nanoseconds kBegin = 1000 * kSecond, kBetween = 10'000;

using Bytes = std::vector<std::byte>;

struct Guest {
  std::uint32_t if_index{0};
  MacAddress mac;
};

[[noreturn]] void refuse(const std::string& what) {
  fmt::print(stderr, "sflow_resample: {}\n", what);
  std::exit(2);
}

void put(Bytes& out, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) out[at + i] = static_cast<std::byte>(value >> (24 - 8 * i));
}

void append(Bytes& out, std::uint32_t value) {
  out.resize(out.size() + 4);
  put(out, out.size() - 4, value);
}

// The flow samples (without their tags and lengths) of one datagram from an IPv4 agent.
void read_datagram(Octets datagram, std::vector<Bytes>& samples) {
  ByteReader in(datagram);
  if (in.u32() != 5 || in.u32() != 1) refuse("the recording has a datagram that is not version 5 from an IPv4 agent");
  in.take(16);
  const std::uint32_t count = in.u32();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const std::uint32_t format = in.u32();
    const Octets body = in.take(in.u32());
    if (format == kFlowSample) samples.emplace_back(body.begin(), body.end());
  }
  if (!in.ok()) refuse("the recording has a datagram that ends too early");
}

// A pcap in this machine's order, of Ethernet frames.
std::vector<Bytes> read_recording(const std::string& file, std::uint16_t port) {
  std::ifstream stream(file, std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(stream), {}};
  const Octets data(reinterpret_cast<const std::byte*>(text.data()), text.size());
  constexpr std::size_t kFileHeader = 24, kRecordHeader = 16, kEthernet = 14, kIpv4 = 20, kUdp = 8;
  const auto native = [&](std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, data.data() + at, sizeof(value));
    return value;
  };
  std::vector<Bytes> samples;
  for (std::size_t at = kFileHeader; at + kRecordHeader <= data.size();) {
    const std::size_t length = native(at + 8);
    if (length != native(at + 12) || at + kRecordHeader + length > data.size()) refuse(file + " has a frame that was cut");
    const Octets frame = data.subspan(at + kRecordHeader, length);
    at += kRecordHeader + length;
    if (frame.size() < kEthernet + kIpv4 + kUdp) continue;
    ByteReader udp(frame.subspan(kEthernet + kIpv4));
    udp.u16();
    if (udp.u16() == port) read_datagram(frame.subspan(kEthernet + kIpv4 + kUdp), samples);
  }
  return samples;
}

// What an agent sends that draws each packet with probability 1 / one_in.
std::vector<Bytes> draw(const std::vector<Bytes>& recording, std::uint32_t one_in, std::mt19937& random) {
  std::vector<Bytes> datagrams;
  std::uint32_t sequence = 0;
  std::size_t held = kSamplesPerDatagram;
  std::geometric_distribution<std::size_t> skip(1.0 / one_in);
  const auto next = [&] { return one_in == 1 ? std::size_t{0} : skip(random); };
  for (std::size_t at = next(); at < recording.size(); at += next() + 1) {
    if (held == kSamplesPerDatagram) {
      Bytes& begun = datagrams.emplace_back();
      const auto number = static_cast<std::uint32_t>(datagrams.size());
      for (const std::uint32_t word : {5U, 1U, 0x7F000001U, 0U, number, number, 0U}) append(begun, word);
      held = 0;
    }
    Bytes& datagram = datagrams.back();
    put(datagram, 24, static_cast<std::uint32_t>(++held));
    const Bytes& sample = recording[at];
    append(datagram, kFlowSample);
    append(datagram, static_cast<std::uint32_t>(sample.size()));
    const std::size_t body = datagram.size();
    datagram.insert(datagram.end(), sample.begin(), sample.end());
    put(datagram, body, ++sequence);
    put(datagram, body + 8, one_in);
    put(datagram, body + 12, static_cast<std::uint32_t>(at + 1));
    put(datagram, body + 16, 0);
  }
  return datagrams;
}

struct Mangled {
  std::uint64_t lost{0}, doubled{0}, late{0};
};

// A tenth is lost, a tenth doubled, a tenth swapped with its successor. The ends stay, so that what is lost lies between two that come.
std::vector<Bytes> mangle(std::vector<Bytes> sent, std::mt19937& random, Mangled& counts) {
  std::vector<Bytes> out;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const auto fate = random() % 10;
    const bool end = i == 0 || i + 2 >= sent.size();
    if (!end && fate == 0) {
      ++counts.lost;
      continue;
    }
    if (!end && fate == 1) ++counts.doubled, out.push_back(sent[i]);
    if (!end && fate == 2) ++counts.late, std::swap(sent[i], sent[i + 1]), out.push_back(sent[i++]);
    out.push_back(std::move(sent[i]));
  }
  return out;
}

Inventory inventory_of(const std::vector<Guest>& guests) {
  Inventory out;
  for (std::size_t i = 0; i < guests.size(); ++i) {
    Domain& domain = out.domains.emplace_back();
    domain.uuid.octets[0] = static_cast<std::uint8_t>(i + 1);
    domain.state = DomainState::kRunning;
    domain.vnics.emplace_back().mac = guests[i].mac;
  }
  return out;
}

// The published rows of the guests, after all datagrams.
std::vector<VnicFlowSums> published(const std::vector<Bytes>& datagrams, const std::vector<Guest>& guests, AgentStatus& agent) {
  SflowIntake intake({});
  std::vector<std::uint32_t> if_indexes;
  for (const Guest& g : guests) if_indexes.push_back(g.if_index);
  intake.set_inventory(inventory_of(guests), if_indexes);
  Nanoseconds now = kBegin;
  intake.tick(now, {});
  const IpAddress here = *IpAddress::parse("127.0.0.1");
  for (const Bytes& datagram : datagrams) intake.take(datagram, here, true, now += kBetween);
  const std::array<const FlowLedger*, 1> ledgers{&intake.ledger()};
  intake.settle();
  intake.settle();
  agent = intake.agents().at(0);
  return flow_rows(ledgers, {}, now, {}).vnics;
}

struct Quantity {
  std::string name;
  double value{0}, error{0};
  std::uint64_t samples{0};
};

// What all trials said of one quantity.
struct Tally {
  int inside{0};
  double value{0}, error{0}, samples{0};
  void add(const Quantity& estimate, double truth) {
    inside += std::abs(estimate.value - truth) <= estimate.error * estimate.value ? 1 : 0;
    value += estimate.value / truth / kTrials;
    error += estimate.error / kTrials;
    samples += static_cast<double>(estimate.samples) / kTrials;
  }
};

std::vector<Quantity> quantities(const std::vector<VnicFlowSums>& rows) {
  std::vector<Quantity> out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto add = [&](std::string_view way, const FlowSums& s) {
      out.push_back({fmt::format("{}_{}_packets", i, way), s.total_packets, static_cast<double>(s.total_packets_error), s.total_samples});
      out.push_back({fmt::format("{}_{}_octets", i, way), s.total_octets, static_cast<double>(s.total_octets_error), s.total_samples});
    };
    add("rx", rows[i].rx);
    add("tx", rows[i].tx);
  }
  return out;
}

// The trials of one rate, as JSON objects.
std::string report(const std::vector<Bytes>& recording, const std::vector<Guest>& guests, const std::vector<Quantity>& truth,
                   std::uint32_t one_in, bool mangling, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Tally> tallies(truth.size());
  int miscounted = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    Mangled mangled;
    AgentStatus agent;
    std::vector<Bytes> datagrams = draw(recording, one_in, random);
    if (mangling) datagrams = mangle(std::move(datagrams), random, mangled);
    const std::vector<Quantity> estimates = quantities(published(datagrams, guests, agent));
    miscounted += agent.lost != mangled.lost || agent.duplicates != mangled.doubled || agent.late != mangled.late;
    for (std::size_t q = 0; q < truth.size(); ++q) tallies[q].add(estimates[q], truth[q].value);
  }
  std::string out;
  for (std::size_t q = 0; q < truth.size(); ++q) {
    const Tally& t = tallies[q];
    out += fmt::format(
        "{}{{\"recorded\": {}, \"one_in\": {}, \"mangled\": {}, \"miscounted\": {}, \"name\": \"{}\", \"true\": {}, \"trials\": {}, "
        "\"inside\": {}, "
        "\"mean\": {}, \"error\": {}, \"samples\": {}}}",
        q == 0 ? "" : ",\n", recording.size(), one_in, mangling, miscounted, truth[q].name, truth[q].value, kTrials, t.inside, t.value,
        t.error, t.samples);
  }
  return out;
}

int run(const std::string& file, std::uint16_t port, std::uint32_t seed, const std::vector<Guest>& guests) {
  const std::vector<Bytes> recording = read_recording(file, port);
  std::mt19937 random(seed);
  AgentStatus agent;
  const std::vector<Quantity> truth = quantities(published(draw(recording, 1, random), guests, agent));
  std::vector<std::future<std::string>> reports;
  for (const bool mangling : {false, true}) {
    for (const std::uint32_t one_in : {10U, 100U, 1000U}) {
      reports.push_back(
          std::async(std::launch::async, report, std::cref(recording), std::cref(guests), std::cref(truth), one_in, mangling, ++seed));
    }
  }
  std::string separator = "[";
  for (auto& one : reports) fmt::print("{}{}", std::exchange(separator, ",\n"), one.get());
  fmt::print("]\n");
  return 0;
}

}  // namespace
}  // namespace vmtraffic

int main(int count, char** words) {
  using namespace vmtraffic;
  std::vector<Guest> guests;
  for (int i = 4; i < count; ++i) {
    const std::string_view word = words[i];
    const auto mac = MacAddress::parse(word.substr(word.find('=') + 1));
    if (!mac) refuse(fmt::format("'{}' is not IFINDEX=MAC", word));
    guests.push_back({static_cast<std::uint32_t>(std::atoi(words[i])), *mac});
  }
  if (guests.empty()) refuse("usage: sflow_resample PCAP PORT SEED IFINDEX=MAC...");
  return run(words[1], static_cast<std::uint16_t>(std::atoi(words[2])), static_cast<std::uint32_t>(std::atoi(words[3])), guests);
}
