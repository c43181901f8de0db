#include "core/types.hpp"

#include <fmt/format.h>

namespace vmtraffic {
namespace {

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

std::optional<std::uint8_t> hex_octet(std::string_view two) {
  const auto high = hex_digit(two[0]);
  const auto low = hex_digit(two[1]);
  if (!high || !low) return std::nullopt;
  return static_cast<std::uint8_t>(*high * 16 + *low);
}

}  // namespace

std::string MacAddress::text() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", octets[0], octets[1], octets[2], octets[3], octets[4], octets[5]);
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  MacAddress mac;
  for (std::size_t i = 0; i < 6; ++i) {
    if (i > 0 && text[3 * i - 1] != ':' && text[3 * i - 1] != '-') return std::nullopt;
    const auto octet = hex_octet(text.substr(3 * i, 2));
    if (!octet) return std::nullopt;
    mac.octets[i] = *octet;
  }
  return mac;
}

std::string DomainUuid::text() const {
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < octets.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    fmt::format_to(std::back_inserter(text), "{:02x}", octets[i]);
  }
  return text;
}

std::optional<DomainUuid> DomainUuid::parse(std::string_view text) {
  const bool hyphens = text.size() == 36;
  if (!hyphens && text.size() != 32) return std::nullopt;
  DomainUuid uuid;
  std::size_t at = 0;
  for (std::size_t i = 0; i < uuid.octets.size(); ++i) {
    if (hyphens && (i == 4 || i == 6 || i == 8 || i == 10) && text[at++] != '-') return std::nullopt;
    const auto octet = hex_octet(text.substr(at, 2));
    if (!octet) return std::nullopt;
    uuid.octets[i] = *octet;
    at += 2;
  }
  return uuid;
}

std::string_view name_of(DomainState state) {
  switch (state) {
    case DomainState::kNoState:
      return "no state";
    case DomainState::kRunning:
      return "running";
    case DomainState::kBlocked:
      return "blocked";
    case DomainState::kPaused:
      return "paused";
    case DomainState::kShutdown:
      return "shutting down";
    case DomainState::kShutoff:
      return "shut off";
    case DomainState::kCrashed:
      return "crashed";
    case DomainState::kPmSuspended:
      return "suspended";
  }
  return "unknown";
}

bool is_active(DomainState state) {
  return state == DomainState::kRunning || state == DomainState::kBlocked || state == DomainState::kPaused ||
         state == DomainState::kShutdown || state == DomainState::kPmSuspended;
}

std::string_view name_of(LinkState state) {
  switch (state) {
    case LinkState::kUnknown:
      return "unknown";
    case LinkState::kUp:
      return "up";
    case LinkState::kDown:
      return "down";
  }
  return "unknown";
}

std::string_view name_of(VnicType type) {
  switch (type) {
    case VnicType::kOther:
      return "other";
    case VnicType::kBridge:
      return "bridge";
    case VnicType::kNetwork:
      return "network";
    case VnicType::kDirect:
      return "direct";
    case VnicType::kEthernet:
      return "ethernet";
    case VnicType::kHostdev:
      return "hostdev";
    case VnicType::kVhostUser:
      return "vhostuser";
    case VnicType::kUser:
      return "user";
    case VnicType::kVdpa:
      return "vdpa";
  }
  return "other";
}

std::string_view name_of(Window window) {
  switch (window) {
    case Window::kInterval:
      return "interval";
    case Window::kMinute:
      return "1m";
    case Window::kFiveMinutes:
      return "5m";
  }
  return "unknown";
}

std::string_view name_of(HealthState state) {
  switch (state) {
    case HealthState::kStarting:
      return "starting";
    case HealthState::kUp:
      return "up";
    case HealthState::kDegraded:
      return "degraded";
    case HealthState::kDown:
      return "down";
  }
  return "unknown";
}

std::optional<DomainState> state_after(EventKind kind) {
  switch (kind) {
    case EventKind::kStarted:
    case EventKind::kResumed:
      return DomainState::kRunning;
    case EventKind::kSuspended:
      return DomainState::kPaused;
    case EventKind::kStopped:
      return DomainState::kShutoff;
    case EventKind::kShutdown:
      return DomainState::kShutdown;
    case EventKind::kPmSuspended:
      return DomainState::kPmSuspended;
    case EventKind::kCrashed:
      return DomainState::kCrashed;
    default:
      return std::nullopt;
  }
}

std::string_view name_of(EventKind kind) {
  switch (kind) {
    case EventKind::kOther:
      return "changed";
    case EventKind::kDefined:
      return "defined";
    case EventKind::kUndefined:
      return "undefined";
    case EventKind::kStarted:
      return "started";
    case EventKind::kSuspended:
      return "suspended";
    case EventKind::kResumed:
      return "resumed";
    case EventKind::kStopped:
      return "stopped";
    case EventKind::kShutdown:
      return "shutdown";
    case EventKind::kPmSuspended:
      return "pmsuspended";
    case EventKind::kCrashed:
      return "crashed";
    case EventKind::kRenamed:
      return "renamed";
    case EventKind::kVnicAdded:
      return "vnic added";
    case EventKind::kVnicRemoved:
      return "vnic removed";
  }
  return "changed";
}

}  // namespace vmtraffic
