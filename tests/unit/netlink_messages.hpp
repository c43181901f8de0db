// Builds rtnetlink messages for tests, and reads recorded ones.
#pragma once

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vmtraffic::netlink_test {

using Bytes = std::vector<std::byte>;

inline void append(Bytes& out, const void* data, std::size_t size) {
  const auto* octets = static_cast<const std::byte*>(data);
  out.insert(out.end(), octets, octets + size);
}

template <class T>
Bytes octets_of(const T& value) {
  Bytes out;
  append(out, &value, sizeof(value));
  return out;
}

inline Bytes text_octets(std::string_view text) {
  Bytes out;
  append(out, text.data(), text.size());
  out.push_back(std::byte{0});
  return out;
}

inline Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) append(out, part.data(), part.size());
  return out;
}

inline Bytes attribute(unsigned type, const Bytes& payload) {
  Bytes out = octets_of(nlattr{static_cast<std::uint16_t>(sizeof(nlattr) + payload.size()), static_cast<std::uint16_t>(type)});
  append(out, payload.data(), payload.size());
  out.resize((out.size() + 3) & ~std::size_t{3});
  return out;
}

inline Bytes message(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence, const Bytes& payload) {
  Bytes out = octets_of(nlmsghdr{static_cast<std::uint32_t>(sizeof(nlmsghdr) + payload.size()), type, flags, sequence, 0});
  append(out, payload.data(), payload.size());
  out.resize((out.size() + 3) & ~std::size_t{3});
  return out;
}

inline Bytes link_header(int if_index, unsigned char family = AF_UNSPEC) {
  ifinfomsg header{};
  header.ifi_family = family;
  header.ifi_index = if_index;
  return octets_of(header);
}

inline Bytes name_attribute(std::string_view name) { return attribute(IFLA_IFNAME, text_octets(name)); }
inline Bytes kind_attribute(std::string_view kind) { return attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, text_octets(kind))); }

inline Bytes stats_row(std::uint32_t if_index, const rtnl_link_stats64& stats) {
  if_stats_msg header{};
  header.ifindex = if_index;
  header.filter_mask = 1u << (IFLA_STATS_LINK_64 - 1);
  return joined({octets_of(header), attribute(IFLA_STATS_LINK_64, octets_of(stats))});
}

// One virtual function as the kernel describes it. Its statistics are those named by `stats`: attribute type and value.
inline Bytes virtual_function(std::uint32_t number, const std::vector<std::pair<unsigned, std::uint64_t>>& stats) {
  ifla_vf_mac mac{};
  mac.vf = number;
  ifla_vf_vlan vlan{};
  vlan.vf = number;
  Bytes counted;
  for (const auto& [type, value] : stats) {
    const Bytes one = attribute(type, octets_of(value));
    append(counted, one.data(), one.size());
  }
  return attribute(IFLA_VF_INFO, joined({attribute(IFLA_VF_MAC, octets_of(mac)), attribute(IFLA_VF_VLAN, octets_of(vlan)),
                                         attribute(IFLA_VF_STATS, counted)}));
}

inline std::vector<std::pair<unsigned, std::uint64_t>> all_stats(std::uint64_t base) {
  return {{IFLA_VF_STATS_RX_PACKETS, base + 1}, {IFLA_VF_STATS_TX_PACKETS, base + 2}, {IFLA_VF_STATS_RX_BYTES, base + 3},
          {IFLA_VF_STATS_TX_BYTES, base + 4},   {IFLA_VF_STATS_BROADCAST, base + 5},  {IFLA_VF_STATS_MULTICAST, base + 6},
          {IFLA_VF_STATS_RX_DROPPED, base + 7}, {IFLA_VF_STATS_TX_DROPPED, base + 8}};
}

inline Bytes neighbour(std::uint8_t family, int if_index, std::uint16_t state, const Bytes& address, const Bytes& mac,
                       std::uint8_t flags = 0) {
  ndmsg header{};
  header.ndm_family = family;
  header.ndm_ifindex = if_index;
  header.ndm_state = state;
  header.ndm_flags = flags;
  header.ndm_type = RTN_UNICAST;
  return joined(
      {octets_of(header), attribute(NDA_DST, address), attribute(NDA_LLADDR, mac), attribute(NDA_PROBES, octets_of(std::uint32_t{0}))});
}

inline Bytes recorded(const std::string& name) {
  std::ifstream file(std::string(VMTRAFFIC_TEST_DATA) + "/netlink/" + name, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  Bytes out;
  append(out, text.data(), text.size());
  return out;
}

}  // namespace vmtraffic::netlink_test
