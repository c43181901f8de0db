// sFlow version 5 (sflow_version_5.txt on sFlow.org): one datagram, read lazily and without trust.
//
//   datagram: | version 4 | agent: type 4, address 4 or 16 | sub-agent 4 | sequence 4 | uptime ms 4 | samples 4 | sample … |
//   sample:   | enterprise 20 bits, format 12 | length 4 | one of the five formats below |
//   flow:     | sequence 4 | source | sampling rate 4 | pool 4 | drops 4 | input | output | records 4 | record … |
//   counters: | sequence 4 | source | records 4 | record … |
//   discard:  | sequence 4 | source class 4, index 4 | drops 4 | input 4 | output 4 | reason 4 | records 4 | record … |
//   source:   | class 8 bits, index 24 |, expanded: | class 4 | index 4 |
//   input:    | format 2 bits, value 30 |, expanded: | format 4 | value 4 |
//
// Promised:
// - Nothing is allocated, copied or read outside the datagram. What is given away looks into it, and lives as long as it does.
// - A structure that is unknown or broken is skipped by its length and counted; all others of the datagram are still given. A sample that
//   runs beyond the datagram ends it, a record that runs beyond its sample ends that.
// - No number from the wire sizes anything: readers go by the octets that remain, and stop early where a count says so.
//
//   DecodeCounters counters;
//   if (const auto datagram = read_datagram(octets, counters)) {
//     for (SampleReader samples(*datagram, counters); const auto sample = samples.next();) {
//       if (const auto* flow = std::get_if<FlowSample>(&*sample)) {
//         for (FlowRecordReader records(flow->records, counters); const auto record = records.next();) …
//
// next(visit) gives each one to visit(one) as what it is instead. Where that call gives an Unread the visitor does not look at such a
// structure: if all of its fields are of fixed size, its length alone is.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/wire/packet.hpp"
#include "core/wire/sflow_counter_records.hpp"
#include "core/wire/sflow_flow_records.hpp"

namespace vmtraffic::sflow {

inline constexpr std::array<Structure, 5> kSampleFormats{{
    {1, "flow_sample", "sFlow Version 5", "a sampled packet and what the agent adds to it"},
    {2, "counter_sample", "sFlow Version 5", "counters of a port, host or domain"},
    {3, "flow_sample_expanded", "sFlow Version 5", "the same as 1, for ifIndexes of 2^24 and more"},
    {4, "counter_sample_expanded", "sFlow Version 5", "the same as 2, for indexes of 2^24 and more"},
    {5, "discarded_packet", "sFlow Dropped Packet Notification Structures", "a packet that was dropped, and why"},
}};
// The records that are decoded, in the order of their numbers.
std::span<const Structure> flow_structures();
std::span<const Structure> counter_structures();

// What became of everything that was read. Only ever grows; add them up with +=.
struct DecodeCounters {
  std::uint64_t datagrams{0};                 // all that were given
  std::uint64_t version_refused{0};           // datagrams of another version: nothing of them is used
  std::uint64_t header_broken{0};             // datagrams too short for their header, or from an agent without address
  std::uint64_t truncated{0};                 // datagrams that ended before their last sample did
  std::uint64_t flow_samples{0};              // format 1
  std::uint64_t counter_samples{0};           // format 2
  std::uint64_t expanded_flow_samples{0};     // format 3
  std::uint64_t expanded_counter_samples{0};  // format 4
  std::uint64_t discarded_packets{0};         // format 5
  std::uint64_t samples_unknown{0};           // another format, or a vendor's
  std::uint64_t samples_broken{0};            // too short for their own format
  std::uint64_t flow_records{0};              // decoded
  std::uint64_t counter_records{0};           // decoded
  std::uint64_t records_unknown{0};           // another format, or a vendor's
  std::uint64_t records_broken{0};            // too short for their own format, or longer than their sample
  std::uint64_t records_missing{0};           // samples that ended before the records that they had announced

  friend bool operator==(const DecodeCounters&, const DecodeCounters&) = default;
  DecodeCounters& operator+=(const DecodeCounters& other);
  // The counters' names and values, for the snapshot and for tests: visit(name, value).
  template <class Self, class Visit>
  static void fields(Self& s, Visit&& v) {
    v("datagrams", s.datagrams);
    v("version_refused", s.version_refused);
    v("header_broken", s.header_broken);
    v("truncated", s.truncated);
    v("flow_samples", s.flow_samples);
    v("counter_samples", s.counter_samples);
    v("expanded_flow_samples", s.expanded_flow_samples);
    v("expanded_counter_samples", s.expanded_counter_samples);
    v("discarded_packets", s.discarded_packets);
    v("samples_unknown", s.samples_unknown);
    v("samples_broken", s.samples_broken);
    v("flow_records", s.flow_records);
    v("counter_records", s.counter_records);
    v("records_unknown", s.records_unknown);
    v("records_broken", s.records_broken);
    v("records_missing", s.records_missing);
  }
};

struct Datagram {
  IpAddress agent{};           // identifies the agent, together with the sub-agent: not the sender's address
  std::uint32_t sub_agent{0};  // sequence numbers run per agent and sub-agent
  std::uint32_t sequence{0};
  std::uint32_t uptime_ms{0};     // one that went back means a restart
  std::uint32_t sample_count{0};  // as announced
  SampledOctets samples{};
  friend bool operator==(const Datagram&, const Datagram&) = default;
};

// A data source: class 0 an ifIndex, 1 a VLAN, 2 a physical entity (Open vSwitch's bridges are 2:1000 and up), 3 a logical one (domains).
struct DataSource {
  std::uint32_t source_class{0};
  std::uint32_t index{0};
  friend auto operator<=>(const DataSource&, const DataSource&) = default;
};

enum class PortKind : std::uint8_t {
  kUnknown = 0,    // the agent does not know
  kIfIndex = 1,    // `value` is the ifIndex, which means something only together with the agent
  kInternal = 2,   // the agent itself sent or received the packet
  kDiscarded = 3,  // the packet was dropped: `value` is the reason (sflow_drops.txt; below 256 ICMP's code of "unreachable")
  kMultiple = 4,   // the packet left by several ports: `value` is how many, 0 for an unknown number
  kOther = 5,      // a format that is not specified
};

struct Port {
  PortKind kind{PortKind::kUnknown};
  std::uint32_t value{0};
  friend bool operator==(const Port&, const Port&) = default;
};

// Records not read yet.
struct Records {
  std::uint32_t count{0};  // as announced
  SampledOctets octets{};
  friend bool operator==(const Records&, const Records&) = default;
};

struct FlowSample {
  std::uint32_t sequence{0};  // per data source
  DataSource source{};
  std::uint32_t sampling_rate{0};  // one packet of so many, as configured
  std::uint32_t sample_pool{0};    // packets that could have been sampled
  std::uint32_t drops{0};          // samples that the agent itself lost
  Port input{}, output{};
  Records records{};
  friend bool operator==(const FlowSample&, const FlowSample&) = default;
};

struct CounterSample {
  std::uint32_t sequence{0};  // per data source
  DataSource source{};
  Records records{};
  friend bool operator==(const CounterSample&, const CounterSample&) = default;
};

struct DiscardedPacket {
  std::uint32_t sequence{0};  // per data source
  DataSource source{};
  std::uint32_t drops{0};   // notifications that the agent lost
  Port input{}, output{};   // an ifIndex, internal, or unknown
  std::uint32_t reason{0};  // sflow_drops.txt
  Records records{};        // flow records
  friend bool operator==(const DiscardedPacket&, const DiscardedPacket&) = default;
};

using Sample = std::variant<FlowSample, CounterSample, DiscardedPacket>;

// The datagram's header. Nothing where the version is not 5 or the header is not whole; the counters say which.
std::optional<Datagram> read_datagram(Octets octets, DecodeCounters& counters);

struct Unread {};

// What a sample is of, and its octets.
struct Tagged {
  std::uint32_t enterprise{0};  // 0: of sFlow.org's own
  std::uint32_t format{0};
  ByteReader body;
};

// The samples of one datagram, one after the other.
class SampleReader {
 public:
  SampleReader(const Datagram& datagram, DecodeCounters& counters)
      : reader_(datagram.samples.octets), announced_(datagram.sample_count), counters_(counters) {}

  // False: no more.
  template <class Visit>
  bool next(Visit&& visit) {
    while (auto sample = next_tagged()) {
      switch (sample->enterprise == 0 ? sample->format : 0) {
        case 1:
          if (give(flow_sample(sample->body, false), sample->body, counters_.flow_samples, visit)) return true;
          break;
        case 2:
          if (give(counter_sample(sample->body, false), sample->body, counters_.counter_samples, visit)) return true;
          break;
        case 3:
          if (give(flow_sample(sample->body, true), sample->body, counters_.expanded_flow_samples, visit)) return true;
          break;
        case 4:
          if (give(counter_sample(sample->body, true), sample->body, counters_.expanded_counter_samples, visit)) return true;
          break;
        case 5:
          if (give(discarded_packet(sample->body), sample->body, counters_.discarded_packets, visit)) return true;
          break;
        default:
          ++counters_.samples_unknown;
      }
    }
    return false;
  }
  std::optional<Sample> next() {  // nothing: no more
    std::optional<Sample> out;
    next([&](const auto& sample) { out = sample; });
    return out;
  }

 private:
  std::optional<Tagged> next_tagged();
  static FlowSample flow_sample(ByteReader& body, bool expanded);
  static CounterSample counter_sample(ByteReader& body, bool expanded);
  static DiscardedPacket discarded_packet(ByteReader& body);
  template <class One, class Visit>
  bool give(const One& sample, const ByteReader& body, std::uint64_t& counter, Visit& visit) {
    ++(body.ok() ? counter : counters_.samples_broken);
    if (body.ok()) visit(sample);
    return body.ok();
  }

  ByteReader reader_;
  std::uint32_t announced_;
  DecodeCounters& counters_;
};

// The records of one sample that are known and whole, one after the other.
template <class Record>
class RecordReader;

template <class... Structures>
class RecordReader<std::variant<Structures...>> {
 public:
  using Record = std::variant<Structures...>;
  RecordReader(const Records& records, DecodeCounters& counters)
      : reader_(records.octets.octets), announced_(records.count), counters_(counters) {}

  // False: no more.
  template <class Visit>
  bool next(Visit&& visit) {
    while (announced_ > 0) {
      --announced_;
      if (reader_.remaining() == 0) {
        ++counters_.records_missing;
        break;
      }
      const std::uint32_t tag = reader_.u32();
      ByteReader body = reader_.sub(reader_.u32());
      if (!reader_.ok()) {
        ++counters_.records_broken;
        break;
      }
      Read read = Read::kUnknown;
      // A tag is enterprise and format in one: those of sFlow.org's own enterprise, 0, are the format alone.
      (void)((tag == Structures::kStructure.format && (read = read_one<Structures>(body, visit), true)) || ...);
      if (read == Read::kUnknown) ++counters_.records_unknown;
      if (read == Read::kBroken) ++counters_.records_broken;
      if (read != Read::kWhole) continue;
      ++(std::is_same_v<Record, FlowRecord> ? counters_.flow_records : counters_.counter_records);
      return true;
    }
    announced_ = 0;
    return false;
  }
  std::optional<Record> next() {  // nothing: no more
    std::optional<Record> out;
    next([&](const auto& record) { out = record; });
    return out;
  }

 private:
  enum class Read : std::uint8_t { kUnknown, kBroken, kWhole };
  template <class One, class Visit>
  static Read read_one(ByteReader& body, Visit& visit) {
    if constexpr (std::is_same_v<std::invoke_result_t<Visit&, const One&>, Unread>) {
      if (constexpr std::size_t size = fixed_size<One>(); size > 0) return body.remaining() < size ? Read::kBroken : Read::kWhole;
    }
    One one{};
    FieldReader fields(body);
    One::fields(one, fields);
    if (!body.ok()) return Read::kBroken;
    visit(std::as_const(one));
    return Read::kWhole;
  }

  ByteReader reader_;
  std::uint32_t announced_;
  DecodeCounters& counters_;
};
using FlowRecordReader = RecordReader<FlowRecord>;
using CounterRecordReader = RecordReader<CounterRecord>;

// The packet that a header was taken from, into a packet of which nothing is said yet: its length is that of the frame less what the agent
// stripped, which is the FCS with most agents, Open vSwitch among them. Extents are of `header.header`. False, and nothing said, for a
// header of another protocol than Ethernet, IPv4, IPv6 or MPLS.
bool sampled_packet(const SampledHeader& header, const PacketFormat& format, Packet& packet);
// Whether it is of one of those.
bool has_packet(const SampledHeader& header);

}  // namespace vmtraffic::sflow
