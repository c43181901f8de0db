// lab_forwarder LINK_A LINK_B SOCKET: a network of known delay and loss between two links, which counts exactly what it does.
//
// What arrives on one link leaves on the other, both ways. On arrival a frame may be dropped or held back; what passes waits in the
// direction's delay line and leaves in the order in which it came there, its delay after the kernel's receive stamp. Each direction (ab:
// from LINK_A to LINK_B, ba: back) has its settings and counts. "forwarding" on standard output says that it has begun; SIGTERM ends it.
//
// A datagram to the Unix socket SOCKET is a command, and one line of JSON comes back: the result, or {"error": "..."}.
//   counts                         {"ab": {"received_frames": ..., ...}, "ba": {...}}; see Counts
//   set ab|ba|both KEY=VALUE...    changes all these settings or none; the settings in force come back; see Settings. What is done to each
//                                  n-th frame is counted anew from here
//
// A frame's state of offloading (unfilled checksum, super-frame) goes along by PACKET_VNET_HDR, its VLAN tag is put back into the frame.
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using Nanoseconds = std::int64_t;
using Bytes = std::vector<unsigned char>;

constexpr Nanoseconds kSecond = 1'000'000'000;
constexpr Nanoseconds kSpin = 100'000;  // a sleep ends late by less than this; the rest until a frame is due is waited for awake
constexpr Nanoseconds kLate = 50'000;   // what is sent later than this after it was due is counted
constexpr std::size_t kLongestLine = 65'536;
constexpr std::size_t kLongestFrame = 1 << 18;
constexpr int kReceiveBuffer = 64 << 20;
constexpr int kFramesInARow = 64;  // of one link before the other has its turn
constexpr std::size_t kAddresses = 2 * ETH_ALEN;
constexpr std::size_t kTag = 4;

// What PACKET_VNET_HDR puts before each frame: virtio_net_hdr of linux/virtio_net.h, a header that is not for C++.
struct VnetHeader {
  std::uint8_t flags{0}, gso_type{0};
  std::uint16_t hdr_len{0}, gso_size{0}, csum_start{0}, csum_offset{0};
};
constexpr std::size_t kVnetHeader = sizeof(VnetHeader);
constexpr unsigned kNeedsChecksum = 1, kGsoNone = 0;

[[noreturn]] void refuse(const std::string& what) {
  fmt::print(stderr, "lab_forwarder: {}\n", what);
  std::exit(2);
}

[[noreturn]] void refuse_errno(const std::string& what) { refuse(fmt::format("{}: {}", what, std::strerror(errno))); }

Nanoseconds read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

// --- what a frame is ---

struct Kind {
  std::uint64_t data_segments{0};  // that the wire would have seen of this frame; 0 without TCP payload
  bool syn{false};
  bool pure_ack{false};
};

// Reads big-endian numbers from a frame; beyond its end everything is 0, and ok is false.
struct Reader {
  const unsigned char* data;
  std::size_t size;
  bool ok{true};
  unsigned u8(std::size_t at) {
    if (at < size) return data[at];
    ok = false;
    return 0;
  }
  unsigned u16(std::size_t at) { return u8(at) << 8 | u8(at + 1); }
};

struct Segment {
  std::size_t begin{0}, end{0};
};

// Where the TCP segment of a frame begins and ends; nothing if it has none, or is a fragment that lacks the TCP header.
std::optional<Segment> tcp_of(Reader& in) {
  constexpr unsigned kTcp = 6, kHopByHop = 0, kRouting = 43, kFragment = 44, kOptions = 60;
  std::size_t at = kAddresses;
  while (in.u16(at) == ETH_P_8021Q || in.u16(at) == ETH_P_8021AD) at += kTag;
  const unsigned type = in.u16(at);
  at += 2;
  if (type == ETH_P_IP) {
    if (in.u8(at + 9) != kTcp || (in.u16(at + 6) & 0x1fff) != 0) return std::nullopt;
    return Segment{at + (in.u8(at) & 15U) * 4, at + in.u16(at + 2)};
  }
  if (type != ETH_P_IPV6) return std::nullopt;
  const std::size_t end = at + 40 + in.u16(at + 4);
  unsigned next = in.u8(at + 6);
  at += 40;
  while (in.ok && (next == kHopByHop || next == kRouting || next == kFragment || next == kOptions)) {
    if (next == kFragment && in.u16(at + 2) >> 3 != 0) return std::nullopt;
    next = in.u8(at);
    at += next == kFragment ? 8 : (in.u8(at + 1) + 1) * 8;
  }
  if (next != kTcp) return std::nullopt;
  return Segment{at, end};
}

Kind kind_of(const unsigned char* data, std::size_t size, std::size_t gso_size) {
  constexpr unsigned kFin = 1, kSyn = 2, kRst = 4, kAck = 16;
  Reader in{data, size};
  const std::optional<Segment> tcp = tcp_of(in);
  if (!tcp) return {};
  const unsigned flags = in.u8(tcp->begin + 13);
  const std::size_t payload_at = tcp->begin + (in.u8(tcp->begin + 12) >> 4) * 4;
  if (!in.ok) return {};
  const std::size_t payload = tcp->end > payload_at ? tcp->end - payload_at : 0;
  Kind out;
  if (payload > 0) out.data_segments = gso_size == 0 ? 1 : (payload + gso_size - 1) / gso_size;
  out.syn = (flags & kSyn) != 0;
  out.pure_ack = payload == 0 && (flags & (kFin | kSyn | kRst | kAck)) == kAck;
  return out;
}

// --- settings and counts of a direction ---

struct Settings {
  Nanoseconds delay_ns{0};
  double loss{0};              // the probability that a frame of the kind loss_of is dropped
  std::string loss_of{"all"};  // all; data: TCP with payload; syn; ack: TCP without payload, SYN, FIN and RST
  std::uint64_t seed{1};       // setting it, to the same value too, draws anew from the beginning
  std::uint64_t reorder_every{0},
      reorder_by{1};                       // each so many frames with TCP payload one is held until so many further ones have passed,
  Nanoseconds reorder_hold_ns{1'000'000};  // or until this time has; it is then sent whether it was overtaken or not
  std::uint64_t duplicate_every{0};        // each so many frames with TCP payload one is sent twice
};

// A super-frame is one frame and several data segments. received = passed + dropped + unsent + waiting, always.
struct Counts {
  std::uint64_t received_frames{0}, received_octets{0};
  std::uint64_t passed_frames{0}, passed_octets{0}, passed_data_segments{0};
  std::uint64_t dropped_frames{0}, dropped_octets{0};
  std::uint64_t dropped_data_segments{0}, dropped_syns{0}, dropped_pure_acks{0};
  std::uint64_t reordered{0};     // frames that left after at least one data frame that had come later
  std::uint64_t duplicated{0};    // second copies sent, not in `passed`
  std::uint64_t unsent{0};        // the delay line was full, or the kernel refused the frame
  std::uint64_t missed{0};        // lost by the kernel before we could read them: these counts are exact only while it is 0
  std::uint64_t super_frames{0};  // received ones that offloading had not cut into segments yet
  std::uint64_t late{0};          // sent more than 50 us after they were due
  Nanoseconds latest_ns{0};       // by how much at most
};

std::string to_json(const Settings& s) {
  return fmt::format(
      "{{\"delay_ns\": {}, \"loss\": {}, \"loss_of\": \"{}\", \"seed\": {}, \"reorder_every\": {}, \"reorder_by\": {}, "
      "\"reorder_hold_ns\": {}, "
      "\"duplicate_every\": {}}}",
      s.delay_ns, s.loss, s.loss_of, s.seed, s.reorder_every, s.reorder_by, s.reorder_hold_ns, s.duplicate_every);
}

std::string to_json(const Counts& c, std::size_t waiting) {
  return fmt::format(
      "{{\"received_frames\": {}, \"received_octets\": {}, \"passed_frames\": {}, \"passed_octets\": {}, \"passed_data_segments\": {}, "
      "\"dropped_frames\": {}, \"dropped_octets\": {}, \"dropped_data_segments\": {}, \"dropped_syns\": {}, \"dropped_pure_acks\": {}, "
      "\"reordered\": {}, \"duplicated\": {}, \"unsent\": {}, \"waiting\": {}, \"missed\": {}, \"super_frames\": {}, \"late\": {}, "
      "\"latest_ns\": {}}}",
      c.received_frames, c.received_octets, c.passed_frames, c.passed_octets, c.passed_data_segments, c.dropped_frames, c.dropped_octets,
      c.dropped_data_segments, c.dropped_syns, c.dropped_pure_acks, c.reordered, c.duplicated, c.unsent, waiting, c.missed, c.super_frames,
      c.late, c.latest_ns);
}

template <class Number>
bool read_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

// Applies one KEY=VALUE; what is wrong with it, or nothing.
std::string apply(std::string_view word, Settings& out, bool& reseed) {
  const std::size_t equals = word.find('=');
  const std::string_view key = word.substr(0, equals), value = equals == std::string_view::npos ? "" : word.substr(equals + 1);
  bool good = false;
  if (key == "loss") {
    good = read_number(value, out.loss) && out.loss >= 0 && out.loss <= 1;
  } else if (key == "loss_of") {
    out.loss_of = value;
    good = value == "all" || value == "data" || value == "syn" || value == "ack";
  } else if (key == "delay_ns") {
    good = read_number(value, out.delay_ns) && out.delay_ns >= 0;
  } else if (key == "reorder_hold_ns") {
    good = read_number(value, out.reorder_hold_ns) && out.reorder_hold_ns >= 0;
  } else if (key == "seed") {
    good = reseed = read_number(value, out.seed);
  } else if (key == "reorder_every") {
    good = read_number(value, out.reorder_every);
  } else if (key == "reorder_by") {
    good = read_number(value, out.reorder_by) && out.reorder_by > 0;
  } else if (key == "duplicate_every") {
    good = read_number(value, out.duplicate_every);
  } else {
    return fmt::format("there is no setting '{}'", key);
  }
  return good ? "" : fmt::format("{} cannot be '{}'", key, value);
}

// --- a link ---

struct Frame {
  Bytes octets;  // VnetHeader, then the frame with its tag
  Kind kind;
  Nanoseconds arrived{0}, due{0};
  bool is_copy{false};
};

class Link {
 public:
  explicit Link(std::string name) : name_(std::move(name)), buffer_(kVnetHeader + kLongestFrame) {
    const unsigned index = if_nametoindex(name_.c_str());
    if (index == 0) refuse(fmt::format("there is no link {}", name_));
    // Without a protocol nothing is received until bind(), so that no frame is seen before all of this is set.
    fd_ = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) refuse_errno("packet socket");
    require(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");  // what others send here is nothing that arrived
    require(SOL_PACKET, PACKET_AUXDATA, 1, "PACKET_AUXDATA");
    require(SOL_PACKET, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR");
    require(SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
    require(SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBuffer, "SO_RCVBUFFORCE");
    require(SOL_SOCKET, SO_SNDBUFFORCE, kReceiveBuffer, "SO_SNDBUFFORCE");
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = __builtin_bswap16(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(index);
    if (bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) refuse_errno(fmt::format("bind to {}", name_));
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { close(fd_); }

  int fd() const { return fd_; }

  // The next frame that has arrived, if any. `super` and `missed` are added to `counts`.
  std::optional<Frame> receive(Counts& counts) {
    iovec part{buffer_.data(), buffer_.size()};
    alignas(cmsghdr) std::array<char, 256> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = recvmsg(fd_, &message, MSG_TRUNC);
    if (size < 0) return std::nullopt;
    if (static_cast<std::size_t>(size) > buffer_.size() || static_cast<std::size_t>(size) < kVnetHeader + ETH_HLEN) {
      ++counts.missed;
      return std::nullopt;
    }
    Frame out;
    out.octets.assign(buffer_.begin(), buffer_.begin() + size);
    out.arrived = read_clock(CLOCK_MONOTONIC);
    for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
      if (one->cmsg_level == SOL_SOCKET && one->cmsg_type == SCM_TIMESTAMPNS) {
        timespec stamp{};
        std::memcpy(&stamp, CMSG_DATA(one), sizeof(stamp));
        const Nanoseconds age = read_clock(CLOCK_REALTIME) - (stamp.tv_sec * kSecond + stamp.tv_nsec);
        out.arrived -= std::clamp<Nanoseconds>(age, 0, kSecond);  // the stamp's clock may be set meanwhile
      } else if (one->cmsg_level == SOL_PACKET && one->cmsg_type == PACKET_AUXDATA) {
        tpacket_auxdata data{};
        std::memcpy(&data, CMSG_DATA(one), sizeof(data));
        if ((data.tp_status & TP_STATUS_VLAN_VALID) != 0) put_tag_back(out.octets, data);
      }
    }
    VnetHeader header{};
    std::memcpy(&header, out.octets.data(), kVnetHeader);
    const std::size_t gso_size = header.gso_type == kGsoNone ? 0 : header.gso_size;
    if (gso_size != 0) ++counts.super_frames;
    out.kind = kind_of(out.octets.data() + kVnetHeader, out.octets.size() - kVnetHeader, gso_size);
    return out;
  }

  bool send(const Frame& frame) const {
    for (;;) {
      const ssize_t sent = ::send(fd_, frame.octets.data(), frame.octets.size(), 0);
      if (sent >= 0 || errno != EINTR) return sent == static_cast<ssize_t>(frame.octets.size());
    }
  }

  // How many frames the kernel had no room for since the last call.
  std::uint64_t missed() const {
    tpacket_stats stats{};
    socklen_t size = sizeof(stats);
    return getsockopt(fd_, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0 ? stats.tp_drops : 0;
  }

 private:
  void require(int level, int option, int value, std::string_view what) const {
    if (setsockopt(fd_, level, option, &value, sizeof(value)) != 0) refuse_errno(fmt::format("{} on {}", what, name_));
  }

  static void put_tag_back(Bytes& octets, const tpacket_auxdata& data) {
    const unsigned type = (data.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? data.tp_vlan_tpid : ETH_P_8021Q;
    const std::array<unsigned, kTag> tag{type >> 8, type & 255U, static_cast<unsigned>(data.tp_vlan_tci >> 8), data.tp_vlan_tci & 255U};
    octets.insert(octets.begin() + kVnetHeader + kAddresses, tag.begin(), tag.end());
    VnetHeader header{};
    std::memcpy(&header, octets.data(), kVnetHeader);
    if ((header.flags & kNeedsChecksum) != 0) header.csum_start = static_cast<std::uint16_t>(header.csum_start + kTag);
    if (header.hdr_len != 0) header.hdr_len = static_cast<std::uint16_t>(header.hdr_len + kTag);
    std::memcpy(octets.data(), &header, kVnetHeader);
  }

  std::string name_;
  Bytes buffer_;
  int fd_{-1};
};

// --- a direction ---

class Direction {
 public:
  Direction(Link& from, Link& to) : from_(from), to_(to) {}

  const Settings& settings() const { return settings_; }

  void set(const Settings& settings, bool reseed) {
    settings_ = settings;
    since_held_ = since_doubled_ = 0;
    if (reseed) random_.seed(settings.seed);
  }

  std::string counts() {
    counts_.missed += from_.missed();
    return to_json(counts_, line_.size() - copies_waiting_ + held_.size());
  }

  // Takes what has arrived, up to a bound.
  void take() {
    for (int i = 0; i < kFramesInARow; ++i) {
      std::optional<Frame> frame = from_.receive(counts_);
      if (!frame) return;
      ++counts_.received_frames;
      counts_.received_octets += frame->octets.size() - kVnetHeader;
      release_expired(frame->arrived);
      arrive(std::move(*frame));
    }
  }

  // Sends what is due. The moment at which something will be next, if anything waits.
  std::optional<Nanoseconds> work() {
    release_expired(read_clock(CLOCK_MONOTONIC));
    while (!line_.empty()) {
      const Nanoseconds now = read_clock(CLOCK_MONOTONIC);
      if (line_.front().due > now) break;
      leave(line_.front(), now);
      line_.pop_front();
    }
    std::optional<Nanoseconds> next;
    if (!line_.empty()) next = line_.front().due;
    for (const Held& one : held_) next = std::min(next.value_or(one.until), one.until);
    return next;
  }

 private:
  struct Held {
    Frame frame;
    std::uint64_t left{0};  // so many data frames are still to pass it
    bool overtaken{false};
    Nanoseconds until{0};
  };

  void arrive(Frame frame) {
    if (is_lost(frame.kind)) {
      ++counts_.dropped_frames;
      counts_.dropped_octets += frame.octets.size() - kVnetHeader;
      counts_.dropped_data_segments += frame.kind.data_segments;
      counts_.dropped_syns += frame.kind.syn ? 1 : 0;
      counts_.dropped_pure_acks += frame.kind.pure_ack ? 1 : 0;
      return;
    }
    const bool has_data = frame.kind.data_segments > 0;
    if (has_data && settings_.reorder_every > 0 && ++since_held_ >= settings_.reorder_every) {
      since_held_ = 0;
      const Nanoseconds until = frame.arrived + settings_.reorder_hold_ns;
      held_.push_back({std::move(frame), settings_.reorder_by, false, until});
      return;
    }
    const Nanoseconds now = frame.arrived;
    enter(std::move(frame), now);
    if (has_data) overtake(now);
  }

  bool is_lost(const Kind& kind) {
    const std::string& of = settings_.loss_of;
    const bool meant =
        of == "all" || (of == "data" && kind.data_segments > 0) || (of == "syn" && kind.syn) || (of == "ack" && kind.pure_ack);
    // Nothing is drawn for other frames: the same series of meant ones has the same fate, whatever is between them.
    return meant && settings_.loss > 0 && std::uniform_real_distribution<>()(random_) < settings_.loss;
  }

  void overtake(Nanoseconds now) {
    for (auto one = held_.begin(); one != held_.end();) {
      one->overtaken = true;
      one = --one->left == 0 ? release(one, now) : one + 1;
    }
  }

  void release_expired(Nanoseconds now) {
    for (auto one = held_.begin(); one != held_.end();) one = one->until <= now ? release(one, one->until) : one + 1;
  }

  std::deque<Held>::iterator release(std::deque<Held>::iterator one, Nanoseconds now) {
    counts_.reordered += one->overtaken ? 1U : 0U;
    enter(std::move(one->frame), now);
    return held_.erase(one);
  }

  // Puts a frame to the end of the delay line. It leaves after all before it, also when the delay was made shorter meanwhile.
  void enter(Frame frame, Nanoseconds now) {
    if (line_.size() >= kLongestLine) {
      ++counts_.unsent;
      return;
    }
    frame.due = now + settings_.delay_ns;
    if (!line_.empty()) frame.due = std::max(frame.due, line_.back().due);
    const bool doubled = frame.kind.data_segments > 0 && settings_.duplicate_every > 0 && ++since_doubled_ >= settings_.duplicate_every;
    line_.push_back(std::move(frame));
    if (!doubled) return;
    since_doubled_ = 0;
    ++copies_waiting_;
    Frame copy = line_.back();
    copy.is_copy = true;
    line_.push_back(std::move(copy));
  }

  void leave(const Frame& frame, Nanoseconds now) {
    const bool sent = to_.send(frame);
    if (frame.is_copy) {
      --copies_waiting_;
      counts_.duplicated += sent ? 1 : 0;
      return;
    }
    if (!sent) {
      ++counts_.unsent;
      return;
    }
    ++counts_.passed_frames;
    counts_.passed_octets += frame.octets.size() - kVnetHeader;
    counts_.passed_data_segments += frame.kind.data_segments;
    counts_.late += now - frame.due > kLate ? 1 : 0;
    counts_.latest_ns = std::max(counts_.latest_ns, now - frame.due);
  }

  Link& from_;
  Link& to_;
  Settings settings_;
  Counts counts_;
  std::mt19937_64 random_{Settings{}.seed};
  std::deque<Frame> line_;
  std::deque<Held> held_;
  std::size_t copies_waiting_{0};
  std::uint64_t since_held_{0}, since_doubled_{0};
};

// --- control ---

std::string error(std::string_view what) { return fmt::format("{{\"error\": \"{}\"}}\n", what); }

class Control {
 public:
  Control(const std::string& path, Direction& ab, Direction& ba) : ab_(ab), ba_(ba) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) refuse(fmt::format("{} is too long for a socket's name", path));
    std::copy(path.begin(), path.end(), address.sun_path);
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0 || bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) refuse_errno(path);
  }
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;
  ~Control() { close(fd_); }

  int fd() const { return fd_; }

  std::string counts() { return fmt::format("{{\"ab\": {}, \"ba\": {}}}\n", ab_.counts(), ba_.counts()); }

  // Obeys the command that has come, if one has.
  void obey() {
    std::array<char, 4096> text{};
    sockaddr_un sender{};
    socklen_t sender_size = sizeof(sender);
    const ssize_t size = recvfrom(fd_, text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (size < 0) return;
    const std::string answer = answer_to({text.data(), static_cast<std::size_t>(size)});
    sendto(fd_, answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&sender), sender_size);
  }

 private:
  std::string answer_to(std::string_view text) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
      if (end > 0) words.push_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (words.size() == 1 && words[0] == "counts") return counts();
    if (words.empty() || words[0] != "set") return error("say counts, or set ab|ba|both KEY=VALUE...");
    const std::string_view way = words.size() > 1 ? words[1] : "";
    if (way != "ab" && way != "ba" && way != "both") return error("set is for ab, ba or both");
    Settings new_ab = ab_.settings(), new_ba = ba_.settings();
    bool reseed = false;
    for (std::size_t i = 2; i < words.size(); ++i) {
      const std::string wrong = apply(words[i], way == "ba" ? new_ba : new_ab, reseed);
      if (!wrong.empty()) return error(wrong);
      if (way == "both") apply(words[i], new_ba, reseed);
    }
    if (way != "ba") ab_.set(new_ab, reseed);
    if (way != "ab") ba_.set(new_ba, reseed);
    return fmt::format("{{\"ab\": {}, \"ba\": {}}}\n", to_json(new_ab), to_json(new_ba));
  }

  Direction& ab_;
  Direction& ba_;
  int fd_{-1};
};

volatile std::sig_atomic_t ending = 0;

int run(const std::string& link_a, const std::string& link_b, const std::string& path) {
  // Signals are let in while we wait alone, so that none comes between the look at `ending` and the wait.
  sigset_t while_working, while_waiting;
  sigemptyset(&while_working);
  sigaddset(&while_working, SIGTERM);
  sigaddset(&while_working, SIGINT);
  sigprocmask(SIG_BLOCK, &while_working, &while_waiting);
  std::signal(SIGTERM, [](int) { ending = 1; });
  std::signal(SIGINT, [](int) { ending = 1; });
  prctl(PR_SET_TIMERSLACK, 1UL);

  Link a(link_a), b(link_b);
  Direction ab(a, b), ba(b, a);
  Control control(path, ab, ba);
  fmt::print("forwarding between {} and {}\n", link_a, link_b);
  std::fflush(stdout);
  std::array<pollfd, 3> waiting{pollfd{a.fd(), POLLIN, 0}, pollfd{b.fd(), POLLIN, 0}, pollfd{control.fd(), POLLIN, 0}};
  while (ending == 0) {
    const std::optional<Nanoseconds> next_ab = ab.work(), next_ba = ba.work();
    timespec limit{};
    const bool endless = !next_ab && !next_ba;
    if (!endless) {
      const Nanoseconds next = std::min(next_ab.value_or(INT64_MAX), next_ba.value_or(INT64_MAX));
      const Nanoseconds sleep = std::max<Nanoseconds>(0, next - read_clock(CLOCK_MONOTONIC) - kSpin);
      limit = {sleep / kSecond, sleep % kSecond};
    }
    if (ppoll(waiting.data(), waiting.size(), endless ? nullptr : &limit, &while_waiting) <= 0) continue;
    if (waiting[0].revents != 0) ab.take();
    if (waiting[1].revents != 0) ba.take();
    if (waiting[2].revents != 0) control.obey();
  }
  fmt::print("{}", control.counts());
  return 0;
}

}  // namespace

int main(int count, char** words) {
  if (count != 4) refuse("usage: lab_forwarder LINK_A LINK_B SOCKET");
  return run(words[1], words[2], words[3]);
}
