#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

namespace vmtraffic {
namespace {

struct Character {
  std::uint32_t code{0};
  std::size_t size{1};
  bool valid{false};
};

// The first character of non-empty text by RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF.
Character first_character(std::string_view text) {
  const auto octet = [&](std::size_t i) -> std::uint32_t { return static_cast<std::uint8_t>(text[i]); };
  const std::uint32_t lead = octet(0);
  if (lead < 0x80) return {lead, 1, true};
  std::size_t size = 0;
  std::uint32_t code = 0;
  std::uint32_t least = 0;
  if ((lead & 0xE0) == 0xC0) {
    size = 2, code = lead & 0x1F, least = 0x80;
  } else if ((lead & 0xF0) == 0xE0) {
    size = 3, code = lead & 0x0F, least = 0x800;
  } else if ((lead & 0xF8) == 0xF0) {
    size = 4, code = lead & 0x07, least = 0x10000;
  } else {
    return {};
  }
  if (text.size() < size) return {};
  for (std::size_t i = 1; i < size; ++i) {
    if ((octet(i) & 0xC0) != 0x80) return {};
    code = (code << 6) | (octet(i) & 0x3F);
  }
  if (code < least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {code, size, true};
}

// Characters that move the cursor or change direction, which a terminal or a web page must not obey, and those that nobody sees (Unicode's
// Default_Ignorable_Code_Point, line ends and annotations), so that two names that differ look different.
bool is_control(std::uint32_t code) {
  constexpr std::pair<std::uint32_t, std::uint32_t> kRanges[] = {
      {0x0000, 0x001F}, {0x007F, 0x009F}, {0x00AD, 0x00AD},   {0x034F, 0x034F},   {0x061C, 0x061C},  {0x115F, 0x1160}, {0x17B4, 0x17B5},
      {0x180B, 0x180F}, {0x200B, 0x200F}, {0x2028, 0x202E},   {0x2060, 0x206F},   {0x3164, 0x3164},  {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF},
      {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}};
  return std::any_of(std::begin(kRanges), std::end(kRanges), [code](const auto& r) { return code >= r.first && code <= r.second; });
}

void append_octets(std::string& out, std::string_view octets, std::string_view prefix) {
  for (const char c : octets) fmt::format_to(std::back_inserter(out), "{}{:02x}", prefix, static_cast<std::uint8_t>(c));
}

}  // namespace

std::string printable(std::string_view text, std::string_view also) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character c = first_character(text);
    const std::string_view octets = text.substr(0, c.size);
    if (c.code == '\\') {
      out += "\\\\";
    } else if (!c.valid || is_control(c.code) || (c.code < 0x80 && also.find(text.front()) != std::string_view::npos)) {
      append_octets(out, octets, "\\x");
    } else {
      out += octets;
    }
    text.remove_prefix(c.size);
  }
  return out;
}

std::string json_string(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  while (!text.empty()) {
    const Character c = first_character(text);
    const std::string_view octets = text.substr(0, c.size);
    if (!c.valid) {
      append_octets(out, octets, "\\\\x");
    } else if (c.code == '"') {
      out += "\\\"";
    } else if (c.code == '\\') {
      out += "\\\\\\\\";  // a literal backslash reads as two, so that it cannot be mistaken for an octet's `\x`
    } else if (is_control(c.code)) {
      if (c.code < 0x10000) {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", c.code);
      } else {  // a surrogate pair (RFC 8259, section 7)
        fmt::format_to(std::back_inserter(out), "\\u{:04x}\\u{:04x}", 0xD800 + ((c.code - 0x10000) >> 10), 0xDC00 + (c.code & 0x3FF));
      }
    } else {
      out += octets;
    }
    text.remove_prefix(c.size);
  }
  out += '"';
  return out;
}

std::uint64_t fnv1a(std::string_view octets) {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (const char octet : octets) {
    hash ^= static_cast<unsigned char>(octet);
    hash *= 0x0000'0100'0000'01b3;
  }
  return hash;
}

std::string fitted(std::string text, std::size_t limit) {
  constexpr std::size_t kMark = 17;  // '~' and 16 hex digits
  if (text.size() <= limit) return text;
  const std::uint64_t hash = fnv1a(text);
  std::size_t end = limit < kMark ? 0 : limit - kMark;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;  // not inside a character
  text.resize(end);
  return fmt::format("{}~{:016x}", text, hash);
}

std::string shortened(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  constexpr std::string_view kEllipsis = "…";
  const bool room = limit >= kEllipsis.size();
  const std::size_t budget = room ? limit - kEllipsis.size() : limit;
  std::size_t kept = 0;
  while (kept < text.size()) {
    const std::size_t size = first_character(text.substr(kept)).size;
    if (kept + size > budget) break;
    kept += size;
  }
  std::string out(text.substr(0, kept));
  if (room) out += kEllipsis;
  return out;
}

}  // namespace vmtraffic
