#include "core/probes/capture_filter.hpp"

#include <fmt/format.h>
#include <linux/filter.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <memory>
#include <span>

#include "core/text.hpp"

namespace vmtraffic {
namespace {

constexpr std::size_t kReach = 255;  // of a conditional jump; JA reaches everywhere

FilterInstruction plain(int code, std::uint32_t k) { return {static_cast<std::uint16_t>(code), 0, 0, k}; }

FilterInstruction jump(int condition, std::uint32_t k, std::size_t jt, std::size_t jf) {
  assert(jt <= kReach && jf <= kReach);
  return {static_cast<std::uint16_t>(BPF_JMP | condition | BPF_K), static_cast<std::uint8_t>(jt), static_cast<std::uint8_t>(jf), k};
}

void append(FilterProgram& to, const FilterProgram& what) { to.insert(to.end(), what.begin(), what.end()); }

// --- Allowed links -------------------------------------------------------------------------------------------------------------------

// Consecutive ifIndexes: VMs' taps often are.
struct Run {
  std::uint32_t first{0}, last{0};
};

std::vector<Run> runs_of(std::vector<std::uint32_t> values) {
  std::sort(values.begin(), values.end());
  std::vector<Run> out;
  for (const std::uint32_t value : values) {
    if (!out.empty() && value - out.back().last <= 1) {
      out.back().last = value;
    } else {
      out.push_back({value, value});
    }
  }
  return out;
}

// At most `count` of them (at least one): the narrowest gaps are let in.
std::vector<Run> coarsened(const std::vector<Run>& runs, std::size_t count) {
  if (runs.size() <= count) return runs;
  std::vector<std::size_t> borders(runs.size() - 1);  // the gap behind run i
  for (std::size_t i = 0; i < borders.size(); ++i) borders[i] = i;
  const auto kept = borders.begin() + static_cast<std::ptrdiff_t>(count - 1);
  const auto gap = [&](std::size_t i) { return runs[i + 1].first - runs[i].last; };
  std::partial_sort(borders.begin(), kept, borders.end(),
                    [&](std::size_t a, std::size_t b) { return gap(a) != gap(b) ? gap(a) > gap(b) : a < b; });
  std::sort(borders.begin(), kept);
  std::vector<Run> out{{runs.front().first, 0}};
  for (auto border = borders.begin(); border != kept; ++border) {
    out.back().last = runs[*border].last;
    out.push_back({runs[*border + 1].first, 0});
  }
  out.back().last = runs.back().last;
  return out;
}

constexpr std::size_t kRunsALeaf = 4;            // more make it shorter and slower: each run is asked for in turn
constexpr std::uint32_t kAllowed = 0xFFFF'FFFF;  // where a JA leads to the program's next part, until that place is known

FilterProgram leaf(std::span<const Run> runs) {
  std::size_t length = 0;
  for (const Run& run : runs) length += run.first == run.last ? 1U : 2U;
  FilterProgram out;
  const auto to_allowed = [&] { return length - out.size(); };  // from the next instruction, over the RET
  for (const Run& run : runs) {
    if (run.first == run.last) {
      out.push_back(jump(BPF_JEQ, run.first, to_allowed(), 0));
    } else {
      out.push_back(jump(BPF_JGE, run.first, 0, 1));
      out.push_back(jump(BPF_JGT, run.last, 0, to_allowed()));
    }
  }
  out.push_back(plain(BPF_RET | BPF_K, 0));
  out.push_back(plain(BPF_JMP | BPF_JA, kAllowed));
  return out;
}

FilterProgram search(std::span<const Run> runs) {
  if (runs.size() <= kRunsALeaf) return leaf(runs);
  // Leaves are full but for the last one: that is the shortest program.
  const std::size_t leaves = (runs.size() + kRunsALeaf - 1) / kRunsALeaf;
  const std::size_t half = leaves / 2 * kRunsALeaf;
  const FilterProgram below = search(runs.first(half));
  FilterProgram out;
  if (below.size() <= kReach) {
    out.push_back(jump(BPF_JGE, runs[half].first, below.size(), 0));
  } else {
    out.push_back(jump(BPF_JGE, runs[half].first, 0, 1));
    out.push_back(plain(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(below.size())));
  }
  append(out, below);
  append(out, search(runs.subspan(half)));
  return out;
}

// Ends the program for a link that is not allowed, and falls through for one that is.
FilterProgram allowed_links(std::span<const Run> runs) {
  if (runs.empty()) return {plain(BPF_RET | BPF_K, 0)};
  FilterProgram out{plain(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_IFINDEX))};
  append(out, search(runs));
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i].code == (BPF_JMP | BPF_JA) && out[i].k == kAllowed) out[i].k = static_cast<std::uint32_t>(out.size() - i - 1);
  }
  return out;
}

// --- The share of the flows ----------------------------------------------------------------------------------------------------------

// A program with forward jumps to places that are named before they are known.
class Tail {
 public:
  enum Place : std::uint8_t {
    kNext,
    kDrop,
    kMix,
    kAlone,
    kControlAlone,
    kControlPorts,
    kByMac,
    kTagged,
    kIpv4,
    kIpv6,
    kTaggedIpv4,
    kTaggedIpv6,
    kPorts,
    kBehind,
    kPlaceCount
  };

  void plain(int code, std::uint32_t k = 0) { code_.push_back(vmtraffic::plain(code, k)); }
  void when(int condition, std::uint32_t k, Place yes, Place no = kNext) {
    pending_.push_back({code_.size(), yes, no});
    code_.push_back(jump(condition, k, 0, 0));
  }
  void when_at_least_x(Place yes) {
    pending_.push_back({code_.size(), yes, kNext});
    code_.push_back({BPF_JMP | BPF_JGE | BPF_X, 0, 0, 0});
  }
  void here(Place place) {
    for (Pending& p : pending_) {
      if (p.yes == place) p.yes = kNext, code_[p.at].jt = distance(p.at);
      if (p.no == place) p.no = kNext, code_[p.at].jf = distance(p.at);
      if (p.always == place) p.always = kNext, code_[p.at].k = distance(p.at);
    }
  }
  void go(Place place) {
    pending_.push_back({code_.size(), kNext, kNext, place});
    plain(BPF_JMP | BPF_JA);
  }
  FilterProgram take() { return std::move(code_); }

 private:
  struct Pending {
    std::size_t at;
    Place yes, no, always{kNext};
  };
  std::uint8_t distance(std::size_t from) const {
    assert(code_.size() - from - 1 <= kReach);
    return static_cast<std::uint8_t>(code_.size() - from - 1);
  }
  FilterProgram code_;
  std::vector<Pending> pending_;
};

constexpr std::uint32_t kDns = 53;
constexpr int kLoadOctet = BPF_LD | BPF_B | BPF_ABS, kLoadHalf = BPF_LD | BPF_H | BPF_ABS, kLoadWord = BPF_LD | BPF_W | BPF_ABS;
constexpr int kMultiply = BPF_ALU | BPF_MUL | BPF_K, kShiftRight = BPF_ALU | BPF_RSH | BPF_K, kXorX = BPF_ALU | BPF_XOR | BPF_X,
              kXor = BPF_ALU | BPF_XOR | BPF_K;
constexpr int kToX = BPF_MISC | BPF_TAX;
enum Memory : std::uint8_t { kSrcPort, kDstPort, kSrc, kDst, kSrcHash, kHalf, kBound };

void ports_are_kept(Tail& tail, bool behind_options, std::uint32_t offset) {
  const int load = BPF_LD | BPF_H | (behind_options ? BPF_IND : BPF_ABS);
  tail.plain(load, offset);
  tail.plain(BPF_ST, kSrcPort);
  tail.plain(load, offset + 2);
  tail.plain(BPF_ST, kDstPort);
  tail.when(BPF_JEQ, kDns, Tail::kControlPorts);
  tail.plain(BPF_LD | BPF_MEM, kSrcPort);
  tail.when(BPF_JEQ, kDns, Tail::kControlPorts);
  tail.go(Tail::kMix);
}

void ipv4(Tail& tail, std::uint32_t begin) {
  tail.plain(kLoadWord, begin + 16);
  tail.plain(BPF_ST, kDst);
  tail.plain(kLoadWord, begin + 12);
  tail.plain(BPF_ST, kSrc);
  tail.plain(kLoadOctet, begin + 9);
  tail.when(BPF_JEQ, 1, Tail::kControlAlone);
  tail.when(BPF_JEQ, 6, Tail::kPorts);
  tail.when(BPF_JEQ, 17, Tail::kNext, Tail::kAlone);
  tail.here(Tail::kPorts);
  tail.plain(kLoadHalf, begin + 6);
  tail.when(BPF_JSET, 0x3FFF, Tail::kAlone);  // more fragments, or an offset
  tail.plain(BPF_LDX | BPF_B | BPF_MSH, begin);
  ports_are_kept(tail, true, begin);
}

// A ^= A >> by
void mix(Tail& tail, std::uint32_t by) {
  tail.plain(kToX);
  tail.plain(kShiftRight, by);
  tail.plain(kXorX);
}

void fold(Tail& tail, std::uint32_t begin, Memory into, std::uint32_t key) {
  tail.plain(kLoadWord, begin);
  tail.plain(kXor, key);
  for (std::uint32_t word = 1; word < 4; ++word) {
    mix(tail, 15);
    tail.plain(kMultiply, flow_hash::kFold);
    tail.plain(kToX);
    tail.plain(kLoadWord, begin + 4 * word);
    tail.plain(kXorX);
  }
  tail.plain(BPF_ST, into);
}

void ipv6(Tail& tail, std::uint32_t begin, std::uint32_t key) {
  fold(tail, begin + 8, kSrc, key);
  fold(tail, begin + 24, kDst, key);
  tail.plain(kLoadOctet, begin + 6);
  tail.when(BPF_JEQ, 58, Tail::kControlAlone);
  tail.when(BPF_JEQ, 6, Tail::kPorts);
  tail.when(BPF_JEQ, 17, Tail::kPorts);
  tail.when(BPF_JEQ, 0, Tail::kBehind);
  tail.when(BPF_JEQ, 44, Tail::kNext, Tail::kAlone);
  tail.here(Tail::kBehind);
  tail.plain(kLoadOctet, begin + 40);
  tail.when(BPF_JEQ, 58, Tail::kControlAlone, Tail::kAlone);
  tail.here(Tail::kPorts);
  ports_are_kept(tail, false, begin + 40);
}

// Leaves the end's hash in A.
void hash_end(Tail& tail, Memory address, Memory port, std::uint32_t key) {
  tail.plain(BPF_LD | BPF_MEM, address);
  tail.plain(kXor, key);
  tail.plain(kMultiply, flow_hash::kEnd);
  mix(tail, 15);
  tail.plain(BPF_ST, kHalf);
  tail.plain(BPF_LD | BPF_MEM, port);
  tail.plain(kMultiply, flow_hash::kPort);
  tail.plain(BPF_LDX | BPF_MEM, kHalf);
  tail.plain(kXorX);
  tail.plain(kMultiply, flow_hash::kEndAgain);
}

void set(Tail& tail, Memory what, std::uint32_t value) {
  tail.plain(BPF_LD | BPF_IMM, value);
  tail.plain(BPF_ST, what);
}

void copy(Tail& tail, int load, std::uint32_t offset, Memory into) {
  tail.plain(load, offset);
  tail.plain(BPF_ST, into);
}

// Frames with a tag have code of their own: loads at fixed places are what the kernel does fastest.
FilterProgram share_of_flows(const CaptureFilterOptions& options) {
  Tail tail;
  set(tail, kBound, options.kept_flows.data);
  tail.plain(kLoadHalf, 12);
  tail.when(BPF_JEQ, 0x0800, Tail::kIpv4);
  tail.when(BPF_JEQ, 0x86DD, Tail::kIpv6);
  tail.when(BPF_JEQ, 0x8100, Tail::kTagged);
  tail.when(BPF_JEQ, 0x88A8, Tail::kNext, Tail::kByMac);
  tail.here(Tail::kTagged);
  tail.plain(kLoadHalf, 16);
  tail.when(BPF_JEQ, 0x0800, Tail::kTaggedIpv4);
  tail.when(BPF_JEQ, 0x86DD, Tail::kTaggedIpv6, Tail::kByMac);
  tail.here(Tail::kTaggedIpv6);
  ipv6(tail, 18, options.share_key);
  tail.here(Tail::kTaggedIpv4);
  ipv4(tail, 18);
  tail.here(Tail::kIpv6);
  ipv6(tail, 14, options.share_key);
  tail.here(Tail::kIpv4);
  ipv4(tail, 14);
  tail.here(Tail::kByMac);
  copy(tail, kLoadWord, 0, kDst);
  copy(tail, kLoadHalf, 4, kDstPort);
  copy(tail, kLoadWord, 6, kSrc);
  copy(tail, kLoadHalf, 10, kSrcPort);
  tail.here(Tail::kControlPorts);
  set(tail, kBound, options.kept_flows.control);
  tail.go(Tail::kMix);
  tail.here(Tail::kControlAlone);
  set(tail, kBound, options.kept_flows.control);
  tail.here(Tail::kAlone);
  set(tail, kSrcPort, 0);
  set(tail, kDstPort, 0);
  tail.here(Tail::kMix);
  hash_end(tail, kSrc, kSrcPort, options.share_key);
  tail.plain(BPF_ST, kSrcHash);
  hash_end(tail, kDst, kDstPort, options.share_key);
  tail.plain(BPF_LDX | BPF_MEM, kSrcHash);
  tail.plain(BPF_ALU | BPF_ADD | BPF_X);
  mix(tail, 16);
  tail.plain(kMultiply, flow_hash::kBoth);
  tail.plain(kShiftRight, 16);
  tail.plain(BPF_LDX | BPF_MEM, kBound);
  tail.when_at_least_x(Tail::kDrop);
  tail.plain(BPF_RET | BPF_K, options.snapshot_length);
  tail.here(Tail::kDrop);
  tail.plain(BPF_RET | BPF_K, 0);
  return tail.take();
}

// The expression's program with a jump to what follows it wherever it accepted.
Result<FilterProgram> leading_on(const FilterProgram& expression) {
  FilterProgram out = expression;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if ((out[i].code & 0x07) != BPF_RET) continue;
    if (out[i].code != (BPF_RET | BPF_K))
      return Error{ErrorCode::kInvalid, "the filter's program computes how much it keeps: not supported"};
    if (out[i].k != 0) out[i] = plain(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(out.size() - i - 1));
  }
  return out;
}

// --- libpcap -------------------------------------------------------------------------------------------------------------------------

struct Close {
  void operator()(pcap_t* handle) const noexcept { pcap_close(handle); }
};
using Pcap = std::unique_ptr<pcap_t, Close>;

Error refused(const std::string& expression, const char* words) {
  return {ErrorCode::kInvalid,
          fmt::format("the filter '{}' is none that pcap-filter(7) describes: {}", printable(expression), printable(words))};
}

Result<FilterProgram> compiled(pcap_t* handle, const std::string& expression) {
  // An octet 0 would end it early, for libpcap alone.
  if (expression.find('\0') != std::string::npos) return refused(expression, "it has an octet 0");
  bpf_program made{};
  if (pcap_compile(handle, &made, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) return refused(expression, pcap_geterr(handle));
  const std::unique_ptr<bpf_program, void (*)(bpf_program*)> freeing(&made, pcap_freecode);
  FilterProgram out;
  for (const bpf_insn& i : std::span(made.bf_insns, made.bf_len)) out.push_back({i.code, i.jt, i.jf, i.k});
  return out;
}

bool is_empty(const std::string& expression) { return expression.find_first_not_of(" \t\r\n") == std::string::npos; }

}  // namespace

Result<FilterProgram> compile_expression(const std::string& expression) {
  if (is_empty(expression)) return FilterProgram{};
  // Only of a live handle libpcap believes that the kernel tells tags; lo is the one Ethernet that every host has.
  std::array<char, PCAP_ERRBUF_SIZE> complaint{};
  const Pcap handle(pcap_create("lo", complaint.data()));
  if (handle == nullptr) return Error{ErrorCode::kIo, fmt::format("libpcap does not start: {}", printable(complaint.data()))};
  pcap_set_snaplen(handle.get(), 256);
  pcap_set_buffer_size(handle.get(), 4096);  // nothing is read from it
  const int code = pcap_activate(handle.get());
  if (code == PCAP_ERROR_PERM_DENIED) return capture_denied();
  if (code == PCAP_ERROR_IFACE_NOT_UP)
    return Error{ErrorCode::kUnavailable, "the interface lo is down, and libpcap needs it to compile a filter: 'ip link set lo up'"};
  if (code < 0)
    return Error{ErrorCode::kIo, fmt::format("libpcap cannot open lo to compile a filter: {}", printable(pcap_geterr(handle.get())))};
  return compiled(handle.get(), expression);
}

Status check_expression(const std::string& expression) {
  if (is_empty(expression)) return Done{};
  const Pcap handle(pcap_open_dead(DLT_EN10MB, 256));
  if (handle == nullptr) return Error{ErrorCode::kIo, "libpcap does not start: no memory"};
  const auto program = compiled(handle.get(), expression);
  if (!program) return program.error();
  return Done{};
}

Result<CaptureFilter> build_capture_filter(const CaptureFilterOptions& options) {
  if (options.snapshot_length == 0)
    return Error{ErrorCode::kInvalid, "a snapshot length of 0 octets captures nothing: 192 holds the headers"};
  if (const std::uint32_t most = std::max(options.kept_flows.data, options.kept_flows.control); most > kAllFlows)
    return Error{ErrorCode::kInvalid, fmt::format("{} of {} flows cannot be kept", most, kAllFlows)};
  auto rest = leading_on(options.expression);
  if (!rest) return rest.error();
  append(*rest,
         options.kept_flows == KeptFlows{} ? FilterProgram{plain(BPF_RET | BPF_K, options.snapshot_length)} : share_of_flows(options));
  CaptureFilter out;
  const std::vector<Run> runs = options.if_indexes ? runs_of(*options.if_indexes) : std::vector<Run>{};
  for (std::size_t count = runs.size();; count = count * 15 / 16) {
    if (options.if_indexes) out.program = count == runs.size() ? allowed_links(runs) : allowed_links(coarsened(runs, count));
    out.exact = count == runs.size();
    if (out.program.size() + rest->size() <= options.longest) break;
    if (count <= 1)
      return Error{ErrorCode::kInvalid, fmt::format("the filter takes {} instructions, and {} are the most: say it shorter",
                                                    out.program.size() + rest->size(), options.longest)};
  }
  append(out.program, *rest);
  return out;
}

Error capture_denied() {
  return {ErrorCode::kDenied,
          "this user may not capture packets: give the program the right by 'setcap cap_net_raw+ep PROGRAM', or by "
          "AmbientCapabilities=CAP_NET_RAW in its systemd unit"};
}

}  // namespace vmtraffic
