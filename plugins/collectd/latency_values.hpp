// What the capture probe measures of a vNIC, as value lists. Pure. Types are those of collectd's ping plugin, and `latency`; behind the
// vNIC's name stands what of it:
//   ping            VNIC:guest, VNIC:network             milliseconds: TCP's round trips on that side of the tap, the last interval's
//   median
//                   VNIC:guest_echo, VNIC:network_echo   the same of pings that the guest answered, and sent
//   latency         VNIC:served, VNIC:asked, VNIC:dns    seconds: what it answers in, what it is answered in, its DNS queries
//   each of these   …-p95                                95 of 100 were no longer
//   ping_droprate   VNIC:guest, VNIC:network             share of TCP's segments with data that were lost on that side, recent
//
// The names are the same for each vNIC and each snapshot, so there are sixteen series at most. What was not measured is not sent.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/snapshot.hpp"
#include "plugins/collectd/values.hpp"

namespace vmtraffic::collectd {

// Which rows are a vNIC's as a whole. Made once per snapshot; costs nothing where nothing is measured.
class LatencyIndex {
 public:
  LatencyIndex() = default;
  explicit LatencyIndex(const Snapshot& snapshot);

  bool empty() const { return rows_.empty(); }
  std::optional<std::size_t> row(std::size_t vnic, LatencyKind kind) const;

 private:
  std::vector<std::array<std::optional<std::size_t>, kLatencyKindCount>> rows_;  // by vNIC
};

// Appends the lists of one vNIC, which is called `name`. `prototype` has all that they share, its metadata among it.
void add_latency_values(const Snapshot& snapshot, const LatencyIndex& index, std::size_t vnic, const std::string& name,
                        const ValueList& prototype, std::vector<ValueList>& lists);

}  // namespace vmtraffic::collectd
