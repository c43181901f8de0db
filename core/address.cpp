#include "core/wire/address.hpp"

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

}  // namespace vmtraffic
