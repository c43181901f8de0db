// A cursor over octets in network order that never looks past its end.
//
// Promised: after the first read that finds too few octets, ok() is false for good, remaining() is 0 and every read gives zero or nothing.
// So a decoder reads like its specification and asks ok() once, a loop over remaining() ends, and no length on the wire leads anywhere
// outside. It owns nothing and allocates nothing: the octets must outlive it and all that it gave away.
#pragma once

#include <endian.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace vmtraffic {

using Octets = std::span<const std::byte>;

class ByteReader {
 public:
  ByteReader() = default;
  explicit ByteReader(Octets octets) : octets_(octets) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(number<1>()); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number<2>()); }
  std::uint32_t u24() { return static_cast<std::uint32_t>(number<3>()); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number<4>()); }
  std::uint64_t u64() { return number<8>(); }
  float f32() { return std::bit_cast<float>(u32()); }  // IEEE 754, as XDR has it (RFC 4506 section 4.6)

  // The next n octets, or none at all if there are fewer.
  Octets take(std::size_t n) {
    if (n > octets_.size()) {
      fail();
      return {};
    }
    const Octets taken = octets_.first(n);
    octets_ = octets_.subspan(n);
    return taken;
  }
  void skip(std::size_t n) { (void)take(n); }

  // A reader of the next n octets, which cannot see what follows them. It has failed already if there are fewer.
  ByteReader sub(std::size_t n) {
    const Octets taken = take(n);
    ByteReader child(taken);
    if (!ok_) child.fail();
    return child;
  }

  // What is left, without taking it.
  Octets rest() const { return octets_; }
  std::size_t remaining() const { return octets_.size(); }
  bool ok() const { return ok_; }
  void fail() {
    ok_ = false;
    octets_ = {};
  }

 private:
  template <std::size_t N>
  std::uint64_t number() {
    if (octets_.size() < N) {
      fail();
      return 0;
    }
    const std::byte* const at = octets_.data();
    octets_ = octets_.subspan(N);
    // Octet by octet compilers make as many loads of it.
    if constexpr (N == 2) return be16toh(host<std::uint16_t>(at));
    if constexpr (N == 4) return be32toh(host<std::uint32_t>(at));
    if constexpr (N == 8) return be64toh(host<std::uint64_t>(at));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < N; ++i) value = value << 8 | std::to_integer<std::uint64_t>(at[i]);
    return value;
  }

  template <class T>
  static T host(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof(value));
    return value;
  }

  Octets octets_;
  bool ok_{true};
};

// The same octets as text. Nothing is promised of their encoding: names from outside are made safe where they are shown.
inline std::string_view text_of(Octets octets) { return {reinterpret_cast<const char*>(octets.data()), octets.size()}; }

}  // namespace vmtraffic
