#include "core/flows.hpp"

#include <fmt/format.h>

#include <array>

namespace vmtraffic {
namespace {

template <std::size_t N, class Enum>
std::string_view named(const std::array<std::string_view, N>& names, Enum value) {
  const auto at = static_cast<std::size_t>(value);
  return at < N ? names[at] : "unknown";
}

constexpr std::uint8_t kTcp = 6, kUdp = 17;

}  // namespace

std::string_view name_of(AttributedBy by) {
  static constexpr std::array<std::string_view, 5> kNames{"nothing", "outer_mac", "inner_mac", "port", "tap"};
  return named(kNames, by);
}

std::string_view name_of(TrafficClass c) {
  static constexpr std::array<std::string_view, kTrafficClassCount> kNames{"tcp", "udp",      "icmp", "icmpv6", "sctp",
                                                                           "esp", "other_ip", "arp",  "other"};
  return named(kNames, c);
}

std::string_view name_of(FlowSource source) {
  static constexpr std::array<std::string_view, 4> kNames{"unknown", "sflow", "capture_scaled", "capture"};
  return named(kNames, source);
}

std::string_view name_of(PeerKind kind) {
  static constexpr std::array<std::string_view, 4> kNames{"none", "vnic", "address", "network"};
  return named(kNames, kind);
}

std::string ServiceKey::text() const {
  if (protocol == 0) return "";
  if (protocol == kTcp) return fmt::format("tcp/{}", port);
  if (protocol == kUdp) return fmt::format("udp/{}", port);
  return fmt::format("{}/{}", protocol, port);
}

}  // namespace vmtraffic
