// Any octets as an sFlow datagram, read to its last field: all views lie in the input, and every sample and record is counted once.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <type_traits>

#include "core/wire/sflow.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace vmtraffic;

void require(bool holds) {
  if (!holds) std::abort();
}

// Looks at every octet that a structure's fields lead to, and that they lie in the datagram.
class Walker {
 public:
  explicit Walker(Octets all) : all_(all) {}

  template <class T>
  void operator()(std::string_view, const T& field) {
    if constexpr (std::is_integral_v<T>) {
      sum_ += field;
    } else if constexpr (std::is_same_v<T, sflow::Average>) {
      require(!field || *field >= 0);
    }
  }
  void operator()(std::string_view, const sflow::Counter32& field) { require(!field || *field != 0xFFFFFFFF); }
  void operator()(std::string_view, const sflow::Counter64& field) { require(!field || *field != 0xFFFFFFFFFFFFFFFF); }
  void operator()(std::string_view, const std::string_view& field) { look(std::as_bytes(std::span(field))); }
  void operator()(std::string_view, const sflow::SampledOctets& field) { look(field.octets); }
  void operator()(std::string_view, const sflow::NumberList& field) {
    look(field.numbers.octets);
    require(field.numbers.octets.size() % 4 == 0);
    for (std::size_t i = 0; i < field.size(); ++i) sum_ += field[i];
  }
  void operator()(std::string_view name, const sflow::AsPath& field) {
    look(field.segments.octets);
    field.for_each([&](std::uint32_t, const sflow::NumberList& numbers) { (*this)(name, numbers); });
  }
  void operator()(std::string_view, const sflow::AdapterList& field) {
    look(field.adapters.octets);
    std::size_t addresses = 0;
    field.for_each([&](std::uint32_t, const MacAddress& mac) {
      sum_ += mac.octets[5];
      ++addresses;
    });
    require(addresses <= field.adapters.octets.size() / 8);
  }
  template <class T>
  void address(std::string_view, const T& field) {
    require(field.version == 0 || field.version == 4 || field.version == 6);
  }
  template <class T>
  void ipv4(std::string_view, const T& field) {
    require(field.version == 4);
  }
  template <class T>
  void ipv6(std::string_view, const T& field) {
    require(field.version == 6);
  }
  template <class T>
  void trailing(std::string_view name, const T& field) {
    (*this)(name, field);
  }

  void look(Octets octets) {
    if (octets.empty()) return;
    require(octets.data() >= all_.data() && octets.data() + octets.size() <= all_.data() + all_.size());
    sum_ += std::to_integer<unsigned>(octets.front()) + std::to_integer<unsigned>(octets.back());
  }

 private:
  Octets all_;
  std::uint64_t sum_{0};
};

template <class Record>
void walk_records(const sflow::Records& records, Walker& walker, sflow::DecodeCounters& counters) {
  walker.look(records.octets.octets);
  const sflow::DecodeCounters before = counters;
  std::uint64_t given = 0;
  for (sflow::RecordReader<Record> reader(records, counters); const auto record = reader.next();) {
    ++given;
    std::visit([&](const auto& one) { one.fields(one, walker); }, *record);
    require(*record == *record);
    if constexpr (std::is_same_v<Record, sflow::FlowRecord>) {
      Packet packet;
      if (const auto* header = std::get_if<sflow::SampledHeader>(&*record))
        require(sflow::sampled_packet(*header, {}, packet) == sflow::has_packet(*header));
    }
  }
  const std::uint64_t decoded = counters.flow_records - before.flow_records + counters.counter_records - before.counter_records;
  const std::uint64_t passed = counters.records_unknown - before.records_unknown + counters.records_broken - before.records_broken;
  require(given == decoded && counters.records_missing - before.records_missing <= 1);
  require(decoded + passed <= records.count && decoded + passed <= records.octets.octets.size() / 8 + 1);
}

sflow::DecodeCounters walk(Octets octets) {
  sflow::DecodeCounters counters;
  Walker walker(octets);
  const auto datagram = sflow::read_datagram(octets, counters);
  require(counters.datagrams == 1 && counters.version_refused + counters.header_broken == (datagram ? 0 : 1));
  if (!datagram) return counters;
  walker.look(datagram->samples.octets);
  std::uint64_t given = 0;
  for (sflow::SampleReader samples(*datagram, counters); const auto sample = samples.next();) {
    ++given;
    if (const auto* flow = std::get_if<sflow::FlowSample>(&*sample)) walk_records<sflow::FlowRecord>(flow->records, walker, counters);
    if (const auto* dropped = std::get_if<sflow::DiscardedPacket>(&*sample))
      walk_records<sflow::FlowRecord>(dropped->records, walker, counters);
    if (const auto* counter = std::get_if<sflow::CounterSample>(&*sample))
      walk_records<sflow::CounterRecord>(counter->records, walker, counters);
  }
  const std::uint64_t whole = counters.flow_samples + counters.counter_samples + counters.expanded_flow_samples +
                              counters.expanded_counter_samples + counters.discarded_packets;
  require(given == whole && counters.truncated <= 1);
  const std::uint64_t all = whole + counters.samples_unknown + counters.samples_broken + counters.truncated;
  require(counters.truncated == 1 ? all <= datagram->sample_count : all == datagram->sample_count);
  require(whole + counters.samples_unknown + counters.samples_broken <= octets.size() / 8);
  return counters;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Octets octets(reinterpret_cast<const std::byte*>(data), size);
  const sflow::DecodeCounters counters = walk(octets);
  require(walk(octets) == counters);
  return 0;
}
