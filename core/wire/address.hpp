// Addresses as they stand in octets. All zero where the reader has fewer, which it then says itself.
#pragma once

#include <array>
#include <bit>
#include <cstring>

#include "core/address.hpp"
#include "core/types.hpp"
#include "core/wire/byte_reader.hpp"

namespace vmtraffic {

inline IpAddress read_ipv4(ByteReader& reader) {
  // Put together in a register: four octets that are written among sixteen and read with them at once make a processor wait.
  std::array<std::uint32_t, 4> words{};
  if (const Octets taken = reader.take(4); !taken.empty()) std::memcpy(words.data(), taken.data(), sizeof(words[0]));
  return {.version = 4, .octets = std::bit_cast<std::array<std::uint8_t, 16>>(words)};
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
