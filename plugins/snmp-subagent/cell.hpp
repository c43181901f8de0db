// What one object instance holds: SMI's base types as values, without net-snmp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/address.hpp"
#include "core/types.hpp"

namespace vmtraffic::snmp {

using SubId = unsigned long;  // net-snmp's `oid`, so that names pass without a copy
using Oid = std::vector<SubId>;
using OidView = std::span<const SubId>;

inline constexpr std::size_t kMaxOidLength = 128;  // RFC 2578, 7.1.3

// "1.3.6.1": numbers and dots, a leading dot allowed. Nothing for all else, and for sub-identifiers past 2^32-1.
std::optional<Oid> parse_oid(std::string_view text);
std::string text(OidView oid);

struct Integer32 {
  std::int32_t value{0};
  friend bool operator==(const Integer32&, const Integer32&) = default;
};
struct Unsigned32 {  // Gauge32 too: one tag on the wire
  std::uint32_t value{0};
  friend bool operator==(const Unsigned32&, const Unsigned32&) = default;
};
struct TimeTicks {  // hundredths of a second
  std::uint32_t value{0};
  friend bool operator==(const TimeTicks&, const TimeTicks&) = default;
};
struct Counter64 {  // CounterBasedGauge64 too
  std::uint64_t value{0};
  friend bool operator==(const Counter64&, const Counter64&) = default;
};
struct OctetString {
  std::string octets;
  friend bool operator==(const OctetString&, const OctetString&) = default;
};
using Cell = std::variant<Integer32, Unsigned32, TimeTicks, Counter64, OctetString>;
using Value = std::optional<Cell>;  // nothing: noSuchInstance

// "Counter64: 7", "STRING: web", "Hex: 52 54 …": for failures of tests and for debugging.
std::string text(const Cell& cell);

// SnmpAdminString: valid UTF-8 without control characters, at most 255 octets, whatever a tenant called his machine.
Cell admin_string(std::string_view name);
Value text_if_any(std::string_view text);
// TruthValue.
Cell truth_value(bool value);
// Larger numbers stay at the largest value, as Gauge32 has it.
Cell unsigned32(std::uint64_t value);
Value counter(std::optional<std::uint64_t> count);
// An estimate or a mean, times `factor`, rounded. Nothing for what neither can be: negative, or no number.
Value counter_of(double number, double factor = 1);
Value unsigned32_of(double number, double factor = 1);
Cell mac_address(const MacAddress& mac);
// InetAddressType and InetAddress (RFC 4001). Nothing where no address is known.
Value inet_address_type(const IpAddress& address);
Value inet_address(const IpAddress& address);
// A duration or a point of the boot clock as TimeTicks: durations stay at the largest value, points go round, as sysUpTime does.
Cell duration(Nanoseconds span);
Cell uptime(Nanoseconds boottime);
// A time that sums or rates cover. Nothing unless there is such a time.
Value covered_time(double seconds);
// DateAndTime in UTC, from nanoseconds since 1970. Nothing for years that it cannot say.
std::optional<Cell> date_and_time(Nanoseconds walltime);

}  // namespace vmtraffic::snmp
