#include "plugins/nagios/check_vm_talkers.hpp"

#include <fmt/format.h>

#include "plugins/nagios/fresh_snapshot.hpp"
#include "plugins/nagios/quantity.hpp"
#include "plugins/nagios/talkers_rows.hpp"
#include "plugins/nagios/talkers_text.hpp"
#include "plugins/nagios/vm_check.hpp"

namespace vmtraffic::nagios {
namespace {

// Why there is nothing to judge by, and what to do; empty when there is something.
std::string no_samples(const std::optional<FlowsInfo>& flows, const SnapshotPlace& place) {
  if (!flows)
    return "no packets are sampled: enable [sflow] in vmtraffic.toml and point the switch's sFlow at this host, or let [capture] select "
           "VMs";
  if (flows->samples == 0) {
    for (const std::string_view probe : {"sflow", "capture"}) {
      if (const std::string trouble = probe_trouble(place, probe); !trouble.empty()) return fmt::format("nothing was sampled: {}", trouble);
    }
    const Result<Snapshot> captured = readable_snapshot(place, kPartPerformance);
    if (captured && captured->performance()) {
      if (const std::string trouble = libvirt_trouble(place); !trouble.empty()) return fmt::format("no VM is known: {}", trouble);
      return "nothing was captured yet at the links that [capture] in vmtraffic.toml selects";
    }
    return "no sFlow agent has sent a sample: point the switch's sFlow at this host, and let sflow.listen, sflow.allow and sflow.agents "
           "in vmtraffic.toml take it";
  }
  return "";
}

State state_of(const Talkers& talkers, const TalkersOptions& options) {
  State state = talkers.counts.worst;
  if (!talkers.vms.missing.empty()) state = worse(state, options.missing);
  // Something runs, and nothing tells with whom it talks.
  const std::size_t running = talkers.all.size() - talkers.not_running;
  if (running > 0 && (talkers.never_sampled == running || !talkers.recently_sampled)) state = worse(state, options.no_samples);
  return state;
}

CheckResult judged(const Snapshot& snapshot, const TalkersOptions& options, const SnapshotPlace& place, const Clock& clock) {
  const std::optional<FlowsInfo> flows = snapshot.flows();
  const FlowsInfo info = flows.value_or(FlowsInfo{});
  const NamedNetworks networks = NamedNetworks::of(snapshot);
  const Talkers talkers = talkers_of(snapshot, info, networks, options, clock);
  CheckResult result;
  if (!talkers.vms.missing.empty()) result.text = missing_text(talkers.vms.missing, options.selection, talkers.vms.names, place);
  const std::string_view separator = result.text.empty() ? "" : "; ";
  if (const std::string why = no_samples(flows, place); !why.empty()) {
    result.state = talkers.vms.missing.empty() ? options.no_samples : worse(options.missing, options.no_samples);
    result.text += fmt::format("{}{}", separator, why);
    return result;
  }
  if (talkers.all.empty() && talkers.vms.missing.empty()) return no_vms(place);

  const TalkersText text(snapshot, info, options, talkers);
  result.state = state_of(talkers, options);
  if (!talkers.all.empty()) result.text += fmt::format("{}{}", separator, text.finding());
  const std::string where = place.elsewhere() ? text_name(place.host) : "this host";
  if (const std::string strangers = options.rules.strangers(networks, talkers.vms.names, where); !strangers.empty()) {
    result.state = worse(result.state, State::kUnknown);
    result.text = fmt::format("{}; {}", strangers, result.text);
  }
  if (talkers.vms.oldest_names) result.text += old_names(place, *talkers.vms.oldest_names);
  text.add_perfdata(result.perfdata);
  if (options.common.verbosity > 0) {
    result.long_text = text.details();
    result.long_text.push_back(about(snapshot, clock));
  }
  return result;
}

}  // namespace

Outcome check_vm_talkers(const TalkersOptions& options, const Clock& clock) {
  return check_vms(kTalkersCheck, kPartNumbers | kPartFlows, options, clock, judged);
}

}  // namespace vmtraffic::nagios
