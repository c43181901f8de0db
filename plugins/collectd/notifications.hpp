// Domain events as collectd's notifications, worded and graded as users of collectd's virt plugin know them.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "core/snapshot.hpp"
#include "plugins/collectd/values.hpp"

namespace vmtraffic::collectd {

enum class Severity { kOkay, kWarning, kFailure };

struct Notification {
  Severity severity{Severity::kOkay};
  std::string message;  // at most kMaxMessageOctets
  std::string host, plugin, plugin_instance, type;
  Nanoseconds time{0};  // since 1970
  Metadata metadata;
  friend bool operator==(const Notification&, const Notification&) = default;
};
std::ostream& operator<<(std::ostream& out, const Notification& notification);

inline constexpr std::size_t kMaxMessageOctets = 255;  // NOTIF_MAX_MSG_LEN with its NUL

// One event. `name` is its domain's in collectd.
Notification to_notification(const EventRow& event, const DomainName& name, const std::string& plugin);

// What PersistentNotification asks for: the present state of each persistent domain (or of unknown persistence) that is selected.
std::vector<Notification> state_notifications(const Snapshot& snapshot, const DomainNames& names, const Mapping& mapping, Nanoseconds time);

// Follows the ring of events. Nothing that happened before the first look is ever told.
class EventCursor {
 public:
  struct News {
    std::vector<EventRow> events;  // strings point into the snapshot
    std::uint64_t lost{0};         // events that had left the ring before we looked
  };
  News next(const Snapshot& snapshot);

 private:
  struct Seen {
    std::uint64_t sequence;
    Nanoseconds boottime;  // of that snapshot
  };
  std::optional<Seen> seen_;
};

}  // namespace vmtraffic::collectd
