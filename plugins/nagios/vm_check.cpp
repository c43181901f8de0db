#include "plugins/nagios/vm_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace vmtraffic::nagios {

SelectedVms visit_vms(const Snapshot& snapshot, const Selection& selection, const Clock& clock, const VisitVm& visit) {
  SelectedVms vms;
  vms.names.reserve(snapshot.domain_count());
  const Nanoseconds now = clock.boottime();
  const Nanoseconds interval = snapshot.info().interval;
  vms.missing = visit_domains(snapshot, selection, [&](const DomainRow& domain, bool selected) {
    vms.names.push_back(domain.name);
    if (!selected) return;
    const std::optional<Nanoseconds> age = domain.confirmed_boottime ? std::optional(now - *domain.confirmed_boottime) : std::nullopt;
    const bool old = age && names_are_old(*age, interval);
    if (visit(domain, old) && old) vms.oldest_names = std::max(vms.oldest_names.value_or(0), *age);
  });
  return vms;
}

State state_not_running(State not_running, bool old) { return old ? worse(not_running, State::kUnknown) : not_running; }

void explain_nothing(const Snapshot& snapshot, const Selection& selection, Missing& missing) {
  if (!missing.empty() || !selection.selects_anything()) return;
  missing.tags = absent_tags(snapshot, selection.tags);
  missing.combination = missing.tags.empty();
}

std::string missing_text(const Missing& missing, const Selection& selection, const std::vector<std::string_view>& names,
                         const SnapshotPlace& place) {
  std::string text = missing.text(selection, names);
  if (const std::string trouble = libvirt_trouble(place); !trouble.empty()) text += fmt::format("; {}", trouble);
  return text;
}

void StateCounts::add(State state) {
  ++all;
  critical += state == State::kCritical;
  warning += state == State::kWarning;
  unknown += state == State::kUnknown;
  worst = worse(worst, state);
}

std::string summary_of(std::string_view what, const StateCounts& counts,
                       std::initializer_list<std::pair<std::size_t, std::string_view>> others, std::string_view window) {
  std::string text = fmt::format("{} {}{}", counts.all, what, counts.all == 1 ? "" : "s");
  const auto add = [&](std::size_t count, std::string_view of) {
    if (count > 0) text += fmt::format(", {} {}", count, of);
  };
  add(counts.critical, "critical");
  add(counts.warning, "warning");
  add(counts.unknown, "unknown");
  for (const auto& [count, of] : others) add(count, of);
  return text + fmt::format(" ({})", window);
}

void add_counts(std::string_view what, const StateCounts& counts, std::vector<PerfValue>& perfdata) {
  const auto add = [&](std::string_view suffix, std::size_t count) {
    perfdata.push_back({.label = fmt::format("{}{}", what, suffix), .value = static_cast<std::uint64_t>(count), .min = 0});
  };
  add("", counts.all);
  add("_critical", counts.critical);
  add("_warning", counts.warning);
  add("_unknown", counts.unknown);
}

}  // namespace vmtraffic::nagios
