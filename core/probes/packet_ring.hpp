// Packets of all of a host's Ethernet links, present and to come, by one AF_PACKET socket and one ring in memory that the kernel shares
// with us (TPACKET_V3). Nothing is copied on our side.
//
// Promised:
// - Nothing is delivered before the first filter, and each later filter takes the place of the one before in one step. What the one before
//   let pass may still wait in the ring.
// - Links come and go without the ring's notice. Links without Ethernet headers (tun, ppp) are left out.
// - CAP_NET_RAW is enough, for all that stands here.
//
// Not libpcap: its `any` has neither VLAN tags nor destination MACs, and a handle a tap costs a ring each (docs/adr/0009-capture-ring.md).
// A ring is its reader's thread's own; only wake() may be called from another.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>

#include "core/probes/capture_filter.hpp"
#include "core/result.hpp"
#include "core/traffic/captured_packet.hpp"

namespace vmtraffic {

struct PacketRingOptions {
  std::uint32_t size_mib{16};              // 1 to 2048
  std::chrono::milliseconds patience{50};  // how long a packet may wait for others to fill a block
};

class PacketRing {
 public:
  // Errors: kDenied without CAP_NET_RAW, kUnavailable where the kernel has no packet sockets or no memory, kInvalid, kIo.
  static Result<PacketRing> open(const PacketRingOptions& options = {});

  // Errors: kUnavailable where the kernel's limit for a socket's filters (net.core.optmem_max) is too small, kInvalid for no program.
  Status set_filter(std::span<const FilterInstruction> program);
  // Takes all that a link receives, also what is addressed to others: for ports that a switch mirrors to; a tap needs none of it. It ends
  // with the ring, and with the link. Errors: kMissing where no link has this ifIndex.
  Status set_promiscuous(std::uint32_t if_index);

  // True as soon as packets wait; false when time is up, or wake() was called. A wake() with nobody waiting ends the next wait.
  bool wait(std::chrono::milliseconds limit);
  void wake() noexcept;

  // Packets from the ring into the front of `out`: how many, 0 where none waits. Their octets are the ring's own memory, valid until the
  // next call of next() or wait().
  std::size_t next(std::span<CapturedPacket> out);

  struct Stats {
    std::uint64_t received{0};  // let pass by the filter, and put into the ring
    std::uint64_t dropped{0};   // let pass by the filter, and lost: the ring was full
    std::uint64_t frozen{0};    // how often it was found full
    friend bool operator==(const Stats&, const Stats&) = default;
  };
  Stats stats();  // since the ring was opened

  PacketRing(PacketRing&&) noexcept;
  PacketRing& operator=(PacketRing&&) noexcept;
  ~PacketRing();

 private:
  struct State;
  explicit PacketRing(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Builds a filter and sets it. Where the kernel has no room for it (an older one's net.core.optmem_max is 20 KiB: less than a thousand
// links) the list of links is made coarser until it has: `exact` says so. Such a kernel gets a coarse list first, for a moment, since it
// counts the filter of before as well; and where even that has no room, nothing passes for that moment. Errors: as of
// build_capture_filter() and set_filter().
Result<CaptureFilter> install_filter(PacketRing& ring, CaptureFilterOptions options);

}  // namespace vmtraffic
