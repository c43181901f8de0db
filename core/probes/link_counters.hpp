// The kernel's counters of every vNIC's link, in the guest's direction: one RTM_GETSTATS dump per sample for all taps, names and kinds kept
// by link notifications, SR-IOV virtual functions by their representor or by IFLA_VF_STATS of their physical function.
// core/probes/link_table.hpp tabulates which kind of link is turned and which kernel field makes which of our counters.
//
// Links are those of the network namespace in which open() is called. Not for use by two threads at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "core/traffic/counter_delta.hpp"
#include "core/traffic/inventory.hpp"
#include "core/traffic/numbers.hpp"
#include "core/types.hpp"

namespace vmtraffic {

// One vNIC's link as the inventory names it.
struct LinkQuery {
  std::string tap;                // empty: none
  std::optional<PciAddress> pci;  // hostdev: the virtual function; used when there is no link called `tap`
  friend bool operator==(const LinkQuery&, const LinkQuery&) = default;
};

struct LinkCountersOptions {
  std::filesystem::path sysfs{"/sys"};
  int notification_buffer{32 << 20};  // octets; 2,000 notifications at once overflow the default socket's, none were lost with this
  // Opens a connected socket that speaks rtnetlink, subscribed to `groups` (a bit mask of RTMGRP_…). Empty: the kernel's. Tests put a
  // kernel of their own here.
  std::function<Result<int>(unsigned groups)> open_socket{};
};

class LinkCounters {
 public:
  static Result<std::unique_ptr<LinkCounters>> open(LinkCountersOptions options = {});
  ~LinkCounters();
  LinkCounters(const LinkCounters&) = delete;
  LinkCounters& operator=(const LinkCounters&) = delete;

  // Whose links to read from now on, in inventory order. The same queries as before cost nothing.
  void watch(std::vector<LinkQuery> queries);

  // One reading per query, in their order. On an error `readings` is left as it was, and the next call starts afresh. Waits less than
  // a second in all for the kernel's answers (but whoever holds the kernel's RTNL lock delays every program that asks for links).
  // Allocates nothing while neither links nor queries change; `readings` is exchanged for a vector of our own, so pass the same one
  // each time.
  Status sample(std::vector<LinkReading>& readings);

  // For the snapshot's health: dumps, dumps_interrupted, listings, notifications, notifications_lost, links, …
  std::vector<std::pair<std::string, std::uint64_t>> counters() const;

 private:
  struct Impl;
  explicit LinkCounters(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vmtraffic
