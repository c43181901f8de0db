#include "core/wire/sflow.hpp"

#include <algorithm>
#include <utility>

namespace vmtraffic::sflow {
namespace {

constexpr std::uint32_t kVersion = 5;
constexpr std::uint32_t kInternalCompact = 0x3FFF'FFFF;
constexpr std::uint32_t kInternalExpanded = 0xFFFF'FFFF;  // agents use either in the expanded form

DataSource read_source(ByteReader& reader, bool expanded) {
  if (expanded) return {.source_class = reader.u32(), .index = reader.u32()};
  const std::uint32_t both = reader.u32();
  return {both >> 24, both & 0xFF'FFFF};
}

Port port_of(std::uint32_t format, std::uint32_t value) {
  switch (format) {
    case 0:
      if (value == 0) return {};
      if (value == kInternalCompact || value == kInternalExpanded) return {PortKind::kInternal, 0};
      return {PortKind::kIfIndex, value};
    case 1:
      return {PortKind::kDiscarded, value};
    case 2:
      return {PortKind::kMultiple, value};
    default:
      return {PortKind::kOther, value};
  }
}

Port read_port(ByteReader& reader, bool expanded) {
  const std::uint32_t first = reader.u32();
  if (expanded) return port_of(first, reader.u32());
  return port_of(first >> 30, first & 0x3FFF'FFFF);
}

Records read_records(ByteReader& reader) { return {.count = reader.u32(), .octets = {reader.rest()}}; }

template <class Record>
struct Known;

template <class... Structures>
struct Known<std::variant<Structures...>> {
  static constexpr std::array<Structure, sizeof...(Structures)> list{Structures::kStructure...};

  static constexpr bool ordered() {
    for (std::size_t i = 1; i < list.size(); ++i) {
      if (list[i - 1].format >= list[i].format) return false;
    }
    return true;
  }
  static_assert(ordered(), "the list goes by number, and each number is there once");
};

}  // namespace

std::span<const Structure> flow_structures() { return Known<FlowRecord>::list; }
std::span<const Structure> counter_structures() { return Known<CounterRecord>::list; }

DecodeCounters& DecodeCounters::operator+=(const DecodeCounters& other) {
  std::array<std::uint64_t, sizeof(DecodeCounters) / sizeof(std::uint64_t)> values{};
  std::size_t i = 0;
  fields(other, [&](std::string_view, std::uint64_t value) { values[i++] = value; });
  i = 0;
  fields(*this, [&](std::string_view, std::uint64_t& value) { value += values[i++]; });
  return *this;
}

std::optional<Datagram> read_datagram(Octets octets, DecodeCounters& counters) {
  ++counters.datagrams;
  ByteReader reader(octets);
  const std::uint32_t version = reader.u32();
  if (reader.ok() && version != kVersion) {
    ++counters.version_refused;
    return std::nullopt;
  }
  const Datagram datagram{.agent = FieldReader::read_address(reader),
                          .sub_agent = reader.u32(),
                          .sequence = reader.u32(),
                          .uptime_ms = reader.u32(),
                          .sample_count = reader.u32(),
                          .samples = {reader.rest()}};
  if (!reader.ok() || !datagram.agent.known()) {
    ++counters.header_broken;
    return std::nullopt;
  }
  return datagram;
}

std::optional<Tagged> SampleReader::next_tagged() {
  if (announced_ == 0) return std::nullopt;
  --announced_;
  const std::uint32_t tag = reader_.u32();
  const ByteReader body = reader_.sub(reader_.u32());
  if (reader_.ok()) return Tagged{tag >> 12, tag & 0xFFF, body};
  ++counters_.truncated;
  announced_ = 0;
  return std::nullopt;
}

FlowSample SampleReader::flow_sample(ByteReader& body, bool expanded) {
  return {.sequence = body.u32(),
          .source = read_source(body, expanded),
          .sampling_rate = body.u32(),
          .sample_pool = body.u32(),
          .drops = body.u32(),
          .input = read_port(body, expanded),
          .output = read_port(body, expanded),
          .records = read_records(body)};
}

CounterSample SampleReader::counter_sample(ByteReader& body, bool expanded) {
  return {.sequence = body.u32(), .source = read_source(body, expanded), .records = read_records(body)};
}

DiscardedPacket SampleReader::discarded_packet(ByteReader& body) {
  return {.sequence = body.u32(),
          .source = read_source(body, true),
          .drops = body.u32(),
          .input = port_of(0, body.u32()),
          .output = port_of(0, body.u32()),
          .reason = body.u32(),
          .records = read_records(body)};
}

namespace {

// The EtherType that a header of this protocol begins with: nothing for Ethernet itself. False: it is none of ours.
bool begins_with(std::uint32_t protocol, std::optional<std::uint16_t>& ether_type) {
  switch (protocol) {
    case 1:
      ether_type.reset();
      return true;
    case 11:
      ether_type = 0x0800;
      return true;
    case 12:
      ether_type = 0x86DD;
      return true;
    case 13:
      ether_type = 0x8847;
      return true;
    default:
      return false;
  }
}

}  // namespace

bool has_packet(const SampledHeader& header) {
  std::optional<std::uint16_t> unused;
  return begins_with(header.protocol, unused);
}

bool sampled_packet(const SampledHeader& header, const PacketFormat& format, Packet& packet) {
  PacketFormat start = format;
  if (!begins_with(header.protocol, start.ether_type)) return false;
  const std::size_t length = header.frame_length - std::min(header.frame_length, header.stripped);
  decode_packet(header.header.octets, length, start, packet);
  return true;
}

}  // namespace vmtraffic::sflow
