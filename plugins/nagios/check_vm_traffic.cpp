#include "plugins/nagios/check_vm_traffic.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plugins/nagios/fresh_snapshot.hpp"
#include "plugins/nagios/traffic_rows.hpp"
#include "plugins/nagios/traffic_text.hpp"
#include "plugins/nagios/vm_check.hpp"

namespace vmtraffic::nagios {
namespace {

std::string summary(const Tally& tally, const TrafficOptions& options) {
  return summary_of(options.per_vnic ? "vNIC" : "VM", tally.rows,
                    {{tally.not_running, "not running"},
                     {tally.no_rate_yet, "without a rate"},
                     {tally.no_speed, "without a known speed"},
                     {tally.no_vnic, "with no vNIC"}},
                    fmt::format("{}{}", options.highest ? "highest interval, " : "", name_of(options.window)));
}

bool worth_naming(const Row& row) { return row.kind == RowKind::kMeasured || row.state != State::kOk; }

// The first rows by name, the others as one bound. The state of each is said in a list, where the check's own does not tell.
std::string list_of(const Rows& rows, const TrafficOptions& options, const TrafficText& text) {
  std::string list;
  std::size_t named = 0;
  std::size_t named_measured = 0;
  for (const Row& row : rows.shown) {
    if (named == options.top || !worth_naming(row)) break;
    list += fmt::format("{}{}", named == 0 ? ": " : "; ", text.sentence(row, false));
    if (row.state != State::kOk) list += fmt::format(" {}", name_of(row.state));
    ++named;
    named_measured += row.kind == RowKind::kMeasured;
  }
  if (rows.tally.measured > named_measured && named > 0) {
    double most = rows.largest_hidden;
    for (std::size_t i = named; i < rows.shown.size(); ++i) most = std::max(most, rows.shown[i].largest());
    list += fmt::format("; {} more, none above {}", rows.tally.measured - named_measured, text.human(most));
  }
  return list;
}

State state_of(const Rows& rows, const TrafficOptions& options) {
  State state = rows.tally.rows.worst;
  if (!rows.vms.missing.empty()) state = worse(state, options.missing);
  // Something runs, and nothing has a rate: the check saw nothing that it could judge.
  if (rows.tally.measured == 0 && rows.tally.waiting() > 0) state = worse(state, options.no_rate);
  return state;
}

std::string text_of(const Rows& rows, const TrafficOptions& options, const SnapshotPlace& place, const TrafficText& text) {
  std::string out;
  if (!rows.vms.missing.empty()) {
    out = missing_text(rows.vms.missing, options.selection, rows.vms.names, place);
    if (rows.tally.rows.all > 0) out += "; ";
  }
  if (rows.tally.rows.all == 1) {
    out += text.sentence(rows.shown.front(), true);
  } else if (rows.tally.rows.all > 0) {
    out += summary(rows.tally, options) + list_of(rows, options, text);
    // Where others have a speed, those without are counted and no more: that may be meant so.
    if (rows.tally.measured == 0 && !rows.no_speed.empty()) out += fmt::format("; {}", text.no_speed(rows.no_speed));
  }
  if (rows.vms.oldest_names) out += old_names(place, *rows.vms.oldest_names);
  return out;
}

CheckResult judged(const Snapshot& snapshot, const TrafficOptions& options, const SnapshotPlace& place, const Clock& clock) {
  const Rows rows = traffic_rows(snapshot, options, clock);
  if (rows.tally.rows.all == 0 && rows.vms.missing.empty()) return no_vms(place);
  const TrafficText text(snapshot, options, rows.vms.names);
  CheckResult result{.state = state_of(rows, options), .text = text_of(rows, options, place, text)};

  if (options.perfdata != PerfdataScope::kNone) {
    if (rows.tally.rows.all + rows.vms.missing.count() != 1)
      add_counts(options.per_vnic ? "vnics" : "vms", rows.tally.rows, result.perfdata);
    // A single one is always named.
    const bool all = options.perfdata == PerfdataScope::kAll || rows.tally.rows.all == 1;
    const std::size_t most = all ? rows.shown.size() : options.top;
    for (std::size_t i = 0; i < std::min(most, rows.shown.size()); ++i) text.add_perfdata(rows.shown[i], result.perfdata);
  }
  if (options.common.verbosity > 0) {
    for (const Row& row : rows.shown) result.long_text.push_back(fmt::format("{}: {}", name_of(row.state), text.sentence(row, false)));
    result.long_text.push_back(about(snapshot, clock));
  }
  return result;
}

}  // namespace

Outcome check_vm_traffic(const TrafficOptions& options, const Clock& clock) {
  return check_vms(kTrafficCheck, kPartNumbers, options, clock, judged);
}

}  // namespace vmtraffic::nagios
