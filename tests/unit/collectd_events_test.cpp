#include <gmock/gmock.h>

#include "collectd_snapshots.hpp"
#include "plugins/collectd/notifications.hpp"

namespace vmtraffic::collectd {
namespace {

using testing::ElementsAre;

EventRow row(EventKind kind, std::string_view detail) { return {12, 990 * kSecond, 1'699'999'990 * kSecond, kind, uuid(1), "web", detail}; }

struct Said {
  Severity severity;
  std::string message;
  friend bool operator==(const Said&, const Said&) = default;
};
Said said(EventKind kind, std::string_view detail) {
  const Notification notification = to_notification(row(kind, detail), {"web", ""}, "vmtraffic");
  return {notification.severity, notification.message};
}

TEST(Notifications, WholeNotificationOfAnEvent) {
  EXPECT_EQ(to_notification(row(EventKind::kStarted, "booted"), {"node1", "web"}, "virt"),
            (Notification{.severity = Severity::kOkay,
                          .message = "Domain state: the domain is running. Reason: normal startup from boot",
                          .host = "node1",
                          .plugin = "virt",
                          .plugin_instance = "web",
                          .type = "domain_state",
                          .time = 1'699'999'990 * kSecond,
                          .metadata = {{"domain", "web"},
                                       {"uuid", "d0000000-0000-0000-0000-000000000001"},
                                       {"event", "started"},
                                       {"detail", "booted"},
                                       {"sequence", "12"}}}));
}

TEST(Notifications, WordsAndSeveritiesOfVirt) {
  EXPECT_EQ(said(EventKind::kSuspended, "paused"),
            (Said{Severity::kWarning, "Domain state: the domain is paused by user. Reason: paused on user request"}));
  EXPECT_EQ(said(EventKind::kSuspended, "I/O error"),
            (Said{Severity::kWarning, "Domain state: the domain is paused by user. Reason: paused due to a disk I/O error"}));
  EXPECT_EQ(said(EventKind::kResumed, "unpaused"),
            (Said{Severity::kOkay, "Domain state: the domain is running. Reason: returned from paused state"}));
  EXPECT_EQ(said(EventKind::kShutdown, "finished"),
            (Said{Severity::kOkay, "Domain state: the domain is being shut down. Reason: shutting down on user request"}));
  EXPECT_EQ(said(EventKind::kStopped, "shut down"),
            (Said{Severity::kOkay, "Domain state: the domain is shut off. Reason: normal shutdown"}));
  EXPECT_EQ(said(EventKind::kStopped, "destroyed"),
            (Said{Severity::kOkay, "Domain state: the domain is shut off. Reason: forced poweroff"}));
  EXPECT_EQ(said(EventKind::kStopped, "crashed"),
            (Said{Severity::kFailure, "Domain state: the domain is shut off. Reason: domain crashed"}));
  EXPECT_EQ(said(EventKind::kStopped, "failed"),
            (Said{Severity::kFailure, "Domain state: the domain is shut off. Reason: domain failed to start"}));
  EXPECT_EQ(said(EventKind::kCrashed, "panicked"),
            (Said{Severity::kFailure, "Domain state: the domain is crashed. Reason: domain panicked"}));
  EXPECT_EQ(said(EventKind::kPmSuspended, "memory"),
            (Said{Severity::kWarning, "Domain state: the domain is suspended by guest power management. Reason: memory"}));
  EXPECT_EQ(said(EventKind::kStarted, ""), (Said{Severity::kOkay, "Domain state: the domain is running. Reason: the reason is unknown"}));
  EXPECT_EQ(said(EventKind::kStarted, "by\nmagic"), (Said{Severity::kOkay, "Domain state: the domain is running. Reason: by\\x0amagic"}));
}

TEST(Notifications, WhatLeavesTheStateAlone) {
  EXPECT_EQ(said(EventKind::kDefined, "added"), (Said{Severity::kOkay, "Domain defined: added"}));
  EXPECT_EQ(said(EventKind::kUndefined, ""), (Said{Severity::kOkay, "Domain undefined"}));
  EXPECT_EQ(said(EventKind::kRenamed, "old\x1bname"), (Said{Severity::kOkay, "Domain renamed: old\\x1bname"}));
  EXPECT_EQ(said(EventKind::kVnicAdded, "52:54:00:00:00:01"), (Said{Severity::kOkay, "Domain vnic added: 52:54:00:00:00:01"}));
}

TEST(Notifications, MessagesFitCollectd) {
  const std::string detail(400, 'x');
  EXPECT_EQ(to_notification(row(EventKind::kRenamed, detail), {"web", ""}, "vmtraffic").message.size(), kMaxMessageOctets);
}

TEST(Notifications, PersistentStates) {
  Domain crashed = make_domain(1, "a");
  crashed.state = DomainState::kCrashed;
  Domain paused = make_domain(2, "b");
  paused.state = DomainState::kPaused;
  paused.state_reason = 99;
  Domain transient = make_domain(3, "c");
  transient.persistent = false;
  Domain off = make_domain(4, "d");
  off.state = DomainState::kShutoff;
  off.persistent = std::nullopt;
  const auto snapshot = make_snapshot(make_content({crashed, paused, transient, off, make_domain(5, "left out")}));
  Mapping mapping;
  mapping.selection.domains = {*Pattern::compile("/^.$/")};
  std::vector<std::string> told;
  for (const Notification& n : state_notifications(*snapshot, name_domains(*snapshot, mapping.naming), mapping, 5 * kSecond)) {
    EXPECT_EQ(n.time, 5 * kSecond);
    EXPECT_EQ(n.type, "domain_state");
    told.push_back(n.host + " " + std::to_string(static_cast<int>(n.severity)) + " " + n.message);
  }
  EXPECT_THAT(told, ElementsAre("a 2 Domain state: the domain is crashed. Reason: domain panicked",
                                "b 1 Domain state: the domain is paused by user. Reason: the reason is unknown",
                                "d 0 Domain state: the domain is shut off. Reason: normal shutdown"));
}

// ---- the ring

struct Told {
  std::vector<std::uint64_t> events;
  std::uint64_t lost{0};
  friend bool operator==(const Told&, const Told&) = default;
};

class Cursor : public testing::Test {
 protected:
  // A snapshot whose ring holds `first` to `last`, sampled a second after the last.
  Told look(std::uint64_t first, std::uint64_t last, Nanoseconds extra = 0) {
    SnapshotContent content = make_content({make_domain(1, "web")});
    for (std::uint64_t s = first; s <= last; ++s) content.events.push_back(make_event(s, EventKind::kStarted, "web", "booted"));
    for (Event& event : content.events) event.boottime += extra;
    content.header.sampled_boottime = static_cast<Nanoseconds>(last + 1) * kSecond + extra;
    const auto snapshot = make_snapshot(content);
    const auto news = cursor_.next(*snapshot);
    Told told{{}, news.lost};
    for (const EventRow& event : news.events) told.events.push_back(event.sequence);
    return told;
  }
  EventCursor cursor_;
};

TEST_F(Cursor, WhatWasBeforeTheFirstLookIsNotTold) {
  EXPECT_EQ(look(3, 7), (Told{}));
  EXPECT_EQ(look(3, 7), (Told{}));
  EXPECT_EQ(look(3, 9), (Told{{8, 9}, 0}));
  EXPECT_EQ(look(5, 9), (Told{}));
}

TEST_F(Cursor, AnEmptyRingAtFirstHidesNothingLater) {
  EXPECT_EQ(look(1, 0), (Told{}));
  EXPECT_EQ(look(1, 1), (Told{{1}, 0}));
}

TEST_F(Cursor, ALappingRingSaysHowManyWereLost) {
  EXPECT_EQ(look(1, 3), (Told{}));
  EXPECT_EQ(look(10, 12), (Told{{10, 11, 12}, 6}));
}

TEST_F(Cursor, ACountThatBeganAnewIsFollowed) {
  EXPECT_EQ(look(90, 100), (Told{}));
  EXPECT_EQ(look(1, 3, 99 * kSecond), (Told{{3}, 0}));  // 1 and 2 lie before the last look
  EXPECT_EQ(look(1, 4, 99 * kSecond), (Told{{4}, 0}));
}

}  // namespace
}  // namespace vmtraffic::collectd
