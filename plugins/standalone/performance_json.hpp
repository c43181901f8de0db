// What the capture probe measures, as JSON; json.hpp has the form.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/snapshot.hpp"

namespace vmtraffic::standalone {

class PerformanceJson {
 public:
  explicit PerformanceJson(const Snapshot& snapshot);
  std::string whole() const;                     // "null" without measurements
  std::string latency(std::size_t index) const;  // of that vNIC; "null" without measurements
  std::string loss(std::size_t index) const;     // "null" where nothing of it was captured

 private:
  const Snapshot& snapshot_;
  std::vector<std::vector<LatencyRow>> rows_;  // by vNIC
};

}  // namespace vmtraffic::standalone
