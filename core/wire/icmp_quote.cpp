#include "core/wire/icmp_quote.hpp"

#include "core/wire/address.hpp"

namespace vmtraffic {
namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint16_t kFragmentOffset = 0x1FFF;

}  // namespace

std::optional<QuotedSegment> quoted_segment(Octets body) {
  ByteReader r(body);
  r.skip(4);
  const std::uint8_t first = r.u8();
  QuotedSegment out;
  if (first >> 4 == 4) {
    r.skip(5);
    const bool later = (r.u16() & kFragmentOffset) != 0;
    r.skip(1);
    if (later || r.u8() != kTcp) return std::nullopt;
    r.skip(2);
    out.src = read_ipv4(r);
    out.dst = read_ipv4(r);
    const std::size_t header = std::size_t{first & 0xFU} * 4;
    if (header < 20) return std::nullopt;
    r.skip(header - 20);
  } else if (first >> 4 == 6) {
    r.skip(5);
    if (r.u8() != kTcp) return std::nullopt;
    r.skip(1);
    out.src = read_ipv6(r);
    out.dst = read_ipv6(r);
  } else {
    return std::nullopt;
  }
  out.src_port = r.u16();
  out.dst_port = r.u16();
  out.seq = r.u32();
  return r.ok() ? std::optional(out) : std::nullopt;
}

}  // namespace vmtraffic
