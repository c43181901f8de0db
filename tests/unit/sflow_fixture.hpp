// What the tests of the sFlow probe share: three VMs with their links, an agent that numbers its datagrams and samples, frames to be
// sampled.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/traffic/inventory.hpp"
#include "core/wire/packet.hpp"
#include "tests/unit/wire_packet_builder.hpp"
#include "tests/unit/wire_sflow_builder.hpp"

namespace vmtraffic::sflow_test {

using wire_test::Bytes;

inline constexpr std::uint64_t kMac1 = 0x525400000001, kMac2 = 0x525400000002, kRouter = 0x525400000099;
inline constexpr std::uint32_t kHere = 0x0A000001, kThere = 0xC0000209;  // 10.0.0.1, 192.0.2.9
inline const std::vector<std::uint32_t> kLinks{11, 12, 13};

// VMs 1, 2, … with the MACs 52:54:00:00:00:01, …; their links, where a test gives them, are 11, 12, …
inline Inventory machines(std::uint8_t count) {
  Inventory out;
  for (std::uint8_t id = 1; id <= count; ++id) {
    Domain d;
    d.uuid.octets[0] = id;
    d.state = DomainState::kRunning;
    Vnic v;
    v.mac = {{0x52, 0x54, 0, 0, 0, id}};
    v.source = "br0";
    d.vnics.push_back(v);
    out.domains.push_back(d);
  }
  return out;
}

struct FrameHead {
  std::uint64_t from{kMac1}, to{kRouter};
  std::uint32_t src{kHere}, dst{kThere};
  std::uint32_t sport{40000}, dport{443};
};

// 14 + 20 + 20 octets and the payload.
inline Bytes tcp_frame(const FrameHead& head = {}, std::size_t payload = 46) {
  const Bytes segment = wire_test::tcp(Bytes().fill(payload), {.src = head.sport, .dst = head.dport, .flags = kTcpAck});
  return wire_test::ethernet(0x0800, wire_test::ipv4(6, segment, {.src = head.src, .dst = head.dst}), head.from, head.to);
}

// A sampled header of a whole frame, with the FCS counted as agents do.
inline Bytes header_record(const Bytes& frame) {
  Bytes body;
  body.words({1, static_cast<std::uint32_t>(frame.size() + 4), 4}).add(wire_test::xdr_opaque(frame));
  return wire_test::tagged(1, body);
}

// An agent with one data source: numbers what it sends.
struct TestAgent {
  std::uint32_t address{0x7F000001}, sub_agent{0};
  std::uint32_t sequence{0}, uptime_ms{1000}, step_ms{100};
  std::uint32_t sample{0}, rate{100}, pool{0}, drops{0};

  // A sample of one packet; the pool grows by `packets`.
  Bytes flow(std::uint32_t input, std::uint32_t output, const std::vector<Bytes>& records, std::uint32_t packets = 100) {
    pool += packets;
    return wire_test::flow_sample({.sequence = ++sample,
                                   .source_class = 0,
                                   .source_index = 3,
                                   .rate = rate,
                                   .pool = pool,
                                   .drops = drops,
                                   .input = input,
                                   .output = output},
                                  records);
  }
  Bytes datagram(const std::vector<Bytes>& samples) {
    return wire_test::datagram(
        samples,
        {.agent = wire_test::xdr_ipv4(address), .sub_agent = sub_agent, .sequence = ++sequence, .uptime_ms = uptime_ms += step_ms});
  }
  // One that VM 1 sends to afar.
  Bytes next() { return datagram({flow(11, 2, {header_record(tcp_frame())})}); }
};

}  // namespace vmtraffic::sflow_test
