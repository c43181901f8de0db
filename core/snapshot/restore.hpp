// A snapshot back into the values it was made of: how a collector goes on from another's last publication.
#pragma once

#include "core/snapshot.hpp"
#include "core/snapshot/writer.hpp"

namespace vmtraffic {

Inventory inventory_of(const Snapshot& snapshot);
// Rows for every vNIC of inventory_of(snapshot), also when the file has fewer.
Numbers numbers_of(const Snapshot& snapshot);
std::vector<Event> events_of(const Snapshot& snapshot);

}  // namespace vmtraffic
