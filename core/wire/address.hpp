// Addresses as they stand in octets. All zero where the reader has fewer, which it then says itself.
#pragma once

#include "core/address.hpp"
#include "core/types.hpp"
#include "core/wire/byte_reader.hpp"

namespace vmtraffic {

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
