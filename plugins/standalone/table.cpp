#include "plugins/standalone/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text.hpp"
#include "plugins/standalone/flow_table.hpp"
#include "plugins/standalone/order.hpp"
#include "plugins/standalone/performance_table.hpp"
#include "plugins/standalone/text_table.hpp"

namespace vmtraffic::standalone {
namespace {

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
  return fmt::format("{}Rates over {}.\n\n{}\n{}{}", heading(snapshot, clock),
                     options.window == Window::kInterval ? "the last interval" : name_of(options.window),
                     vnic_table(snapshot, clock, options), probe_table(snapshot, clock),
                     render_flows(snapshot, clock, options.width) + render_performance(snapshot, options.width));
}

}  // namespace vmtraffic::standalone
