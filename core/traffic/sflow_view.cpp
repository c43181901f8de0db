#include "core/traffic/sflow_view.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include "core/traffic/flow_view.hpp"

namespace vmtraffic {
namespace {

// By address, as the numbers that an intake gave them, ordered by sub-agent.
using AgentNumbers = std::map<std::string, std::vector<std::uint32_t>>;

AgentNumbers by_address(const std::vector<AgentStatus>& agents) {
  AgentNumbers out;
  for (std::uint32_t i = 0; i < agents.size(); ++i) {
    if (!agents[i].host.empty()) out[agents[i].address].push_back(i + 1);
  }
  for (auto& [address, numbers] : out) {
    std::sort(numbers.begin(), numbers.end(),
              [&](std::uint32_t a, std::uint32_t b) { return agents[a - 1].sub_agent < agents[b - 1].sub_agent; });
  }
  return out;
}

HostView host_view(const DescribedHost& host, const std::vector<AgentStatus>& agents, std::span<const std::uint32_t> own, Nanoseconds now,
                   std::uint32_t top) {
  HostView out;
  out.agent = host.agent();
  out.source = &host;
  out.name = host.name().empty() ? host.agent().text() : host.name();
  out.last = host.last();
  out.generation = host.generation();
  out.inventory = host.inventory();
  out.moved_from = host.moved_from();
  out.numbers = host.numbers();
  out.totals = host.totals();
  out.steps.assign(host.steps().begin(), host.steps().end());
  const FlowLedger* flows = &host.flows();
  // Its own agents are in its snapshot; of a switch in between it has the name alone, in the central one's.
  out.flows =
      flow_rows({&flows, 1}, host.totals(), now, {top, [own](std::size_t, std::uint32_t agent) {
                                                    const auto found = std::find(own.begin(), own.end(), agent);
                                                    return found == own.end() ? 0U : static_cast<std::uint32_t>(found - own.begin() + 1);
                                                  }});
  for (const std::uint32_t number : own) out.agents.push_back(agents[number - 1]);
  return out;
}

}  // namespace

SflowView sflow_view(std::span<const SflowIntake* const> intakes, std::span<const VnicTotals> totals, Nanoseconds now, std::uint32_t top,
                     const FlowLedger* captured) {
  SflowView out;
  std::vector<const FlowLedger*> ledgers;
  std::vector<std::uint32_t> first_place;  // of each intake's agents in `all`
  std::vector<AgentStatus> all;
  for (const SflowIntake* intake : intakes) {
    ledgers.push_back(&intake->ledger());
    first_place.push_back(static_cast<std::uint32_t>(all.size()));
    std::vector<AgentStatus> agents = intake->agents();
    if (!intake->hosts().empty()) {
      const AgentNumbers numbers = by_address(agents);
      for (const auto& [address, host] : intake->hosts()) {
        const auto own = numbers.find(address.text());
        out.hosts.push_back(host_view(*host, agents, own == numbers.end() ? std::span<const std::uint32_t>() : own->second, now, top));
      }
    }
    std::move(agents.begin(), agents.end(), std::back_inserter(all));
  }
  // Those that were forgotten have no address, and leave the list.
  std::vector<std::uint32_t> order(all.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::tie(all[a].address, all[a].sub_agent) < std::tie(all[b].address, all[b].sub_agent);
  });
  std::vector<std::uint32_t> place(all.size(), 0);
  for (const std::uint32_t i : order) {
    if (all[i].address.empty()) continue;
    out.agents.push_back(std::move(all[i]));
    place[i] = static_cast<std::uint32_t>(out.agents.size());
  }
  if (captured != nullptr) ledgers.push_back(captured);
  out.flows = flow_rows(ledgers, totals, now, {top, [&](std::size_t ledger, std::uint32_t agent) {
                                                 if (ledger >= first_place.size()) return 0U;
                                                 const std::size_t at = first_place[ledger] + agent - 1;
                                                 return at < place.size() ? place[at] : 0;
                                               }});
  // A host whose agents send from two addresses may stand in two intakes: the one with more VMs is believed.
  std::stable_sort(out.hosts.begin(), out.hosts.end(), [](const HostView& a, const HostView& b) {
    return a.agent != b.agent ? a.agent < b.agent : a.inventory->domains.size() > b.inventory->domains.size();
  });
  out.hosts.erase(std::unique(out.hosts.begin(), out.hosts.end(), [](const HostView& a, const HostView& b) { return a.agent == b.agent; }),
                  out.hosts.end());
  return out;
}

}  // namespace vmtraffic
