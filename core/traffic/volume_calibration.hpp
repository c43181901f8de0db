// How volumes of a share of the flows are scaled. By the share alone they would be what flows weigh in the mean; exact counters say what
// all of a vNIC's flows together weighed, and so how the kept ones compare. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/flows.hpp"
#include "core/traffic/numbers.hpp"

namespace vmtraffic {

class VolumeCalibration {
 public:
  // The number is another vNIC's from now on.
  void forget(std::uint32_t vnic);

  // Octets that were seen of it: of a kind of flows that are all kept, and of others, each of which stands for `scale`.
  void note_whole(std::uint32_t vnic, Direction d, double octets);
  void note_share(std::uint32_t vnic, Direction d, double octets, double scale);

  // How many each of these stands for, at least 1.
  double scale(std::uint32_t vnic, Direction d, double scale) const;

  // At a tick, with the vNIC's exact counters. `shares`: not all flows are kept.
  void tick(std::uint32_t vnic, const VnicTotals& totals, bool shares);

 private:
  struct OneWay {
    std::optional<std::uint64_t> exact;  // octets, at the last tick
    double whole{0}, scaled{0};          // octets since
    double factor{1};
  };
  std::vector<std::array<OneWay, kDirectionCount>> vnics_;
  OneWay& of(std::uint32_t vnic, Direction d);
};

}  // namespace vmtraffic
