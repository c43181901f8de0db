// What the decoders of core/wire made of octets, as JSON: for whole-value assertions, and for the comparison with tshark.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <variant>

#include "core/wire/packet.hpp"
#include "core/wire/sflow.hpp"

namespace vmtraffic::wire_test {

inline std::string hex(Octets octets) {
  std::string text;
  for (const std::byte octet : octets) text += fmt::format("{:02x}", std::to_integer<unsigned>(octet));
  return text;
}

inline std::string json_text(std::string_view text) {
  std::string made = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7E) {
      made += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      made += c;
    }
  }
  return made + '"';
}

// Collects "name": value pairs. Also what the structures' fields() visit.
class JsonObject {
 public:
  void raw(std::string_view name, std::string_view value) { text_ += fmt::format("{}\"{}\":{}", text_.empty() ? "" : ",", name, value); }
  void operator()(std::string_view name, std::uint32_t value) { raw(name, fmt::to_string(value)); }
  void operator()(std::string_view name, std::uint64_t value) { raw(name, fmt::to_string(value)); }
  void operator()(std::string_view name, bool value) { raw(name, value ? "true" : "false"); }
  template <class T>
  void operator()(std::string_view name, const std::optional<T>& value) {
    raw(name, value ? fmt::to_string(*value) : "null");
  }
  void operator()(std::string_view name, std::string_view value) { raw(name, json_text(value)); }
  void operator()(std::string_view name, const char* value) { raw(name, json_text(value)); }
  void operator()(std::string_view name, const MacAddress& value) { raw(name, json_text(value.text())); }
  void operator()(std::string_view name, const DomainUuid& value) { raw(name, json_text(value.text())); }
  void operator()(std::string_view name, const IpAddress& value) { raw(name, json_text(value.text())); }
  void operator()(std::string_view name, const sflow::SampledOctets& value) { raw(name, json_text(hex(value.octets))); }
  void operator()(std::string_view name, const sflow::NumberList& value) { raw(name, list(value)); }
  void operator()(std::string_view name, const sflow::AsPath& value) {
    std::string items;
    value.for_each([&](std::uint32_t kind, const sflow::NumberList& numbers) {
      items += fmt::format("{}[{},{}]", items.empty() ? "" : ",", kind, list(numbers));
    });
    raw(name, "[" + items + "]");
  }
  void operator()(std::string_view name, const sflow::AdapterList& value) {
    std::string items;
    value.for_each([&](std::uint32_t if_index, const MacAddress& mac) {
      items += fmt::format("{}[{},\"{}\"]", items.empty() ? "" : ",", if_index, mac.text());
    });
    raw(name, "[" + items + "]");
  }
  void address(std::string_view name, const IpAddress& value) { (*this)(name, value); }
  void ipv4(std::string_view name, const IpAddress& value) { (*this)(name, value); }
  void ipv6(std::string_view name, const IpAddress& value) { (*this)(name, value); }
  template <class T>
  void trailing(std::string_view name, const T& value) {
    (*this)(name, value);
  }
  std::string text() const { return "{" + text_ + "}"; }

 private:
  static std::string list(const sflow::NumberList& numbers) {
    std::string items;
    for (std::size_t i = 0; i < numbers.size(); ++i) items += fmt::format("{}{}", i == 0 ? "" : ",", numbers[i]);
    return "[" + items + "]";
  }
  std::string text_;
};

std::string json_of(const sflow::FlowRecord& record);
std::string json_of(const sflow::CounterRecord& record);
std::string json_of(const sflow::DecodeCounters& counters);  // those that are not 0
// The whole datagram with its samples, records and counters.
std::string json_of_datagram(Octets octets);

std::string json_of(const Frame& frame, Octets snapshot);
std::string json_of(const Packet& packet, Octets snapshot);

}  // namespace vmtraffic::wire_test
