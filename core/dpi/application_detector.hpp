// Which application a flow's packets belong to, by nDPI: TLS, DNS, HTTP.Google.
//
// Promised:
// - nDPI is loaded by the first detector and by nothing before it; where it is missing, make() says so in one sentence.
// - A flow is looked at for a bounded number of packets, so many flows at a time are looked at and no more. Each ends with one verdict,
//   which frees all that was kept of it.
// - Packets may be cut anywhere and may say anything. nDPI never sees the octets given, but a copy in a buffer that is longer than anything
//   it reaches for; no length that it is told is more than that buffer holds.
// - Of what was sent, a verdict holds the names of applications, and a server's name where that is asked for.
// - Nothing is written anywhere, nothing is read from files, no thread is started.
//
// A cut packet is handed over with its own length, and with 0xFF for what is missing: nDPI refuses a packet shorter than its IP header
// says, and takes no part of a TLS record or of a QUIC packet for one. 0xFF ends a list of TLS extensions and is no character of a name.
//
// One detector belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/result.hpp"
#include "core/types.hpp"
#include "core/wire/byte_reader.hpp"

namespace vmtraffic {

inline constexpr std::size_t kMaxApplicationName = 32;
inline constexpr std::size_t kMaxServerName = 64;

struct ApplicationOptions {
  unsigned packets_per_flow{8};  // with payload; then the flow is given up, with a guess. 1 to 32, which is where nDPI stops looking
  std::size_t flows{4096};       // in detection at a time, some 1,000 octets each, and up to 14 KiB where nDPI puts TCP together
  bool server_names{false};      // keep the name that a client asked for: TLS and QUIC server name, DNS query, HTTP host
};

struct Application {
  // nDPI's numbers of the carrying protocol (upper half, 0 where there is none) and of the application: 0x005B007E is TLS.Google. They keep
  // their meaning within a release of nDPI. 0: unknown.
  std::uint32_t id{0};
  std::string name{"Unknown"};          // printable ASCII, up to kMaxApplicationName octets: "TLS.Google", "SSH"
  std::string category{"Unspecified"};  // nDPI's, likewise: "Web", "Network"
  std::string server_name{};            // printable ASCII; of a longer one the last kMaxServerName octets, where the domain stands
  bool guessed{false};                  // by port, address or what other flows were, not by content
  friend bool operator==(const Application&, const Application&) = default;
};

enum class Detection : std::uint8_t {
  kUndecided = 0,  // more packets, please
  kFinal = 1,      // the application is there, even if it is "Unknown"; the flow need not be shown again
  kUnusable = 2,  // not looked at: no IP, nothing behind its header, an IPv6 extension header, a later fragment, a segment without payload,
                  // not the flow's protocol. The flow is as before
  kFull = 3,      // not looked at: its owner has as many flows in detection as places are free. It may be tried again with its next packet
};

struct DetectionStep {
  Detection detection{Detection::kUndecided};
  Application application{};  // of kFinal
};

// Since the start. Verdicts are by_content + guessed + unknown.
struct ApplicationCounters {
  std::uint64_t flows{0};     // whose detection began
  std::uint64_t refused{0};   // packets for which none could begin: kFull
  std::uint64_t packets{0};   // looked at
  std::uint64_t unusable{0};  // packets: kUnusable
  std::uint64_t by_content{0}, guessed{0}, unknown{0};
  friend bool operator==(const ApplicationCounters&, const ApplicationCounters&) = default;
};

struct FlowInDetection;
struct ForgetFlow {
  void operator()(FlowInDetection* flow) const noexcept;
};
// What a flow table keeps of a flow's detection: empty before its first packet and after its verdict. Dropping it ends the detection
// without a verdict. It goes before its detector.
using ApplicationFlow = std::unique_ptr<FlowInDetection, ForgetFlow>;
static_assert(sizeof(ApplicationFlow) == 8);

class ApplicationDetector {
 public:
  // kMissing or kInvalid: no fitting nDPI. kUnavailable: it has no memory for its tables. It takes some 10 ms and 7 MiB.
  static Result<std::unique_ptr<ApplicationDetector>> make(const ApplicationOptions& options);
  ~ApplicationDetector();
  ApplicationDetector(const ApplicationDetector&) = delete;
  ApplicationDetector& operator=(const ApplicationDetector&) = delete;

  // Shows a packet of a flow, either direction: from its IP header on what the capture has of it, and how many octets it had on the wire.
  // With kFinal `flow` has become empty; to show more packets of the flow would begin it anew. `owner`: whose flow it is where it begins,
  // of numbers that are small.
  DetectionStep inspect(ApplicationFlow& flow, Octets packet, std::size_t wire_length, Nanoseconds now, std::uint32_t owner = 0);

  // The verdict about a flow that has ended, from what was seen of it. Nothing seen: unknown, and no verdict is counted.
  Application give_up(ApplicationFlow& flow);

  std::size_t in_detection() const;
  const ApplicationCounters& counters() const;

 private:
  struct State;
  explicit ApplicationDetector(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vmtraffic
