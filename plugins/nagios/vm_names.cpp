#include "plugins/nagios/vm_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "plugins/nagios/result.hpp"

namespace vmtraffic::nagios {
namespace {

// Up to so many, looking through all names for each is quicker than sorting them once.
constexpr std::size_t kFew = 16;

}  // namespace

VmNames::VmNames(std::vector<std::string_view> names, std::size_t asked) : names_(std::move(names)), sorted_(asked > kFew) {
  if (sorted_) std::sort(names_.begin(), names_.end());
}

bool VmNames::is_shared(std::string_view name) const {
  if (!sorted_) {
    // Names of a host mostly begin alike ("instance-0000…") and end differently.
    const auto same = [&](std::string_view other) {
      return other.size() == name.size() && (name.empty() || other.back() == name.back()) && other == name;
    };
    return std::count_if(names_.begin(), names_.end(), same) > 1;
  }
  const auto [first, last] = std::equal_range(names_.begin(), names_.end(), name);
  return last - first > 1;
}

std::string VmNames::text(const DomainRow& domain) const {
  std::string name = text_name(domain.name);
  if (is_shared(domain.name)) name += fmt::format(" ({})", domain.uuid.text());
  return name;
}

std::string VmNames::label(const DomainRow& domain) const {
  std::string label = label_part(domain.name, "/");
  if (is_shared(domain.name)) label += fmt::format("/{}", domain.uuid.text());
  return label;
}

}  // namespace vmtraffic::nagios
