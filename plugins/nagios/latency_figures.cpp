#include "plugins/nagios/latency_figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "plugins/nagios/quantity.hpp"

namespace vmtraffic::nagios {
namespace {

constexpr double kFiveMinutes_s = 300;

std::string subject_of(LatencyKind kind, const LatencyOptions& options) {
  const std::string with = options.peer ? fmt::format(" with {}", options.peer->text()) : "";
  switch (kind) {
    case LatencyKind::kGuestRtt:
      return "guest side" + with;
    case LatencyKind::kNetworkRtt:
      return "network side" + with;
    case LatencyKind::kServed:
      return options.service ? fmt::format("served {}", options.service->text()) : "served";
    case LatencyKind::kAsked:
      return "asked";
    case LatencyKind::kDns:
      return "DNS";
    case LatencyKind::kGuestEcho:
      return "guest echo";
    case LatencyKind::kNetworkEcho:
      break;
  }
  return "network echo";
}

double microseconds(const LatencyStats& stats, Statistic statistic) {
  switch (statistic) {
    case Statistic::kMinimum:
      return stats.minimum_us;
    case Statistic::kMean:
      return stats.mean_us;
    case Statistic::kMedian:
      return stats.median_us;
    case Statistic::kP95:
      return stats.p95_us;
    case Statistic::kP99:
      break;
  }
  return stats.p99_us;
}

std::optional<Figure> figure_of(const LatencyRow& row, std::size_t measure, const LatencyOptions& options) {
  const LatencyStats& stats = options.window == LatencyWindow::kInterval ? row.interval : row.five_minutes;
  const double value = microseconds(stats, options.statistic) / 1000;
  if (stats.count == 0 || !std::isfinite(value) || value < 0) return std::nullopt;
  return Figure{.measure = measure, .value = value, .count = stats.count, .enough = stats.count >= options.minimum_count};
}

// Quantiles do not add up: of several vNICs the slowest stands for the VM, before all those with enough measurements.
bool stands_before(const Figure& a, const Figure& b) { return a.enough != b.enough ? a.enough : a.value > b.value; }

// By vNIC and measure. The rows are gone through once: they are many.
class LatencyFigures {
 public:
  LatencyFigures(const Snapshot& snapshot, const LatencyOptions& options)
      : measures_(options.kinds.size()), figures_(snapshot.vnic_count() * measures_) {
    for (std::size_t i = 0; i < snapshot.latency_count(); ++i) {
      const LatencyRow row = snapshot.latency(i);
      if (row.service != options.service || row.peer != options.peer) continue;
      const auto kind = std::find(options.kinds.begin(), options.kinds.end(), row.kind);
      if (kind == options.kinds.end()) continue;
      const auto measure = static_cast<std::size_t>(kind - options.kinds.begin());
      figures_[row.vnic * measures_ + measure] = figure_of(row, measure, options);
    }
  }

  std::vector<Figure> of(const DomainRow& domain) const {
    std::vector<Figure> figures;
    for (std::size_t measure = 0; measure < measures_; ++measure) {
      std::optional<Figure> slowest;
      for (std::size_t vnic = domain.first_vnic; vnic < domain.first_vnic + domain.vnic_count; ++vnic) {
        const std::optional<Figure>& figure = figures_[vnic * measures_ + measure];
        if (figure && (!slowest || stands_before(*figure, *slowest))) slowest = figure;
      }
      if (slowest) figures.push_back(*slowest);
    }
    return figures;
  }

 private:
  std::size_t measures_;
  std::vector<std::optional<Figure>> figures_;
};

std::string unmeasured(const LatencyOptions& options, const std::string& window) {
  if (options.service) {
    return fmt::format("answered nothing on {} in {}, or that is not among the first capture.top of its services", options.service->text(),
                       window);
  }
  if (options.peer) {
    return fmt::format("had no round trip with {} in {}, or that is not among the first capture.top of its peers", options.peer->text(),
                       window);
  }
  return fmt::format("had nothing to measure in {}", window);
}

}  // namespace

PerformanceMeasures latency_measures(const Snapshot& snapshot, const LatencyOptions& options) {
  PerformanceMeasures measures;
  const std::string_view statistic = name_of(options.statistic);
  for (const LatencyKind kind : options.kinds) {
    std::string label(vmtraffic::name_of(kind));
    if (options.statistic != Statistic::kMedian) label += fmt::format("_{}", statistic);
    measures.all.push_back(
        {.subject = subject_of(kind, options), .label = std::move(label), .thresholds = options.thresholds.of(side_of(kind))});
  }
  measures.figures = [figures = std::make_shared<const LatencyFigures>(snapshot, options)](const DomainRow& domain) {
    return figures->of(domain);
  };
  measures.human = human_milliseconds;
  measures.basis = [statistic](const Figure& figure) { return fmt::format("{} of {}", statistic, figure.count); };
  measures.unit = Unit::kMilliseconds;
  const double interval_s = static_cast<double>(snapshot.info().interval) / kSecond;
  measures.window = human_duration(options.window == LatencyWindow::kInterval ? interval_s : kFiveMinutes_s);
  measures.unmeasured = unmeasured(options, measures.window);
  measures.particular = options.service || options.peer;
  return measures;
}

}  // namespace vmtraffic::nagios
