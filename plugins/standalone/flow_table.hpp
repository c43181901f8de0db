// What packet samples say, as aligned tables: each vNIC's estimates with its top conversations, what was dropped, and the agents.
//
// Rates are the recent octets by the seconds that they cover, each with the error that it stays within in 95 of 100 cases. What no sample
// tells is "-", never 0. Names go through printable().
#pragma once

#include <cstddef>
#include <string>

#include "core/clock.hpp"
#include "core/snapshot.hpp"

namespace vmtraffic::standalone {

// Begins with an empty line. Nothing at all where the snapshot has no flows. `width` as for lines_of().
std::string render_flows(const Snapshot& snapshot, const Clock& clock, std::size_t width);

// The index of other hosts: a row each.
std::string render_hosts(const Snapshot& index, const Clock& clock);

}  // namespace vmtraffic::standalone
