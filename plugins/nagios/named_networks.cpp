#include "plugins/nagios/named_networks.hpp"

#include <algorithm>
#include <utility>

namespace vmtraffic::nagios {
namespace {

bool holds(const IpNetwork& outer, const IpNetwork& inner) {
  return outer.prefix_length <= inner.prefix_length && outer.contains(inner.address);
}

}  // namespace

NamedNetworks::NamedNetworks(std::vector<std::string_view> names, std::vector<NamedNetworkRow> networks)
    : names_(std::move(names)), networks_(std::move(networks)) {}

NamedNetworks NamedNetworks::of(const Snapshot& snapshot) {
  std::vector<std::string_view> names;
  std::vector<NamedNetworkRow> networks;
  names.reserve(snapshot.network_name_count());
  networks.reserve(snapshot.network_count());
  for (std::size_t i = 0; i < snapshot.network_name_count(); ++i) names.push_back(snapshot.network_name(i));
  for (std::size_t i = 0; i < snapshot.network_count(); ++i) networks.push_back(snapshot.network(i));
  return {std::move(names), std::move(networks)};
}

bool NamedNetworks::knows(std::string_view name) const { return std::find(names_.begin(), names_.end(), name) != names_.end(); }

std::string_view NamedNetworks::name_of(const IpAddress& address) const {
  const auto found = std::find_if(networks_.begin(), networks_.end(), [&](const auto& row) { return row.network.contains(address); });
  return found == networks_.end() ? std::string_view{} : found->name;
}

Fit NamedNetworks::within(std::string_view name, const IpNetwork& network) const {
  if (!tell_addresses()) return Fit::kPerhaps;
  bool any_in = false, any_out = false;
  for (auto row = networks_.begin(); row != networks_.end(); ++row) {
    if (row->name != name) continue;
    // Addresses that a longer prefix takes away are another's.
    const IpNetwork common = holds(network, row->network) ? row->network : network;
    const bool taken =
        std::any_of(networks_.begin(), row, [&](const auto& before) { return before.name != name && holds(before.network, common); });
    if (holds(network, row->network)) {
      any_in = any_in || !taken;
    } else {
      any_out = true;
      any_in = any_in || (holds(row->network, network) && !taken);
    }
  }
  if (!any_in) return Fit::kNo;
  return any_out ? Fit::kPerhaps : Fit::kYes;
}

}  // namespace vmtraffic::nagios
