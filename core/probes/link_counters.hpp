// The kernel's counters of every vNIC's link, in the guest's direction: one RTM_GETSTATS dump per sample for all taps, names and kinds kept by
// link notifications, SR-IOV virtual functions by IFLA_VF_STATS of their physical function.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "core/traffic/inventory.hpp"
#include "core/traffic/numbers.hpp"
#include "core/types.hpp"

namespace vmtraffic {

// One vNIC's link as the inventory names it.
struct LinkQuery {
  std::string tap;                // empty: none
  std::optional<PciAddress> pci;  // hostdev: the virtual function
};

struct LinkReading {
  std::uint32_t if_index{0};  // 0: there is no such link now; for a virtual function the physical function's
  MetricTotals values{};      // the kernel's values turned into the guest's direction
  MetricSet present{0};
  friend bool operator==(const LinkReading&, const LinkReading&) = default;
};

class LinkCounters {
 public:
  static Result<std::unique_ptr<LinkCounters>> open();
  ~LinkCounters();
  LinkCounters(const LinkCounters&) = delete;
  LinkCounters& operator=(const LinkCounters&) = delete;

  // Whose links to read from now on, in inventory order.
  void watch(std::vector<LinkQuery> queries);

  // One reading per query, in their order. On an error `readings` is left as it was. Never blocks longer than a second.
  Status sample(std::vector<LinkReading>& readings);

  // For the snapshot's health: dumps, interrupted dumps, lost notifications, links known, …
  std::vector<std::pair<std::string, std::uint64_t>> counters() const;

 private:
  struct Impl;
  explicit LinkCounters(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vmtraffic
