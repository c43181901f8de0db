#include "plugins/nagios/check_vm_traffic.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plugins/nagios/fresh_snapshot.hpp"
#include "plugins/nagios/traffic_rows.hpp"
#include "plugins/nagios/traffic_text.hpp"

namespace vmtraffic::nagios {
namespace {

// Why libvirt's word cannot be taken for it that a VM is not there; empty when it can.
std::string libvirt_trouble(const TrafficOptions& options) {
  const Result<Snapshot> snapshot = readable_snapshot(options.common.runtime_directory, kPartHealth);
  if (!snapshot) return snapshot.error().text;
  std::string trouble;
  bool any = false;
  for (std::size_t index = 0; index < snapshot->health_count(); ++index) {
    const ProbeHealthRow probe = snapshot->health(index);
    if (!probe.name.starts_with("libvirt")) continue;
    any = true;
    if (probe.state == HealthState::kUp) continue;
    trouble += fmt::format("{}{} is {}", trouble.empty() ? "" : ", ", line_of(probe.name), name_of(probe.state));
    if (!probe.message.empty()) trouble += fmt::format(" ({})", line_of(probe.message));
  }
  return any ? trouble : "no libvirt connection is configured";
}

struct Tally {
  std::size_t critical{0}, warning{0}, unknown{0}, not_running{0}, waiting{0}, measured{0};
};

Tally tally_of(const Rows& rows) {
  Tally tally;
  for (const Row& row : rows.rows) {
    tally.critical += row.state == State::kCritical;
    tally.warning += row.state == State::kWarning;
    tally.unknown += row.state == State::kUnknown;
    tally.not_running += row.kind == RowKind::kNotRunning;
    tally.measured += row.kind == RowKind::kMeasured;
    tally.waiting += row.kind == RowKind::kNoRateYet || row.kind == RowKind::kNoLimit || row.kind == RowKind::kNoVnic;
  }
  return tally;
}

// "120 VMs, 1 critical, 7 not running (1m)".
std::string summary_of(const Rows& rows, const Tally& tally, const TrafficOptions& options) {
  const std::string_view what = options.per_vnic ? "vNIC" : "VM";
  std::string text = fmt::format("{} {}{}", rows.rows.size(), what, rows.rows.size() == 1 ? "" : "s");
  const auto add = [&](std::size_t count, std::string_view of) {
    if (count > 0) text += fmt::format(", {} {}", count, of);
  };
  add(tally.critical, "critical");
  add(tally.warning, "warning");
  add(tally.unknown, "unknown");
  add(tally.not_running, "not running");
  add(tally.waiting, "without a rate");
  return text + fmt::format(" ({}{})", options.highest ? "highest interval, " : "", name_of(options.window));
}

bool worth_naming(const Row& row) { return row.kind == RowKind::kMeasured || row.state != State::kOk; }

// The first rows by name, the others as one bound. The state of each is said in a list, where the check's own does not tell.
std::string list_of(const Rows& rows, const TrafficOptions& options, const TrafficText& text, const Tally& tally) {
  std::string list;
  std::size_t named_measured = 0;
  for (std::size_t i = 0; i < rows.rows.size() && i < options.top; ++i) {
    const Row& row = rows.rows[i];
    if (!worth_naming(row)) break;
    list += fmt::format("{}{}", i == 0 ? ": " : "; ", text.sentence(row, false));
    if (row.state != State::kOk) list += fmt::format(" {}", name_of(row.state));
    named_measured += row.kind == RowKind::kMeasured;
  }
  if (tally.measured > named_measured && !list.empty()) {
    double most = 0;
    for (std::size_t i = options.top; i < rows.rows.size(); ++i) most = std::max(most, rows.rows[i].largest());
    list += fmt::format("; {} more, none above {}", tally.measured - named_measured, text.human(most));
  }
  return list;
}

void add_counts(const Rows& rows, const Tally& tally, const TrafficOptions& options, std::vector<PerfValue>& perfdata) {
  const std::string what = options.per_vnic ? "vnics" : "vms";
  const auto add = [&](std::string_view suffix, std::size_t count) {
    perfdata.push_back({.label = what + std::string(suffix), .value = static_cast<std::uint64_t>(count), .min = 0});
  };
  add("", rows.rows.size());
  add("_critical", tally.critical);
  add("_warning", tally.warning);
  add("_unknown", tally.unknown);
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

State state_of(const Rows& rows, const Tally& tally, const TrafficOptions& options) {
  State state = State::kOk;
  for (const Row& row : rows.rows) state = worse(state, row.state);
  if (!rows.missing.empty()) state = worse(state, options.missing);
  // Something runs, and nothing has a rate: the check saw nothing that it could judge.
  if (tally.measured == 0 && tally.waiting > 0) state = worse(state, options.no_rate);
  return state;
}

std::string text_of(const Rows& rows, const Tally& tally, const TrafficOptions& options, const TrafficText& text) {
  std::string out;
  if (!rows.missing.empty()) {
    out = fmt::format("missing: {}", joined(rows.missing));
    if (const std::string trouble = libvirt_trouble(options); !trouble.empty()) out += fmt::format(" ({})", trouble);
    if (!rows.rows.empty()) out += "; ";
  }
  if (rows.rows.size() == 1) {
    out += text.sentence(rows.rows.front(), true);
  } else if (!rows.rows.empty()) {
    out += summary_of(rows, tally, options) + list_of(rows, options, text, tally);
  }
  if (rows.oldest_names) {
    out += fmt::format("; libvirt has not confirmed names and states for {}", human_duration(static_cast<double>(*rows.oldest_names) / kSecond));
  }
  return out;
}

std::string about(const Snapshot& snapshot, const Clock& clock) {
  const SnapshotInfo info = snapshot.info();
  return fmt::format("snapshot {} of {} by {} {}, pid {}, {} old, every {} s", info.sequence, text_name(info.host), text_name(info.writer_program),
                     text_name(info.writer_version), info.writer_pid,
                     human_duration(static_cast<double>(snapshot.age(clock).value_or(0)) / kSecond),
                     plain_number(static_cast<double>(info.interval) / kSecond));
}

CheckResult judged(const Snapshot& snapshot, const TrafficOptions& options, const Clock& clock) {
  const Rows rows = traffic_rows(snapshot, options, clock);
  if (rows.rows.empty() && rows.missing.empty()) {
    const std::string trouble = libvirt_trouble(options);
    if (!trouble.empty()) return {.state = State::kUnknown, .text = fmt::format("no VM is known: {}", trouble)};
    return {.state = State::kOk, .text = "there is no VM on this host"};
  }
  const TrafficText text(snapshot, options, rows.names);
  const Tally tally = tally_of(rows);
  CheckResult result{.state = state_of(rows, tally, options), .text = text_of(rows, tally, options, text)};

  if (options.perfdata != PerfdataScope::kNone) {
    if (rows.rows.size() + rows.missing.size() != 1) add_counts(rows, tally, options, result.perfdata);
    const std::size_t last = options.perfdata == PerfdataScope::kAll ? rows.rows.size() : std::min(rows.rows.size(), std::max<std::size_t>(options.top, 1));
    for (std::size_t i = 0; i < last; ++i) text.add_perfdata(rows.rows[i], result.perfdata);
  }
  if (options.common.verbosity > 0) {
    for (const Row& row : rows.rows) result.long_text.push_back(fmt::format("{}: {}", name_of(row.state), text.sentence(row, false)));
    result.long_text.push_back(about(snapshot, clock));
  }
  return result;
}

}  // namespace

Outcome check_vm_traffic(const TrafficOptions& options, const Clock& clock) {
  const Result<Snapshot> snapshot = fresh_snapshot(options.common.runtime_directory, kPartInventory | kPartNumbers, clock);
  const CheckResult result = snapshot ? judged(*snapshot, options, clock) : CheckResult{.state = State::kUnknown, .text = snapshot.error().text};
  return {result.state, render(kTrafficCheck.service, result, options.common.max_output)};
}

}  // namespace vmtraffic::nagios
