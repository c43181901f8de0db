// Sequences of captured packets into an intake, with ticks and changes of the inventory in between: whatever guests send, nothing is read
// outside, what is bounded stays bounded, and every figure is one.
//
// The input: pieces of | what 1 | time 1 | length 1 | octets |, the length cut to what is there. Of `what`:
//   0x03 the link: two taps, a mirror port, none   0x04 the host sent it there   0x08 a tag was taken out
//   0x10 a tick follows (the first eight)   0x20 the inventory changes before it (twice)
//   0x40 it is longer on the wire   0x80 the time is in 100 ms, else in 50 us
// Packets are handed over together until one's time is even, or a tick follows. Of an input of odd length applications are told.
//
// A length from 0xF0 on is a packet made of few octets, so that a short input is a long conversation. 0x01 of it: B sends to A.
//   0xF0 TCP | flags 1 | sequence 2 | acknowledgement 2 | 16 octets of payload 1 |, the payload beyond the snapshot. Of the flags 0x60:
//        which of four connections   0x80 the window is closed. With 0x02 timestamps | value 1 | echo 1 |, with 0x04 selective
//        acknowledgements | left 2 | right 2 | twice
//   0xF8 TCP with MSS and window scale   0xFA by IPv6, with timestamps   0xFC inside of VXLAN
//   0xFE a question | how 1 | 0x01 by B   0x02 a response   0x04 an echo, else DNS   0x08 IPv6   0xF0 its identifier
//   0xFF ICMP: not reachable | how 1 | 0x01 by B   0x02 IPv6   0x04 it says what: of the connection 0x60   0x18 its code
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "core/traffic/capture_intake.hpp"
#include "core/traffic/performance_view.hpp"
#include "core/wire/byte_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
#ifdef __clang__
// What is freed is kept for some time, so that its use is found. The default of 256 MiB has each allocation in memory never touched before,
// and that takes longer than the packets.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the sanitizer looks for this name
extern "C" const char* __asan_default_options() { return "quarantine_size_mb=4:malloc_context_size=6"; }
#endif

namespace {

using namespace vmtraffic;

void require(bool holds) {
  if (!holds) std::abort();
}

Inventory machines(std::uint8_t first) {
  Inventory out;
  for (std::uint8_t i = 0; i < 2; ++i) {
    Domain d;
    d.uuid.octets[0] = static_cast<std::uint8_t>(first + i);
    d.state = DomainState::kRunning;
    Vnic v;
    v.mac = {{0x52, 0x54, 0, 0, 0, static_cast<std::uint8_t>(first + i)}};
    d.vnics.push_back(v);
    out.domains.push_back(d);
  }
  return out;
}

CaptureIntakeOptions small() {
  CaptureIntakeOptions o;
  o.limits.conversations = 16;
  o.limits.services_per_vnic = 2;
  o.flows = 16;
  o.gaps = 8;
  o.peers = 4;
  o.services_per_vnic = 2;
  return o;
}

constexpr std::array<std::uint32_t, 2> kTaps{11, 12};

void check(const LatencyStats& s) {
  if (s.count == 0) return;
  require(s.minimum_us >= 0 && s.minimum_us <= s.median_us && s.median_us <= s.p95_us && s.p95_us <= s.p99_us);
  require(std::isfinite(s.mean_us) && s.mean_us >= s.minimum_us * 0.999);
}

// ---- packets made of few octets

class MadeFrame {
 public:
  std::array<std::byte, 256> octets{};
  std::size_t length{0};
  std::size_t beyond{0};  // the snapshot

  MadeFrame& u8(unsigned v) {
    octets[length++] = static_cast<std::byte>(v);
    return *this;
  }
  MadeFrame& u16(unsigned v) { return u8(v >> 8 & 0xFF).u8(v & 0xFF); }
  MadeFrame& u32(std::uint32_t v) { return u16(v >> 16).u16(v & 0xFFFF); }
  void set_u16(std::size_t at, std::size_t v) {
    octets[at] = static_cast<std::byte>(v >> 8 & 0xFF);
    octets[at + 1] = static_cast<std::byte>(v & 0xFF);
  }
  MadeFrame& ethernet(bool by_b, unsigned type) {
    u16(0x5254).u32(by_b ? 1 : 2).u16(0x5254).u32(by_b ? 2 : 1);
    return u16(type);
  }
  // Both lengths are set by end_ip().
  MadeFrame& ip(bool by_b, bool v6, unsigned protocol) {
    ethernet(by_b, v6 ? 0x86DD : 0x0800);
    ip_at_ = length;
    v6_ = v6;
    const std::uint32_t a = by_b ? 2 : 1, b = by_b ? 1 : 2;
    if (!v6) return u16(0x4500).u16(0).u32(0x4000).u8(64).u8(protocol).u16(0).u32(0x0A000000 + a).u32(0x0A000000 + b);
    u32(0x60000000).u16(0).u8(protocol).u8(64);
    for (const std::uint32_t end : {a, b}) u32(0x20010DB8).u32(0).u32(0).u32(end);
    return *this;
  }
  void end_ip() {
    const std::size_t total = length + beyond - ip_at_;
    set_u16(v6_ ? ip_at_ + 4 : ip_at_ + 2, v6_ ? total - 40 : total);
  }

 private:
  std::size_t ip_at_{0};
  bool v6_{false};
};

void ports(MadeFrame& f, bool by_b, unsigned connection) {
  const unsigned client = 40000 + connection;
  f.u16(by_b ? 80 : client).u16(by_b ? client : 80);
}

void segment(MadeFrame& f, ByteReader& r, unsigned shape) {
  const bool plain = shape < 8, by_b = (shape & 1) != 0, v6 = !plain && (shape & 6) == 2, tunnel = !plain && (shape & 6) == 4;
  const bool stamps = plain ? (shape & 2) != 0 : v6, selective = plain && (shape & 4) != 0, opens = !plain && (shape & 6) == 0;
  const std::uint8_t flags = r.u8();
  const std::uint16_t seq = r.u16(), ack = r.u16();
  f.beyond = r.u8() * std::size_t{16};
  if (tunnel) {
    f.ethernet(false, 0x0800).u16(0x4500).u16(0).u32(0x4000).u8(64).u8(17).u16(0).u32(0xAC100001).u32(0xAC100002);
    f.u16(50000).u16(4789).u16(0).u16(0).u32(0x08000000).u32(7 << 8);
  }
  f.ip(by_b, v6, 6);
  ports(f, by_b, flags >> 5 & 3u);
  // Sequences pass 2^32 in their middle.
  const unsigned words = 5U + (stamps ? 3U : 0U) + (selective ? 5U : 0U) + (opens ? 2U : 0U);
  f.u32(0xFFFF'8000 + seq).u32(0xFFFF'8000 + ack).u8(words << 4).u8(flags & 0x1F).u16((flags & 0x80) != 0 ? 0 : 500).u32(0);
  if (stamps) {
    const std::uint8_t value = r.u8(), echo = r.u8();
    f.u32(0x0101'080A).u32(value).u32(echo);
  }
  if (selective) {
    f.u32(0x0101'0512);
    for (int i = 0; i < 4; ++i) f.u32(0xFFFF'8000 + r.u16());
  }
  if (opens) f.u32(0x0204'05B4).u32(0x0103'0307);
  f.end_ip();
  if (tunnel) {
    f.set_u16(16, f.length + f.beyond - 14);
    f.set_u16(38, f.length + f.beyond - 34);
  }
}

void question(MadeFrame& f, std::uint8_t how) {
  const bool by_b = (how & 1) != 0, response = (how & 2) != 0, v6 = (how & 8) != 0;
  const unsigned id = how >> 4;
  if ((how & 4) != 0) {
    f.ip(by_b, v6, v6 ? 58 : 1).u8(v6 ? (response ? 129 : 128) : (response ? 0 : 8)).u8(0).u16(0).u16(77).u16(id).u32(0);
  } else {
    f.ip(by_b, v6, 17)
        .u16(response ? 53 : 5000)
        .u16(response ? 5000 : 53)
        .u16(20)
        .u16(0)
        .u16(id)
        .u16(response ? 0x8180 : 0x0100)
        .u32(0)
        .u32(0);
  }
  f.end_ip();
}

void unreachable(MadeFrame& f, std::uint8_t how) {
  const bool by_b = (how & 1) != 0, v6 = (how & 2) != 0;
  f.ip(by_b, v6, v6 ? 58 : 1).u8(v6 ? 1 : 3).u8(how >> 3 & 3u).u32(0).u16(0);
  if ((how & 4) != 0) {
    MadeFrame about;
    about.ip(!by_b, v6, 6);
    ports(about, !by_b, how >> 5 & 3u);
    about.u32(0xFFFF'8000);
    about.end_ip();
    for (std::size_t i = 14; i < about.length; ++i) f.u8(std::to_integer<unsigned>(about.octets[i]));
  }
  f.end_ip();
}

MadeFrame made(std::uint8_t length, ByteReader& r) {
  MadeFrame f;
  if (length < 0xFE) {
    segment(f, r, length & 0xF);
  } else {
    (length == 0xFE ? question : unreachable)(f, r.u8());
  }
  return f;
}

// One (of either kind) for all inputs: to make it takes longer than most of them. What an input leaves is taken away, and so much time
// passes that every flow is forgotten. Only the numbers of places in tables are others then.
class Host {
 public:
  explicit Host(bool applications) {
    if (!applications) return;
    auto detector = ApplicationDetector::make({.packets_per_flow = 3, .flows = 3, .server_names = true});
    require(detector.ok());
    intake_.detect_applications(std::move(*detector));
  }
  void begin() {
    packets_.clear(), times_.clear(), octets_.clear();
    intake_.set_inventory({}, {});
    walltime_ += 400 * kSecond;
    intake_.tick(walltime_, {});
    require(intake_.flow_count() == 0);
    first_ = 0;
    intake_.set_inventory(machines_[first_], kTaps);
  }
  // `octets`: each packet has its own, so that the sanitizer sees their end.
  void take(std::uint8_t what, std::uint8_t time, std::vector<std::byte> octets, std::size_t beyond) {
    walltime_ += time * ((what & 0x80) != 0 ? kSecond / 10 : kSecond / 20'000);
    octets_.push_back(std::move(octets));
    CapturedPacket p{
        .octets = octets_.back(), .wire_length = static_cast<std::uint32_t>(octets_.back().size() + beyond), .walltime = walltime_};
    if ((what & 0x40) != 0) p.wire_length += 3000;
    p.if_index = std::array<std::uint32_t, 4>{11, 12, 99, 0}[what & 3];
    p.heading = (what & 2) != 0 ? Heading::kUnknown : (what & 4) != 0 ? Heading::kOut : Heading::kIn;
    if ((what & 8) != 0) p.vlan_tpid = 0x8100, p.vlan_tci = 7;
    packets_.push_back(p);
    times_.push_back(walltime_);
    if (time % 2 == 0) hand_over();
  }
  void tick(bool changes) {
    hand_over();
    if (changes) {
      first_ = (first_ + 1) % machines_.size();
      intake_.set_inventory(machines_[first_], kTaps);
    }
    intake_.tick(walltime_ += kSecond, {});
  }
  void end() {
    hand_over();
    intake_.end(walltime_);
    tick(false);
    require(intake_.flow_count() <= 16);
    for (std::size_t row = 0; row < intake_.ledger().row_count(); ++row) {
      const VnicPerformance& v = intake_.performance(row);
      for (const LazyLatency& latency : v.latency) {
        if (latency.window() == nullptr) continue;
        check(latency.window()->interval());
        check(latency.window()->five_minutes());
      }
      for (const RecentLosses& loss : v.loss) require(loss.total.dns_unanswered <= loss.total.dns_queries);
    }
    require(performance_rows(intake_, walltime_, 4).losses.size() == 2);
  }

 private:
  void hand_over() {
    intake_.take(packets_, times_);
    packets_.clear(), times_.clear(), octets_.clear();
  }

  const std::array<Inventory, 3> machines_{machines(1), machines(2), machines(3)};
  CaptureIntake intake_{small()};
  std::vector<CapturedPacket> packets_;
  std::vector<Nanoseconds> times_;
  std::vector<std::vector<std::byte>> octets_;
  std::size_t first_{0};
  Nanoseconds walltime_{1'700'000'000 * kSecond};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::array<Host, 2> hosts{Host(false), Host(true)};
  Host& host = hosts[size % 2];
  ByteReader reader(Octets(reinterpret_cast<const std::byte*>(data), size));
  host.begin();
  int ticks = 0, changes = 0;
  while (reader.remaining() >= 3) {
    const std::uint8_t what = reader.u8();
    const std::uint8_t time = reader.u8();
    const std::uint8_t length = reader.u8();
    if (length < 0xF0) {
      const Octets octets = reader.take(std::min<std::size_t>(length, reader.remaining()));
      host.take(what, time, {octets.begin(), octets.end()}, 0);
    } else {
      const MadeFrame frame = made(length, reader);
      host.take(what, time, {frame.octets.begin(), frame.octets.begin() + static_cast<std::ptrdiff_t>(frame.length)}, frame.beyond);
    }
    // They take longer than packets: an input of nothing else would be what the fuzzer spends its time on.
    if ((what & 0x10) == 0 || ticks++ >= 8) continue;
    host.tick((what & 0x20) != 0 && changes++ < 2);
  }
  host.end();
  return 0;
}
