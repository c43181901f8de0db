// Options of a TCP header: RFC 9293 section 3.2 (MSS), RFC 7323 (window scale, timestamps), RFC 2018 and 2883 (SACK, D-SACK).
//
//   | kind 1 | length 1, with these two octets | value |, except kind 0 (end) and kind 1 (padding), which are single octets
#include "core/wire/packet.hpp"

namespace vmtraffic {

TcpOptions tcp_options(Octets snapshot, const Tcp& tcp) {
  TcpOptions options;
  ByteReader r(tcp.options.of(snapshot));
  while (r.remaining() > 0) {
    const std::uint8_t kind = r.u8();
    if (kind == 0) return options;  // end of list
    if (kind == 1) continue;        // padding
    const std::uint8_t length = r.u8();
    ByteReader value = r.sub(length < 2 ? r.remaining() + 1 : length - 2u);
    if (kind == 2) {
      const std::uint16_t mss = value.u16();
      if (value.ok()) options.mss = mss;
    } else if (kind == 3) {
      const std::uint8_t shift = value.u8();
      if (value.ok()) options.window_scale = shift;
    } else if (kind == 4) {
      options.sack_permitted = value.ok();
    } else if (kind == 5) {
      while (value.remaining() > 0) {
        const SackBlock block{.left = value.u32(), .right = value.u32()};
        if (value.ok()) options.sack.add(block);
      }
    } else if (kind == 8) {
      const TcpTimestamps timestamps{.value = value.u32(), .echo_reply = value.u32()};
      if (value.ok()) options.timestamps = timestamps;
    }
    options.complete = options.complete && value.ok();
  }
  const std::size_t whole = tcp.header_length < 20 ? 0 : tcp.header_length - 20u;
  options.complete = options.complete && r.ok() && tcp.options.length == whole;
  return options;
}

}  // namespace vmtraffic
