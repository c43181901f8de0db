// Sequences of captured packets into an intake, with ticks and changes of the inventory in between: whatever guests send, nothing is read
// outside, what is bounded stays bounded, and every figure is one.
//
// The input: pieces of | what 1 | time 1 | length 1 | octets |, the length cut to what is there. Of `what`:
//   0x03 the link: two taps, a mirror port, none   0x04 the host sent it there   0x08 a tag was taken out
//   0x10 a tick follows   0x20 the inventory changes before it   0x40 it is longer on the wire   0x80 the time is in 100 ms, else in 50 us
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "core/traffic/capture_intake.hpp"
#include "core/traffic/performance_view.hpp"
#include "core/wire/byte_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

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

class Host {
 public:
  Host() { intake_.set_inventory(machines(first_), kTaps); }

  void take(std::uint8_t what, std::uint8_t time, Octets octets) {
    walltime_ += time * ((what & 0x80) != 0 ? kSecond / 10 : kSecond / 20'000);
    CapturedPacket p{.octets = octets, .wire_length = static_cast<std::uint32_t>(octets.size()), .walltime = walltime_};
    if ((what & 0x40) != 0) p.wire_length += 3000;
    p.if_index = std::array<std::uint32_t, 4>{11, 12, 99, 0}[what & 3];
    p.heading = (what & 2) != 0 ? Heading::kUnknown : (what & 4) != 0 ? Heading::kOut : Heading::kIn;
    if ((what & 8) != 0) p.vlan_tpid = 0x8100, p.vlan_tci = 7;
    intake_.take(p, walltime_);
  }
  void tick(bool changes) {
    if (changes) {
      first_ = static_cast<std::uint8_t>(first_ % 3 + 1);
      intake_.set_inventory(machines(first_), kTaps);
    }
    intake_.tick(walltime_ += kSecond, {});
  }
  void end() {
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
  CaptureIntake intake_{small()};
  std::uint8_t first_{1};
  Nanoseconds walltime_{1'700'000'000 * kSecond};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteReader reader(Octets(reinterpret_cast<const std::byte*>(data), size));
  Host host;
  while (reader.remaining() >= 3) {
    const std::uint8_t what = reader.u8();
    const std::uint8_t time = reader.u8();
    const std::size_t length = reader.u8();
    host.take(what, time, reader.take(std::min(length, reader.remaining())));
    if ((what & 0x10) != 0) host.tick((what & 0x20) != 0);
  }
  host.end();
  return 0;
}
