#include "core/text.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

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

// Characters that move the cursor, change direction or are invisible line ends: a terminal or a web page must not obey them.
bool is_control(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x061C || (code >= 0x200B && code <= 0x200F) || code == 0x2028 ||
         code == 0x2029 || (code >= 0x202A && code <= 0x202E) || (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF;
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
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c.code);  // all of these are below U+10000
    } else {
      out += octets;
    }
    text.remove_prefix(c.size);
  }
  out += '"';
  return out;
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
