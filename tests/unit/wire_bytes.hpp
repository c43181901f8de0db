// Octets in network order, put together by hand: what the tests of core/wire are made of.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "core/wire/byte_reader.hpp"

namespace vmtraffic::wire_test {

class Bytes {
 public:
  Bytes& u8(std::uint64_t value) { return number(value, 1); }
  Bytes& u16(std::uint64_t value) { return number(value, 2); }
  Bytes& u24(std::uint64_t value) { return number(value, 3); }
  Bytes& u32(std::uint64_t value) { return number(value, 4); }
  Bytes& u64(std::uint64_t value) { return number(value, 8); }
  Bytes& f32(float value) { return u32(std::bit_cast<std::uint32_t>(value)); }
  Bytes& words(std::initializer_list<std::uint32_t> values) {
    for (const std::uint32_t value : values) u32(value);
    return *this;
  }
  Bytes& raw(std::initializer_list<unsigned> octets) {
    for (const unsigned octet : octets) u8(octet);
    return *this;
  }
  Bytes& text(std::string_view text) {
    for (const char c : text) u8(static_cast<unsigned char>(c));
    return *this;
  }
  Bytes& fill(std::size_t count, unsigned octet = 0) {
    octets_.insert(octets_.end(), count, static_cast<std::byte>(octet));
    return *this;
  }
  Bytes& add(const Bytes& other) {
    octets_.insert(octets_.end(), other.octets_.begin(), other.octets_.end());
    return *this;
  }

  std::size_t size() const { return octets_.size(); }
  Octets octets() const { return octets_; }
  const std::vector<std::byte>& vector() const { return octets_; }

 private:
  Bytes& number(std::uint64_t value, std::size_t width) {
    for (std::size_t i = width; i-- > 0;) octets_.push_back(static_cast<std::byte>(value >> (8 * i) & 0xFF));
    return *this;
  }
  std::vector<std::byte> octets_;
};

}  // namespace vmtraffic::wire_test
