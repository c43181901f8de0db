// A row per VM with the few figures that a check judges, out of what the capture probe measures. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/snapshot.hpp"
#include "plugins/nagios/performance_options.hpp"
#include "plugins/nagios/result.hpp"
#include "plugins/nagios/vm_check.hpp"

namespace vmtraffic::nagios {

// What a check asks of each VM.
struct Measure {
  std::string subject;  // "network side"
  std::string label;    // "network_rtt": what stands behind the VM's name in perfdata
  Thresholds thresholds{};
};

struct Figure {
  std::size_t measure{0};  // its place among the check's
  double value{0};
  std::uint64_t count{0};  // of what happened, or of measurements
  std::uint64_t of{0};     // of how many; 0: the value is no share
  bool enough{true};       // for a range to judge by
  State state{State::kOk};
};

// What is the one check's own: what it measures, and how that is said.
struct PerformanceMeasures {
  std::vector<Measure> all{};
  std::function<std::vector<Figure>(const DomainRow&)> figures{};  // in the order of the measures; what was not measured is not there
  std::function<std::string(double)> human{};                      // a value, "120 ms"
  std::function<std::string(const Figure&)> basis{};               // what it rests on, "median of 1234"
  Unit unit{Unit::kNone};
  std::optional<double> max{};
  std::string window{};      // "5 min"
  std::string unmeasured{};  // what a VM without any figure did: "had nothing to measure in 5 min"
  bool particular{false};    // a service or a peer was asked for: a VM without a figure of it is one without data
};

enum class PerformanceKind {
  kMeasured,
  kUnmeasured,   // captured, and nothing of what is asked for happened
  kNotCaptured,  // runs, and no packet of it was ever captured
  kNotRunning,
};

struct PerformanceRow {
  std::size_t domain{0};
  PerformanceKind kind{PerformanceKind::kMeasured};
  std::vector<Figure> figures{};  // in the order of the measures
  State state{State::kOk};

  double largest() const;  // below zero when it has no figure
};

struct VmPerformance {
  std::vector<PerformanceRow> all;  // of the selected VMs, the worst first
  StateCounts counts{};
  std::size_t not_running{0}, not_captured{0}, unmeasured{0}, measured{0};
  std::size_t heard{0};  // of those measured: with a figure that rests on something, as "no reset in 80 s" does not
  SelectedVms vms;

  std::size_t running() const { return all.size() - not_running; }
};

VmPerformance vm_performance(const Snapshot& snapshot, const PerformanceOptions& options, const PerformanceMeasures& measures,
                             const Clock& clock);

}  // namespace vmtraffic::nagios
