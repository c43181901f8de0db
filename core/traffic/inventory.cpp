#include "core/traffic/inventory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

namespace vmtraffic {
namespace {

constexpr std::size_t kOrdinals = std::numeric_limits<decltype(Vnic::ordinal)>::max() + std::size_t{1};

// vNICs of one domain with equal MACs are told apart by their order in the XML. Beyond the last ordinal there is no identity left to give.
void normalize_vnics(std::vector<Vnic>& vnics) {
  std::stable_sort(vnics.begin(), vnics.end(),
                   [](const Vnic& a, const Vnic& b) { return std::tie(a.mac, a.number) < std::tie(b.mac, b.number); });
  std::size_t kept = 0;
  std::size_t equal = 0;
  for (std::size_t i = 0; i < vnics.size(); ++i) {
    equal = kept > 0 && vnics[kept - 1].mac == vnics[i].mac ? equal + 1 : 0;
    if (equal >= kOrdinals) continue;
    vnics[i].ordinal = static_cast<std::uint8_t>(equal);
    if (kept != i) vnics[kept] = std::move(vnics[i]);
    ++kept;
  }
  vnics.resize(kept);
}

}  // namespace

std::string PciAddress::text() const { return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", domain, bus, slot, function); }

std::size_t Inventory::vnic_count() const {
  std::size_t count = 0;
  for (const Domain& domain : domains) count += domain.vnics.size();
  return count;
}

void normalize(Inventory& inventory) {
  auto& domains = inventory.domains;
  std::stable_sort(domains.begin(), domains.end(), [](const Domain& a, const Domain& b) { return a.uuid < b.uuid; });
  domains.erase(std::unique(domains.begin(), domains.end(), [](const Domain& a, const Domain& b) { return a.uuid == b.uuid; }),
                domains.end());
  for (Domain& domain : domains) normalize_vnics(domain.vnics);
}

}  // namespace vmtraffic
