#include "core/dpi/application_detector.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cctype>
#include <cstring>
#include <mutex>

#include "core/dpi/ndpi_library.hpp"
#include "core/fair_places.hpp"
#include "core/wire/packet.hpp"

namespace vmtraffic {
namespace {

// nDPI is told of up to kMaxPacket octets. What it finds there for lengths, of 16 bits, may lead it beyond: still into our buffer.
constexpr std::size_t kMaxPacket = 2048, kBeyond = 0x10000 + 512;
constexpr std::byte kFilling{0xFF};
constexpr std::uint8_t kHostIdentity = 139, kShim6 = 140;  // IPv6 extension headers that <netinet/in.h> lacks

}  // namespace

struct ApplicationDetector::State {
  const ApplicationOptions options;
  ndpi_detection_module_struct* module{nullptr};
  FairPlaces in_detection{options.flows};
  ApplicationCounters counters;

  std::array<std::byte, kMaxPacket + kBeyond> buffer;  // all of it kFilling between two packets

  explicit State(const ApplicationOptions& o) : options(o) { buffer.fill(kFilling); }
  ~State() {
    if (module != nullptr) ndpi().ndpi_exit_detection_module(module);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Application verdict(FlowInDetection& flow, ndpi_protocol protocol, Octets packet);
  Application guess(FlowInDetection& flow, Octets packet);
};

struct FlowInDetection {
  ndpi_flow_struct flow{};
  // The beginning of its first packet: a TLS hello of two segments has its name there, and is known by the second.
  std::array<std::byte, 256> first;
  std::size_t first_size{0};
  // Of all its packets, as the IP header states it: what nDPI keeps of TCP it would read as what it keeps of UDP, and free it so.
  std::uint8_t version{0}, protocol{0};
  FairPlaces* in_detection{nullptr};  // its detector's
  std::uint32_t owner{0};
  unsigned packets{0};
  bool filled{false};  // a packet was cut
};

void ForgetFlow::operator()(FlowInDetection* flow) const noexcept {
  ndpi().ndpi_free_flow_data(&flow->flow);
  flow->in_detection->give_back(flow->owner);
  explicit_bzero(&flow->flow, sizeof flow->flow);
  explicit_bzero(flow->first.data(), flow->first_size);
  delete flow;
}

namespace {

// What of the packet is handed over.
struct Extract {
  Octets octets{};        // what is there
  std::size_t length{0};  // what there was, as far as the buffer can hold it
  std::uint8_t version{0}, protocol{0};
};

// Nothing: there is nothing in it for nDPI.
std::optional<Extract> usable(Octets packet, std::size_t wire_length) {
  if (packet.empty()) return std::nullopt;
  const unsigned version = std::to_integer<unsigned>(packet[0]) >> 4;
  if (version != 4 && version != 6) return std::nullopt;
  PacketFormat format;
  format.ether_type = static_cast<std::uint16_t>(version == 4 ? 0x0800 : 0x86DD);
  format.vxlan_ports = format.geneve_ports = {};  // the flow is the outer one
  wire_length = std::max(wire_length, packet.size());
  const Packet decoded = decode_packet(packet, wire_length, format);
  const Frame& frame = decoded.outer;
  if (!frame.ip || (frame.ip->fragment && frame.ip->fragment->offset > 0)) return std::nullopt;
  const std::size_t header = frame.ip->header_length;
  const std::size_t length = std::min({std::size_t{frame.ip->total_length}, wire_length, kMaxPacket});
  if (length <= header || packet.size() <= header) return std::nullopt;
  // nDPI takes from each packet anew what the flow's transport is. It follows IPv6 extension headers, not the same ones as core/wire, and
  // past a cut.
  const auto protocol = std::to_integer<std::uint8_t>(packet[version == 4 ? 9 : 6]);
  switch (protocol) {
    case IPPROTO_TCP:
      if (!frame.tcp || frame.payload_length == 0) return std::nullopt;
      break;
    case IPPROTO_UDP:
      if (!frame.udp || frame.payload_length == 0) return std::nullopt;
      break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      if (!frame.icmp) return std::nullopt;
      break;
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_FRAGMENT:
    case IPPROTO_AH:
    case IPPROTO_NONE:
    case IPPROTO_DSTOPTS:
    case IPPROTO_MH:
    case kHostIdentity:
    case kShim6:
      if (version == 6) return std::nullopt;
      break;
    default:  // known by its number
      break;
  }
  return Extract{packet.first(std::min(packet.size(), length)), length, static_cast<std::uint8_t>(version), protocol};
}

void put_u16(std::byte* at, std::size_t value) {
  at[0] = static_cast<std::byte>(value >> 8);
  at[1] = static_cast<std::byte>(value);
}

// Whether `octets` have this name, and go on behind it. nDPI gives names in lower case, and DNS has a label's length where a name has a
// dot.
bool stands_in(Octets octets, std::string_view name) {
  const auto same = [](std::byte octet, char c) { return c == '.' || c == std::tolower(std::to_integer<unsigned char>(octet)); };
  const auto found = std::search(octets.begin(), octets.end(), name.begin(), name.end(), same);
  return found != octets.end() && static_cast<std::size_t>(octets.end() - found) > name.size();
}

// Whether the flow has this name as it stands here: in TLS nDPI writes '?' for what is not printable, in DNS '_', and a name may go on
// behind the cut.
bool is_whole(std::string_view name, const FlowInDetection& flow, Octets packet) {
  if (name.empty() || !std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7F && c != '?'; })) return false;
  if (!flow.filled && name.find('_') == std::string_view::npos) return true;
  return stands_in(packet, name) || stands_in(Octets(flow.first).first(flow.first_size), name);
}

bool carries_server_name(unsigned protocol) {
  return protocol == NDPI_PROTOCOL_DNS || protocol == NDPI_PROTOCOL_HTTP || protocol == NDPI_PROTOCOL_TLS ||
         protocol == NDPI_PROTOCOL_QUIC || protocol == NDPI_PROTOCOL_DTLS || protocol == NDPI_PROTOCOL_HTTP_CONNECT ||
         protocol == NDPI_PROTOCOL_HTTP_PROXY;
}

std::string bounded_name(const char* name) {
  std::string text(name == nullptr ? "" : name, name == nullptr ? 0 : strnlen(name, kMaxApplicationName));
  for (char& c : text) {
    if (c < 0x20 || c > 0x7E) c = '?';
  }
  return text;
}

}  // namespace

Application ApplicationDetector::State::verdict(FlowInDetection& flow, ndpi_protocol protocol, Octets packet) {
  const std::string_view name(flow.flow.host_server_name, strnlen(flow.flow.host_server_name, sizeof flow.flow.host_server_name));
  const bool whole = is_whole(name, flow, packet);
  // Half a name is another name: what is known by it is not what the client asked for.
  const bool by_half_a_name = !name.empty() && !whole && flow.filled && protocol.master_protocol != NDPI_PROTOCOL_UNKNOWN;
  // Its caches know addresses and ports alone: what one tenant sent would decide what another's flow is.
  if (by_half_a_name || flow.flow.confidence == NDPI_CONFIDENCE_DPI_CACHE) {
    protocol.app_protocol = protocol.master_protocol;
    protocol.category = NDPI_PROTOCOL_CATEGORY_UNSPECIFIED;
  }
  if (protocol.app_protocol == NDPI_PROTOCOL_UNKNOWN) protocol.app_protocol = protocol.master_protocol;
  if (protocol.app_protocol == protocol.master_protocol) protocol.master_protocol = NDPI_PROTOCOL_UNKNOWN;

  Application out;
  if (protocol.app_protocol == NDPI_PROTOCOL_UNKNOWN) {
    ++counters.unknown;
    return out;
  }
  out.id = std::uint32_t{protocol.master_protocol} << 16 | protocol.app_protocol;
  std::array<char, 64> text{};
  out.name = bounded_name(ndpi().ndpi_protocol2name(module, protocol, text.data(), text.size()));
  out.category = bounded_name(ndpi().ndpi_category_get_name(module, protocol.category));
  out.guessed = flow.flow.confidence != NDPI_CONFIDENCE_DPI;
  ++(out.guessed ? counters.guessed : counters.by_content);
  if (options.server_names && whole && (carries_server_name(protocol.app_protocol) || carries_server_name(protocol.master_protocol))) {
    out.server_name = name.substr(name.size() - std::min(name.size(), kMaxServerName));
  }
  return out;
}

Application ApplicationDetector::State::guess(FlowInDetection& flow, Octets packet) {
  std::uint8_t guessed = 0;  // the confidence says it better
  const ndpi_protocol protocol = ndpi().ndpi_detection_giveup(module, &flow.flow, 1, &guessed);
  return verdict(flow, protocol, packet);
}

ApplicationDetector::ApplicationDetector(std::unique_ptr<State> state) : state_(std::move(state)) {}

ApplicationDetector::~ApplicationDetector() { assert(state_->in_detection.taken() == 0); }

Result<std::unique_ptr<ApplicationDetector>> ApplicationDetector::make(const ApplicationOptions& options) {
  if (options.packets_per_flow < 1 || options.packets_per_flow > NDPI_MAX_NUM_PKTS_PER_FLOW_TO_DISSECT) {
    return Error{ErrorCode::kInvalid, fmt::format("a flow's application can be looked for in 1 to {} packets, not in {}",
                                                  NDPI_MAX_NUM_PKTS_PER_FLOW_TO_DISSECT, options.packets_per_flow)};
  }
  if (std::optional<Error> error = load_ndpi()) return std::move(*error);
  // Its initialization is not made for two threads at a time.
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  auto state = std::make_unique<State>(options);
  // Without the list of Tor's nodes of the day of its release.
  state->module = ndpi().ndpi_init_detection_module(ndpi_dont_load_tor_hosts);
  if (state->module == nullptr) return Error{ErrorCode::kUnavailable, "nDPI could not make its tables: is there memory left?"};
  NDPI_PROTOCOL_BITMASK all;
  NDPI_BITMASK_SET_ALL(all);
  ndpi().ndpi_set_protocol_detection_bitmask2(state->module, &all);
  ndpi().ndpi_finalize_initialization(state->module);
  return std::unique_ptr<ApplicationDetector>(new ApplicationDetector(std::move(state)));
}

DetectionStep ApplicationDetector::inspect(ApplicationFlow& flow, Octets packet, std::size_t wire_length, Nanoseconds now,
                                           std::uint32_t owner) {
  State& s = *state_;
  const std::optional<Extract> extract = usable(packet, wire_length);
  if (!extract || (flow != nullptr && (flow->version != extract->version || flow->protocol != extract->protocol))) {
    ++s.counters.unusable;
    return {.detection = Detection::kUnusable};
  }
  if (flow == nullptr) {
    if (!s.in_detection.take(owner)) {
      ++s.counters.refused;
      return {.detection = Detection::kFull};
    }
    try {
      flow.reset(new FlowInDetection);
    } catch (...) {
      s.in_detection.give_back(owner);
      throw;
    }
    flow->version = extract->version;
    flow->protocol = extract->protocol;
    flow->in_detection = &s.in_detection;
    flow->owner = owner;
    flow->first_size = std::min(extract->octets.size(), flow->first.size());
    std::memcpy(flow->first.data(), extract->octets.data(), flow->first_size);
    ++s.counters.flows;
  }
  assert(flow->in_detection == &s.in_detection);
  const Octets octets = extract->octets;
  const std::size_t length = extract->length;
  std::byte* const buffer = s.buffer.data();
  std::memcpy(buffer, octets.data(), octets.size());
  // An IP length of what is handed over: the host's own offloading leaves 0, or 64 KiB, there.
  if (extract->version == 4) {
    put_u16(buffer + 2, length);
  } else {
    put_u16(buffer + 4, length - 40);
  }
  flow->filled |= octets.size() < length;
  const auto protocol =
      ndpi().ndpi_detection_process_packet(s.module, &flow->flow, reinterpret_cast<const unsigned char*>(buffer),
                                           static_cast<unsigned short>(length), static_cast<std::uint64_t>(now / (kSecond / 1000)));
  std::fill_n(buffer, length, kFilling);
  ++flow->packets;
  ++s.counters.packets;

  DetectionStep step;
  if (protocol.app_protocol != NDPI_PROTOCOL_UNKNOWN) {
    step.application = s.verdict(*flow, protocol, octets);
  } else if (flow->packets >= s.options.packets_per_flow || flow->flow.fail_with_unknown) {  // or no dissector is left
    step.application = s.guess(*flow, octets);
  } else {
    return step;
  }
  step.detection = Detection::kFinal;
  flow.reset();
  return step;
}

Application ApplicationDetector::give_up(ApplicationFlow& flow) {
  if (flow == nullptr) return {};
  assert(flow->in_detection == &state_->in_detection);
  Application application = state_->guess(*flow, {});
  flow.reset();
  return application;
}

std::size_t ApplicationDetector::in_detection() const { return state_->in_detection.taken(); }
const ApplicationCounters& ApplicationDetector::counters() const { return state_->counters; }

}  // namespace vmtraffic
