// The words that the whole project speaks in: who a vNIC is, what was counted, over which time.
// Directions are the guest's everywhere: rx is what the guest received.
#pragma once

#include <endian.h>

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace vmtraffic {

// Nanoseconds of CLOCK_BOOTTIME unless a name says otherwise. Meaningful only together with a boot id.
using Nanoseconds = std::int64_t;
inline constexpr Nanoseconds kSecond = 1'000'000'000;
constexpr Nanoseconds nanoseconds(double seconds) { return static_cast<Nanoseconds>(seconds * static_cast<double>(kSecond)); }

struct MacAddress {
  std::array<std::uint8_t, 6> octets{};
  std::uint64_t number() const {  // its 48 bits
    std::uint32_t high = 0;
    std::uint16_t low = 0;
    std::memcpy(&high, octets.data(), sizeof(high));
    std::memcpy(&low, octets.data() + sizeof(high), sizeof(low));
    return std::uint64_t{be32toh(high)} << 16 | be16toh(low);
  }
  friend auto operator<=>(const MacAddress& a, const MacAddress& b) { return a.number() <=> b.number(); }
  friend bool operator==(const MacAddress& a, const MacAddress& b) { return a.number() == b.number(); }
  std::string text() const;                                       // "52:54:00:12:34:56"
  static std::optional<MacAddress> parse(std::string_view text);  // six pairs of hex digits between ':' or '-'
};

struct DomainUuid {
  std::array<std::uint8_t, 16> octets{};
  friend auto operator<=>(const DomainUuid&, const DomainUuid&) = default;
  std::string text() const;                                       // "8-4-4-4-12", lower case
  static std::optional<DomainUuid> parse(std::string_view text);  // with or without hyphens
};

// A vNIC's identity on one host (the snapshot names the host). Taps and ifIndexes are attributes: they change.
// The ordinal tells vNICs of one domain with equal MACs apart (teaming pairs share one by design): their place in the XML.
struct VnicKey {
  DomainUuid domain;
  MacAddress mac;
  std::uint8_t ordinal{0};
  friend auto operator<=>(const VnicKey&, const VnicKey&) = default;
};

// libvirt's virDomainState, under the same numbers.
enum class DomainState : std::uint8_t {
  kNoState = 0,
  kRunning = 1,
  kBlocked = 2,
  kPaused = 3,
  kShutdown = 4,
  kShutoff = 5,
  kCrashed = 6,
  kPmSuspended = 7,
};
std::string_view name_of(DomainState state);  // "running", "paused", …; "unknown" for a number we do not know
// True while the domain has a process or container, so that its vNICs can carry traffic.
bool is_active(DomainState state);

enum class LinkState : std::uint8_t { kUnknown = 0, kUp = 1, kDown = 2 };
std::string_view name_of(LinkState state);

// What the XML calls <interface type='…'>.
enum class VnicType : std::uint8_t {
  kOther = 0,
  kBridge = 1,
  kNetwork = 2,
  kDirect = 3,  // macvtap
  kEthernet = 4,
  kHostdev = 5,  // SR-IOV
  kVhostUser = 6,
  kUser = 7,
  kVdpa = 8,
};
std::string_view name_of(VnicType type);

// Exact counts of one direction. Absent is not zero.
struct Counters {
  std::optional<std::uint64_t> octets, packets, errors, drops;
  friend bool operator==(const Counters&, const Counters&) = default;
};

// Means of one direction, per second. Absent where there is no two samples to divide.
struct Rates {
  std::optional<double> octets, packets, errors, drops;
  friend bool operator==(const Rates&, const Rates&) = default;
};

enum class Window : std::uint8_t { kInterval = 0, kMinute = 1, kFiveMinutes = 2 };
inline constexpr std::size_t kWindowCount = 3;
std::string_view name_of(Window window);  // "interval", "1m", "5m"

// Rates of one vNIC over one window. `covered_s` is the time that the samples really span: less than the window's name says
// after a start, a hand-over without history or a discontinuity; 0 when there is no rate at all.
struct WindowRates {
  double covered_s{0};
  Rates rx, tx;                  // mean over the covered time
  Rates rx_highest, tx_highest;  // the highest single interval in it
  friend bool operator==(const WindowRates&, const WindowRates&) = default;
};

// What libvirt's <bandwidth> promises for one direction, in octets per second (libvirt hands the XML's numbers to tc as kbps: 1,000
// octets/s).
struct Bandwidth {
  std::uint64_t average{0};
  std::uint64_t peak{0};   // 0: none stated
  std::uint64_t burst{0};  // octets; 0: none stated
  friend bool operator==(const Bandwidth&, const Bandwidth&) = default;
};

enum class HealthState : std::uint8_t { kStarting = 0, kUp = 1, kDegraded = 2, kDown = 3 };
std::string_view name_of(HealthState state);  // "starting", "up", "degraded", "down"

enum class EventKind : std::uint8_t {
  kOther = 0,
  kDefined = 1,
  kUndefined = 2,
  kStarted = 3,
  kSuspended = 4,
  kResumed = 5,
  kStopped = 6,
  kShutdown = 7,
  kPmSuspended = 8,
  kCrashed = 9,
  kRenamed = 10,
  kVnicAdded = 11,
  kVnicRemoved = 12,
};
std::string_view name_of(EventKind kind);
// The state that a lifecycle event leaves a domain in, where it says.
std::optional<DomainState> state_after(EventKind kind);

}  // namespace vmtraffic
