// Addresses as they stand in octets. All zero where the reader has fewer, which it then says itself.
#pragma once

#include <array>
#include <bit>
#include <cstring>

#include "core/address.hpp"
#include "core/types.hpp"
#include "core/wire/byte_reader.hpp"

namespace vmtraffic {

// In place, and by two words: octets that are written one way and read another at once make a processor wait.
inline void read_ipv4(ByteReader& reader, IpAddress& out) {
  std::uint32_t address = 0;
  if (const Octets taken = reader.take(sizeof(address)); !taken.empty()) std::memcpy(&address, taken.data(), sizeof(address));
  const IpAddress::Halves halves{IpAddress::Halves::value_type{address}, 0};
  out.version = 4;
  for (std::size_t half : {0U, 1U}) std::memcpy(out.octets.data() + half * sizeof(halves[half]), &halves[half], sizeof(halves[half]));
}

inline IpAddress read_ipv4(ByteReader& reader) {
  IpAddress address;
  read_ipv4(reader, address);
  return address;
}

inline IpAddress read_ipv6(ByteReader& reader) {
  IpAddress address{.version = 6};
  if (const Octets taken = reader.take(16); !taken.empty()) std::memcpy(address.octets.data(), taken.data(), 16);
  return address;
}

inline MacAddress read_mac(ByteReader& reader) {
  MacAddress mac;
  if (const Octets taken = reader.take(6); !taken.empty()) std::memcpy(mac.octets.data(), taken.data(), 6);
  return mac;
}

}  // namespace vmtraffic
