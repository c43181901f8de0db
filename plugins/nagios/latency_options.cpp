#include "plugins/nagios/latency_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/text.hpp"
#include "plugins/nagios/peer_rules.hpp"
#include "plugins/nagios/quantity.hpp"

namespace vmtraffic::nagios {
namespace {

constexpr std::string_view kDescription =
    "Checks latencies of virtual machines, measured at their taps: the guest's side is the VM with its software, the network's side is\n"
    "everything else. Both stand in the text, the slower first: is it the VM or the network?\n\n"
    "RANGE is [@]START:END in milliseconds: alert outside START to END, with @ inside; ~ is minus infinity, 10 is 0:10, 10: has no end.\n"
    "Numbers may end in us, ms or s: -w 50 -c 1.5s alerts above 50 ms and 1.5 s.";

constexpr std::string_view kFooter =
    "KIND is guest-rtt, network-rtt (TCP round trips from the tap to the guest or the peer and back), served, asked (from a request's\n"
    "end to the first octet of the response, where the guest answers or asks), dns (the guest's queries), guest-echo, network-echo\n"
    "(ICMP). Of the guest's side are guest-rtt, served and guest-echo. Of a VM with several vNICs the slowest decides.\n"
    "Perfdata: NAME_network_rtt and so on of the median, NAME_network_rtt_p95 and so on of the others.";

constexpr std::string_view kExamples =
    "  check_vm_latency --name web1 --missing critical --network-warning 50 --guest-warning 5\n"
    "  check_vm_latency --name web1 --service tcp/443 --statistic p95 -w 200 -c 1s\n"
    "  check_vm_latency --tag nova.project=shop --kind dns -w 100";

constexpr std::array<std::pair<std::string_view, LatencyKind>, kLatencyKindCount> kKinds{{{"guest-rtt", LatencyKind::kGuestRtt},
                                                                                          {"network-rtt", LatencyKind::kNetworkRtt},
                                                                                          {"served", LatencyKind::kServed},
                                                                                          {"asked", LatencyKind::kAsked},
                                                                                          {"dns", LatencyKind::kDns},
                                                                                          {"guest-echo", LatencyKind::kGuestEcho},
                                                                                          {"network-echo", LatencyKind::kNetworkEcho}}};
constexpr std::array<std::pair<std::string_view, Statistic>, 5> kStatistics{{{"minimum", Statistic::kMinimum},
                                                                             {"mean", Statistic::kMean},
                                                                             {"median", Statistic::kMedian},
                                                                             {"p95", Statistic::kP95},
                                                                             {"p99", Statistic::kP99}}};
constexpr std::array<std::pair<std::string_view, LatencyWindow>, 2> kWindows{
    {{"interval", LatencyWindow::kInterval}, {"5m", LatencyWindow::kFiveMinutes}}};

void add_measure(CommandLine& line, LatencyOptions& options) {
  line.add_texts(
      "-k,--kind",
      [&options](const std::string& text) -> std::optional<std::string> {
        LatencyKind kind{};
        if (std::optional<std::string> wrong = one_of(kind, kKinds)(text)) return wrong;
        options.kinds.push_back(kind);
        return std::nullopt;
      },
      "KIND", "What is measured (default guest-rtt and network-rtt). May be given again");
  line.add_text(
      "--service",
      [&options](const std::string& text) -> std::optional<std::string> {
        const Result<PortRule> port = parse_port_rule(text);
        if (!port || port->first != port->last)
          return fmt::format("\"{}\" is no service; right would be e.g. tcp/443 or udp/53", printable(text, "|\""));
        options.service = ServiceKey{port->protocol, port->first};
        return std::nullopt;
      },
      "PORT", "The guest's responses of this service alone, e.g. tcp/443: goes with --kind served, and means it");
  line.add_text(
      "--peer",
      [&options](const std::string& text) -> std::optional<std::string> {
        options.peer = IpAddress::parse(text);
        if (options.peer) return std::nullopt;
        return fmt::format("\"{}\" is no address; right would be e.g. 192.0.2.9 or 2001:db8::1", printable(text, "|\""));
      },
      "ADDRESS", "Round trips of connections with this address alone");
  line.add_text("--statistic", one_of(options.statistic, kStatistics), "WORD", "minimum, mean, median, p95 or p99 (default median)");
  line.add_text("--window", one_of(options.window, kWindows), "interval|5m", "The time that is looked at (default 5m)");
  line.add_count("--minimum-count", options.minimum_count, 1, 1'000'000'000, "Fewer measurements are not judged (default 5)");
  add_side_ranges(line, options.thresholds, "milliseconds", parse_milliseconds);
}

bool asks_only(const std::vector<LatencyKind>& kinds, std::initializer_list<LatencyKind> these) {
  return std::all_of(kinds.begin(), kinds.end(),
                     [&](LatencyKind kind) { return std::find(these.begin(), these.end(), kind) != these.end(); });
}

}  // namespace

Side side_of(LatencyKind kind) {
  const bool guest = kind == LatencyKind::kGuestRtt || kind == LatencyKind::kServed || kind == LatencyKind::kGuestEcho;
  return guest ? Side::kGuest : Side::kNetwork;
}

std::string_view name_of(Statistic statistic) {
  for (const auto& [name, known] : kStatistics) {
    if (known == statistic) return name;
  }
  return "";
}

Parsed<LatencyOptions> parse_latency_options(const std::vector<std::string>& arguments) {
  LatencyOptions options;
  CommandLine line(kLatencyCheck,
                   {.description = kDescription, .footer = kFooter, .examples = kExamples, .range_example = "50", .percent_use = ""},
                   options.common);
  add_which(line, options);
  add_measure(line, options);
  add_worth_and_output(line, options);
  if (std::optional<Outcome> outcome = line.parse(arguments)) return *outcome;

  if (options.service && options.peer) return line.mistake("--service and --peer do not go together: responses are kept by service alone");
  if (options.service && !asks_only(options.kinds, {LatencyKind::kServed})) return line.mistake("--service goes with --kind served alone");
  if (options.peer && !asks_only(options.kinds, {LatencyKind::kGuestRtt, LatencyKind::kNetworkRtt}))
    return line.mistake("--peer goes with --kind guest-rtt and network-rtt alone");
  if (options.kinds.empty() && options.service) options.kinds = {LatencyKind::kServed};
  if (options.kinds.empty()) options.kinds = {LatencyKind::kGuestRtt, LatencyKind::kNetworkRtt};
  std::sort(options.kinds.begin(), options.kinds.end());
  options.kinds.erase(std::unique(options.kinds.begin(), options.kinds.end()), options.kinds.end());
  const auto judges = [&](Side side) {
    return std::any_of(options.kinds.begin(), options.kinds.end(), [&](LatencyKind kind) { return side_of(kind) == side; });
  };
  if (const auto idle = idle_range(options.thresholds, judges(Side::kGuest), judges(Side::kNetwork))) return line.mistake(*idle);
  return options;
}

}  // namespace vmtraffic::nagios
