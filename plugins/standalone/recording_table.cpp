#include "plugins/standalone/recording_table.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "core/text.hpp"
#include "plugins/standalone/flow_table.hpp"
#include "plugins/standalone/performance_table.hpp"
#include "plugins/standalone/text_table.hpp"

namespace vmtraffic::standalone {
namespace {

std::string heading(const Snapshot& snapshot) {
  const SnapshotInfo info = snapshot.info();
  const double covered_s = snapshot.flows().value_or(FlowsInfo{}).covered_s;
  return fmt::format("{}: {} of {} s, up to {}\n", printable(info.host), snapshot.performance() ? "packets" : "sFlow", number(covered_s),
                     utc(info.sampled_walltime));
}

std::string counter_table(const ProbeHealthRow& probe, std::string_view title) {
  std::vector<Cells> rows;
  for (const HealthCounter& counter : probe.counters) rows.push_back({printable(counter.name), fmt::format("{}", counter.value)});
  std::string text = fmt::format("\n{}", lines_of({{title}, {"", true}}, std::move(rows), 0));
  if (!probe.message.empty()) text += printable(probe.message) + "\n";
  return text;
}

}  // namespace

Clock clock_of_recording(const Snapshot& snapshot) {
  const SnapshotInfo info = snapshot.info();
  return {[at = info.sampled_boottime] { return at; }, [at = info.sampled_walltime] { return at; }, std::string(info.boot_id)};
}

std::string render_recording(const Snapshot& snapshot, std::size_t width) {
  std::string text = heading(snapshot) + render_flows(snapshot, clock_of_recording(snapshot), width) + render_performance(snapshot, width);
  for (std::size_t index = 0; index < snapshot.health_count(); ++index) {
    const ProbeHealthRow probe = snapshot.health(index);
    text += counter_table(probe, probe.name == "recording" ? "RECORDED" : "READ");
  }
  return text;
}

}  // namespace vmtraffic::standalone
