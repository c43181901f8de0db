// A snapshot as an aligned table for a terminal: a row per vNIC, sorted by VM, then how the probes are.
//
// Nothing in it obeys a tenant: names go through printable(). Widths count characters, not columns of a terminal (a wide character shifts
// its row).
#pragma once

#include <cstddef>
#include <string>

#include "core/clock.hpp"
#include "core/snapshot.hpp"

namespace vmtraffic::standalone {

struct TableOptions {
  std::size_t width{0};  // VM names are shortened to fit into so many characters; 0: as wide as it gets
  Window window{Window::kInterval};
};

std::string render_table(const Snapshot& snapshot, const Clock& clock, const TableOptions& options);

}  // namespace vmtraffic::standalone
