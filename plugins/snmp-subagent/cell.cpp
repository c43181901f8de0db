#include "plugins/snmp-subagent/cell.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <limits>

#include "core/text.hpp"

namespace vmtraffic::snmp {
namespace {

constexpr std::size_t kAdminStringLimit = 255;
constexpr Nanoseconds kTick = kSecond / 100;

bool is_text(std::string_view octets) {
  return std::all_of(octets.begin(), octets.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; });
}

struct Describe {
  std::string operator()(Integer32 v) const { return fmt::format("INTEGER: {}", v.value); }
  std::string operator()(Unsigned32 v) const { return fmt::format("Gauge32: {}", v.value); }
  std::string operator()(TimeTicks v) const { return fmt::format("Timeticks: {}", v.value); }
  std::string operator()(Counter64 v) const { return fmt::format("Counter64: {}", v.value); }
  std::string operator()(const OctetString& v) const {
    if (is_text(v.octets)) return "STRING: " + v.octets;
    std::string out = "Hex:";
    for (const char c : v.octets) out += fmt::format(" {:02x}", static_cast<unsigned char>(c));
    return out;
  }
};

}  // namespace

std::optional<Oid> parse_oid(std::string_view text) {
  if (text.starts_with('.')) text.remove_prefix(1);
  Oid oid;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    std::uint32_t number = 0;
    const auto [stop, error] = std::from_chars(at, end, number);
    if (error != std::errc{}) return std::nullopt;
    oid.push_back(number);
    if (stop == end) break;
    if (*stop != '.' || oid.size() == kMaxOidLength) return std::nullopt;
    at = stop + 1;
  }
  return oid;
}

std::string text(OidView oid) { return fmt::format("{}", fmt::join(oid, ".")); }

std::string text(const Cell& cell) { return std::visit(Describe{}, cell); }

Cell admin_string(std::string_view name) { return OctetString{shortened(printable(name), kAdminStringLimit)}; }

Value text_if_any(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return admin_string(text);
}

Cell truth_value(bool value) { return Integer32{value ? 1 : 2}; }

Cell unsigned32(std::uint64_t value) {
  return Unsigned32{static_cast<std::uint32_t>(std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()))};
}

Value counter(std::optional<std::uint64_t> count) {
  if (!count) return std::nullopt;
  return Counter64{*count};
}

Value counter_of(double number, double factor) {
  if (!(number >= 0)) return std::nullopt;  // a broken file
  const double value = number * factor;
  constexpr double kMost = 18446744073709549568.0;  // the largest double below 2^64
  if (value >= kMost) return Counter64{std::numeric_limits<std::uint64_t>::max()};
  return Counter64{static_cast<std::uint64_t>(std::round(value))};
}

Value unsigned32_of(double number, double factor) {
  if (!(number >= 0)) return std::nullopt;
  constexpr double kMost = std::numeric_limits<std::uint32_t>::max();
  return Unsigned32{static_cast<std::uint32_t>(std::round(std::min(number * factor, kMost)))};
}

Cell mac_address(const MacAddress& mac) { return OctetString{{mac.octets.begin(), mac.octets.end()}}; }

Value inet_address_type(const IpAddress& address) {
  if (!address.known()) return std::nullopt;
  return Integer32{address.version == 4 ? 1 : 2};
}

Value inet_address(const IpAddress& address) {
  if (!address.known()) return std::nullopt;
  return OctetString{{address.octets.begin(), address.octets.begin() + (address.version == 4 ? 4 : 16)}};
}

Cell duration(Nanoseconds span) {
  constexpr Nanoseconds kMost = std::numeric_limits<std::uint32_t>::max();
  return TimeTicks{static_cast<std::uint32_t>(std::clamp(span / kTick, Nanoseconds{0}, kMost))};
}

Cell uptime(Nanoseconds boottime) { return TimeTicks{static_cast<std::uint32_t>(static_cast<std::uint64_t>(boottime / kTick))}; }

Value covered_time(double seconds) {
  if (!(seconds > 0 && seconds < 1e9)) return std::nullopt;
  return duration(static_cast<Nanoseconds>(seconds * 1e9));
}

std::optional<Cell> date_and_time(Nanoseconds walltime) {
  if (walltime < 0) return std::nullopt;
  const std::time_t seconds = walltime / kSecond;
  std::tm utc{};
  if (gmtime_r(&seconds, &utc) == nullptr || utc.tm_year + 1900 > 9999) return std::nullopt;
  const int year = utc.tm_year + 1900;
  const auto octet = [](Nanoseconds number) { return static_cast<char>(number); };
  return OctetString{{octet(year >> 8), octet(year & 0xFF), octet(utc.tm_mon + 1), octet(utc.tm_mday), octet(utc.tm_hour),
                      octet(utc.tm_min), octet(utc.tm_sec), octet(walltime % kSecond / (kSecond / 10)), '+', '\0', '\0'}};
}

}  // namespace vmtraffic::snmp
