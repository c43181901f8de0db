// The host's neighbour tables (ARP and NDP): which IP addresses have answered from which MACs on the host's own networks. One RTM_GETNEIGH
// dump; nothing is sent to any guest. It shows guests that talk with the host itself, as with a gateway or a DHCP server on it.
//
// Both sides of an entry are the guest's word: any guest can claim any address, and any MAC that its network lets pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/probes/netlink.hpp"
#include "core/result.hpp"
#include "core/traffic/inventory.hpp"
#include "core/types.hpp"

namespace vmtraffic {

struct Neighbour {
  std::uint32_t if_index{0};  // the host's link towards it
  MacAddress mac;
  std::string address;
  std::uint16_t state{0};  // NUD_…
  friend bool operator==(const Neighbour&, const Neighbour&) = default;
};

// One entry, from its RTM_NEWNEIGH. Nothing: no such message, not whole, or it tells of no neighbour: not resolved (incomplete, failed),
// never resolved (noarp), the host answering for others (proxy), or an address or MAC that is no single station's.
std::optional<Neighbour> read_neighbour(const netlink::Message& message);

// Keeps the bounds whatever guests claim: of a MAC's addresses the first in order, so that the choice does not change from dump to dump.
class NeighbourAddresses {
 public:
  static constexpr std::size_t kMostOfOneMac = 16;
  static constexpr std::size_t kMost = 65536;
  void add(const Neighbour& neighbour);
  const AddressesByMac& by_mac() const { return by_mac_; }

 private:
  AddressesByMac by_mac_;
  std::size_t size_{0};
};

class Neighbours {
 public:
  // Tables of the network namespace in which list() is first called. `open_socket`: see LinkCountersOptions.
  explicit Neighbours(std::function<Result<int>(unsigned groups)> open_socket = {});
  ~Neighbours();
  Neighbours(const Neighbours&) = delete;
  Neighbours& operator=(const Neighbours&) = delete;

  // One dump. Waits less than a second for the kernel's answer.
  Result<AddressesByMac> list();

  // For the snapshot's health.
  std::vector<std::pair<std::string, std::uint64_t>> counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vmtraffic
