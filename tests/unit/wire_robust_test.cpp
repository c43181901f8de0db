// What holds for every input: cut anywhere, nothing is read beyond it (the sanitizers watch), and nothing is ever allocated.
#include <gtest/gtest.h>

#include <memory>

#include "core/wire/packet.hpp"
#include "core/wire/sflow.hpp"
#include "tests/unit/wire_allocations.hpp"
#include "tests/unit/wire_golden.hpp"
#include "tests/unit/wire_json.hpp"

namespace vmtraffic {
namespace {

using namespace wire_test;

// Reads all that there is, and returns something that depends on it.
std::uint64_t read_all(Octets octets, sflow::DecodeCounters& counters) {
  std::uint64_t sum = 0;
  const auto datagram = sflow::read_datagram(octets, counters);
  if (!datagram) return sum;
  const auto flow_records = [&](const sflow::Records& records) {
    for (sflow::FlowRecordReader reader(records, counters); const auto record = reader.next();) {
      if (const auto* header = std::get_if<sflow::SampledHeader>(&*record)) {
        Packet packet;
        if (sflow::sampled_packet(*header, {}, packet)) sum += packet.outer.payload_length;
      }
    }
  };
  for (sflow::SampleReader samples(*datagram, counters); const auto sample = samples.next();) {
    if (const auto* flow = std::get_if<sflow::FlowSample>(&*sample)) flow_records(flow->records);
    if (const auto* discarded = std::get_if<sflow::DiscardedPacket>(&*sample)) flow_records(discarded->records);
    if (const auto* counter = std::get_if<sflow::CounterSample>(&*sample)) {
      for (sflow::CounterRecordReader reader(counter->records, counters); const auto record = reader.next();) sum += record->index();
    }
  }
  return sum;
}

TEST(WireRobust, PacketsCutAtEveryOctet) {
  for (const GoldenPacket& golden : golden_packets()) {
    const Packet whole = decode_packet(golden.octets.octets(), golden.wire_length);
    for (std::size_t length = 0; length < golden.octets.size(); ++length) {
      const Octets first = golden.octets.octets().first(length);
      const std::vector<std::byte> cut(first.begin(), first.end());  // of its own, so that the sanitizer sees its end
      const Packet packet = decode_packet(cut, golden.wire_length);
      (void)json_of(packet, cut);  // every extent is looked at
      // What was decoded of the cut packet is what the whole one has, and how long it is does not depend on how much is there.
      EXPECT_EQ(packet.outer.length, whole.outer.length);
      if (packet.outer.ethernet) {
        EXPECT_EQ(packet.outer.ethernet, whole.outer.ethernet) << golden.name << " cut to " << length;
      }
      if (packet.outer.ip && whole.outer.ip) {
        EXPECT_EQ(packet.outer.ip->src, whole.outer.ip->src) << golden.name;
      }
      if (packet.outer.udp) {
        EXPECT_EQ(packet.outer.udp, whole.outer.udp) << golden.name << " cut to " << length;
      }
      if (packet.outer.tcp && packet.fault == PacketFault::kNone) {
        EXPECT_EQ(packet.outer.payload_length, whole.outer.payload_length) << golden.name;
      }
      EXPECT_LE(packet.depth, whole.depth);
      if (whole.fault == PacketFault::kNone && packet.fault != PacketFault::kNone) {
        EXPECT_EQ(packet.fault, PacketFault::kTruncated) << golden.name << " cut to " << length;
      }
    }
  }
}

TEST(WireRobust, DatagramsCutAtEveryOctet) {
  for (const GoldenDatagram& golden : golden_datagrams()) {
    for (std::size_t length = 0; length < golden.octets.size(); ++length) {
      const Octets first = golden.octets.octets().first(length);
      const std::vector<std::byte> cut(first.begin(), first.end());
      (void)json_of_datagram(cut);
    }
  }
}

TEST(WireRobust, NothingIsAllocated) {
  const auto packets = golden_packets();
  const auto datagrams = golden_datagrams();
  std::uint64_t sum = 0;
  sflow::DecodeCounters counters;
  const std::size_t before = allocations();
  for (const GoldenPacket& golden : packets) {
    const Packet packet = decode_packet(golden.octets.octets(), golden.wire_length);
    sum += packet.outer.payload_length;
    if (packet.outer.tcp) sum += tcp_options(golden.octets.octets(), *packet.outer.tcp).sack.size();
  }
  for (const GoldenDatagram& golden : datagrams) sum += read_all(golden.octets.octets(), counters);
  EXPECT_EQ(allocations(), before);
  EXPECT_GT(sum, 0U);
  const auto counted = std::make_unique<int>(1);
  EXPECT_GT(allocations(), before);  // so that the count above means something
}

}  // namespace
}  // namespace vmtraffic
