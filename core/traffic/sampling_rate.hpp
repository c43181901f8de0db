// How many packets each sample of one data source stands for: told from what was really sampled, Δ sample pool ÷ samples received, so that
// lost datagrams and the agent's own drops do not bias an estimate. Not the configured rate. Pure.
//
// The ratio is taken over the last 256 to 512 samples: over a few, the random distance between two samples would add as much variance
// again as sampling itself has. While there are few, the rate that the samples state counts as kPrior samples.
#pragma once

#include <cstdint>

namespace vmtraffic {

class SamplingRate {
 public:
  static constexpr std::uint32_t kBlock = 256;

  // One sample, in the order of arrival, duplicates left out: the pool and the rate that it states. Returns how many packets it stands
  // for, at least 1.
  double take(std::uint32_t pool, std::uint32_t stated_rate);
  // The data source began anew.
  void restart() { *this = {}; }

  double rate() const { return rate_; }  // of the last sample; 0: none yet

 private:
  static constexpr double kPrior = 16;
  struct Mark {
    std::uint64_t pool{0};
    std::uint64_t received{0};
  };
  bool began_{false};
  std::uint32_t last_pool_{0};
  std::uint64_t pool_{0};  // highest so far, 64 bits wide
  std::uint64_t received_{0};
  Mark older_, newer_;  // where the last two blocks began
  std::uint32_t stated_{0};
  double rate_{0};
};

}  // namespace vmtraffic
