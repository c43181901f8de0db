#include "plugins/nagios/loss_figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "plugins/nagios/quantity.hpp"

namespace vmtraffic::nagios {
namespace {

// A window that began a moment ago has seen too little time to divide by.
constexpr double kLeastCovered_s = 1;

enum class Whole { kSegments, kConnections, kQueries, kTime };

Whole whole_of(LossMetric metric) {
  switch (metric) {
    case LossMetric::kLost:
    case LossMetric::kSpurious:
    case LossMetric::kReordered:
    case LossMetric::kUnseen:
      return Whole::kSegments;
    case LossMetric::kUnanswered:
    case LossMetric::kRefused:
      return Whole::kConnections;
    case LossMetric::kDnsUnanswered:
      return Whole::kQueries;
    case LossMetric::kResets:
    case LossMetric::kZeroWindows:
      break;
  }
  return Whole::kTime;
}

std::string_view word_of(Whole whole) {
  switch (whole) {
    case Whole::kSegments:
      return "segment";
    case Whole::kConnections:
      return "connection";
    case Whole::kQueries:
      return "query";
    case Whole::kTime:
      break;
  }
  return "time";
}

struct Part {
  std::uint64_t count{0}, of{0};
};

std::uint64_t sent(const LossCounts& way) { return way.segments + way.lost_before; }
std::uint64_t attempts(const LossCounts& way) { return way.connections + way.refused + way.unanswered; }

// `from`: what that side's end sent, so to the other; `to`: what was sent to it.
Part part_of(LossMetric metric, const LossCounts& from, const LossCounts& to) {
  switch (metric) {
    case LossMetric::kLost:
      return {from.lost_before + to.lost_after, sent(from) + sent(to)};
    case LossMetric::kSpurious:
      return {from.spurious, sent(from)};
    case LossMetric::kReordered:
      return {from.reordered, sent(from)};
    case LossMetric::kUnseen:
      return {from.unseen + to.unseen, from.segments + from.unseen + to.segments + to.unseen};
    case LossMetric::kUnanswered:
      return {to.unanswered, attempts(to)};
    case LossMetric::kRefused:
      return {to.refused, attempts(to)};
    case LossMetric::kDnsUnanswered:
      return {to.dns_unanswered, to.dns_queries};
    case LossMetric::kResets:
      return {from.resets, 0};
    case LossMetric::kZeroWindows:
      break;
  }
  return {from.zero_windows, 0};
}

// Over a VM's vNICs; nothing: none of them was captured.
std::optional<Part> part_of(const Snapshot& snapshot, const DomainRow& domain, LossMetric metric, Side side) {
  std::optional<Part> sum;
  for (std::size_t vnic = domain.first_vnic; vnic < domain.first_vnic + domain.vnic_count; ++vnic) {
    const std::optional<LossRow> row = snapshot.loss(vnic);
    if (!row) continue;
    const Part part =
        side == Side::kGuest ? part_of(metric, row->tx_recent, row->rx_recent) : part_of(metric, row->rx_recent, row->tx_recent);
    if (!sum) sum.emplace();
    sum->count += part.count;
    sum->of += part.of;
  }
  return sum;
}

std::optional<Figure> figure_of(const Part& part, std::size_t measure, const LossOptions& options, double covered_s) {
  Figure figure{.measure = measure, .count = part.count, .of = part.of};
  const Whole whole = whole_of(options.metric);
  const auto count = static_cast<double>(part.count);
  if (whole == Whole::kTime) {
    figure.value = count / covered_s * 60;
    return figure;
  }
  if (part.of == 0) return std::nullopt;
  // What was found lost in this window may have been sent before it.
  figure.value = std::min(100.0, count / static_cast<double>(part.of) * 100);
  figure.enough = part.of >= (whole == Whole::kSegments ? options.minimum_segments : options.minimum_attempts);
  return figure;
}

struct Asked {
  Side side;
  std::string_view subject, label;
};

std::vector<Asked> asked_of(LossMetric metric) {
  if (metric == LossMetric::kUnseen) return {{Side::kNeither, "capture", "capture"}};
  return {{Side::kGuest, "guest side", "guest"}, {Side::kNetwork, "network side", "network"}};
}

std::string basis(const Figure& figure, Whole whole) {
  std::string_view word = word_of(whole);
  if (whole == Whole::kTime) return fmt::format("{} {}{}", figure.count, word, figure.count == 1 ? "" : "s");
  const std::string words = figure.of == 1 ? std::string(word) : whole == Whole::kQueries ? "queries" : fmt::format("{}s", word);
  return fmt::format("{} of {} {}", figure.count, figure.of, words);
}

}  // namespace

PerformanceMeasures loss_measures(const Snapshot& snapshot, const LossOptions& options) {
  PerformanceMeasures measures;
  const std::vector<Asked> asked = asked_of(options.metric);
  std::string label(name_of(options.metric)), words = label;
  std::replace(label.begin(), label.end(), '-', '_');
  std::replace(words.begin(), words.end(), '-', ' ');
  if (options.metric == LossMetric::kDnsUnanswered) words = "DNS unanswered";
  for (const Asked& one : asked) {
    measures.all.push_back({.subject = fmt::format("{} {}", one.subject, words),
                            .label = fmt::format("{}_{}", one.label, label),
                            .thresholds = options.thresholds.of(one.side)});
  }
  const double stated_s = snapshot.performance().value_or(PerformanceInfo{}).covered_s;
  const double covered_s = std::isfinite(stated_s) ? std::max(kLeastCovered_s, stated_s) : kLeastCovered_s;
  measures.figures = [&snapshot, &options, asked, covered_s](const DomainRow& domain) {
    std::vector<Figure> figures;
    for (std::size_t measure = 0; measure < asked.size(); ++measure) {
      const std::optional<Part> part = part_of(snapshot, domain, options.metric, asked[measure].side);
      if (!part) continue;
      if (const std::optional<Figure> figure = figure_of(*part, measure, options, covered_s)) figures.push_back(*figure);
    }
    return figures;
  };
  const Whole whole = whole_of(options.metric);
  measures.basis = [whole](const Figure& figure) { return basis(figure, whole); };
  if (whole == Whole::kTime) {
    measures.human = human_per_minute;
  } else {
    measures.human = human_percent;
    measures.unit = Unit::kPercent;
    measures.max = 100;
  }
  measures.window = human_duration(covered_s);
  measures.unmeasured = fmt::format("had nothing to measure in {}", measures.window);
  return measures;
}

}  // namespace vmtraffic::nagios
