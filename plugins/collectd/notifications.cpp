#include "plugins/collectd/notifications.hpp"

#include <fmt/format.h>

#include <array>
#include <ostream>

#include "core/text.hpp"

namespace vmtraffic::collectd {
namespace {

// The words of libvirt's own documentation (libvirt-domain.h), which virt's messages consist of.
constexpr std::array<std::string_view, 8> kStates{
    "no state",
    "the domain is running",
    "the domain is blocked on resource",
    "the domain is paused by user",
    "the domain is being shut down",
    "the domain is shut off",
    "the domain is crashed",
    "the domain is suspended by guest power management",
};

constexpr std::string_view kUnknownReason = "the reason is unknown";

constexpr std::array<std::string_view, 12> kRunningReasons{
    kUnknownReason,
    "normal startup from boot",
    "migrated from another host",
    "restored from a state file",
    "restored from snapshot",
    "returned from paused state",
    "returned from migration",
    "returned from failed save process",
    "returned from pmsuspended due to wakeup event",
    "resumed from crashed",
    "running in post-copy migration mode",
    "running in failed post-copy migration",
};
constexpr std::array<std::string_view, 14> kPausedReasons{
    kUnknownReason,
    "paused on user request",
    "paused for offline migration",
    "paused for save",
    "paused for offline core dump",
    "paused due to a disk I/O error",
    "paused due to a watchdog event",
    "paused after restoring from snapshot",
    "paused during shutdown process",
    "paused while creating a snapshot",
    "paused due to a guest crash",
    "the domain is being started",
    "paused for post-copy migration",
    "paused after failed post-copy",
};
constexpr std::array<std::string_view, 2> kShutdownReasons{kUnknownReason, "shutting down on user request"};
constexpr std::array<std::string_view, 9> kShutoffReasons{
    kUnknownReason,
    "normal shutdown",
    "forced poweroff",
    "domain crashed",
    "migrated to another host",
    "saved to a file",
    "domain failed to start",
    "restored from a snapshot which was taken while domain was shutoff",
    "daemon decides to kill domain during reconnection processing",
};
constexpr std::array<std::string_view, 2> kCrashedReasons{kUnknownReason, "domain panicked"};

std::string_view reason_text(DomainState state, std::int32_t reason) {
  const auto pick = [reason](const auto& texts) {
    return reason >= 0 && static_cast<std::size_t>(reason) < texts.size() ? texts[static_cast<std::size_t>(reason)] : kUnknownReason;
  };
  switch (state) {
    case DomainState::kRunning:
      return pick(kRunningReasons);
    case DomainState::kPaused:
      return pick(kPausedReasons);
    case DomainState::kShutdown:
      return pick(kShutdownReasons);
    case DomainState::kShutoff:
      return pick(kShutoffReasons);
    case DomainState::kCrashed:
      return pick(kCrashedReasons);
    default:
      return kUnknownReason;
  }
}

std::string_view state_text(DomainState state) {
  const auto index = static_cast<std::size_t>(state);
  return index < kStates.size() ? kStates[index] : "no state";
}

// The collector's word for an event's detail, and the reason that virt gives for it.
struct DetailReason {
  EventKind kind;
  std::string_view detail, reason;
};
constexpr std::array kDetailReasons{
    DetailReason{EventKind::kStarted, "booted", "normal startup from boot"},
    DetailReason{EventKind::kStarted, "migrated", "migrated from another host"},
    DetailReason{EventKind::kStarted, "restored", "restored from a state file"},
    DetailReason{EventKind::kStarted, "from snapshot", "restored from snapshot"},
    DetailReason{EventKind::kStarted, "wakeup", "returned from pmsuspended due to wakeup event"},
    DetailReason{EventKind::kSuspended, "paused", "paused on user request"},
    DetailReason{EventKind::kSuspended, "migrated", "paused for offline migration"},
    DetailReason{EventKind::kSuspended, "I/O error", "paused due to a disk I/O error"},
    DetailReason{EventKind::kSuspended, "watchdog", "paused due to a watchdog event"},
    DetailReason{EventKind::kSuspended, "from snapshot", "paused after restoring from snapshot"},
    DetailReason{EventKind::kSuspended, "post-copy migration", "paused for post-copy migration"},
    DetailReason{EventKind::kSuspended, "post-copy failed", "paused after failed post-copy"},
    DetailReason{EventKind::kResumed, "unpaused", "returned from paused state"},
    DetailReason{EventKind::kResumed, "migrated", "migrated from another host"},
    DetailReason{EventKind::kResumed, "from snapshot", "restored from snapshot"},
    DetailReason{EventKind::kResumed, "post-copy migration", "running in post-copy migration mode"},
    DetailReason{EventKind::kResumed, "post-copy failed", "running in failed post-copy migration"},
    DetailReason{EventKind::kStopped, "shut down", "normal shutdown"},
    DetailReason{EventKind::kStopped, "destroyed", "forced poweroff"},
    DetailReason{EventKind::kStopped, "crashed", "domain crashed"},
    DetailReason{EventKind::kStopped, "migrated", "migrated to another host"},
    DetailReason{EventKind::kStopped, "saved", "saved to a file"},
    DetailReason{EventKind::kStopped, "failed", "domain failed to start"},
    DetailReason{EventKind::kStopped, "from snapshot", "restored from a snapshot which was taken while domain was shutoff"},
    DetailReason{EventKind::kShutdown, "finished", "shutting down on user request"},
    DetailReason{EventKind::kCrashed, "panicked", "domain panicked"},
};

// Not a word we know: as it came.
std::string reason_of(const EventRow& event) {
  for (const DetailReason& known : kDetailReasons) {
    if (known.kind == event.kind && known.detail == event.detail) return std::string(known.reason);
  }
  return event.detail.empty() ? std::string(kUnknownReason) : printable(event.detail);
}

Severity severity_of(DomainState state) {
  switch (state) {
    case DomainState::kCrashed:
      return Severity::kFailure;
    case DomainState::kBlocked:
    case DomainState::kPaused:
    case DomainState::kPmSuspended:
      return Severity::kWarning;
    default:
      return Severity::kOkay;
  }
}

// virt calls every stop OKAY, also that of a domain that crashed or could not be started. Those are what one wants to be woken for.
Severity severity_of(const EventRow& event) {
  const auto state = state_after(event.kind);
  if (event.kind == EventKind::kStopped && (event.detail == "crashed" || event.detail == "failed")) return Severity::kFailure;
  return state ? severity_of(*state) : Severity::kOkay;
}

std::string message_of(const EventRow& event) {
  if (const auto state = state_after(event.kind)) {
    return fmt::format("Domain state: {}. Reason: {}", state_text(*state), reason_of(event));
  }
  if (event.detail.empty()) return fmt::format("Domain {}", name_of(event.kind));
  return fmt::format("Domain {}: {}", name_of(event.kind), printable(event.detail));
}

}  // namespace

Notification to_notification(const EventRow& event, const DomainName& name, const std::string& plugin) {
  Notification out{.severity = severity_of(event),
                   .message = shortened(message_of(event), kMaxMessageOctets),
                   .host = name.host,
                   .plugin = plugin,
                   .plugin_instance = name.instance,
                   .type = "domain_state",
                   .time = event.walltime,
                   .metadata = {}};
  out.metadata.emplace_back("domain", shortened(printable(event.domain), kMaxMessageOctets));
  out.metadata.emplace_back("uuid", event.uuid.text());
  out.metadata.emplace_back("event", name_of(event.kind));
  if (!event.detail.empty()) out.metadata.emplace_back("detail", shortened(printable(event.detail), kMaxMessageOctets));
  out.metadata.emplace_back("sequence", fmt::format("{}", event.sequence));
  return out;
}

std::vector<Notification> state_notifications(const Snapshot& snapshot, const DomainNames& names, const Mapping& mapping,
                                              Nanoseconds time) {
  std::vector<Notification> out;
  for (std::size_t i = 0; i < snapshot.domain_count(); ++i) {
    const DomainRow domain = snapshot.domain(i);
    if (!domain.persistent.value_or(true) || !mapping.selection.takes_connection(domain.connection) ||
        !mapping.selection.takes_domain(domain.name)) {
      continue;
    }
    out.push_back(
        {.severity = severity_of(domain.state),
         .message = fmt::format("Domain state: {}. Reason: {}", state_text(domain.state), reason_text(domain.state, domain.state_reason)),
         .host = names.names[i].host,
         .plugin = mapping.naming.plugin,
         .plugin_instance = names.names[i].instance,
         .type = "domain_state",
         .time = time,
         .metadata = domain_metadata(domain)});
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, const Notification& notification) {
  constexpr std::array kSeverities{"OKAY", "WARNING", "FAILURE"};
  out << kSeverities[static_cast<std::size_t>(notification.severity)] << ' ' << notification.host << '/' << notification.plugin << '-'
      << notification.plugin_instance << '/' << notification.type << " \"" << notification.message << "\" " << notification.time;
  for (const auto& [key, text] : notification.metadata) out << ' ' << key << '=' << text;
  return out;
}

EventCursor::News EventCursor::next(const Snapshot& snapshot) {
  News news;
  const std::uint64_t last = snapshot.last_event_sequence();
  if (seen_ && last < seen_->sequence) {
    // Someone removed the runtime directory and the count began anew: what happened since our last look is still told.
    for (std::size_t i = 0; i < snapshot.event_count(); ++i) {
      if (const EventRow event = snapshot.event(i); event.boottime > seen_->boottime) news.events.push_back(event);
    }
  } else if (seen_) {
    std::uint64_t told = seen_->sequence;
    for (std::size_t i = 0; i < snapshot.event_count(); ++i) {
      const EventRow event = snapshot.event(i);
      if (event.sequence <= told) continue;
      news.lost += event.sequence - told - 1;
      told = event.sequence;
      news.events.push_back(event);
    }
    if (last > told) news.lost += last - told;
  }
  seen_ = Seen{last, snapshot.info().sampled_boottime};
  return news;
}

}  // namespace vmtraffic::collectd
