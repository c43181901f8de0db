// sFlow datagrams made by hand: XDR's text and lists, records, samples, the datagram around them. Nothing here uses the decoder.
#pragma once

#include <string_view>
#include <vector>

#include "tests/unit/wire_bytes.hpp"

namespace vmtraffic::wire_test {

// | length | octets | padding to 4 |
inline Bytes xdr_opaque(const Bytes& octets) {
  Bytes made;
  return made.u32(octets.size()).add(octets).fill(-octets.size() % 4);
}
inline Bytes xdr_text(std::string_view text) { return xdr_opaque(Bytes().text(text)); }
inline Bytes xdr_numbers(std::initializer_list<std::uint32_t> numbers) { return Bytes().u32(numbers.size()).words(numbers); }
inline Bytes xdr_mac(std::uint64_t mac) { return Bytes().u16(mac >> 32).u32(mac).u16(0); }
inline Bytes xdr_ipv4(std::uint32_t address) { return Bytes().u32(1).u32(address); }
inline Bytes xdr_ipv6(std::uint64_t high, std::uint64_t low) { return Bytes().u32(2).u64(high).u64(low); }

// A record or a sample: | enterprise 20 bits, format 12 | length | body |
inline Bytes tagged(std::uint32_t format, const Bytes& body, std::uint32_t enterprise = 0) {
  return Bytes().u32(enterprise << 12 | format).u32(body.size()).add(body);
}

inline Bytes listed(const std::vector<Bytes>& items) {
  Bytes made;
  made.u32(items.size());
  for (const Bytes& item : items) made.add(item);
  return made;
}

struct FlowHead {
  std::uint32_t sequence{11}, source_class{2}, source_index{1000}, rate{400}, pool{4400}, drops{3};
  std::uint32_t input_format{0}, input{6}, output_format{0}, output{7};
};

inline Bytes flow_sample(const FlowHead& head, const std::vector<Bytes>& records) {
  Bytes body;
  body.u32(head.sequence).u32(head.source_class << 24 | head.source_index).u32(head.rate).u32(head.pool).u32(head.drops);
  body.u32(head.input_format << 30 | head.input).u32(head.output_format << 30 | head.output).add(listed(records));
  return tagged(1, body);
}

inline Bytes expanded_flow_sample(const FlowHead& head, const std::vector<Bytes>& records) {
  Bytes body;
  body.words({head.sequence, head.source_class, head.source_index, head.rate, head.pool, head.drops, head.input_format, head.input,
              head.output_format, head.output});
  return tagged(3, body.add(listed(records)));
}

inline Bytes counter_sample(std::uint32_t sequence, std::uint32_t source_class, std::uint32_t index, const std::vector<Bytes>& records) {
  return tagged(2, Bytes().u32(sequence).u32(source_class << 24 | index).add(listed(records)));
}

inline Bytes expanded_counter_sample(std::uint32_t sequence, std::uint32_t source_class, std::uint32_t index,
                                     const std::vector<Bytes>& records) {
  return tagged(4, Bytes().words({sequence, source_class, index}).add(listed(records)));
}

struct DiscardHead {
  std::uint32_t sequence{21}, source_class{0}, source_index{4}, drops{5}, input{6}, output{0};
};

inline Bytes discarded_packet(std::uint32_t reason, const std::vector<Bytes>& records, const DiscardHead& head = {}) {
  Bytes body;
  body.words({head.sequence, head.source_class, head.source_index, head.drops, head.input, head.output, reason});
  return tagged(5, body.add(listed(records)));
}

struct DatagramHead {
  std::uint32_t version{5};
  Bytes agent = xdr_ipv4(0xC0A80001);
  std::uint32_t sub_agent{2}, sequence{77}, uptime_ms{123456};
};

inline Bytes datagram(const std::vector<Bytes>& samples, const DatagramHead& head = {}) {
  Bytes made;
  made.u32(head.version).add(head.agent).words({head.sub_agent, head.sequence, head.uptime_ms});
  return made.add(listed(samples));
}

}  // namespace vmtraffic::wire_test
