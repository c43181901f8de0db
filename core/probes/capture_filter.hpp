// The kernel's filter of a capture, as a classic BPF program: which links, which packets, which share of the flows, and how many octets
// of each. What it refuses costs no copy and no wake-up.
//
// It runs in this order: the links that are allowed, by ifIndex; the operator's expression, compiled by libpcap; the share of the flows
// (core/traffic/flow_share.hpp); and answers with the snapshot length.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/traffic/flow_share.hpp"

namespace vmtraffic {

// As the kernel's sock_filter, whose header stays out of ours.
struct FilterInstruction {
  std::uint16_t code{0};
  std::uint8_t jt{0}, jf{0};
  std::uint32_t k{0};
  friend bool operator==(const FilterInstruction&, const FilterInstruction&) = default;
};
using FilterProgram = std::vector<FilterInstruction>;

inline constexpr std::size_t kLongestFilter = 4096;  // BPF_MAXINSNS

// Compiles an expression (pcap-filter(7)) for Ethernet and this kernel, which takes VLAN tags out of frames: `vlan 5` finds it beside
// them. libpcap knows the kernel by a socket: it takes CAP_NET_RAW and some tens of milliseconds, so compile once. Names of hosts are
// looked up now, and this waits for it. An empty expression gives an empty program: every packet.
// Errors: kInvalid with libpcap's own words; kDenied; kUnavailable where lo is down.
Result<FilterProgram> compile_expression(const std::string& expression);
// Whether it can be compiled, without any right: for who reads a configuration. Errors: kInvalid, in the same words.
Status check_expression(const std::string& expression);

struct CaptureFilterOptions {
  std::optional<std::vector<std::uint32_t>> if_indexes{};  // in any order; absent: every link
  FilterProgram expression{};                              // of compile_expression()
  KeptFlows kept_flows{};
  std::uint32_t share_key{0};           // of the hash that chooses them
  std::uint32_t snapshot_length{192};   // octets of each packet
  std::size_t longest{kLongestFilter};  // instructions
};

struct CaptureFilter {
  FilterProgram program;
  // False: so many links did not fit, and others whose ifIndexes stand between theirs pass too. Whoever reads sorts them out, as he must
  // anyway: packets of before a change wait in the ring.
  bool exact{true};
};

// Errors: kInvalid where the expression leaves no room, or an option makes no sense.
Result<CaptureFilter> build_capture_filter(const CaptureFilterOptions& options);

// Who captures without the right to: what to do.
Error capture_denied();

}  // namespace vmtraffic
