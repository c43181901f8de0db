// What is published of sFlow intakes: flows and agents, as rows. Pure. Several receiving threads have an intake each, of the same
// inventory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/traffic/flow_rows.hpp"
#include "core/traffic/sflow_intake.hpp"

namespace vmtraffic {

// Another host, as its agents describe it (see DescribedHost).
struct HostView {
  IpAddress agent;
  const void* source{nullptr};  // whose view it is: another's rows are other rows, whatever their number
  std::string name;             // its address where it has none
  Nanoseconds last{0};          // when it was heard last
  std::uint64_t generation{0};
  std::shared_ptr<const Inventory> inventory;
  std::vector<std::uint32_t> moved_from;
  std::vector<DomainNumbers> numbers;
  std::vector<VnicTotals> totals;
  std::vector<CounterStep> steps;
  FlowRows flows;
  std::vector<AgentStatus> agents;  // its own, sorted by sub-agent
};

struct SflowView {
  FlowRows flows;
  std::vector<AgentStatus> agents;  // sorted by address and sub-agent
  std::vector<HostView> hosts;      // by agent's address
};

// `totals` and `top` as for flow_rows(). `captured`: a ledger of the same inventory beside the intakes', whose packets are no agent's.
SflowView sflow_view(std::span<const SflowIntake* const> intakes, std::span<const VnicTotals> totals, Nanoseconds now, std::uint32_t top,
                     const FlowLedger* captured = nullptr);

}  // namespace vmtraffic
