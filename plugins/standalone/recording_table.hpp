// The snapshot of a recording (core/replay.hpp) as aligned tables: what packet samples say, and what became of everything that was read.
#pragma once

#include <cstddef>
#include <string>

#include "core/clock.hpp"
#include "core/snapshot.hpp"

namespace vmtraffic::standalone {

// The recording's own: ages count from its end.
Clock clock_of_recording(const Snapshot& snapshot);

std::string render_recording(const Snapshot& snapshot, std::size_t width);

}  // namespace vmtraffic::standalone
