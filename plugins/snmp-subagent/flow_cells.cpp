#include "plugins/snmp-subagent/flow_cells.hpp"

#include <cmath>

namespace vmtraffic::snmp {
namespace {

constexpr double kHundredthsOfAPercent = 10'000;

bool sampled(const FlowsAt& at, Direction direction, const FlowEstimate& estimate) {
  if (estimate.total.samples > 0) return true;
  const auto vnic = at.snapshot->vnic_flows(at.vnic);
  return vnic && (direction == Direction::kRx ? vnic->rx_by : vnic->tx_by) != AttributedBy::kNothing;
}

Value error(const Estimate& estimate, double share_95) { return estimate.samples == 0 ? std::nullopt : share(share_95); }

Value rate(const FlowsAt& at, double recent, double factor) {
  const auto info = at.snapshot->flows();
  if (!info || !(info->covered_s > 0)) return std::nullopt;
  return counter_of(recent / info->covered_s, factor);
}

}  // namespace

Value share(double part) {
  if (!std::isfinite(part)) return std::nullopt;
  return unsigned32_of(part, kHundredthsOfAPercent);
}

Value flow_beginning(const FlowsAt& at) {
  if (!sampled(at, Direction::kRx, at.flows.rx) && !sampled(at, Direction::kTx, at.flows.tx)) return std::nullopt;
  return uptime(at.flows.since);
}

Value flow_figure(const FlowsAt& at, Direction direction, FlowFigure figure) {
  const FlowEstimate& way = direction == Direction::kRx ? at.flows.rx : at.flows.tx;
  if (!sampled(at, direction, way)) return std::nullopt;
  switch (figure) {
    case FlowFigure::kOctets:
      return counter_of(way.total.octets);
    case FlowFigure::kPackets:
      return counter_of(way.total.packets);
    case FlowFigure::kSamples:
      return Counter64{way.total.samples};
    case FlowFigure::kOctetsError:
      return error(way.total, way.total.octets_error_95);
    case FlowFigure::kPacketsError:
      return error(way.total, way.total.packets_error_95);
    case FlowFigure::kBitRate:
      return rate(at, way.recent.octets, 8);
    case FlowFigure::kPacketRate:
      return rate(at, way.recent.packets, 1);
    case FlowFigure::kRateSamples:
      return unsigned32(way.recent.samples);
    case FlowFigure::kBitRateError:
      return error(way.recent, way.recent.octets_error_95);
    case FlowFigure::kPacketRateError:
      return error(way.recent, way.recent.packets_error_95);
  }
  return std::nullopt;
}

}  // namespace vmtraffic::snmp
