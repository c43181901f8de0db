// A snapshot that a check may judge by, or the sentence that says why there is none and what to start or mend.
#pragma once

#include <filesystem>
#include <string>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "core/snapshot.hpp"

namespace vmtraffic::nagios {

// Reads `directory`/snapshot. The text of an error also says who holds the lease, when somebody does.
Result<Snapshot> readable_snapshot(const std::filesystem::path& directory, unsigned parts);

// The same, and an error when it is stale.
Result<Snapshot> fresh_snapshot(const std::filesystem::path& directory, unsigned parts, const Clock& clock);

// How old a stale snapshot is, whose fault that seems to be, and what to do.
std::string staleness(const Snapshot& snapshot, const std::filesystem::path& directory, const Clock& clock);

}  // namespace vmtraffic::nagios
