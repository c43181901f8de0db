// One row per VM or vNIC: its rates as asked for, or why it has none. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/snapshot.hpp"
#include "plugins/nagios/traffic_options.hpp"
#include "plugins/nagios/vm_check.hpp"

namespace vmtraffic::nagios {

enum class RowKind {
  kMeasured,
  kNoRateYet,   // counted for the first time: the next interval will have a rate
  kNoCounters,  // running, and nothing counts it (or not this)
  kNoLimit,     // percent of a <bandwidth> that its definition does not have
  kNoVnic,
  kNotRunning,
};

struct Row {
  std::size_t domain{0};
  std::optional<std::size_t> vnic{};  // with --per vnic
  RowKind kind{RowKind::kMeasured};
  // In the metric's unit or in percent; only the directions that were asked for.
  std::optional<double> rx{}, tx{}, sum{};
  double covered_s{0};  // the shortest of its vNICs'
  std::size_t vnics{0}, vnics_measured{0};
  State state{State::kOk};

  double largest() const;  // of its values; below zero when it has none
};

// What there is, whether it is shown or not.
struct Tally {
  StateCounts rows{};
  std::size_t not_running{0}, measured{0};
  std::size_t no_rate_yet{0}, no_speed{0}, no_vnic{0};  // the kinds that do not decide

  std::size_t waiting() const { return no_rate_yet + no_speed + no_vnic; }
};

struct Rows {
  std::vector<Row> shown;     // the worst first, as many as rows_shown() says
  double largest_hidden{-1};  // of the values of measured rows that are not in `shown`
  Tally tally;
  std::vector<Row> no_speed;  // the first of kNoLimit, as many as a list has names and one: they rank last, and are seldom in `shown`
  SelectedVms vms;
};

// How many rows can be asked for by name, text and perfdata together.
std::size_t rows_shown(const TrafficOptions& options);

Rows traffic_rows(const Snapshot& snapshot, const TrafficOptions& options, const Clock& clock);

}  // namespace vmtraffic::nagios
