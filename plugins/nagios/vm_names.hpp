// What VMs are called in text and in perfdata. Two domains (of two libvirt connections) may have one name: their UUIDs tell them apart.
// Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/snapshot.hpp"

namespace vmtraffic::nagios {

class VmNames {
 public:
  // `names`: those of all domains. `asked`: how many will be asked for, about.
  VmNames(std::vector<std::string_view> names, std::size_t asked);

  std::string text(const DomainRow& domain) const;   // as text_name(), with the UUID where another VM has that name
  std::string label(const DomainRow& domain) const;  // the beginning of a perfdata label, without '/' but before the UUID

 private:
  bool is_shared(std::string_view name) const;

  std::vector<std::string_view> names_;
  bool sorted_;
};

}  // namespace vmtraffic::nagios
