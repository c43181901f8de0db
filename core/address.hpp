// IP addresses and networks of either version, as plain values. MAC addresses are in core/types.hpp.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vmtraffic {

struct IpAddress {
  std::uint8_t version{0};                // 4, 6, or 0: none known
  std::array<std::uint8_t, 16> octets{};  // an IPv4 address has the first four, the others are 0

  friend std::strong_ordering operator<=>(const IpAddress&, const IpAddress&) = default;
  // Tables of conversations compare and hash addresses for each packet: as two numbers, not as 16 octets.
  using Halves = std::array<std::uint64_t, 2>;
  Halves halves() const { return std::bit_cast<Halves>(octets); }
  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    const Halves left = a.halves(), right = b.halves();
    return a.version == b.version && left[0] == right[0] && left[1] == right[1];
  }
  bool known() const { return version != 0; }
  bool is_loopback() const;  // 127.0.0.0/8, ::1
  std::string text() const;  // "10.0.0.1", "2001:db8::1" (RFC 5952), "unknown"
  static std::optional<IpAddress> parse(std::string_view text);

  template <class H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    const Halves halves = a.halves();
    return H::combine(std::move(h), halves[0] ^ a.version, halves[1]);
  }
};

// An address and the number of its leading bits that count. A network's own host bits are 0.
struct IpNetwork {
  IpAddress address;
  std::uint8_t prefix_length{0};  // up to 32 or 128

  friend auto operator<=>(const IpNetwork&, const IpNetwork&) = default;
  bool contains(const IpAddress& other) const;
  std::string text() const;  // "10.0.0.0/8"
  // "10.0.0.0/8", "2001:db8::/32", or an address alone. Nothing where a host bit is set: what was meant is not known then.
  static std::optional<IpNetwork> parse(std::string_view text);
};

}  // namespace vmtraffic
