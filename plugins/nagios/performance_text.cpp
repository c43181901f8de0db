#include "plugins/nagios/performance_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>

namespace vmtraffic::nagios {
namespace {

constexpr std::string_view kHowToCapture = "select it in vmtraffic.toml with vms, tags or all of [capture]";

std::size_t names_asked(const PerformanceOptions& options) {
  const bool all = options.perfdata == PerfdataScope::kAll || options.common.verbosity > 0;
  return all ? std::numeric_limits<std::size_t>::max() : options.top;
}

// A figure that nobody judges by does not come before one that counts.
bool before(const Figure& a, const Figure& b) {
  if (a.state != b.state) return a.state > b.state;
  if (a.enough != b.enough) return a.enough;
  return a.value > b.value;
}

bool worth_naming(const PerformanceRow& row) { return row.kind == PerformanceKind::kMeasured || row.state != State::kOk; }

}  // namespace

PerformanceText::PerformanceText(const Snapshot& snapshot, const PerformanceOptions& options, const PerformanceMeasures& measures,
                                 const VmPerformance& found)
    : snapshot_(snapshot), options_(options), measures_(measures), found_(found), names_(found.vms.names, names_asked(options)) {}

std::string PerformanceText::text_of(const Figure& figure) const {
  std::string text = fmt::format("{} {}", measures_.all[figure.measure].subject, measures_.human(figure.value));
  if (figure.state != State::kOk) text += fmt::format(" {}", name_of(figure.state));
  return text + fmt::format(" ({}{})", measures_.basis(figure), figure.enough ? "" : ", few");
}

std::string PerformanceText::sentence(const PerformanceRow& row) const {
  const DomainRow domain = snapshot_.domain(row.domain);
  std::string text = names_.text(domain);
  switch (row.kind) {
    case PerformanceKind::kNotRunning:
      return fmt::format("{} is {}", text, name_of(domain.state));
    case PerformanceKind::kNotCaptured:
      return fmt::format("{} was never captured: {}", text, kHowToCapture);
    case PerformanceKind::kUnmeasured:
      return fmt::format("{} {}", text, measures_.unmeasured);
    case PerformanceKind::kMeasured:
      break;
  }
  std::vector<Figure> figures = row.figures;
  std::stable_sort(figures.begin(), figures.end(), before);
  for (std::size_t i = 0; i < figures.size(); ++i) text += fmt::format("{} {}", i == 0 ? "" : ",", text_of(figures[i]));
  return text;
}

std::string PerformanceText::summary() const {
  return summary_of(
      "VM", found_.counts,
      {{found_.not_running, "not running"}, {found_.not_captured, "not captured"}, {found_.unmeasured, "without a measurement"}},
      measures_.window);
}

std::string PerformanceText::list() const {
  std::string list;
  std::size_t named = 0, named_measured = 0;
  for (const PerformanceRow& row : found_.all) {
    if (named == options_.top || !worth_naming(row)) break;
    list += fmt::format("{}{}", named == 0 ? ": " : "; ", sentence(row));
    const bool measured = row.kind == PerformanceKind::kMeasured;
    if (!measured) list += fmt::format(" {}", name_of(row.state));  // else it stands with the figure
    named_measured += measured;
    ++named;
  }
  if (named > 0 && found_.measured > named_measured) list += fmt::format("; {} more", found_.measured - named_measured);
  return list;
}

std::string PerformanceText::finding() const {
  if (found_.all.size() == 1) {
    const PerformanceRow& row = found_.all.front();
    return row.kind == PerformanceKind::kMeasured ? fmt::format("{} over {}", sentence(row), measures_.window) : sentence(row);
  }
  std::string text = summary() + list();
  if (found_.not_captured > 0 && found_.not_captured == found_.running())
    text += fmt::format("; no VM was ever captured: {}", kHowToCapture);
  return text;
}

std::vector<std::string> PerformanceText::details() const {
  std::vector<std::string> lines;
  for (const PerformanceRow& row : found_.all) lines.push_back(fmt::format("{}: {}", name_of(row.state), sentence(row)));
  return lines;
}

void PerformanceText::add_row(const PerformanceRow& row, std::vector<PerfValue>& perfdata) const {
  if (row.figures.empty()) return;
  const std::string label = names_.label(snapshot_.domain(row.domain));
  for (const Figure& figure : row.figures) {
    const Measure& measure = measures_.all[figure.measure];
    perfdata.push_back({.label = fmt::format("{}_{}", label, measure.label),
                        .value = figure.value,
                        .unit = measures_.unit,
                        .thresholds = measure.thresholds,
                        .min = 0,
                        .max = measures_.max});
  }
}

void PerformanceText::add_perfdata(std::vector<PerfValue>& perfdata) const {
  if (options_.perfdata == PerfdataScope::kNone) return;
  if (found_.all.size() + found_.vms.missing.count() != 1) add_counts("vms", found_.counts, perfdata);
  // A single one is always named.
  const bool all = options_.perfdata == PerfdataScope::kAll || found_.all.size() == 1;
  const std::size_t most = all ? found_.all.size() : options_.top;
  for (std::size_t i = 0; i < std::min(most, found_.all.size()); ++i) add_row(found_.all[i], perfdata);
}

}  // namespace vmtraffic::nagios
