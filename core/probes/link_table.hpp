// What the kernel says of its links, read from rtnetlink messages: which there are, of which kind, and how their counters look from the
// guest. Pure: octets in, values out; no message, however broken, does harm.
//
// Direction. A link is one of two things to a vNIC, and its kind tells which (never its name, never the XML):
//
//   kind                                whose end      kernel's RX is
//   tun (tap), veth, netkit             the host's     the guest's tx   (the frames that the guest sent arrive here)
//   macvtap, macvlan, ipvtap, ipvlan    the guest's    the guest's rx   (the link is the guest's own device)
//   any other, or none stated           the host's     the guest's tx   (a port of a bridge or switch, a representor)
//   a virtual function's statistics     the guest's    the guest's rx
//
// Counters. These fields of rtnl_link_stats64, the same that /proc/net/dev and `virsh domifstat` show:
//
//   guest's      host's end (turned)               guest's end             virtual function (IFLA_VF_STATS_…)
//   rx octets    tx_bytes                          rx_bytes                RX_BYTES
//   rx packets   tx_packets                        rx_packets              RX_PACKETS
//   rx errors    tx_errors                         rx_errors               absent
//   rx drops     tx_dropped                        rx_dropped + rx_missed  RX_DROPPED
//   tx octets    rx_bytes                          tx_bytes                TX_BYTES
//   tx packets   rx_packets                        tx_packets              TX_PACKETS
//   tx errors    rx_errors                         tx_errors               absent
//   tx drops     rx_dropped + rx_missed_errors     tx_dropped              TX_DROPPED
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/probes/netlink.hpp"
#include "core/traffic/counter_delta.hpp"
#include "core/traffic/numbers.hpp"

namespace vmtraffic {

LinkEnd end_of(std::string_view kind);

struct Link {
  std::string name;
  std::string kind;                      // IFLA_INFO_KIND; empty for hardware and whatever states none
  std::vector<std::string> other_names;  // `ip link property add … altname`
  std::string port_name;                 // IFLA_PHYS_PORT_NAME, e.g. "p0", "pf0vf3"
  std::string switch_id;                 // IFLA_PHYS_SWITCH_ID, raw octets
  friend bool operator==(const Link&, const Link&) = default;
};

// The links by index and by name, from a listing (RTM_GETLINK) and the notifications after it.
class LinkTable {
 public:
  enum class Effect {
    kNone,       // says nothing of the links there are
    kSame,       // says what was known
    kChanged,    // a link came, went or was renamed
    kMalformed,  // ends in the middle of something; ignored
  };
  Effect apply(const netlink::Message& message);

  const Link* find(std::uint32_t if_index) const;
  std::optional<std::uint32_t> index_of(std::string_view name) const;  // by name or other name
  std::size_t size() const { return links_.size(); }

  // The link that carries this port name on this switch.
  std::optional<std::uint32_t> port_of_switch(std::string_view switch_id, std::string_view port_name) const;

 private:
  void put(std::uint32_t if_index, Link link);
  bool erase(std::uint32_t if_index);
  void claim(const std::string& name, std::uint32_t if_index);
  void release(const std::string& name, std::uint32_t if_index);

  absl::flat_hash_map<std::uint32_t, Link> links_;
  absl::flat_hash_map<std::string, std::uint32_t> index_by_name_;
};

// One row of an RTM_GETSTATS dump. The octets are the message's.
struct StatsRow {
  std::uint32_t if_index{0};
  netlink::Octets stats64;  // struct rtnl_link_stats64, as long as the kernel knows it; empty: no such attribute
};
std::optional<StatsRow> read_stats_row(const netlink::Message& message);

// The guest's view of a link's counters. A structure shorter than any kernel sends says nothing.
MetricSet read_stats64(netlink::Octets stats64, LinkEnd end, MetricTotals& values);

// The counters of a physical function's virtual functions, from its RTM_NEWLINK with RTEXT_FILTER_VF.
struct VirtualFunctionStats {
  std::uint32_t number{0};
  MetricTotals values{};
  MetricSet present{0};
  friend bool operator==(const VirtualFunctionStats&, const VirtualFunctionStats&) = default;
};
// Appends; false when the message is no link's or ends early (what was whole is kept).
bool read_virtual_functions(const netlink::Message& message, std::vector<VirtualFunctionStats>& functions);

}  // namespace vmtraffic
