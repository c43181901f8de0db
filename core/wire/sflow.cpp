#include "core/wire/sflow.hpp"

#include <algorithm>
#include <utility>

namespace vmtraffic::sflow {
namespace {

constexpr std::uint32_t kVersion = 5;
constexpr std::uint32_t kInternalCompact = 0x3FFF'FFFF;
constexpr std::uint32_t kInternalExpanded = 0xFFFF'FFFF;  // agents use either in the expanded form

struct Tag {
  std::uint32_t enterprise{0};
  std::uint32_t format{0};
};

Tag read_tag(ByteReader& reader) {
  const std::uint32_t tag = reader.u32();
  return {tag >> 12, tag & 0xFFF};
}

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

FlowSample read_flow_sample(ByteReader& reader, bool expanded) {
  return {.sequence = reader.u32(),
          .source = read_source(reader, expanded),
          .sampling_rate = reader.u32(),
          .sample_pool = reader.u32(),
          .drops = reader.u32(),
          .input = read_port(reader, expanded),
          .output = read_port(reader, expanded),
          .records = read_records(reader)};
}

CounterSample read_counter_sample(ByteReader& reader, bool expanded) {
  return {.sequence = reader.u32(), .source = read_source(reader, expanded), .records = read_records(reader)};
}

DiscardedPacket read_discarded_packet(ByteReader& reader) {
  return {.sequence = reader.u32(),
          .source = read_source(reader, true),
          .drops = reader.u32(),
          .input = port_of(0, reader.u32()),
          .output = port_of(0, reader.u32()),
          .reason = reader.u32(),
          .records = read_records(reader)};
}

// The sample of one format, and where it is counted.
std::pair<Sample, std::uint64_t*> read_sample(std::uint32_t format, ByteReader& body, DecodeCounters& counters) {
  switch (format) {
    case 1:
      return {read_flow_sample(body, false), &counters.flow_samples};
    case 2:
      return {read_counter_sample(body, false), &counters.counter_samples};
    case 3:
      return {read_flow_sample(body, true), &counters.expanded_flow_samples};
    case 4:
      return {read_counter_sample(body, true), &counters.expanded_counter_samples};
    case 5:
      return {read_discarded_packet(body), &counters.discarded_packets};
    default:
      return {Sample{}, nullptr};
  }
}

template <class Record>
struct Known;

template <class... Structures>
struct Known<std::variant<Structures...>> {
  using Record = std::variant<Structures...>;
  static constexpr std::array<Structure, sizeof...(Structures)> list{Structures::kStructure...};

  static constexpr bool ordered() {
    for (std::size_t i = 1; i < list.size(); ++i) {
      if (list[i - 1].format >= list[i].format) return false;
    }
    return true;
  }
  static_assert(ordered(), "the list goes by number, and each number is there once");

  template <class One>
  static void read_one(ByteReader& body, std::optional<Record>& record) {
    One& read = record.emplace().template emplace<One>();
    FieldReader fields(body);
    One::fields(read, fields);
  }
  using Read = void (*)(ByteReader&, std::optional<Record>&);
  static constexpr std::array<Read, sizeof...(Structures)> readers{read_one<Structures>...};

  // Left without a record: no structure of ours. A body too short for its structure has failed.
  static void read(std::uint32_t format, ByteReader& body, std::optional<Record>& record) {
    const auto* found =
        std::lower_bound(list.begin(), list.end(), format, [](const Structure& s, std::uint32_t f) { return s.format < f; });
    if (found != list.end() && found->format == format) readers[static_cast<std::size_t>(found - list.begin())](body, record);
  }
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

std::optional<Sample> SampleReader::next() {
  while (announced_ > 0) {
    --announced_;
    const Tag tag = read_tag(reader_);
    ByteReader body = reader_.sub(reader_.u32());
    if (!reader_.ok()) {
      ++counters_.truncated;
      announced_ = 0;
      return std::nullopt;
    }
    auto [sample, counter] = read_sample(tag.enterprise == 0 ? tag.format : 0, body, counters_);
    if (counter == nullptr) {
      ++counters_.samples_unknown;
    } else if (!body.ok()) {
      ++counters_.samples_broken;
    } else {
      ++*counter;
      return sample;
    }
  }
  return std::nullopt;
}

template <class Record>
std::optional<Record> RecordReader<Record>::next() {
  while (announced_ > 0) {
    --announced_;
    if (reader_.remaining() == 0) {
      ++counters_.records_missing;
      announced_ = 0;
      return std::nullopt;
    }
    const Tag tag = read_tag(reader_);
    ByteReader body = reader_.sub(reader_.u32());
    if (!reader_.ok()) {
      ++counters_.records_broken;
      announced_ = 0;
      return std::nullopt;
    }
    std::optional<Record> record;
    if (tag.enterprise == 0) Known<Record>::read(tag.format, body, record);
    if (!record) {
      ++counters_.records_unknown;
    } else if (!body.ok()) {
      ++counters_.records_broken;
    } else {
      ++(std::is_same_v<Record, FlowRecord> ? counters_.flow_records : counters_.counter_records);
      return record;
    }
  }
  return std::nullopt;
}

template class RecordReader<FlowRecord>;
template class RecordReader<CounterRecord>;

std::optional<Packet> sampled_packet(const SampledHeader& header, const PacketFormat& format) {
  PacketFormat start = format;
  switch (header.protocol) {
    case 1:
      start.ether_type.reset();
      break;
    case 11:
      start.ether_type = 0x0800;
      break;
    case 12:
      start.ether_type = 0x86DD;
      break;
    case 13:
      start.ether_type = 0x8847;
      break;
    default:
      return std::nullopt;
  }
  const std::size_t length = header.frame_length - std::min(header.frame_length, header.stripped);
  return decode_packet(header.header.octets, length, start);
}

}  // namespace vmtraffic::sflow
