#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "core/wire/sflow.hpp"
#include "tests/unit/wire_golden.hpp"
#include "tests/unit/wire_json.hpp"
#include "tests/unit/wire_packet_builder.hpp"
#include "tests/unit/wire_sflow_builder.hpp"

namespace vmtraffic::sflow {

void PrintTo(const DecodeCounters& counters, std::ostream* out) { *out << wire_test::json_of(counters); }
void PrintTo(const FlowRecord& record, std::ostream* out) { *out << wire_test::json_of(record); }

namespace {

using namespace wire_test;
using testing::ElementsAre;

struct Decoded {
  std::optional<Datagram> datagram;
  std::vector<Sample> samples;
  DecodeCounters counters;
};

Decoded decode(const Bytes& octets) {
  Decoded decoded;
  decoded.datagram = read_datagram(octets.octets(), decoded.counters);
  if (!decoded.datagram) return decoded;
  for (SampleReader reader(*decoded.datagram, decoded.counters); auto sample = reader.next();) decoded.samples.push_back(*sample);
  return decoded;
}

TEST(Sflow, AFlowSampleIsAWholeValue) {
  const Bytes record = tagged(1001, Bytes().words({10, 1, 20, 2}));
  const Bytes octets = datagram({flow_sample({}, {record})});
  Decoded decoded = decode(octets);
  ASSERT_TRUE(decoded.datagram);
  IpAddress agent{.version = 4, .octets = {192, 168, 0, 1}};
  EXPECT_EQ(*decoded.datagram, (Datagram{.agent = agent,
                                         .sub_agent = 2,
                                         .sequence = 77,
                                         .uptime_ms = 123456,
                                         .sample_count = 1,
                                         .samples = {octets.octets().subspan(28)}}));
  const FlowSample expected{.sequence = 11,
                            .source = {.source_class = 2, .index = 1000},
                            .sampling_rate = 400,
                            .sample_pool = 4400,
                            .drops = 3,
                            .input = {PortKind::kIfIndex, 6},
                            .output = {PortKind::kIfIndex, 7},
                            .records = {.count = 1, .octets = {record.octets()}}};
  ASSERT_EQ(decoded.samples.size(), 1U);
  EXPECT_EQ(std::get<FlowSample>(decoded.samples[0]), expected);
  FlowRecordReader records(expected.records, decoded.counters);
  EXPECT_EQ(records.next(), FlowRecord(ExtendedSwitch{.src_vlan = 10, .src_priority = 1, .dst_vlan = 20, .dst_priority = 2}));
  EXPECT_EQ(records.next(), std::nullopt);
  EXPECT_EQ(records.next(), std::nullopt);
  EXPECT_EQ(decoded.counters, (DecodeCounters{.datagrams = 1, .flow_samples = 1, .flow_records = 1}));
}

// Every structure and every datagram: tests/data/sflow/*.jsonl is what wire_dump prints, read over once against the specifications, and
// compared with tshark as far as tshark knows them.
void expect_lines(const char* name, const std::vector<std::string>& lines) {
  std::ifstream file(std::string(VMTRAFFIC_TEST_DATA "/sflow/") + name);
  std::string line;
  for (const std::string& one : lines) {
    std::getline(file, line);
    EXPECT_EQ(one, line);
  }
  EXPECT_FALSE(std::getline(file, line)) << line;
}

TEST(Sflow, GoldenDatagrams) {
  std::vector<std::string> lines;
  for (const GoldenDatagram& golden : golden_datagrams()) {
    JsonObject object;
    object("name", golden.name);
    object("octets", hex(golden.octets.octets()));
    object.raw("datagram", json_of_datagram(golden.octets.octets()));
    lines.push_back(object.text());
  }
  expect_lines("datagrams.jsonl", lines);
}

template <class Record>
std::optional<Record> read_golden(const GoldenRecord& golden, DecodeCounters& counters) {
  const Bytes octets = tagged(golden.format, golden.body);
  const auto record = RecordReader<Record>({.count = 1, .octets = {octets.octets()}}, counters).next();
  if (record) std::visit([&](const auto& one) { EXPECT_EQ(one.kStructure.format, golden.format); }, *record);
  return record;
}

TEST(Sflow, EveryStructureHasAGoldenRecordAndNeedsAllOfIt) {
  std::set<std::uint32_t> flow, counter;
  for (const GoldenRecord& golden : golden_records()) {
    const bool is_flow = golden.kind == RecordKind::kFlow;
    (is_flow ? flow : counter).insert(golden.format);
    const auto decoded = [&](std::size_t length) {
      GoldenRecord shorter = golden;
      shorter.body = Bytes();
      for (const std::byte octet : golden.body.octets().first(length)) shorter.body.u8(std::to_integer<unsigned>(octet));
      DecodeCounters counters;
      const bool found =
          is_flow ? read_golden<FlowRecord>(shorter, counters).has_value() : read_golden<CounterRecord>(shorter, counters).has_value();
      EXPECT_EQ(found ? 0U : 1U, counters.records_broken);
      return found;
    };
    EXPECT_TRUE(decoded(golden.body.size()));
    const bool ends_in_padding = golden.format == 1 || golden.format == 1005 || golden.format == 1038 || golden.format == 1041 ||
                                 golden.format == 1042 || golden.format == 2000;
    const bool has_later_fields = golden.format == 2003;
    for (std::size_t cut = 1; cut < golden.body.size(); ++cut) {
      if ((ends_in_padding && cut < 4) || (has_later_fields && cut <= 12)) continue;
      EXPECT_FALSE(decoded(golden.body.size() - cut)) << golden.format << " without its last " << cut << " octets";
    }
  }
  std::set<std::uint32_t> known_flow, known_counter;
  for (const Structure& one : flow_structures()) known_flow.insert(one.format);
  for (const Structure& one : counter_structures()) known_counter.insert(one.format);
  EXPECT_EQ(flow, known_flow);
  EXPECT_EQ(counter, known_counter);
}

TEST(Sflow, ListsAndTextsLookIntoTheDatagram) {
  const Bytes path = Bytes().u32(2).u32(2).add(xdr_numbers({64496, 64497})).u32(1).add(xdr_numbers({64498}));
  const Bytes record = tagged(1003, Bytes().add(xdr_ipv4(1)).words({1, 2, 3}).add(path).add(xdr_numbers({7, 8, 9})).u32(100));
  DecodeCounters counters;
  const auto read = FlowRecordReader({.count = 1, .octets = {record.octets()}}, counters).next();
  ASSERT_TRUE(read);
  const auto& gateway = std::get<ExtendedGateway>(*read);
  std::vector<std::vector<std::uint32_t>> segments;
  gateway.dst_as_path.for_each([&](std::uint32_t kind, const NumberList& numbers) {
    segments.push_back({kind});
    for (std::size_t i = 0; i < numbers.size(); ++i) segments.back().push_back(numbers[i]);
  });
  EXPECT_EQ(segments, (std::vector<std::vector<std::uint32_t>>{{2, 64496, 64497}, {1, 64498}}));
  ASSERT_EQ(gateway.communities.size(), 3U);
  EXPECT_EQ(gateway.communities[2], 9U);
}

TEST(Sflow, AddressesOfADomainSTapsComeWithTheIfIndexZero) {
  const Bytes record = tagged(2001, Bytes().u32(1).u32(0).u32(2).add(xdr_mac(kMacA)).add(xdr_mac(kMacB)));
  DecodeCounters counters;
  const auto read = CounterRecordReader({.count = 1, .octets = {record.octets()}}, counters).next();
  ASSERT_TRUE(read);
  std::vector<std::string> found;
  std::get<HostAdapters>(*read).adapters.for_each(
      [&](std::uint32_t if_index, const MacAddress& mac) { found.push_back(std::to_string(if_index) + " " + mac.text()); });
  EXPECT_THAT(found, ElementsAre("0 52:54:00:00:00:01", "0 52:54:00:00:00:02"));
}

std::optional<Packet> packet_of(const SampledHeader& header) {
  Packet packet;
  const bool has = sampled_packet(header, {}, packet);
  EXPECT_EQ(has, has_packet(header));
  return has ? std::optional(packet) : std::nullopt;
}

TEST(Sflow, ASampledHeaderGivesItsPacket) {
  const Bytes frame = ethernet(0x0800, ipv4(6, tcp(Bytes().fill(1000))));
  SampledHeader header{.protocol = 1, .frame_length = 1058, .stripped = 4, .header = {frame.octets().first(128)}};
  const auto packet = packet_of(header);
  ASSERT_TRUE(packet);
  EXPECT_EQ(*packet, decode_packet(frame.octets().first(128), 1054));
  EXPECT_EQ(packet->outer.payload_length, 1000U);
  header.protocol = 11;
  header.header.octets = frame.octets().subspan(14, 100);
  ASSERT_TRUE(packet_of(header));
  EXPECT_EQ(packet_of(header)->outer.tcp->dst_port, 443);
  header.protocol = 7;
  EXPECT_EQ(packet_of(header), std::nullopt);
  header = {.protocol = 1, .frame_length = 3, .stripped = 4, .header = {frame.octets().first(128)}};
  EXPECT_EQ(packet_of(header)->outer.length, 128U);  // no less than there is
}

TEST(Sflow, CountersAddUp) {
  DecodeCounters all;
  std::uint64_t n = 1;
  DecodeCounters::fields(all, [&](std::string_view, std::uint64_t& value) { value = n++; });
  EXPECT_EQ(n - 1, sizeof(DecodeCounters) / sizeof(std::uint64_t));  // none is forgotten
  DecodeCounters twice = all;
  twice += all;
  n = 1;
  DecodeCounters::fields(twice, [&](std::string_view, std::uint64_t value) { EXPECT_EQ(value, 2 * n++); });
}

std::string table(std::span<const Structure> structures) {
  std::ostringstream text;
  for (const Structure& one : structures) {
    text << "| " << one.format << " | `" << one.name << "` | " << one.specification << " | " << one.use << " |\n";
  }
  return text.str();
}

TEST(Sflow, TheDocumentationListsTheSameStructures) {
  std::ifstream file(VMTRAFFIC_TEST_DATA "/../../docs/sflow.md");
  std::map<std::string, std::string> tables;
  std::string section;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ") || line.starts_with("### ")) section = line.substr(line.find(' ') + 1);
    if (tables.empty() && section != "Samples") continue;  // other tables, before those of structures
    if (line.starts_with("| ") && line.size() > 2 && line[2] >= '0' && line[2] <= '9') tables[section] += line + "\n";
  }
  EXPECT_EQ(tables, (std::map<std::string, std::string>{{"Samples", table(kSampleFormats)},
                                                        {"Flow records", table(flow_structures())},
                                                        {"Counter records", table(counter_structures())}}));
}

}  // namespace
}  // namespace vmtraffic::sflow
