// The kinds of fields that sFlow's structures are made of (XDR, RFC 4506), and how they are read.
//
// Promised: lists and texts are views into the datagram, checked once when they are read: a count that its record has no room for makes the
// record broken. Nothing is sized by a number from the wire.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/types.hpp"
#include "core/wire/address.hpp"
#include "core/wire/byte_reader.hpp"

namespace vmtraffic::sflow {

// One entry of the tables in docs/sflow.md.
struct Structure {
  std::uint32_t format{0};
  std::string_view name{};
  std::string_view specification{};
  std::string_view use{};
  friend bool operator==(const Structure&, const Structure&) = default;
};

using Counter32 = std::optional<std::uint32_t>;  // all ones on the wire: the agent does not know
using Counter64 = std::optional<std::uint64_t>;
using Average = std::optional<float>;  // negative on the wire: the agent does not know

// Octets that compare by content.
struct SampledOctets {
  Octets octets;
  friend bool operator==(const SampledOctets& a, const SampledOctets& b) {
    return std::equal(a.octets.begin(), a.octets.end(), b.octets.begin(), b.octets.end());
  }
};

// Numbers of 4 octets.
struct NumberList {
  SampledOctets numbers{};
  std::size_t size() const { return numbers.octets.size() / 4; }
  std::uint32_t operator[](std::size_t i) const { return ByteReader(numbers.octets.subspan(4 * i, 4)).u32(); }
  friend bool operator==(const NumberList&, const NumberList&) = default;
};

inline NumberList read_numbers(ByteReader& reader) {
  const std::uint32_t count = reader.u32();
  if (count > reader.remaining() / 4) {
    reader.fail();
    return {};
  }
  return {{reader.take(std::size_t{count} * 4)}};
}

// Segments of a path of autonomous systems: | kind 4 (1 set, 2 sequence) | count 4 | AS 4 … |
struct AsPath {
  SampledOctets segments{};
  template <class Visit>  // visit(kind, NumberList)
  void for_each(Visit&& visit) const {
    ByteReader reader(segments.octets);
    while (reader.remaining() > 0) {
      const std::uint32_t kind = reader.u32();
      visit(kind, read_numbers(reader));
    }
  }
  friend bool operator==(const AsPath&, const AsPath&) = default;
};

// Adapters of a host: | ifIndex 4 | count 4 | MAC 6, padded to 8 … |. hsflowd gives the vNICs of a domain the ifIndex 0.
struct AdapterList {
  SampledOctets adapters{};
  template <class Visit>  // visit(if_index, MacAddress), once for each address
  void for_each(Visit&& visit) const {
    ByteReader reader(adapters.octets);
    while (reader.remaining() > 0) {
      const std::uint32_t if_index = reader.u32();
      for (std::uint32_t count = reader.u32(); count > 0 && reader.remaining() > 0; --count) {
        visit(if_index, read_mac(reader));
        reader.skip(2);
      }
    }
  }
  friend bool operator==(const AdapterList&, const AdapterList&) = default;
};

// Reads the fields of one structure in the order in which its fields() names them.
class FieldReader {
 public:
  explicit FieldReader(ByteReader& reader) : reader_(reader) {}

  void operator()(std::string_view, std::uint32_t& field) { field = reader_.u32(); }
  void operator()(std::string_view, std::uint64_t& field) { field = reader_.u64(); }
  void operator()(std::string_view, Counter32& field) {
    if (const std::uint32_t value = reader_.u32(); value != 0xFFFF'FFFF) field = value;
  }
  void operator()(std::string_view, Counter64& field) {
    if (const std::uint64_t value = reader_.u64(); value != 0xFFFF'FFFF'FFFF'FFFF) field = value;
  }
  void operator()(std::string_view, Average& field) {
    if (const float value = reader_.f32(); value >= 0) field = value;  // neither negative nor not a number
  }
  void operator()(std::string_view, std::string_view& field) { field = text_of(opaque()); }
  void operator()(std::string_view, SampledOctets& field) { field.octets = opaque(); }
  void operator()(std::string_view, NumberList& field) { field = read_numbers(reader_); }
  void operator()(std::string_view, MacAddress& field) {
    field = read_mac(reader_);
    reader_.skip(2);
  }
  void operator()(std::string_view, DomainUuid& field) {
    const Octets taken = reader_.take(field.octets.size());
    for (std::size_t i = 0; i < taken.size(); ++i) field.octets[i] = std::to_integer<std::uint8_t>(taken[i]);
  }
  void operator()(std::string_view, AsPath& field) {
    field.segments.octets = items([](ByteReader& reader) {
      reader.skip(4);
      read_numbers(reader);
    });
  }
  void operator()(std::string_view, AdapterList& field) {
    field.adapters.octets = items([](ByteReader& reader) {
      reader.skip(4);
      const std::uint32_t count = reader.u32();
      if (count > reader.remaining() / 8) return reader.fail();
      reader.skip(std::size_t{count} * 8);
    });
  }
  void address(std::string_view, IpAddress& field) { field = read_address(reader_); }
  void ipv4(std::string_view, IpAddress& field) { field = read_ipv4(reader_); }
  void ipv6(std::string_view, IpAddress& field) { field = read_ipv6(reader_); }
  // What a later edition put at the end of a structure, and older agents do not send.
  void trailing(std::string_view name, Counter32& field) {
    if (reader_.remaining() >= 4) (*this)(name, field);
  }

  // | type 4: 0 unknown, 1 IPv4, 2 IPv6 | nothing, 4 or 16 octets |
  static IpAddress read_address(ByteReader& reader) {
    switch (reader.u32()) {
      case 0:
        return {};
      case 1:
        return read_ipv4(reader);
      case 2:
        return read_ipv6(reader);
      default:
        reader.fail();
        return {};
    }
  }

 private:
  // | length 4 | octets | padding to 4 |. Some agents leave the padding out at the end of a record.
  Octets opaque() {
    const std::uint32_t length = reader_.u32();
    const Octets taken = reader_.take(length);
    reader_.skip(std::min<std::size_t>(reader_.remaining(), -std::size_t{length} % 4));
    return taken;
  }

  // A counted list of items of varying length, as the octets that they have together.
  template <class Skip>
  Octets items(Skip&& skip) {
    const std::uint32_t count = reader_.u32();
    const Octets all = reader_.rest();
    for (std::uint32_t i = 0; i < count && reader_.ok(); ++i) skip(reader_);  // each takes at least 8 octets, or fails
    return reader_.ok() ? all.first(all.size() - reader_.remaining()) : Octets{};
  }

  ByteReader& reader_;
};

// What the fields of one structure take together. 0: not always the same.
class FieldSizer {
 public:
  constexpr void operator()(std::string_view, const std::uint32_t&) { add(4); }
  constexpr void operator()(std::string_view, const std::uint64_t&) { add(8); }
  constexpr void operator()(std::string_view, const Counter32&) { add(4); }
  constexpr void operator()(std::string_view, const Counter64&) { add(8); }
  constexpr void operator()(std::string_view, const Average&) { add(4); }
  constexpr void operator()(std::string_view, const MacAddress&) { add(8); }
  constexpr void operator()(std::string_view, const DomainUuid&) { add(16); }
  template <class Varying>
  constexpr void operator()(std::string_view, const Varying&) {
    fixed_ = false;
  }
  constexpr void address(std::string_view, const IpAddress&) { fixed_ = false; }
  constexpr void ipv4(std::string_view, const IpAddress&) { add(4); }
  constexpr void ipv6(std::string_view, const IpAddress&) { add(16); }
  constexpr void trailing(std::string_view, const Counter32&) {}  // may be missing

  constexpr std::size_t size() const { return fixed_ ? size_ : 0; }

 private:
  constexpr void add(std::size_t octets) { size_ += octets; }
  std::size_t size_{0};
  bool fixed_{true};
};

template <class One>
consteval std::size_t fixed_size() {
  FieldSizer sizer;
  const One one{};
  One::fields(one, sizer);
  return sizer.size();
}

}  // namespace vmtraffic::sflow
