// Frames of every shape that a share of the flows looks at, in random order: the same for the filter's tests and the ring's.
#pragma once

#include <random>
#include <utility>

#include "tests/unit/wire_packet_builder.hpp"

namespace vmtraffic::filter_test {

class GeneratedFrames {
 public:
  wire_test::Bytes next() {
    using namespace wire_test;
    switch (one_of(12)) {
      case 0:
        return framed(0x0806, arp(1));
      case 1:
        return framed(0x88B5, Bytes().fill(40, 7));
      default:
        return one_of(2) == 0 ? framed(0x0800, of_ipv4()) : framed(0x86DD, of_ipv6());
    }
  }

 private:
  using Bytes = wire_test::Bytes;
  std::uint32_t one_of(std::uint32_t count) { return std::uniform_int_distribution<std::uint32_t>(0, count - 1)(random_); }

  // None, one or two VLAN tags of either kind.
  Bytes framed(std::uint32_t type, Bytes payload) {
    for (std::uint32_t tags = one_of(4); tags >= 2; --tags) {
      payload = wire_test::tag(one_of(4095), type, payload);
      type = one_of(2) == 0 ? 0x8100 : 0x88A8;
    }
    return wire_test::ethernet(type, payload, mac(), mac());
  }

  std::uint64_t mac() { return (std::uint64_t{one_of(0x8000)} << 33) + one_of(~0U); }  // no group's
  std::uint32_t port() { return one_of(12) == 0 ? 53 : one_of(65'536); }

  std::pair<std::uint32_t, Bytes> transport(std::uint32_t icmp) {
    using namespace wire_test;
    switch (one_of(6)) {
      case 0:
        return {icmp, echo(8, 1, 2, Bytes().fill(20))};
      case 1:
        return {132, Bytes().u16(port()).u16(port()).fill(20)};  // SCTP
      case 2:
      case 3:
        return {17, udp(port(), port(), Bytes().fill(one_of(40)))};
      default:
        return {6, tcp(Bytes().fill(one_of(40)), {.src = port(), .dst = port()})};
    }
  }

  Bytes of_ipv4() {
    auto [protocol, payload] = transport(1);
    wire_test::Ipv4Head head{.src = one_of(~0U), .dst = one_of(~0U)};
    head.options = Bytes().fill(4 * (one_of(3) == 0 ? one_of(11) : 0), 1);
    const std::uint32_t fragments[] = {0, 0x4000, 0x4000, 0x2000, 0x2010, 0x0010};
    head.fragment = fragments[one_of(6)];
    return wire_test::ipv4(protocol, payload, head);
  }

  Bytes of_ipv6() {
    auto [protocol, payload] = transport(58);
    const wire_test::Ipv6Head head{.src = one_of(~0U), .dst = one_of(~0U)};
    switch (one_of(8)) {
      case 0:
        return wire_test::ipv6(44, wire_test::fragment6(protocol, one_of(4) * 8, one_of(2) == 0, payload), head);
      case 1:
        return wire_test::ipv6(0, wire_test::extension(protocol, Bytes().fill(6, 1), payload), head);
      case 2:
        return wire_test::ipv6(60, wire_test::extension(protocol, Bytes().fill(6, 1), payload), head);
      default:
        return wire_test::ipv6(protocol, payload, head);
    }
  }

  std::mt19937 random_{20'240'611};
};

}  // namespace vmtraffic::filter_test
