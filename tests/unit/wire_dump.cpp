// wire_dump packets | datagrams | pcap FILE | corpus DIRECTORY: what the decoders of core/wire say, one JSON object per line.
//
//   packets     the golden packets with their octets: tests/data/sflow/packets.jsonl
//   datagrams   the golden datagrams with their octets: tests/data/sflow/datagrams.jsonl
//   pcap FILE   each frame of a capture of sFlow datagrams: the frame itself, and its UDP payload read as a datagram
//   corpus DIR  writes the golden inputs as files into DIR/packet_fuzz and DIR/sflow_fuzz
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/unit/wire_golden.hpp"
#include "tests/unit/wire_json.hpp"

namespace {

using namespace vmtraffic;
using namespace vmtraffic::wire_test;

void print(const JsonObject& object) { std::printf("%s\n", object.text().c_str()); }

void print_packet(std::string_view name, Octets octets, std::size_t wire_length) {
  JsonObject object;
  object("name", name);
  object("octets", hex(octets));
  object("wire_length", std::uint64_t{wire_length});
  object.raw("packet", json_of(decode_packet(octets, wire_length), octets));
  print(object);
}

// Classic pcap of this machine's byte order, link type Ethernet: what tests/data/sflow/record.py and the comparison with tshark write.
int dump_pcap(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const Octets octets = std::as_bytes(std::span(all));
  for (std::size_t at = 24; at + 16 <= octets.size();) {
    std::uint32_t captured = 0, length = 0;
    std::memcpy(&captured, octets.data() + at + 8, 4);
    std::memcpy(&length, octets.data() + at + 12, 4);
    if (captured > octets.size() - at - 16) return 1;
    const Octets frame = octets.subspan(at + 16, captured);
    const Packet packet = decode_packet(frame, length);
    JsonObject object;
    object.raw("packet", wire_test::json_of(packet, frame));
    if (packet.outer.udp) object.raw("datagram", json_of_datagram(packet.outer.payload.of(frame)));
    print(object);
    at += 16 + captured;
  }
  return 0;
}

void write(const std::filesystem::path& directory, std::string name, Octets octets) {
  for (char& c : name) c = c == ' ' ? '-' : c;
  std::filesystem::create_directories(directory);
  std::ofstream(directory / name, std::ios::binary)
      .write(reinterpret_cast<const char*>(octets.data()), static_cast<std::streamsize>(octets.size()));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "packets") {
    for (const GoldenPacket& golden : golden_packets()) print_packet(golden.name, golden.octets.octets(), golden.wire_length);
  } else if (what == "datagrams") {
    for (const GoldenDatagram& golden : golden_datagrams()) {
      JsonObject object;
      object("name", golden.name);
      object("octets", hex(golden.octets.octets()));
      object.raw("datagram", json_of_datagram(golden.octets.octets()));
      print(object);
    }
  } else if (what == "pcap" && argc == 3) {
    return dump_pcap(argv[2]);
  } else if (what == "corpus" && argc == 3) {
    // The fuzz targets take their options from the first octet.
    for (const GoldenPacket& golden : golden_packets()) {
      write(std::filesystem::path(argv[2]) / "packet_fuzz", golden.name, Bytes().u8(0).add(golden.octets).octets());
    }
    for (const GoldenDatagram& golden : golden_datagrams()) {
      write(std::filesystem::path(argv[2]) / "sflow_fuzz", golden.name, golden.octets.octets());
    }
  } else {
    std::fprintf(stderr, "wire_dump packets | datagrams | pcap FILE | corpus DIRECTORY\n");
    return 1;
  }
  return 0;
}
