// The networks that the collector's configuration names, as a snapshot tells of them: their names, and which addresses each of them holds.
// An address is of the longest prefix that holds it alone. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/address.hpp"
#include "core/snapshot.hpp"

namespace vmtraffic::nagios {

// Whether a rule is about somebody.
enum class Fit : std::uint8_t { kNo, kPerhaps, kYes };

class NamedNetworks {
 public:
  NamedNetworks() = default;
  // `networks`: of those that hold an address the first counts. Empty: an older collector tells names alone.
  NamedNetworks(std::vector<std::string_view> names, std::vector<NamedNetworkRow> networks);
  static NamedNetworks of(const Snapshot& snapshot);  // pointing into it

  const std::vector<std::string_view>& names() const { return names_; }
  bool knows(std::string_view name) const;
  bool tell_addresses() const { return !networks_.empty(); }
  // The name that the address has; empty: none.
  std::string_view name_of(const IpAddress& address) const;
  // Whether all, some or none of the addresses that have the name are in `network`. Some, where nothing tells.
  Fit within(std::string_view name, const IpNetwork& network) const;

 private:
  std::vector<std::string_view> names_;
  std::vector<NamedNetworkRow> networks_;
};

}  // namespace vmtraffic::nagios
