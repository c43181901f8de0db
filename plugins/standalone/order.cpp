#include "plugins/standalone/order.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace vmtraffic::standalone {

std::vector<std::size_t> domains_by_name(const Snapshot& snapshot) {
  std::vector<std::pair<std::string_view, std::size_t>> names;
  for (std::size_t index = 0; index < snapshot.domain_count(); ++index) names.emplace_back(snapshot.domain(index).name, index);
  std::sort(names.begin(), names.end());
  std::vector<std::size_t> order;
  order.reserve(names.size());
  for (const auto& [name, index] : names) order.push_back(index);
  return order;
}

std::vector<VnicRow> vnics_by_number(const Snapshot& snapshot, const DomainRow& domain) {
  std::vector<VnicRow> vnics;
  for (std::size_t index = domain.first_vnic; index < domain.first_vnic + domain.vnic_count; ++index) vnics.push_back(snapshot.vnic(index));
  std::stable_sort(vnics.begin(), vnics.end(), [](const VnicRow& a, const VnicRow& b) { return a.number < b.number; });
  return vnics;
}

}  // namespace vmtraffic::standalone
