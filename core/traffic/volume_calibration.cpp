#include "core/traffic/volume_calibration.hpp"

#include <algorithm>
#include <utility>

namespace vmtraffic {
namespace {

// Octets in a tick, of which a packet more or less is no matter. Beyond the factor it is not these flows that are unlike the others: what
// the counters have is not there at all, and the coverage says so.
constexpr double kLeastToCalibrate = 100'000;
constexpr double kMostCalibration = 2;

}  // namespace

VolumeCalibration::OneWay& VolumeCalibration::of(std::uint32_t vnic, Direction d) {
  if (vnic >= vnics_.size()) vnics_.resize(vnic + std::size_t{1});
  return vnics_[vnic][static_cast<std::size_t>(d)];
}

void VolumeCalibration::forget(std::uint32_t vnic) {
  for (const Direction d : {Direction::kRx, Direction::kTx}) of(vnic, d) = {};
}

void VolumeCalibration::note_whole(std::uint32_t vnic, Direction d, double octets) { of(vnic, d).whole += octets; }

void VolumeCalibration::note_share(std::uint32_t vnic, Direction d, double octets, double scale) { of(vnic, d).scaled += octets * scale; }

double VolumeCalibration::scale(std::uint32_t vnic, Direction d, double scale) const {
  return vnic < vnics_.size() ? std::max(1.0, scale * vnics_[vnic][static_cast<std::size_t>(d)].factor) : scale;
}

void VolumeCalibration::tick(std::uint32_t vnic, const VnicTotals& totals, bool shares) {
  if (totals.age == kHeld) return;
  for (const Direction d : {Direction::kRx, Direction::kTx}) {
    OneWay& way = of(vnic, d);
    const Metric metric = d == Direction::kRx ? kRxOctets : kTxOctets;
    const bool present = (totals.present >> metric & 1) != 0;
    const auto before = std::exchange(way.exact, present ? std::optional(totals.total[metric]) : std::nullopt);
    const double whole = std::exchange(way.whole, 0), scaled = std::exchange(way.scaled, 0);
    if (!shares || !before || !present || totals.total[metric] < *before) {
      way.factor = 1;
    } else if (scaled >= kLeastToCalibrate) {
      const double rest = static_cast<double>(totals.total[metric] - *before) - whole;
      way.factor = std::clamp((way.factor + rest / scaled) / 2, 1 / kMostCalibration, kMostCalibration);
    }
  }
}

}  // namespace vmtraffic
