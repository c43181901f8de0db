#include "core/probes/link_counters.hpp"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "core/probes/link_table.hpp"
#include "core/probes/netlink.hpp"
#include "core/probes/netlink_socket.hpp"
#include "core/probes/virtual_function.hpp"

namespace vmtraffic {
namespace {

using SteadyClock = std::chrono::steady_clock;

// One sample's patience, less than a second together with that of one receive in it.
constexpr std::chrono::milliseconds kPatience{600};
// A dump that a coming or going link interrupted is made again this often; then what was seen in all of them must do until the next sample.
constexpr int kTries = 4;

}  // namespace

struct LinkCounters::Impl {
  // One place where a link's counters go. Several vNICs may name one link.
  struct Slot {
    std::uint32_t if_index;
    std::uint32_t query;
    LinkEnd end;
  };
  struct FunctionSlot {
    std::uint32_t parent;
    std::uint32_t number;
    std::uint32_t query;
  };
  using Answer = netlink::Dialogue::Answer;
  enum class Drained { kDry, kLost };

  Status subscribe();
  Drained drain(SteadyClock::time_point deadline);
  Status list(SteadyClock::time_point deadline);
  Status follow(SteadyClock::time_point deadline);
  void assign();
  void assign_function(std::uint32_t query, const PciAddress& address);
  Result<Answer> read_links(SteadyClock::time_point deadline);
  void read_functions(SteadyClock::time_point deadline);
  Status sample(std::vector<LinkReading>& readings);

  LinkCountersOptions options;
  netlink::Dialogue kernel;
  netlink::Descriptor notifications;
  netlink::Request link_request = netlink::Request::links(), stats_request = netlink::Request::stats();

  LinkTable table;
  bool listed{false};      // the table was filled at least once
  bool must_list{true};    // it may miss something
  bool must_assign{true};  // links or queries changed
  std::vector<LinkQuery> queries;
  std::vector<Slot> slots;                                       // by if_index
  absl::flat_hash_map<std::uint32_t, std::uint32_t> first_slot;  // if_index → its first slot
  std::vector<FunctionSlot> function_slots;                      // by parent
  absl::flat_hash_set<std::uint32_t> counting_parents;           // physical functions whose driver was seen to count
  std::vector<VirtualFunctionStats> functions;                   // scratch
  std::vector<LinkReading> fresh;                                // scratch

  struct {
    std::uint64_t samples, failures, dumps, dumps_interrupted, listings, notifications, notifications_lost, malformed, function_requests,
        function_failures;
  } count{};
};

// A subscription with a queue that holds what happens between two samples.
Status LinkCounters::Impl::subscribe() {
  auto opened = options.open_socket(RTMGRP_LINK);
  if (!opened) return opened.error();
  notifications = netlink::Descriptor(*opened);
  const int size = options.notification_buffer;
  // Beyond the system's limit needs CAP_NET_ADMIN. Without it, a lost notification costs a listing.
  if (::setsockopt(notifications.get(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0) {
    ::setsockopt(notifications.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
  }
  return Done{};
}

// Applies what has been notified. Never waits.
LinkCounters::Impl::Drained LinkCounters::Impl::drain(SteadyClock::time_point deadline) {
  while (SteadyClock::now() < deadline) {
    const ssize_t length = netlink::receive(notifications.get(), kernel.buffer, MSG_DONTWAIT);
    if (length == -EAGAIN) return Drained::kDry;
    if (length < 0) return Drained::kLost;  // ENOBUFS: the queue overflowed. Anything else: start afresh just the same
    const bool whole =
        netlink::for_each_message({kernel.buffer.data(), static_cast<std::size_t>(length)}, [&](const netlink::Message& message) {
          ++count.notifications;
          const LinkTable::Effect effect = table.apply(message);
          if (effect == LinkTable::Effect::kChanged) must_assign = true;
          if (effect == LinkTable::Effect::kMalformed) ++count.malformed;
        });
    if (!whole) ++count.malformed;
  }
  return Drained::kDry;
}

// Reads all links anew.
Status LinkCounters::Impl::list(SteadyClock::time_point deadline) {
  ++count.listings;
  LinkTable now;
  auto answer = kernel.ask(link_request, deadline, [&](const netlink::Message& message) {
    if (now.apply(message) == LinkTable::Effect::kMalformed) ++count.malformed;
  });
  if (!answer) return answer.error();
  table = std::move(now);
  listed = true;
  must_assign = true;
  must_list = *answer == Answer::kInterrupted;
  return Done{};
}

// Brings the table up to date. A queue that overflowed is thrown away before the listing: its older half must not be applied on top of it.
Status LinkCounters::Impl::follow(SteadyClock::time_point deadline) {
  for (int turn = 0; turn < kTries; ++turn) {
    if (!notifications.is_open()) {
      must_list = true;
      if (Status subscribed = subscribe(); !subscribed) return subscribed;
    }
    if (drain(deadline) == Drained::kLost) {
      ++count.notifications_lost;
      notifications.close();
      must_list = true;
      continue;
    }
    if (!must_list) return Done{};
    if (Status now = list(deadline); !now) return now;
  }
  // Links come and go faster than they can be listed: what is known serves, and the next sample lists again.
  if (listed) return Done{};
  return Error{ErrorCode::kUnavailable, "rtnetlink: links change faster than they can be listed"};
}

void LinkCounters::Impl::assign_function(std::uint32_t query, const PciAddress& address) {
  const auto function = find_virtual_function(options.sysfs, address);
  const auto place = function ? place_of(*function, table) : std::nullopt;
  if (!place) return;
  if (place->representor != 0) {
    slots.push_back({.if_index = place->representor, .query = query, .end = LinkEnd::kHost});
  } else {
    function_slots.push_back({.parent = place->parent, .number = function->number, .query = query});
  }
}

// Which link's counters go to which queries.
void LinkCounters::Impl::assign() {
  slots.clear();
  function_slots.clear();
  first_slot.clear();
  for (std::uint32_t query = 0; query < queries.size(); ++query) {
    const auto if_index = table.index_of(queries[query].tap);
    if (if_index) {
      slots.push_back({.if_index = *if_index, .query = query, .end = end_of(table.find(*if_index)->kind)});
    } else if (queries[query].pci) {
      assign_function(query, *queries[query].pci);
    }
  }
  std::sort(slots.begin(), slots.end(), [](const Slot& a, const Slot& b) { return a.if_index < b.if_index; });
  std::sort(function_slots.begin(), function_slots.end(), [](const FunctionSlot& a, const FunctionSlot& b) { return a.parent < b.parent; });
  for (std::uint32_t slot = 0; slot < slots.size(); ++slot) first_slot.try_emplace(slots[slot].if_index, slot);
  fresh.assign(queries.size(), LinkReading{});
  must_assign = false;
}

Result<LinkCounters::Impl::Answer> LinkCounters::Impl::read_links(SteadyClock::time_point deadline) {
  ++count.dumps;
  return kernel.ask(stats_request, deadline, [&](const netlink::Message& message) {
    const auto row = read_stats_row(message);
    if (!row) {
      ++count.malformed;
      return;
    }
    const auto found = first_slot.find(row->if_index);
    if (found == first_slot.end()) return;
    for (std::size_t slot = found->second; slot < slots.size() && slots[slot].if_index == row->if_index; ++slot) {
      LinkReading& reading = fresh[slots[slot].query];
      reading.if_index = row->if_index;
      reading.end = slots[slot].end;
      reading.present = read_stats64(row->stats64, reading.end, reading.values);
    }
  });
}

// A driver that does not count its functions answers zeros for all of them. Zero is taken for a count only once the driver has shown
// another.
void LinkCounters::Impl::read_functions(SteadyClock::time_point deadline) {
  for (std::size_t slot = 0; slot < function_slots.size();) {
    const std::uint32_t parent = function_slots[slot].parent;
    functions.clear();
    ++count.function_requests;
    auto request = netlink::Request::virtual_functions(parent);
    const auto answer = kernel.ask(request, deadline, [&](const netlink::Message& message) {
      if (!read_virtual_functions(message, functions)) ++count.malformed;
    });
    if (!answer) {
      ++count.function_failures;
      functions.clear();
    }
    const bool any =
        std::any_of(functions.begin(), functions.end(), [](const auto& function) { return function.values != MetricTotals{}; });
    if (any) counting_parents.insert(parent);
    const bool counts = counting_parents.contains(parent);
    for (; slot < function_slots.size() && function_slots[slot].parent == parent; ++slot) {
      for (const VirtualFunctionStats& function : functions) {
        if (function.number != function_slots[slot].number) continue;
        LinkReading& reading = fresh[function_slots[slot].query];
        reading.if_index = parent;
        if (!counts) continue;
        reading.values = function.values;
        reading.present = function.present;
        reading.function = function.number + 1;
      }
    }
  }
}

Status LinkCounters::Impl::sample(std::vector<LinkReading>& readings) {
  const auto deadline = SteadyClock::now() + kPatience;
  if (Status now = follow(deadline); !now) return now;
  fresh.assign(queries.size(), LinkReading{});
  for (int turn = 0; turn < kTries; ++turn) {
    if (must_assign) assign();
    const auto answer = read_links(deadline);
    if (!answer) return answer.error();
    // A link that came while we read belongs to this sample: the dump is made again for the links there are now.
    if (Status now = follow(deadline); !now) return now;
    if (*answer == Answer::kWhole && !must_assign) break;
    if (*answer == Answer::kInterrupted) ++count.dumps_interrupted;
  }
  read_functions(deadline);
  readings.swap(fresh);
  return Done{};
}

Result<std::unique_ptr<LinkCounters>> LinkCounters::open(LinkCountersOptions options) {
  if (!options.open_socket) options.open_socket = netlink::open_kernel_socket;
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  impl->kernel.open_socket = impl->options.open_socket;
  if (Status ready = impl->kernel.open(); !ready) return ready.error();
  if (Status subscribed = impl->subscribe(); !subscribed) return subscribed.error();
  return std::unique_ptr<LinkCounters>(new LinkCounters(std::move(impl)));
}

LinkCounters::LinkCounters(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LinkCounters::~LinkCounters() = default;

void LinkCounters::watch(std::vector<LinkQuery> queries) {
  if (queries == impl_->queries) return;
  impl_->queries = std::move(queries);
  impl_->must_assign = true;
}

Status LinkCounters::sample(std::vector<LinkReading>& readings) {
  ++impl_->count.samples;
  Status status = impl_->sample(readings);
  if (!status) ++impl_->count.failures;
  return status;
}

std::vector<std::pair<std::string, std::uint64_t>> LinkCounters::counters() const {
  const auto& count = impl_->count;
  return {{"samples", count.samples},
          {"failures", count.failures},
          {"dumps", count.dumps},
          {"dumps_interrupted", count.dumps_interrupted},
          {"listings", count.listings},
          {"notifications", count.notifications},
          {"notifications_lost", count.notifications_lost},
          {"malformed", count.malformed + impl_->kernel.malformed},
          {"function_requests", count.function_requests},
          {"function_failures", count.function_failures},
          {"links", impl_->table.size()},
          {"links_watched", impl_->slots.size() + impl_->function_slots.size()}};
}

}  // namespace vmtraffic
