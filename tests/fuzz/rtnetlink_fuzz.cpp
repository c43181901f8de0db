// Any octets as rtnetlink messages, to all that reads them. The link table must stay consistent with itself.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "core/probes/link_table.hpp"
#include "core/probes/neighbours.hpp"
#include "core/probes/netlink.hpp"
#include "core/probes/virtual_function.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace vmtraffic;

void check(const LinkTable& table, std::uint32_t if_index) {
  const Link* link = table.find(if_index);
  if (link == nullptr) return;
  if (link->name.empty() || link->name.size() > 127) std::abort();
  const auto bearer = table.index_of(link->name);  // itself, or one that took the name later
  if (bearer && table.find(*bearer) == nullptr) std::abort();
  place_of({.number = 1, .physical_function = 0, .parent_links = {link->name}}, table);
}

void check(const Neighbour& neighbour, NeighbourAddresses& addresses) {
  if (neighbour.if_index == 0 || neighbour.address.empty() || (neighbour.mac.octets[0] & 1u) != 0) std::abort();
  addresses.add(neighbour);
  const auto& of_mac = addresses.by_mac().at(neighbour.mac);
  if (of_mac.size() > NeighbourAddresses::kMostOfOneMac || !std::is_sorted(of_mac.begin(), of_mac.end())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  LinkTable table;
  std::vector<VirtualFunctionStats> functions;
  NeighbourAddresses addresses;
  netlink::for_each_message({reinterpret_cast<const std::byte*>(data), size}, [&](const netlink::Message& message) {
    const std::size_t before = table.size();
    const LinkTable::Effect effect = table.apply(message);
    if (effect != LinkTable::Effect::kChanged && table.size() != before) std::abort();
    if (effect == LinkTable::Effect::kSame && table.apply(message) != LinkTable::Effect::kSame) std::abort();
    const auto index = netlink::value_at<std::uint32_t>(message.payload, 4);  // ifinfomsg.ifi_index, if_stats_msg.ifindex
    if (index) check(table, *index);
    read_virtual_functions(message, functions);
    if (const auto neighbour = read_neighbour(message)) check(*neighbour, addresses);
    const auto row = read_stats_row(message);
    if (!row) return;
    MetricTotals host{}, guest{};
    if (read_stats64(row->stats64, LinkEnd::kHost, host) != read_stats64(row->stats64, LinkEnd::kGuest, guest)) std::abort();
    for (std::size_t metric = 0; metric < kMetricCount; ++metric) {
      if (host[metric] != guest[(metric + kTxOctets) % kMetricCount]) std::abort();  // one is the other turned
    }
  });
  return 0;
}
