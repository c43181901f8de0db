// Decides from each look at the snapshot what collectd gets: every snapshot once, nothing while there is no fresh one, every event once.
//
// The host looks more often than snapshots appear, so that neither its own interval nor the phase of the two timers matters.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/result.hpp"
#include "core/snapshot.hpp"
#include "plugins/collectd/complaint.hpp"
#include "plugins/collectd/notifications.hpp"
#include "plugins/collectd/timeline.hpp"
#include "plugins/collectd/values.hpp"

namespace vmtraffic::collectd {

struct LogLine {
  LogLevel level{LogLevel::kInfo};
  std::string text;  // printable
  friend bool operator==(const LogLine&, const LogLine&) = default;
};

// Beside the values.
struct Delivery {
  std::vector<Notification> notifications;
  std::vector<LogLine> log;
};

class Feed {
 public:
  struct Settings {
    Mapping mapping;
    bool persistent_notification{false};
    std::filesystem::path directory;  // for messages
    Nanoseconds patience{0};          // after the start, a snapshot may be missing or old for so long without a complaint
    Clock clock;
    std::function<std::optional<LeaseHolder>()> lease_holder;  // empty: not told of
  };
  using Look = Result<std::shared_ptr<const Snapshot>>;

  // Gets the values of a snapshot, in batches of some domains each.
  using Sink = std::function<void(const std::vector<ValueList>&)>;

  explicit Feed(Settings settings);
  Delivery poll(const Look& look, const Sink& sink);

 private:
  void complain(const Look& look, Nanoseconds now, Delivery& out);
  void deliver(const std::shared_ptr<const Snapshot>& snapshot, const Sink& sink, Delivery& out);
  void add_events(const Snapshot& snapshot, const DomainNames& names, Delivery& out);
  void add_clashes(const Snapshot& snapshot, const DomainNames& names, Delivery& out);
  std::optional<Notification> event_notification(const EventRow& event, const Snapshot& snapshot, const DomainNames& names) const;

  Settings settings_;
  Nanoseconds started_;
  Complaint complaint_;
  Timeline timeline_;
  EventCursor cursor_;
  std::shared_ptr<const Snapshot> previous_;  // the last one delivered
  std::size_t clashes_{0};
};

}  // namespace vmtraffic::collectd
