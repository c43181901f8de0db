#include "plugins/nagios/traffic_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vmtraffic::nagios {
namespace {

std::string vnic_name(const VnicKey& key) { return key.ordinal == 0 ? key.mac.text() : fmt::format("{}#{}", key.mac.text(), key.ordinal); }

// Windows end where a sample was taken: a little less than their name is not worth a word.
bool is_short(double covered_s, double window_s) { return covered_s < 0.9 * window_s; }

}  // namespace

double window_seconds(Window window, Nanoseconds interval) {
  switch (window) {
    case Window::kMinute:
      return 60;
    case Window::kFiveMinutes:
      return 300;
    case Window::kInterval:
      break;
  }
  return static_cast<double>(interval) / kSecond;
}

TrafficText::TrafficText(const Snapshot& snapshot, const TrafficOptions& options, std::vector<std::string_view> names)
    : snapshot_(snapshot), options_(options), names_(std::move(names), rows_shown(options)) {}

std::string TrafficText::human(double value) const { return options_.percent ? human_percent(value) : human_rate(value, options_.metric); }

std::string TrafficText::text_of_name(const Row& row) const {
  std::string name = names_.text(snapshot_.domain(row.domain));
  if (row.vnic) name += fmt::format(" {}", vnic_name(snapshot_.vnic(*row.vnic).key));
  return name;
}

std::string TrafficText::no_speed(const std::vector<Row>& rows) const {
  std::vector<std::string> names;
  for (const Row& row : rows) names.push_back(text_of_name(row));
  return fmt::format("no speed is known for {}: give --speed 1G, or <bandwidth> in the VM's definition", listed(names));
}

std::string TrafficText::sentence(const Row& row, bool covered) const {
  std::string text = text_of_name(row);
  const DomainState domain_state = snapshot_.domain(row.domain).state;
  switch (row.kind) {
    case RowKind::kMeasured:
      break;
    case RowKind::kNoRateYet:
      return text + " has no rate yet, it is counted for the first time";
    case RowKind::kNoCounters:
      return fmt::format("{} is {} and nothing counts its {}", text, name_of(domain_state), name_of(options_.metric));
    case RowKind::kNoLimit:
      return no_speed({row});
    case RowKind::kNoVnic:
      return text + " has no vNIC";
    case RowKind::kNotRunning:
      return fmt::format("{} is {}", text, name_of(domain_state));
  }
  if (covered && row.state != State::kOk) text += fmt::format(" {}", name_of(row.state));
  if (row.rx) text += fmt::format(" rx {}", human(*row.rx));
  if (row.tx) text += fmt::format("{} tx {}", row.rx ? "," : "", human(*row.tx));
  if (row.sum) text += fmt::format(" rx+tx {}", human(*row.sum));
  if (covered || is_short(row.covered_s, window_seconds(options_.window, snapshot_.info().interval))) {
    text += fmt::format("{} over {} s", options_.highest ? " at most" : "", plain_number(row.covered_s, 0));
  }
  if (row.vnics_measured < row.vnics) text += fmt::format(", {} of {} vNICs without a rate", row.vnics - row.vnics_measured, row.vnics);
  if (domain_state != DomainState::kRunning) text += fmt::format(", {}", name_of(domain_state));
  return text;
}

void TrafficText::add_perfdata(const Row& row, std::vector<PerfValue>& perfdata) const {
  const std::string domain_label = names_.label(snapshot_.domain(row.domain));
  const std::string label = row.vnic ? fmt::format("{}/{}", domain_label, vnic_name(snapshot_.vnic(*row.vnic).key)) : domain_label;
  const auto add = [&](std::string_view direction, const std::optional<double>& value) {
    if (!value) return;
    perfdata.push_back({.label = fmt::format("{}_{}_{}{}", label, direction, options_.percent ? "percent" : name_of(options_.metric),
                                             options_.highest ? "_highest" : ""),
                        .value = *value,
                        .unit = options_.percent ? Unit::kPercent : Unit::kNone,
                        .thresholds = options_.thresholds,
                        .min = 0});
  };
  add("rx", row.rx);
  add("tx", row.tx);
  add("sum", row.sum);
  if (options_.totals) add_totals(row, domain_label, perfdata);
}

void TrafficText::add_totals(const Row& row, const std::string& domain_label, std::vector<PerfValue>& perfdata) const {
  const DomainRow domain = snapshot_.domain(row.domain);
  const std::size_t first = row.vnic.value_or(domain.first_vnic);
  const std::size_t end = row.vnic ? first + 1 : first + domain.vnic_count;
  for (std::size_t index = first; index < end; ++index) {
    const VnicRow vnic = snapshot_.vnic(index);
    if (!options_.selection.accepts(vnic.key.mac)) continue;
    const std::string label = fmt::format("{}/{}", domain_label, vnic_name(vnic.key));
    const auto add = [&](std::string_view what, const std::optional<std::uint64_t>& total) {
      if (total) perfdata.push_back({.label = fmt::format("{}_{}_total", label, what), .value = *total, .unit = Unit::kCount});
    };
    add("rx_octets", vnic.rx.octets);
    add("rx_packets", vnic.rx.packets);
    add("tx_octets", vnic.tx.octets);
    add("tx_packets", vnic.tx.packets);
  }
}

}  // namespace vmtraffic::nagios
