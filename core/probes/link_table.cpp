#include "core/probes/link_table.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace vmtraffic {
namespace {

using netlink::Octets;

constexpr std::size_t kLongestName = 127;  // ALTIFNAMSIZ without its NUL

std::string name_in(Octets octets) { return std::string(netlink::text_of(octets).substr(0, kLongestName)); }

struct LinkMessage {
  Link link;
  bool has_name{false};
  bool has_kind{false};
  bool is_event{false};  // an event of a wireless driver in a link message's clothes
  bool whole{true};
};

LinkMessage read_link(Octets attributes) {
  LinkMessage read;
  read.whole = netlink::for_each_attribute(attributes, [&](unsigned type, Octets value) {
    switch (type) {
      case IFLA_IFNAME:
        read.link.name = name_in(value);
        read.has_name = !read.link.name.empty();
        break;
      case IFLA_WIRELESS:
        read.is_event = true;
        break;
      case IFLA_PHYS_PORT_NAME:
        read.link.port_name = name_in(value);
        break;
      case IFLA_PHYS_SWITCH_ID:
        read.link.switch_id.assign(reinterpret_cast<const char*>(value.data()), value.size());
        break;
      case IFLA_LINKINFO:
        netlink::for_each_attribute(value, [&](unsigned inner, Octets kind) {
          if (inner != IFLA_INFO_KIND) return;
          read.link.kind = name_in(kind);
          read.has_kind = true;
        });
        break;
      case IFLA_PROP_LIST:
        netlink::for_each_attribute(value, [&](unsigned inner, Octets name) {
          if (inner == IFLA_ALT_IFNAME && !netlink::text_of(name).empty()) read.link.other_names.push_back(name_in(name));
        });
        break;
      default:
        break;
    }
  });
  return read;
}

// Every kernel that has RTM_GETSTATS sends at least this much of rtnl_link_stats64; later ones only add at its end.
constexpr std::size_t kShortestStats64 = offsetof(rtnl_link_stats64, rx_missed_errors) + sizeof(rtnl_link_stats64::rx_missed_errors);

}  // namespace

LinkEnd end_of(std::string_view kind) {
  const bool guests = kind == "macvtap" || kind == "macvlan" || kind == "ipvtap" || kind == "ipvlan";
  return guests ? LinkEnd::kGuest : LinkEnd::kHost;
}

LinkTable::Effect LinkTable::apply(const netlink::Message& message) {
  if (message.type != RTM_NEWLINK && message.type != RTM_DELLINK) return Effect::kNone;
  const auto header = netlink::value_at<ifinfomsg>(message.payload);
  if (!header) return Effect::kMalformed;
  // Bridges announce their ports in the same group with family AF_BRIDGE: a DELLINK there means that a link left its bridge.
  if (header->ifi_family != AF_UNSPEC || header->ifi_index <= 0) return Effect::kNone;
  const auto if_index = static_cast<std::uint32_t>(header->ifi_index);
  if (message.type == RTM_DELLINK) return erase(if_index) ? Effect::kChanged : Effect::kSame;

  LinkMessage read = read_link(netlink::after(message.payload, sizeof(ifinfomsg)));
  if (!read.whole || !read.has_name) return Effect::kMalformed;
  if (read.is_event) return Effect::kNone;
  const Link* known = find(if_index);
  if (known != nullptr && !read.has_kind) read.link.kind = known->kind;  // a link's kind never changes
  if (known != nullptr && *known == read.link) return Effect::kSame;
  put(if_index, std::move(read.link));
  return Effect::kChanged;
}

const Link* LinkTable::find(std::uint32_t if_index) const {
  const auto found = links_.find(if_index);
  return found == links_.end() ? nullptr : &found->second;
}

std::optional<std::uint32_t> LinkTable::index_of(std::string_view name) const {
  const auto found = index_by_name_.find(absl::string_view(name.data(), name.size()));
  if (found == index_by_name_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::uint32_t> LinkTable::port_of_switch(std::string_view switch_id, std::string_view port_name) const {
  std::optional<std::uint32_t> lowest;
  for (const auto& [if_index, link] : links_) {
    if (link.switch_id == switch_id && link.port_name == port_name && (!lowest || if_index < *lowest)) lowest = if_index;
  }
  return lowest;
}

void LinkTable::put(std::uint32_t if_index, Link link) {
  erase(if_index);
  claim(link.name, if_index);
  for (const std::string& name : link.other_names) claim(name, if_index);
  links_.insert_or_assign(if_index, std::move(link));
}

bool LinkTable::erase(std::uint32_t if_index) {
  const auto found = links_.find(if_index);
  if (found == links_.end()) return false;
  release(found->second.name, if_index);
  for (const std::string& name : found->second.other_names) release(name, if_index);
  links_.erase(found);
  return true;
}

// A name has one bearer in the kernel: the newest word wins, and an older bearer of whose end we have not heard yet keeps its record alone.
void LinkTable::claim(const std::string& name, std::uint32_t if_index) { index_by_name_.insert_or_assign(name, if_index); }

void LinkTable::release(const std::string& name, std::uint32_t if_index) {
  const auto found = index_by_name_.find(name);
  if (found != index_by_name_.end() && found->second == if_index) index_by_name_.erase(found);
}

std::optional<StatsRow> read_stats_row(const netlink::Message& message) {
  if (message.type != RTM_NEWSTATS) return std::nullopt;
  const auto header = netlink::value_at<if_stats_msg>(message.payload);
  if (!header) return std::nullopt;
  StatsRow row{.if_index = header->ifindex, .stats64 = {}};
  const bool whole = netlink::for_each_attribute(netlink::after(message.payload, sizeof(if_stats_msg)), [&](unsigned type, Octets value) {
    if (type == IFLA_STATS_LINK_64) row.stats64 = value;
  });
  if (!whole) return std::nullopt;
  return row;
}

MetricSet read_stats64(Octets stats64, LinkEnd end, MetricTotals& values) {
  if (stats64.size() < kShortestStats64) return 0;
  rtnl_link_stats64 kernel{};
  std::memcpy(&kernel, stats64.data(), std::min(stats64.size(), sizeof(kernel)));
  // The kernel counts apart what the driver itself had no room for; /proc/net/dev adds it to the drops, and so do we.
  const std::uint64_t rx_drops = kernel.rx_dropped + kernel.rx_missed_errors;
  if (end == LinkEnd::kHost) {
    values = {kernel.tx_bytes, kernel.tx_packets, kernel.tx_errors, kernel.tx_dropped,
              kernel.rx_bytes, kernel.rx_packets, kernel.rx_errors, rx_drops};
  } else {
    values = {kernel.rx_bytes, kernel.rx_packets, kernel.rx_errors, rx_drops,
              kernel.tx_bytes, kernel.tx_packets, kernel.tx_errors, kernel.tx_dropped};
  }
  return kAllMetrics;
}

namespace {

bool read_function_stats(Octets stats, VirtualFunctionStats& function) {
  return netlink::for_each_attribute(stats, [&](unsigned type, Octets value) {
    std::size_t metric = 0;
    switch (type) {
      case IFLA_VF_STATS_RX_BYTES:
        metric = kRxOctets;
        break;
      case IFLA_VF_STATS_RX_PACKETS:
        metric = kRxPackets;
        break;
      case IFLA_VF_STATS_RX_DROPPED:
        metric = kRxDrops;
        break;
      case IFLA_VF_STATS_TX_BYTES:
        metric = kTxOctets;
        break;
      case IFLA_VF_STATS_TX_PACKETS:
        metric = kTxPackets;
        break;
      case IFLA_VF_STATS_TX_DROPPED:
        metric = kTxDrops;
        break;
      default:
        return;
    }
    const auto number = netlink::value_at<std::uint64_t>(value);
    if (!number) return;
    function.values[metric] = *number;
    function.present = static_cast<MetricSet>(function.present | (1u << metric));
  });
}

// IFLA_VF_INFO: attributes that each begin with the function's number, and the statistics, which do not.
bool read_function(Octets info, std::vector<VirtualFunctionStats>& functions) {
  VirtualFunctionStats function;
  bool numbered = false;
  bool stats_whole = true;
  const bool whole = netlink::for_each_attribute(info, [&](unsigned type, Octets value) {
    if (type == IFLA_VF_MAC) {
      const auto number = netlink::value_at<std::uint32_t>(value);
      numbered = number.has_value();
      function.number = number.value_or(0);
    } else if (type == IFLA_VF_STATS) {
      stats_whole = read_function_stats(value, function);
    }
  });
  if (numbered) functions.push_back(function);
  return whole && stats_whole && numbered;
}

}  // namespace

bool read_virtual_functions(const netlink::Message& message, std::vector<VirtualFunctionStats>& functions) {
  if (message.type != RTM_NEWLINK || !netlink::value_at<ifinfomsg>(message.payload)) return false;
  bool list_whole = true;
  const bool whole = netlink::for_each_attribute(netlink::after(message.payload, sizeof(ifinfomsg)), [&](unsigned type, Octets list) {
    if (type != IFLA_VFINFO_LIST) return;
    const bool ended = netlink::for_each_attribute(list, [&](unsigned inner, Octets info) {
      if (inner == IFLA_VF_INFO && !read_function(info, functions)) list_whole = false;
    });
    list_whole = list_whole && ended;
  });
  return whole && list_whole;
}

}  // namespace vmtraffic
