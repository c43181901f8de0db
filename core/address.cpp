#include "core/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace vmtraffic {
namespace {

void append_hex(std::string& text, unsigned group) {
  constexpr std::string_view digits = "0123456789abcdef";
  bool leading = true;
  for (int shift = 12; shift >= 0; shift -= 4) {
    const unsigned digit = group >> shift & 0xF;
    if (digit == 0 && leading && shift > 0) continue;
    leading = false;
    text += digits[digit];
  }
}

struct Run {
  std::size_t first{8};
  std::size_t length{1};  // a single zero group is written out (RFC 5952 section 4.2.2)
};

// The first among the longest runs of zero groups.
Run longest_zero_run(const std::array<unsigned, 8>& groups) {
  Run longest;
  for (std::size_t i = 0; i < 8;) {
    std::size_t end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > longest.length) longest = {i, end - i};
    i = end + 1;
  }
  return longest;
}

std::string ipv6_text(const std::array<std::uint8_t, 16>& octets) {
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < 8; ++i) groups[i] = octets[2 * i] * 256u + octets[2 * i + 1];
  const Run run = longest_zero_run(groups);
  std::string text;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == run.first) {
      text += "::";
      i += run.length - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    append_hex(text, groups[i]);
  }
  return text;
}

}  // namespace

bool IpAddress::is_loopback() const {
  if (version == 4) return octets[0] == 127;
  IpAddress one{.version = 6};
  one.octets[15] = 1;
  return *this == one;
}

std::string IpAddress::text() const {
  if (version == 6) return ipv6_text(octets);
  if (version != 4) return "unknown";
  std::string text;
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) text += '.';
    text += std::to_string(octets[i]);
  }
  return text;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  IpAddress out;
  const std::string name(text);
  if (name.find('\0') != std::string::npos) return std::nullopt;
  if (inet_pton(AF_INET, name.c_str(), out.octets.data()) == 1) {
    out.version = 4;
  } else if (inet_pton(AF_INET6, name.c_str(), out.octets.data()) == 1) {
    out.version = 6;
  } else {
    return std::nullopt;
  }
  return out;
}

bool IpNetwork::contains(const IpAddress& other) const {
  if (other.version != address.version) return false;
  const std::size_t whole = prefix_length / 8u;
  if (!std::equal(other.octets.begin(), other.octets.begin() + static_cast<std::ptrdiff_t>(whole), address.octets.begin())) return false;
  const unsigned rest = prefix_length % 8u;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFF << (8 - rest));
  return ((other.octets[whole] ^ address.octets[whole]) & mask) == 0;
}

std::string IpNetwork::text() const { return address.text() + "/" + std::to_string(prefix_length); }

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const std::uint8_t longest = address->version == 4 ? 32 : 128;
  IpNetwork out{*address, longest};
  if (slash == std::string_view::npos) return out;
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() || length > longest) return std::nullopt;
  out.prefix_length = static_cast<std::uint8_t>(length);
  for (unsigned bit = length; bit < longest; ++bit) {
    if ((out.address.octets[bit / 8] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  }
  return out;
}

}  // namespace vmtraffic
