// An IP address of either version, as a plain value. MAC addresses are in core/types.hpp.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "core/types.hpp"
#include "core/wire/byte_reader.hpp"

namespace vmtraffic {

struct IpAddress {
  std::uint8_t version{0};                // 4, 6, or 0: none known
  std::array<std::uint8_t, 16> octets{};  // an IPv4 address has the first four, the others are 0

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
  bool known() const { return version != 0; }
  std::string text() const;  // "10.0.0.1", "2001:db8::1" (RFC 5952), "unknown"
};

// The next 4, 16, 6 octets. All zero where the reader has fewer, which it then says itself.
inline IpAddress read_ipv4(ByteReader& reader) {
  IpAddress address{.version = 4};
  const Octets taken = reader.take(4);
  for (std::size_t i = 0; i < taken.size(); ++i) address.octets[i] = std::to_integer<std::uint8_t>(taken[i]);
  return address;
}

inline IpAddress read_ipv6(ByteReader& reader) {
  IpAddress address{.version = 6};
  const Octets taken = reader.take(16);
  for (std::size_t i = 0; i < taken.size(); ++i) address.octets[i] = std::to_integer<std::uint8_t>(taken[i]);
  return address;
}

inline MacAddress read_mac(ByteReader& reader) {
  MacAddress mac;
  const Octets taken = reader.take(6);
  for (std::size_t i = 0; i < taken.size(); ++i) mac.octets[i] = std::to_integer<std::uint8_t>(taken[i]);
  return mac;
}

}  // namespace vmtraffic
