// What is published of flow ledgers: each vNIC's figures and its top conversations and services, as rows. Pure.
//
// Several receiving threads have a ledger each, of the same inventory. For each vNIC and direction that ledger is taken whose agent is
// nearest; nothing is added up between two of them, since both may have seen the same packet.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "core/traffic/flow_ledger.hpp"
#include "core/traffic/flow_rows.hpp"

namespace vmtraffic {

struct FlowViewOptions {
  std::uint32_t top{10};  // conversations and services of each vNIC; networks that are named come beside them
  // The place of a ledger's agent among those that are published, plus 1; 0: not among them.
  std::function<std::uint32_t(std::size_t ledger, std::uint32_t agent)> place_of_agent;
};

// `totals`: the exact counters, by row, for the coverage. Ledgers must have the same inventory.
FlowRows flow_rows(std::span<const FlowLedger* const> ledgers, std::span<const VnicTotals> totals, Nanoseconds now,
                   const FlowViewOptions& options);

}  // namespace vmtraffic
