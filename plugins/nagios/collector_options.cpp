#include "plugins/nagios/check_vm_collector.hpp"

namespace vmtraffic::nagios {
namespace {

constexpr std::string_view kDescription =
    "Checks the collector of VM traffic from the snapshot that it publishes: that it is fresh, that its probes are well, that nothing is "
    "lost.\n\n"
    "RANGE is [@]START:END: alert outside START to END, with @ inside; ~ is minus infinity, 10 is 0:10, 10: has no end.";

constexpr std::string_view kFooter =
    "A snapshot is stale when it is older than three of the collector's intervals (and a second). When somebody holds the lease meanwhile, "
    "the text\n"
    "names his pid. Counters of what was lost run since the collector's start, and are in the perfdata.";

constexpr std::string_view kExamples =
    "  check_vm_collector\n"
    "  check_vm_collector --stale critical --names-critical 600";

}  // namespace

Parsed<CollectorOptions> parse_collector_options(const std::vector<std::string>& arguments) {
  CollectorOptions options;
  CommandLine line(kCollectorCheck,
                   {.description = kDescription, .footer = kFooter, .examples = kExamples, .range_example = "30", .percent_use = ""},
                   options.common);
  line.add_range("-w,--warning", options.age.warning, "Warning range for the snapshot's age in seconds");
  line.add_range("-c,--critical", options.age.critical, "Critical range for the snapshot's age in seconds");
  line.add_state("--stale", options.stale, "What a stale or unusable snapshot is worth (default unknown)");
  line.add_state("--degraded", options.degraded, "What a degraded probe is worth (default warning)");
  line.add_state("--down", options.down, "What a probe that is down is worth (default critical)");
  line.add_state("--starting", options.starting, "What a probe that is starting is worth in its first minute (default ok)");
  line.add_range("--drops-warning", options.drops.warning, "Warning range for what was lost since the start (default none)");
  line.add_range("--drops-critical", options.drops.critical, "Critical range for what was lost since the start (default none)");
  line.add_range("--unattributed-warning", options.unattributed.warning, "Warning range for the percentage that no vNIC owns");
  line.add_range("--unattributed-critical", options.unattributed.critical, "Critical range for the percentage that no vNIC owns");
  line.add_range("--names-warning", options.names.warning,
                 "Warning range for the seconds since libvirt confirmed a VM (default 3 intervals, at least 30 s)");
  line.add_range("--names-critical", options.names.critical, "Critical range for the seconds since libvirt confirmed a VM");
  line.add_range("--agent-warning", options.agent_loss.warning,
                 "Warning range for the percentage of an sFlow agent's datagrams that got lost");
  line.add_range("--agent-critical", options.agent_loss.critical,
                 "Critical range for the percentage of an sFlow agent's datagrams that got lost");
  line.add_range("--agent-silent-warning", options.agent_silent.warning,
                 "Warning range for the seconds since an sFlow agent's last datagram");
  line.add_range("--agent-silent-critical", options.agent_silent.critical,
                 "Critical range for the seconds since an sFlow agent's last datagram");
  if (std::optional<Outcome> outcome = line.parse(arguments)) return *outcome;
  return options;
}

}  // namespace vmtraffic::nagios
