#include "plugins/collectd/feed.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "core/text.hpp"
#include "plugins/collectd/flow_values.hpp"
#include "plugins/collectd/latency_values.hpp"

namespace vmtraffic::collectd {
namespace {

constexpr std::size_t kBatchDomains = 32;
constexpr std::size_t kBatchDomainsWithMore = 8;  // flows and latencies make several times as many lists

struct Reason {
  std::string kind;  // what does not change from one look to the next
  std::string text;
};

Reason stale_reason(const Snapshot& snapshot, const Feed::Settings& settings) {
  const std::string directory = printable(settings.directory.string());
  const auto age = snapshot.age(settings.clock);
  Reason reason{"stale", fmt::format("the snapshot in {} was not sampled since this boot", directory)};
  if (age) reason.text = fmt::format("the snapshot in {} is {} s old", directory, *age / kSecond);
  if (!settings.lease_holder) return reason;
  const auto holder = settings.lease_holder();
  if (!holder) return {reason.kind, reason.text + " and nobody collects (no process holds the lease)"};
  reason.kind += fmt::format(" {} {}", holder->pid, holder->stopped);
  reason.text += fmt::format("; its lease is held by pid {} ({}), which {}", holder->pid, printable(holder->command),
                             holder->stopped ? "is stopped" : "does not publish");
  return reason;
}

}  // namespace

Feed::Feed(Settings settings) : settings_(std::move(settings)), started_(settings_.clock.boottime()) {}

Delivery Feed::poll(const Look& look, const Sink& sink) {
  Delivery out;
  const Nanoseconds now = settings_.clock.boottime();
  if (!look.ok() || (*look)->stale(settings_.clock)) {
    complain(look, now, out);
    return out;
  }
  if (const auto lasted = complaint_.over(now)) {
    out.log.push_back({LogLevel::kNotice, fmt::format("values again, after {} s without", *lasted / kSecond)});
  }
  // The sequence may begin anew with the runtime directory; the time of the sample does not.
  if (previous_ && (*look)->info().sampled_boottime <= previous_->info().sampled_boottime) return out;
  deliver(*look, sink, out);
  return out;
}

void Feed::complain(const Look& look, Nanoseconds now, Delivery& out) {
  const bool may_come = look.ok() || look.error().code == ErrorCode::kMissing;
  if (may_come && !previous_ && now - started_ < settings_.patience) return;
  const Reason reason = look.ok()
                            ? stale_reason(**look, settings_)
                            : Reason{fmt::format("error {} {}", static_cast<int>(look.error().code), look.error().text), look.error().text};
  if (complaint_.due(reason.kind, now)) out.log.push_back({LogLevel::kWarning, "no values: " + reason.text});
}

void Feed::deliver(const std::shared_ptr<const Snapshot>& snapshot, const Sink& sink, Delivery& out) {
  const SnapshotInfo info = snapshot->info();
  const DomainNames names = name_domains(*snapshot, settings_.mapping.naming);
  const Timeline::Stamp stamp = timeline_.advance(info.sampled_boottime, info.sampled_walltime);
  // The clock is that of this host, whose own feed tells of it.
  if (stamp.stepped != 0 && settings_.mapping.naming.hypervisor.empty()) {
    out.log.push_back({LogLevel::kWarning,
                       fmt::format("the wall clock was set {} by {} s; values go on {}", stamp.stepped < 0 ? "back" : "forward",
                                   std::abs(stamp.stepped) / kSecond,
                                   stamp.time == info.sampled_walltime ? "with the new time" : "without a gap and drift to the new time")});
  }
  const FlowIndex flows = settings_.mapping.flows && settings_.mapping.interfaces ? FlowIndex(*snapshot) : FlowIndex();
  const LatencyIndex latencies = settings_.mapping.latency && settings_.mapping.interfaces ? LatencyIndex(*snapshot) : LatencyIndex();
  const std::size_t batch = flows.empty() && latencies.empty() ? kBatchDomains : kBatchDomainsWithMore;
  for (std::size_t first = 0; first < snapshot->domain_count(); first += batch) {
    sink(to_values({*snapshot, names, flows, latencies}, settings_.mapping, stamp.time, first, batch));
  }
  if (settings_.persistent_notification) {
    out.notifications = state_notifications(*snapshot, names, settings_.mapping, stamp.time);
  } else {
    add_events(*snapshot, names, out);
  }
  add_clashes(*snapshot, names, out);
  previous_ = snapshot;
}

void Feed::add_events(const Snapshot& snapshot, const DomainNames& names, Delivery& out) {
  const EventCursor::News news = cursor_.next(snapshot);
  if (news.lost > 0) {
    const std::string text = fmt::format("{} domain events were lost: they were gone from the snapshot before it was read", news.lost);
    out.log.push_back({LogLevel::kWarning, text});
    out.notifications.push_back({.severity = Severity::kWarning,
                                 .message = text,
                                 .host = safe_part(settings_.mapping.naming.hostname),
                                 .plugin = settings_.mapping.naming.plugin,
                                 .plugin_instance = {},
                                 .type = "domain_state",
                                 .time = snapshot.info().sampled_walltime,
                                 .metadata = {}});
  }
  for (const EventRow& event : news.events) {
    if (auto notification = event_notification(event, snapshot, names)) out.notifications.push_back(std::move(*notification));
  }
}

// A domain that is gone keeps the name it had when it was last seen.
std::optional<Notification> Feed::event_notification(const EventRow& event, const Snapshot& snapshot, const DomainNames& names) const {
  const Mapping& mapping = settings_.mapping;
  if (!mapping.selection.takes_domain(event.domain)) return std::nullopt;
  const auto now = snapshot.find_domain(event.uuid);
  const auto before = previous_ ? previous_->find_domain(event.uuid) : std::nullopt;
  if (now || before) {
    const DomainRow row = now ? snapshot.domain(*now) : previous_->domain(*before);
    if (!mapping.selection.takes_connection(row.connection)) return std::nullopt;
  }
  if (now) return to_notification(event, names.names[*now], mapping.naming.plugin);
  if (before) return to_notification(event, name_domains(*previous_, mapping.naming).names[*before], mapping.naming.plugin);
  return to_notification(event, name_gone_domain(event.uuid, event.domain, mapping.naming), mapping.naming.plugin);
}

void Feed::add_clashes(const Snapshot& snapshot, const DomainNames& names, Delivery& out) {
  if (names.clashing.size() > clashes_) {
    const DomainRow first = snapshot.domain(names.clashing.front());
    out.log.push_back(
        {LogLevel::kWarning, fmt::format("{} domains share their name with another one (\"{}\" is one of them), so their UUID is appended; "
                                         "\"uuid\" in HostnameFormat or PluginInstanceFormat gives names that stay",
                                         names.clashing.size(), shortened(printable(first.name), 128))});
  }
  clashes_ = names.clashing.size();
}

}  // namespace vmtraffic::collectd
