// dpi_dump PCAP [SNAP]: writes the tests' conversations into a recording, each packet cut to SNAP octets, and what core/dpi takes them for
// to standard output: lines of "version protocol server-port name".
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "core/dpi/application_detector.hpp"
#include "tests/unit/dpi_conversations.hpp"

int main(int argc, char** argv) {
  using namespace vmtraffic;
  if (argc < 2) return 2;
  const std::size_t snap = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 65535;
  auto detector = ApplicationDetector::make({});
  if (!detector) return std::fprintf(stderr, "dpi_dump: %s\n", detector.error().text.c_str()), 1;
  std::ofstream out(argv[1], std::ios::binary);
  const auto write = [&](const dpi_test::Bytes& bytes) { out << text_of(bytes.octets()); };
  // The file's own order of octets is the network's. Link type 101: packets begin with their IP header.
  write(dpi_test::Bytes().u32(0xA1B2C3D4).u16(2).u16(4).u32(0).u32(0).u32(snap).u32(101));
  Nanoseconds now = 1000 * kSecond;
  for (const dpi_test::Conversation& all : dpi_test::known_conversations()) {
    ApplicationFlow flow;
    Application found;
    bool final = false;
    for (const dpi_test::Bytes& packet : all.packets) {
      const Octets cut = packet.octets().first(std::min(snap, packet.size()));
      now += kSecond / 1000;
      const auto micros = static_cast<std::uint64_t>(now % kSecond / 1000), seconds = static_cast<std::uint64_t>(now / kSecond);
      write(dpi_test::Bytes().u32(seconds).u32(micros).u32(cut.size()).u32(packet.size()));
      out << text_of(cut);
      if (final) continue;
      const DetectionStep step = (*detector)->inspect(flow, cut, packet.size(), now);
      if ((final = step.detection == Detection::kFinal)) found = step.application;
    }
    if (!final) found = (*detector)->give_up(flow);
    const bool v4 = all.name.back() == '4';
    ByteReader first(all.packets.front().octets());
    first.skip(v4 ? 9 : 6);
    const unsigned protocol = first.u8();
    first.skip(v4 ? 12 : 35);
    std::printf("%d %u %u %s\n", v4 ? 4 : 6, protocol, unsigned{first.u16()}, found.name.c_str());
  }
  return out.flush() ? 0 : 1;
}
