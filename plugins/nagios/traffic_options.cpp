#include "plugins/nagios/traffic_options.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "core/text.hpp"
#include "plugins/nagios/shared_options.hpp"

namespace vmtraffic::nagios {
namespace {

constexpr std::string_view kDescription =
    "Checks the traffic of virtual machines and containers, as the guest sees it (rx is what it received), from the snapshot that\n"
    "collectd with the vmtraffic plugin, vmtraffic-agentx or vmtraffic-collect publishes. It collects nothing itself.\n\n"
    "RANGE is [@]START:END: alert outside START to END, with @ inside; ~ is minus infinity, 10 is 0:10, 10: has no end.\n"
    "Numbers may end in k, M, G or T: -w 100M -c 500M alerts above 100 and 500 Mbit/s.";

constexpr std::string_view kFooter =
    "Without a name, pattern, UUID or tag all VMs are one service, the worst first. VMs that are not running are counted, see\n"
    "--not-running. A VM seen for the first time has no rate until the next interval and does not decide, unless it is alone.\n"
    "Rates in perfdata are per second and named NAME_rx_bits and so on; --totals adds NAME/MAC_rx_octets_total and so on.\n"
    "A VM's rate is the sum over its vNICs; with --highest that is the sum of their highest intervals, an upper bound.";

constexpr std::string_view kExamples =
    "  check_vm_traffic --window 5m -w 800M -c 950M\n"
    "  check_vm_traffic --name web1 --missing critical --percent --speed 1G -w 80 -c 95";

constexpr std::array<std::pair<std::string_view, bool>, 2> kPer{{{"vm", false}, {"vnic", true}}};
constexpr std::array<std::pair<std::string_view, Window>, kWindowCount> kWindows{
    {{"interval", Window::kInterval}, {"1m", Window::kMinute}, {"5m", Window::kFiveMinutes}}};
constexpr std::array<std::pair<std::string_view, Metric>, 5> kMetrics{{{"bits", Metric::kBits},
                                                                       {"octets", Metric::kOctets},
                                                                       {"packets", Metric::kPackets},
                                                                       {"errors", Metric::kErrors},
                                                                       {"drops", Metric::kDrops}}};
void add_vnics(CommandLine& line, Selection& selection) {
  line.add_texts(
      "--vnic",
      [&selection](const std::string& text) -> std::optional<std::string> {
        const std::optional<MacAddress> mac = MacAddress::parse(text);
        if (!mac) return fmt::format("\"{}\" is no MAC address; right would be e.g. 52:54:00:12:34:56", printable(text, "|\""));
        selection.macs.push_back(*mac);
        return std::nullopt;
      },
      "MAC", "Only vNICs with this MAC address");
}

void add_measure(CommandLine& line, TrafficOptions& options) {
  line.add_text("--per", one_of(options.per_vnic, kPer), "vm|vnic", "What a rate is of (default vm: the sum over its vNICs)");
  line.add_text("-d,--direction", one_of(options.direction, kDirections), "rx|tx|both|sum",
                "The guest's direction (default both: each against the ranges)");
  line.add_text("-m,--metric", one_of(options.metric, kMetrics), "METRIC", fmt::format("{}, per second (default bits)", kMetricWords));
  line.add_flag("--percent", options.percent, "Percent of --speed, else of the average in the VM's <bandwidth>");
  line.add_text(
      "--speed",
      [&options](const std::string& text) -> std::optional<std::string> {
        options.speed = parse_speed(text);
        if (options.speed) return std::nullopt;
        return fmt::format("\"{}\" is no speed; right would be bits per second, e.g. 1G or 100M", printable(text, "|\""));
      },
      "BITS", "With --percent: the speed of one direction of each VM (or vNIC with --per vnic), e.g. 1G, 100M");
  line.add_text("--window", one_of(options.window, kWindows), "interval|1m|5m", "The time a rate is the mean of (default 1m)");
  line.add_flag("--highest", options.highest, "The highest interval in the window instead of the mean");
}

void add_judgement(CommandLine& line, TrafficOptions& options) {
  line.add_range("-w,--warning", options.thresholds.warning, "Warning range for each rate");
  line.add_range("-c,--critical", options.thresholds.critical, "Critical range for each rate");
  add_absence(line, options.missing, options.not_running);
  line.add_state("--no-rate", options.no_rate, "What a running VM without counters is worth (default unknown)");
}

void add_output(CommandLine& line, TrafficOptions& options) {
  line.add_count("--top", options.top, 0, 10'000, "Name at most this many in the text, the worst first (default 5)");
  line.add_text("--perfdata", one_of(options.perfdata, kScopes), "all|top|none", "Perfdata of which VMs (default top: those in the text)");
  line.add_flag("--totals", options.totals, "Add each vNIC's total octets and packets to the perfdata");
}

}  // namespace

Parsed<TrafficOptions> parse_traffic_options(const std::vector<std::string>& arguments) {
  TrafficOptions options;
  CommandLine line(kTrafficCheck,
                   {.description = kDescription,
                    .footer = kFooter,
                    .examples = kExamples,
                    .range_example = "800M",
                    .percent_use = "--percent --speed 1G"},
                   options.common);
  add_vm_selection(line, options.selection);
  add_vnics(line, options.selection);
  add_host(line, options.common);
  add_measure(line, options);
  add_judgement(line, options);
  add_output(line, options);
  if (std::optional<Outcome> outcome = line.parse(arguments)) return *outcome;

  // On its own it would do nothing, and who wrote it expects the ranges to be in percent.
  if (options.speed && !options.percent) return line.mistake("--speed goes with --percent");
  if (options.percent && options.metric != Metric::kBits && options.metric != Metric::kOctets) {
    return line.mistake(
        fmt::format("--percent: {} have no speed to be a percentage of; right would be --metric bits", name_of(options.metric)));
  }
  if (options.percent && options.direction == Direction::kSum) {
    return line.mistake("--percent: a speed is that of one direction; right would be --direction rx, tx or both");
  }
  return options;
}

}  // namespace vmtraffic::nagios
