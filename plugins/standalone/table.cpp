#include "plugins/standalone/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text.hpp"

namespace vmtraffic::standalone {
namespace {

constexpr std::string_view kAbsent = "-";
constexpr std::size_t kNarrowestName = 8;

double seconds(Nanoseconds time) { return static_cast<double>(time) / kSecond; }

// ---- characters

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// The first characters of valid UTF-8, with "…" as the last when something was cut.
std::string cut(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) return text;
  std::size_t at = 0;
  for (std::size_t kept = 0; kept + 1 < width; ++kept) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  }
  return text.substr(0, at) + "…";
}

// ---- values

std::string number(double value) {
  std::string text = fmt::format("{:.{}f}", value, value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
  if (text.find('.') != std::string::npos) text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

bool sensible(const std::optional<double>& rate) { return rate && std::isfinite(*rate) && *rate >= 0; }

std::string bits(const std::optional<double>& octets_per_second) {
  if (!sensible(octets_per_second)) return std::string(kAbsent);
  constexpr std::array<std::string_view, 5> kPrefixes{"", "k", "M", "G", "T"};
  double value = *octets_per_second * 8;
  std::size_t prefix = 0;
  while (value >= 999.5 && prefix + 1 < kPrefixes.size()) {
    value /= 1000;
    ++prefix;
  }
  return fmt::format("{} {}bit/s", number(value), kPrefixes[prefix]);
}

std::string per_second(const std::optional<double>& rate) { return sensible(rate) ? number(*rate) : std::string(kAbsent); }

std::string total(const std::optional<std::uint64_t>& value) { return value ? fmt::format("{}", *value) : std::string(kAbsent); }

// rx and tx of something that is mostly zero, in one column.
std::string both(const std::optional<std::uint64_t>& rx, const std::optional<std::uint64_t>& tx) {
  return rx || tx ? fmt::format("{}/{}", total(rx), total(tx)) : std::string(kAbsent);
}

std::string duration(Nanoseconds time) {
  const double s = seconds(std::max<Nanoseconds>(0, time));
  if (s < 180) return fmt::format("{:.0f} s", s);
  if (s < 180.0 * 60) return fmt::format("{:.0f} min", std::floor(s / 60));
  if (s < 72.0 * 3600) return fmt::format("{:.0f} h", std::floor(s / 3600));
  return fmt::format("{:.0f} days", std::floor(s / 86400));
}

std::string utc(Nanoseconds walltime) {
  const std::time_t time = walltime / kSecond;
  std::tm parts{};
  if (gmtime_r(&time, &parts) == nullptr) return "at an unknown time";
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                     parts.tm_min, parts.tm_sec);
}

// ---- cells into lines

struct Column {
  std::string_view title;
  bool right{false};
};

using Cells = std::vector<std::string>;

std::vector<std::size_t> widths_of(const std::vector<Column>& columns, const std::vector<Cells>& rows) {
  std::vector<std::size_t> widths;
  widths.reserve(columns.size());
  for (const Column& column : columns) widths.push_back(column.title.size());
  for (const Cells& cells : rows) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], width_of(cells[i]));
  }
  return widths;
}

std::string line_of(const std::vector<Column>& columns, const std::vector<std::size_t>& widths, const Cells& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths[i] - std::min(widths[i], width_of(cells[i])), ' ');
    line += i == 0 ? "" : "  ";
    line += columns[i].right ? padding + cells[i] : cells[i] + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  line += '\n';
  return line;
}

std::string lines_of(const std::vector<Column>& columns, std::vector<Cells> rows, std::size_t width) {
  std::vector<std::size_t> widths = widths_of(columns, rows);
  const std::size_t all = std::accumulate(widths.begin(), widths.end(), 2 * (widths.size() - 1));
  if (width != 0 && all > width) {
    // The first column is the one that can be as long as its tenant likes.
    const std::size_t excess = all - width;
    widths[0] = std::max(kNarrowestName, widths[0] > excess ? widths[0] - excess : 0);
    for (Cells& cells : rows) cells[0] = cut(cells[0], widths[0]);
  }
  Cells titles;
  for (const Column& column : columns) titles.emplace_back(column.title);
  std::string text = line_of(columns, widths, titles);
  for (const Cells& cells : rows) text += line_of(columns, widths, cells);
  return text;
}

// ---- the snapshot

std::string heading(const Snapshot& snapshot, const Clock& clock) {
  const SnapshotInfo info = snapshot.info();
  const std::optional<Nanoseconds> age = snapshot.age(clock);
  std::string when = "before the last boot or in the future";
  if (age) when = fmt::format("{} ago", duration(*age));
  std::string text =
      fmt::format("{}: sampled {}, {}, every {} s, by {} {} (pid {})\n", printable(info.host), utc(info.sampled_walltime), when,
                  number(seconds(info.interval)), printable(info.writer_program), printable(info.writer_version), info.writer_pid);
  if (snapshot.stale(clock)) text += "STALE: nobody has published a newer snapshot; what follows is not how things are now\n";
  return text;
}

std::vector<std::size_t> domains_by_name(const Snapshot& snapshot) {
  std::vector<std::pair<std::string_view, std::size_t>> names;
  for (std::size_t index = 0; index < snapshot.domain_count(); ++index) names.emplace_back(snapshot.domain(index).name, index);
  std::sort(names.begin(), names.end());
  std::vector<std::size_t> order;
  order.reserve(names.size());
  for (const auto& [name, index] : names) order.push_back(index);
  return order;
}

std::vector<VnicRow> vnics_by_number(const Snapshot& snapshot, const DomainRow& domain) {
  std::vector<VnicRow> vnics;
  for (std::size_t index = domain.first_vnic; index < domain.first_vnic + domain.vnic_count; ++index) vnics.push_back(snapshot.vnic(index));
  std::stable_sort(vnics.begin(), vnics.end(), [](const VnicRow& a, const VnicRow& b) { return a.number < b.number; });
  return vnics;
}

Cells cells_of(const Snapshot& snapshot, const VnicRow& vnic, Window window) {
  const WindowRates rates = snapshot.rates(vnic.index, window);
  const Rates rx = rates.covered_s > 0 ? rates.rx : Rates{};
  const Rates tx = rates.covered_s > 0 ? rates.tx : Rates{};
  return {vnic.key.mac.text(),
          vnic.tap.empty() ? std::string(kAbsent) : printable(vnic.tap),
          bits(rx.octets),
          bits(tx.octets),
          per_second(rx.packets),
          per_second(tx.packets),
          rates.covered_s > 0 && std::isfinite(rates.covered_s) ? fmt::format("{:.0f} s", rates.covered_s) : std::string(kAbsent),
          both(vnic.rx.errors, vnic.tx.errors),
          both(vnic.rx.drops, vnic.tx.drops),
          total(vnic.rx.octets),
          total(vnic.tx.octets)};
}

std::string vnic_table(const Snapshot& snapshot, const Clock& clock, const TableOptions& options) {
  std::vector<Column> columns{{"VM"},
                              {"STATE"},
                              {"MAC"},
                              {"TAP"},
                              {"RX", true},
                              {"TX", true},
                              {"RX PKT/S", true},
                              {"TX PKT/S", true},
                              {"OVER", true},
                              {"ERR RX/TX", true},
                              {"DROP RX/TX", true},
                              {"RX OCTETS", true},
                              {"TX OCTETS", true}};
  const Nanoseconds now = clock.boottime();
  const Nanoseconds interval = snapshot.info().interval;
  std::vector<Cells> rows;
  std::vector<std::string> ages;
  bool any_old = false;
  for (const std::size_t index : domains_by_name(snapshot)) {
    const DomainRow domain = snapshot.domain(index);
    const bool old = domain.confirmed_boottime && names_are_old(now - *domain.confirmed_boottime, interval);
    any_old = any_old || old;
    const auto add = [&](Cells cells) {
      cells.insert(cells.begin(), {printable(domain.name), std::string(name_of(domain.state))});
      rows.push_back(std::move(cells));
      ages.push_back(old ? duration(now - *domain.confirmed_boottime) : "");
    };
    for (const VnicRow& vnic : vnics_by_number(snapshot, domain)) add(cells_of(snapshot, vnic, options.window));
    if (domain.vnic_count == 0) add({"no vNIC"});
  }
  if (rows.empty()) return "No VM is known.\n";
  if (any_old) {
    columns.push_back({"NOT CONFIRMED FOR", true});
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].resize(columns.size() - 1);
      rows[i].push_back(ages[i]);
    }
  }
  return lines_of(columns, std::move(rows), options.width);
}

std::string probe_table(const Snapshot& snapshot, const Clock& clock) {
  if (snapshot.health_count() == 0) return "No probe says how it is.\n";
  const std::vector<Column> columns{{"PROBE"}, {"STATE"}, {"FOR", true}, {""}};
  std::vector<Cells> rows;
  for (std::size_t index = 0; index < snapshot.health_count(); ++index) {
    const ProbeHealthRow probe = snapshot.health(index);
    rows.push_back({printable(probe.name), std::string(name_of(probe.state)), duration(clock.boottime() - probe.since_boottime),
                    printable(probe.message)});
  }
  return lines_of(columns, std::move(rows), 0);
}

}  // namespace

std::string render_table(const Snapshot& snapshot, const Clock& clock, const TableOptions& options) {
  return fmt::format("{}Rates over {}.\n\n{}\n{}", heading(snapshot, clock),
                     options.window == Window::kInterval ? "the last interval" : name_of(options.window),
                     vnic_table(snapshot, clock, options), probe_table(snapshot, clock));
}

}  // namespace vmtraffic::standalone
