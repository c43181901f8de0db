// What the capture probe measures, as aligned tables: how fast each vNIC's two sides answer, and what they lose. What was not measured is
// "-", never 0.
#pragma once

#include <cstddef>
#include <string>

#include "core/snapshot.hpp"

namespace vmtraffic::standalone {

// Begins with an empty line. Nothing at all where the snapshot has no measurements. `width` as for lines_of().
std::string render_performance(const Snapshot& snapshot, std::size_t width);

}  // namespace vmtraffic::standalone
