#include "core/probes/packet_ring.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

namespace vmtraffic {
namespace {

// Blocks are given back one by one: small ones keep the ring usable while one is read, and when packets are few and blocks go half empty.
constexpr std::uint32_t kBlock = 1U << 18;
constexpr std::uint32_t kFrame = 1U << 11;  // only a factor of the block: frames of version 3 are as long as they need to be
constexpr std::uint32_t kMost_mib = 2048;
// Of the address within a packet: TPACKET_ALIGN() in the types of this language.
constexpr std::size_t kAddress = (sizeof(tpacket3_hdr) + TPACKET_ALIGNMENT - 1) / TPACKET_ALIGNMENT * TPACKET_ALIGNMENT;

constexpr std::size_t kRoomForTwo = 131'072;  // octets: two of the longest filters
constexpr std::size_t kShort = 300;           // instructions: the share of the flows, and a coarse list of links

constexpr std::array<FilterInstruction, 1> kNothing{{{BPF_RET | BPF_K, 0, 0, 0}}};

int set_option(int fd, int option, const auto& value) { return setsockopt(fd, SOL_PACKET, option, &value, sizeof(value)); }

Error not_opened(int code, std::uint32_t size_mib) {
  switch (code) {
    case EPERM:
    case EACCES:
      return capture_denied();
    case EAFNOSUPPORT:
      return {
          ErrorCode::kUnavailable,
          "packet sockets are not to be had: add AF_PACKET to RestrictAddressFamilies= in the systemd unit, or load the kernel's module "
          "af_packet"};
    case ENOMEM:
      return {ErrorCode::kUnavailable, fmt::format("there is no memory for a capture ring of {} MiB: set a smaller one", size_mib)};
    default:
      return {ErrorCode::kIo, fmt::format("a capture ring of {} MiB cannot be opened: {}", size_mib, std::strerror(code))};
  }
}

int attach(int fd, std::span<const FilterInstruction> program) {
  std::vector<sock_filter> code;
  code.reserve(program.size());
  for (const FilterInstruction& i : program) code.push_back({i.code, i.jt, i.jf, i.k});
  const sock_fprog filter{static_cast<unsigned short>(code.size()), code.data()};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

// Octets that the kernel lets a socket's filters have; absent: it does not tell.
std::optional<std::size_t> filter_memory() {
  std::ifstream file("/proc/sys/net/core/optmem_max");
  std::size_t octets = 0;
  if (file >> octets) return octets;
  return std::nullopt;
}

template <class T>
const T* behind(const void* begin, std::size_t offset) {
  return reinterpret_cast<const T*>(static_cast<const std::byte*>(begin) + offset);
}

// False for what came from a link without an Ethernet header.
bool read_packet(const tpacket3_hdr& header, CapturedPacket& out) {
  const auto& from = *behind<sockaddr_ll>(&header, kAddress);
  if (from.sll_hatype != ARPHRD_ETHER && from.sll_hatype != ARPHRD_LOOPBACK) return false;
  out.octets = {behind<std::byte>(&header, header.tp_mac), header.tp_snaplen};
  out.wire_length = header.tp_len;
  out.walltime = Nanoseconds{header.tp_sec} * kSecond + header.tp_nsec;
  out.if_index = static_cast<std::uint32_t>(from.sll_ifindex);
  out.heading = from.sll_pkttype == PACKET_OUTGOING ? Heading::kOut : Heading::kIn;
  out.vlan_tpid = out.vlan_tci = 0;
  if ((header.tp_status & TP_STATUS_VLAN_VALID) != 0) {
    out.vlan_tci = static_cast<std::uint16_t>(header.hv1.tp_vlan_tci);
    out.vlan_tpid = (header.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? header.hv1.tp_vlan_tpid : std::uint16_t{ETH_P_8021Q};
  }
  return true;
}

}  // namespace

struct PacketRing::State {
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (memory != MAP_FAILED) munmap(memory, length);
    if (fd >= 0) close(fd);
    if (waker >= 0) close(waker);
  }

  int fd{-1}, waker{-1};
  void* memory{MAP_FAILED};
  std::size_t length{0}, blocks{0};
  std::size_t block{0};                 // the one that is read, or is next
  bool holds{false};                    // it is ours at the moment
  std::uint32_t left{0};                // packets of it that were not delivered
  const tpacket3_hdr* packet{nullptr};  // the first of those
  Stats stats;

  tpacket_hdr_v1& header() const {
    return reinterpret_cast<tpacket_block_desc*>(static_cast<std::byte*>(memory) + block * kBlock)->hdr.bh1;
  }
  bool filled() const { return (__atomic_load_n(&header().block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) != 0; }

  void take() {
    const tpacket_hdr_v1& at = header();
    holds = true;
    left = at.num_pkts;
    packet = behind<tpacket3_hdr>(&at, at.offset_to_first_pkt - offsetof(tpacket_block_desc, hdr));
  }
  void give_back() {
    __atomic_store_n(&header().block_status, std::uint32_t{TP_STATUS_KERNEL}, __ATOMIC_RELEASE);
    holds = false;
    block = (block + 1) % blocks;
  }
  bool open(const PacketRingOptions& options);  // false: errno says why
};

bool PacketRing::State::open(const PacketRingOptions& options) {
  // Protocol 0: it receives nothing until it is bound, and by then it has a filter that lets nothing pass.
  fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (waker < 0) return false;
  const int version = TPACKET_V3;
  if (set_option(fd, PACKET_VERSION, version) != 0) return false;
  length = std::size_t{options.size_mib} << 20;
  blocks = length / kBlock;
  tpacket_req3 request{};
  request.tp_block_size = kBlock;
  request.tp_block_nr = static_cast<unsigned>(blocks);
  request.tp_frame_size = kFrame;
  request.tp_frame_nr = static_cast<unsigned>(length / kFrame);
  request.tp_retire_blk_tov = static_cast<unsigned>(options.patience.count());
  if (set_option(fd, PACKET_RX_RING, request) != 0) return false;
  memory = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return false;
  if (attach(fd, kNothing) != 0) return false;
  sockaddr_ll every{};
  every.sll_family = AF_PACKET;
  every.sll_protocol = htons(ETH_P_ALL);
  return bind(fd, reinterpret_cast<const sockaddr*>(&every), sizeof(every)) == 0;
}

Result<PacketRing> PacketRing::open(const PacketRingOptions& options) {
  if (options.size_mib == 0 || options.size_mib > kMost_mib)
    return Error{ErrorCode::kInvalid, fmt::format("a capture ring of {} MiB is not possible: say 1 to {}", options.size_mib, kMost_mib)};
  if (options.patience.count() < 1 || options.patience.count() > 10'000)
    return Error{ErrorCode::kInvalid,
                 fmt::format("a packet cannot wait {} ms in a capture ring: say 1 to 10000", options.patience.count())};
  auto state = std::make_unique<State>();
  if (!state->open(options)) return not_opened(errno, options.size_mib);
  return PacketRing(std::move(state));
}

PacketRing::PacketRing(std::unique_ptr<State> state) : state_(std::move(state)) {}
PacketRing::PacketRing(PacketRing&&) noexcept = default;
PacketRing& PacketRing::operator=(PacketRing&&) noexcept = default;
PacketRing::~PacketRing() = default;

Status PacketRing::set_filter(std::span<const FilterInstruction> program) {
  if (program.empty() || program.size() > kLongestFilter)
    return Error{ErrorCode::kInvalid,
                 fmt::format("a filter of {} instructions is none: the kernel takes 1 to {}", program.size(), kLongestFilter)};
  if (attach(state_->fd, program) == 0) return Done{};
  if (errno == ENOMEM)
    return Error{ErrorCode::kUnavailable,
                 fmt::format("the kernel has no room for a filter of {} instructions: net.core.optmem_max is {} octets, set more by sysctl",
                             program.size(), filter_memory().value_or(0))};
  return Error{errno == EINVAL ? ErrorCode::kInvalid : ErrorCode::kIo,
               fmt::format("the kernel refuses the capture's filter of {} instructions: {}", program.size(), std::strerror(errno))};
}

Status PacketRing::set_promiscuous(std::uint32_t if_index) {
  packet_mreq request{};
  request.mr_ifindex = static_cast<int>(if_index);
  request.mr_type = PACKET_MR_PROMISC;
  if (set_option(state_->fd, PACKET_ADD_MEMBERSHIP, request) == 0) return Done{};
  if (errno == ENODEV) return Error{ErrorCode::kMissing, fmt::format("no link has the ifIndex {}", if_index)};
  return Error{ErrorCode::kIo,
               fmt::format("the link with the ifIndex {} cannot be made to take all packets: {}", if_index, std::strerror(errno))};
}

bool PacketRing::wait(std::chrono::milliseconds limit) {
  State& s = *state_;
  if (s.holds && s.left > 0) return true;
  if (s.holds) s.give_back();
  if (s.filled()) return true;
  std::array<pollfd, 2> waiting{{{s.fd, POLLIN, 0}, {s.waker, POLLIN, 0}}};
  const auto ms = std::clamp<std::chrono::milliseconds::rep>(limit.count(), 0, 1 << 30);
  if (poll(waiting.data(), waiting.size(), static_cast<int>(ms)) <= 0) return s.filled();
  if ((waiting[0].revents & POLLERR) != 0) {
    // Left there, an error would end every wait at once. The ring goes on whatever it was.
    int code = 0;
    socklen_t size = sizeof(code);
    (void)getsockopt(s.fd, SOL_SOCKET, SO_ERROR, &code, &size);
  }
  std::uint64_t count = 0;
  if (waiting[1].revents != 0 && read(s.waker, &count, sizeof(count)) > 0) return false;
  return s.filled();
}

void PacketRing::wake() noexcept {
  const std::uint64_t one = 1;
  if (write(state_->waker, &one, sizeof(one)) < 0) return;  // full: it wakes already
}

std::size_t PacketRing::next(std::span<CapturedPacket> out) {
  State& s = *state_;
  std::size_t count = 0;
  while (count == 0 && !out.empty()) {
    if (s.holds && s.left == 0) s.give_back();
    if (!s.holds) {
      if (!s.filled()) return 0;
      s.take();
    }
    // One block a call: the one before can be given back only when nobody looks at its octets any more.
    for (; s.left > 0 && count < out.size(); --s.left) {
      if (read_packet(*s.packet, out[count])) ++count;
      s.packet = behind<tpacket3_hdr>(s.packet, s.packet->tp_next_offset);
    }
  }
  return count;
}

PacketRing::Stats PacketRing::stats() {
  // Reading clears them.
  tpacket_stats_v3 since{};
  socklen_t size = sizeof(since);
  if (getsockopt(state_->fd, SOL_PACKET, PACKET_STATISTICS, &since, &size) == 0) {
    Stats& total = state_->stats;
    total.received += since.tp_packets - since.tp_drops;  // its packets are both
    total.dropped += since.tp_drops;
    total.frozen += since.tp_freeze_q_cnt;
  }
  return state_->stats;
}

Result<CaptureFilter> install_filter(PacketRing& ring, CaptureFilterOptions options) {
  // The filter of before counts until it is replaced. Where two long ones may not have room, a short one goes between them; the next time
  // it will have room again, since it had beside this one. Only one that has grown since, by an expression or a share, may have none.
  if (options.if_indexes && filter_memory().value_or(0) < kRoomForTwo) {
    CaptureFilterOptions shortly = options;
    shortly.longest = std::min(options.longest, options.expression.size() + kShort);
    const auto built = build_capture_filter(shortly);
    if (!built) return built.error();
    if (const Status set = ring.set_filter(built->program); !set) {
      if (const Status none = ring.set_filter(kNothing); !none) return set.error();
    }
  }
  auto built = build_capture_filter(options);
  if (!built) return built;
  Status set = ring.set_filter(built->program);
  // What the kernel counts is its own translation: only trying tells what it has room for.
  while (!set && set.error().code == ErrorCode::kUnavailable && options.if_indexes) {
    options.longest = built->program.size() * 9 / 10;
    auto shorter = build_capture_filter(options);
    if (!shorter) break;
    built = std::move(shorter);
    set = ring.set_filter(built->program);
  }
  if (!set) return set.error();
  return built;
}

}  // namespace vmtraffic
