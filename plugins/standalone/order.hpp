// The order in which people look for VMs.
#pragma once

#include <cstddef>
#include <vector>

#include "core/snapshot.hpp"

namespace vmtraffic::standalone {

std::vector<std::size_t> domains_by_name(const Snapshot& snapshot);  // their indexes
std::vector<VnicRow> vnics_by_number(const Snapshot& snapshot, const DomainRow& domain);

}  // namespace vmtraffic::standalone
