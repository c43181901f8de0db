// The 21 columns that every row of flow estimates has, whatever it is of: when it began, and ten figures each way.
#pragma once

#include "plugins/snmp-subagent/model.hpp"

namespace vmtraffic::snmp {

// A row's estimates, and whose they are.
struct FlowsAt {
  const Snapshot* snapshot;
  std::size_t vnic;
  FlowBothWays flows;
};

enum class FlowFigure {
  kOctets,  // totals since the row began
  kPackets,
  kSamples,
  kOctetsError,
  kPacketsError,
  kBitRate,  // recent: means over FlowsInfo::covered_s, in which the row may have begun
  kPacketRate,
  kRateSamples,
  kBitRateError,
  kPacketRateError
};

// When the row began. Nothing while neither direction is sampled.
Value flow_beginning(const FlowsAt& at);

// Nothing for a direction of which nobody takes samples, and for errors where no sample was taken.
Value flow_figure(const FlowsAt& at, Direction direction, FlowFigure figure);

// A share, in hundredths of a percent.
Value share(double part);

// As a column's function; `of` finds the estimates of the column's rows.
template <std::optional<FlowsAt> (*of)(const View&, std::size_t), Direction direction, FlowFigure figure>
Value flow(const View& view, std::size_t row) {
  const std::optional<FlowsAt> at = of(view, row);
  return at ? flow_figure(*at, direction, figure) : std::nullopt;
}

template <std::optional<FlowsAt> (*of)(const View&, std::size_t)>
Value flow_start(const View& view, std::size_t row) {
  const std::optional<FlowsAt> at = of(view, row);
  return at ? flow_beginning(*at) : std::nullopt;
}

}  // namespace vmtraffic::snmp
