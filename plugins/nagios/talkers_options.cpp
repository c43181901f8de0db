#include "plugins/nagios/talkers_options.hpp"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace vmtraffic::nagios {
namespace {

constexpr std::string_view kDescription =
    "Checks with whom virtual machines and containers talk, as the guest sees it (rx is what it received), from packets that sFlow\n"
    "agents sample or a capture sees: estimates, each with its error in 95 of 100 cases and the samples that it rests on.\n\n"
    "RANGE is [@]START:END: alert outside START to END, with @ inside; ~ is minus infinity, 10 is 0:10, 10: has no end.\n"
    "Numbers may end in k, M, G or T: -w 100M -c 500M alerts above 100 and 500 Mbit/s.";

constexpr std::string_view kFooter =
    "Only what the collector publishes is seen: the top conversations and services of each vNIC (sflow.top, capture.top) in the recent "
    "window, and\n"
    "all with the networks of [sflow.networks] and [capture.networks], which are always published. To be sure of a network, name it there. "
    "Its addresses then\n"
    "stand under its name alone: allow or deny the name. PORTs are those of services: the end that listens, else the lower one.\n"
    "A conversation with another VM is matched by vm:NAME, or by the addresses that are known of that VM; UNKNOWN where none is.\n"
    "Perfdata: NAME_top_rx_bits and so on of the top peer, whoever that is, NAME_peers (all that the collector keeps)\n"
    "and NAME_forbidden.";

constexpr std::string_view kExamples =
    "  check_vm_talkers --name web1 -w 100M -c 500M\n"
    "  check_vm_talkers --share --direction tx -w 80\n"
    "  check_vm_talkers --tag nova.project=shop --deny management --deny-port tcp/25\n"
    "  check_vm_talkers --name db1 --allow vm:/^web/ --allow backup --allow-port tcp/5432 --forbidden warning";

constexpr std::array<std::pair<std::string_view, Metric>, 3> kMetrics{
    {{"bits", Metric::kBits}, {"octets", Metric::kOctets}, {"packets", Metric::kPackets}}};

// An option of which each text becomes one more rule.
template <class Rule>
CommandLine::Take one_more(std::vector<Rule>& rules, Result<Rule> (*parse)(std::string_view)) {
  return [&rules, parse](const std::string& text) -> std::optional<std::string> {
    Result<Rule> rule = parse(text);
    if (!rule) return rule.error().text;
    rules.push_back(std::move(*rule));
    return std::nullopt;
  };
}

void add_measure(CommandLine& line, TalkersOptions& options) {
  line.add_text("-d,--direction", one_of(options.direction, kDirections), "rx|tx|both|sum",
                "The guest's direction (default both: each against the ranges)");
  line.add_text("-m,--metric", one_of(options.metric, kMetrics), "METRIC", "bits, octets or packets, per second (default bits)");
  line.add_flag("--share", options.share, "Percent of the VM's own sampled traffic instead of a rate");
  line.add_range("-w,--warning", options.thresholds.warning, "Warning range for the top peer of each VM");
  line.add_range("-c,--critical", options.thresholds.critical, "Critical range for the top peer of each VM");
  line.add_count("--min-samples", options.min_samples, 0, 1'000'000,
                 "Ranges do not judge a peer with fewer recent samples (default 10); --allow and --deny do");
}

void add_rules(CommandLine& line, TalkersOptions& options) {
  line.add_texts(
      "--allow", one_more(options.rules.allow, parse_peer_rule), "PEER",
      "All others are forbidden: a network, an address, a name of [sflow.networks] or [capture.networks], or vm:NAME. May be given again");
  line.add_texts("--deny", one_more(options.rules.deny, parse_peer_rule), "PEER",
                 "This peer is forbidden, allowed or not. May be given again");
  line.add_texts("--allow-port", one_more(options.rules.allow_ports, parse_port_rule), "PORT",
                 "All other services are forbidden: tcp/443, udp/53, tcp/8000-8099. May be given again");
  line.add_texts("--deny-port", one_more(options.rules.deny_ports, parse_port_rule), "PORT",
                 "This service is forbidden, allowed or not. May be given again");
  line.add_state("--forbidden", options.forbidden, "What a forbidden conversation or service is worth (default critical)");
}

void add_rest(CommandLine& line, TalkersOptions& options) {
  add_absence(line, options.missing, options.not_running);
  line.add_state("--no-samples", options.no_samples,
                 "What it is worth when no VM asked for was ever sampled, none of the host lately, or nothing samples (default unknown)");
  line.add_count("--top", options.top, 0, 10'000, "Name at most this many peers in the text, the worst first (default 5)");
  line.add_text("--perfdata", one_of(options.perfdata, kScopes), "all|top|none", "Perfdata of which VMs (default top: the first --top)");
}

}  // namespace

Parsed<TalkersOptions> parse_talkers_options(const std::vector<std::string>& arguments) {
  TalkersOptions options;
  CommandLine line(
      kTalkersCheck,
      {.description = kDescription, .footer = kFooter, .examples = kExamples, .range_example = "100M", .percent_use = "--share"},
      options.common);
  add_vm_selection(line, options.selection);
  add_host(line, options.common);
  add_measure(line, options);
  add_rules(line, options);
  add_rest(line, options);
  if (std::optional<Outcome> outcome = line.parse(arguments)) return *outcome;
  return options;
}

}  // namespace vmtraffic::nagios
