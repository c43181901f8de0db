// tcp_dump RECORDING: what core/traffic/tcp_connection.hpp is told of each TCP segment of a recording (pcap, pcapng), as JSON, a segment a
// line: {"frame": N, "rtt_us": N or null, "again": N, "lost_before": N, "reordered": N, "spurious": N, "duplicated": N, "unseen": N}.
//
// Frames count from 1. "again" are segments that were seen before, sent again by this frame and not known to have arrived: lost after the
// tap, unless a later frame's "duplicated" takes them back.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <tuple>

#include "core/probes/packet_file.hpp"
#include "core/traffic/tcp_connection.hpp"

namespace vmtraffic {
namespace {

using End = std::tuple<std::uint8_t, IpAddress::Halves, std::uint16_t>;

// Segments of that end that are sent again and not settled. The connection itself must not be settled: a duplicate may still be reported.
std::uint32_t unsettled(TcpConnection copy, std::uint8_t end) { return copy.settle(end, std::numeric_limits<Nanoseconds>::max()); }

int run(const char* recording) {
  auto file = PacketFile::open(recording);
  if (!file) {
    fmt::print(stderr, "tcp_dump: {}\n", file.error().text);
    return EXIT_FAILURE;
  }
  std::map<std::pair<End, End>, TcpConnection> connections;
  TcpGaps gaps(1024);
  TcpEvents events{};
  Packet packet;
  CapturedPacket captured;
  while (file->next_captured({&captured, 1}) > 0) {
    decode_packet(captured.octets, captured.wire_length, {}, packet);
    const Frame& frame = packet.outer;
    if (!frame.ip || !frame.tcp) continue;
    const End src{frame.ip->version(), frame.ip->src.halves(), frame.tcp->src_port};
    const End dst{frame.ip->version(), frame.ip->dst.halves(), frame.tcp->dst_port};
    const std::uint8_t from = dst < src ? 1 : 0;
    TcpConnection& connection = connections[std::minmax(src, dst)];
    const std::uint32_t before = unsettled(connection, from);
    events.clear();
    connection.take({*frame.tcp, frame.payload_length, captured.octets, captured.walltime}, from, gaps, events);
    const auto told = [&](TcpEvents::Kind kind, std::uint32_t what) { return events.has(kind) ? what : 0; };
    fmt::print(
        "{{\"frame\": {}, \"rtt_us\": {}, \"again\": {}, \"lost_before\": {}, \"reordered\": {}, \"spurious\": {}, \"duplicated\": {}, "
        "\"unseen\": {}}}\n",
        file->packets(), events.has(TcpEvents::kRoundTrip) ? fmt::format("{}", events.rtt / 1000) : "null",
        unsettled(connection, from) - before, told(TcpEvents::kLostBefore, events.lost_before),
        told(TcpEvents::kReordered, events.reordered), told(TcpEvents::kSpurious, events.spurious),
        told(TcpEvents::kDuplicated, events.duplicated), told(TcpEvents::kUnseen, events.unseen));
  }
  if (file->fault()) fmt::print(stderr, "tcp_dump: {}\n", file->fault()->text);
  return file->fault() ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace
}  // namespace vmtraffic

int main(int count, char** words) {
  if (count != 2) {
    fmt::print(stderr, "usage: tcp_dump RECORDING\n");
    return EXIT_FAILURE;
  }
  return vmtraffic::run(words[1]);
}
