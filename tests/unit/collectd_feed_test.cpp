#include <gmock/gmock.h>

#include "collectd_snapshots.hpp"
#include "plugins/collectd/feed.hpp"

namespace vmtraffic::collectd {
namespace {

using testing::ElementsAre;

using Lines = std::vector<std::string>;

// What one look led to.
struct Sent {
  std::vector<ValueList> values;
  std::vector<Notification> notifications;
  std::vector<LogLine> log;
};

class TestFeed {
 public:
  explicit TestFeed(Feed::Settings settings) : feed_(std::move(settings)) {}
  Sent poll(const Feed::Look& look) {
    Sent sent;
    auto rest =
        feed_.poll(look, [&](const std::vector<ValueList>& batch) { sent.values.insert(sent.values.end(), batch.begin(), batch.end()); });
    sent.notifications = std::move(rest.notifications);
    sent.log = std::move(rest.log);
    return sent;
  }

 private:
  Feed feed_;
};

class FeedTest : public testing::Test {
 protected:
  FeedTest() { content_ = make_content({make_domain(1, "web", {make_vnic(1, "vnet7")})}); }

  TestFeed make_feed(Mapping mapping = {}, bool persistent = false) {
    return TestFeed({.mapping = std::move(mapping),
                     .persistent_notification = persistent,
                     .directory = "/run/vmtraffic",
                     .patience = 32 * kSecond,
                     .clock = {.boottime = [this] { return now_; }, .walltime = [] { return Nanoseconds{0}; }, .boot_id = kBootId},
                     .lease_holder = [this] { return holder_; }});
  }
  // The next interval's snapshot.
  std::shared_ptr<const Snapshot> tick() {
    now_ += 10 * kSecond;
    content_.header.sampled_boottime += 10 * kSecond;
    content_.header.sampled_walltime += 10 * kSecond;
    ++content_.header.sequence;
    return make_snapshot(content_);
  }
  static Lines texts(const Sent& delivery) {
    Lines out;
    for (const LogLine& line : delivery.log) out.push_back(line.text);
    return out;
  }
  static Lines messages(const Sent& delivery) {
    Lines out;
    for (const Notification& n : delivery.notifications) out.push_back(n.host + ": " + n.message);
    return out;
  }

  SnapshotContent content_;
  Nanoseconds now_{1001 * kSecond};
  std::optional<LeaseHolder> holder_;
};

TEST_F(FeedTest, EverySnapshotOnceWithItsOwnTimeAndInterval) {
  TestFeed feed = make_feed();
  auto snapshot = make_snapshot(content_);
  for (int i = 0; i < 3; ++i) {
    const Sent first = feed.poll(snapshot);
    ASSERT_EQ(first.values.size(), 4U);
    EXPECT_EQ(first.values[0].time, content_.header.sampled_walltime);
    EXPECT_EQ(first.values[0].interval, 10 * kSecond);
    EXPECT_EQ(first.log.size(), 0U);
    EXPECT_EQ(feed.poll(snapshot).values.size(), 0U);
    EXPECT_EQ(feed.poll(make_snapshot(content_)).values.size(), 0U);  // the same one, read again
    snapshot = tick();
  }
}

TEST_F(FeedTest, ManyDomainsGoOutInBatchesAndAll) {
  std::vector<Domain> domains;
  for (std::uint8_t n = 1; n <= 100; ++n) domains.push_back(make_domain(n, "vm" + std::to_string(n), {make_vnic(n, "")}));
  SnapshotContent content = make_content(domains);
  const Mapping mapping;
  for (const std::size_t lists : {400U, 600U, 1200U}) {
    const auto snapshot = make_snapshot(content);
    TestFeed feed = make_feed();
    const auto values = feed.poll(snapshot).values;
    EXPECT_EQ(values.size(), lists);
    EXPECT_EQ(values, to_values(*snapshot, name_domains(*snapshot, mapping.naming), mapping, content_.header.sampled_walltime));
    if (content.performance) {
      VnicFlowSums sampled;
      sampled.rx_by = sampled.tx_by = AttributedBy::kPort;
      content.flows.emplace().vnics.assign(100, sampled);
    }
    VnicLoss seen;
    seen.since = kSecond;
    seen.rx_recent.segments = 1;
    content.performance.emplace().losses.assign(100, seen);
  }
}

TEST_F(FeedTest, AnOlderSnapshotOrACountThatBeganAnewNeitherRepeatsNorBlocks) {
  TestFeed feed = make_feed();
  const auto old = make_snapshot(content_);
  feed.poll(tick());
  EXPECT_EQ(feed.poll(old).values.size(), 0U);
  content_.header.sequence = 0;  // the runtime directory was removed
  EXPECT_EQ(feed.poll(tick()).values.size(), 4U);
}

TEST_F(FeedTest, NothingWhileStaleAndOneLineOfWhy) {
  TestFeed feed = make_feed();
  const auto snapshot = make_snapshot(content_);
  feed.poll(snapshot);
  now_ = 1045 * kSecond;
  holder_ = LeaseHolder{4711, "collectd", true};
  const Sent stale = feed.poll(snapshot);
  EXPECT_EQ(stale.values.size(), 0U);
  EXPECT_EQ(texts(stale),
            Lines{"no values: the snapshot in /run/vmtraffic is 45 s old; its lease is held by pid 4711 (collectd), which is stopped"});
  EXPECT_EQ(stale.log[0].level, LogLevel::kWarning);
  now_ = 1060 * kSecond;
  EXPECT_EQ(texts(feed.poll(snapshot)), Lines{});
  holder_->stopped = false;
  EXPECT_EQ(texts(feed.poll(snapshot)), Lines{});  // another reason, but too soon
  now_ = 1106 * kSecond;
  EXPECT_EQ(
      texts(feed.poll(snapshot)),
      Lines{"no values: the snapshot in /run/vmtraffic is 106 s old; its lease is held by pid 4711 (collectd), which does not publish"});
  now_ = 1707 * kSecond;
  EXPECT_EQ(texts(feed.poll(snapshot)).size(), 1U);  // still: ten minutes later
  content_.header.sampled_boottime = 1710 * kSecond;
  now_ = 1711 * kSecond;
  const Sent again = feed.poll(make_snapshot(content_));
  EXPECT_EQ(texts(again)[0], "values again, after 666 s without");
  EXPECT_EQ(again.values.size(), 4U);
}

TEST_F(FeedTest, NobodyCollects) {
  TestFeed feed = make_feed();
  const auto snapshot = make_snapshot(content_);
  feed.poll(snapshot);
  now_ = 1100 * kSecond;
  EXPECT_EQ(texts(feed.poll(snapshot)),
            Lines{"no values: the snapshot in /run/vmtraffic is 100 s old and nobody collects (no process holds the lease)"});
}

TEST_F(FeedTest, AfterTheStartASnapshotMayBeMissingForAWhile) {
  TestFeed feed = make_feed();
  const Feed::Look missing = Error{ErrorCode::kMissing, "there is no snapshot"};
  now_ += 31 * kSecond;
  EXPECT_EQ(texts(feed.poll(missing)), Lines{});
  now_ += 2 * kSecond;
  EXPECT_EQ(texts(feed.poll(missing)), Lines{"no values: there is no snapshot"});
  EXPECT_EQ(texts(feed.poll(missing)), Lines{});
}

TEST_F(FeedTest, WhatWaitingCannotMendIsSaidAtOnce) {
  TestFeed feed = make_feed();
  EXPECT_EQ(texts(feed.poll(Feed::Look(Error{ErrorCode::kInsecure, "others may write"}))), Lines{"no values: others may write"});
}

TEST_F(FeedTest, ASnapshotOfAnotherBootIsStale) {
  TestFeed feed = make_feed();
  content_.header.boot_id = "another";
  now_ += 40 * kSecond;
  EXPECT_EQ(
      texts(feed.poll(make_snapshot(content_))),
      Lines{"no values: the snapshot in /run/vmtraffic was not sampled since this boot and nobody collects (no process holds the lease)"});
}

TEST_F(FeedTest, AClockSetBackGivesNewerTimesAllTheSame) {
  TestFeed feed = make_feed();
  feed.poll(make_snapshot(content_));
  const Nanoseconds before = content_.header.sampled_walltime;
  content_.header.sampled_walltime -= 3600 * kSecond;
  const Sent delivery = feed.poll(tick());
  ASSERT_EQ(delivery.values.size(), 4U);
  EXPECT_EQ(delivery.values[0].time, before + 9'900'000'000);
  EXPECT_EQ(texts(delivery), Lines{"the wall clock was set back by 3600 s; values go on without a gap and drift to the new time"});
  content_.header.sampled_walltime += 2 * 3600 * kSecond;
  EXPECT_EQ(texts(feed.poll(tick())), Lines{"the wall clock was set forward by 7200 s; values go on with the new time"});
}

TEST_F(FeedTest, EventsOverAHandOverAreToldOnceEach) {
  TestFeed feed = make_feed();
  content_.events = {make_event(1, EventKind::kStarted, "web", "booted")};
  EXPECT_EQ(messages(feed.poll(make_snapshot(content_))), Lines{});
  content_.events.push_back(make_event(2, EventKind::kSuspended, "web", "paused"));
  content_.header.writer_pid = 2;  // another front end took over
  const auto next = tick();
  EXPECT_EQ(messages(feed.poll(next)), Lines{"web: Domain state: the domain is paused by user. Reason: paused on user request"});
  EXPECT_EQ(messages(feed.poll(next)), Lines{});
  EXPECT_EQ(messages(feed.poll(tick())), Lines{});
}

TEST_F(FeedTest, LostEventsAreCounted) {
  Mapping mapping;
  mapping.naming.hostname = "node1";
  TestFeed feed = make_feed(mapping);
  content_.events = {make_event(1, EventKind::kStarted, "web", "booted")};
  feed.poll(make_snapshot(content_));
  content_.events = {make_event(9, EventKind::kStarted, "web", "booted")};
  const Sent delivery = feed.poll(tick());
  EXPECT_EQ(messages(delivery), (Lines{"node1: 7 domain events were lost: they were gone from the snapshot before it was read",
                                       "web: Domain state: the domain is running. Reason: normal startup from boot"}));
  EXPECT_EQ(texts(delivery), Lines{"7 domain events were lost: they were gone from the snapshot before it was read"});
}

TEST_F(FeedTest, ADomainThatIsGoneKeepsItsLastName) {
  Mapping mapping;
  mapping.naming.host = {NameWord::kMetadata};
  content_.inventory.domains[0].tags = {{"nova.instance", "shop"}};
  TestFeed feed = make_feed(mapping);
  feed.poll(make_snapshot(content_));
  content_ = [&] {
    SnapshotContent empty = make_content({});
    empty.header = content_.header;
    return empty;
  }();
  content_.events = {make_event(1, EventKind::kUndefined, "web", "removed"), make_event(2, EventKind::kDefined, "brief", "added", 2)};
  EXPECT_EQ(messages(feed.poll(tick())),
            (Lines{"shop: Domain undefined: removed", "d0000000-0000-0000-0000-000000000002: Domain defined: added"}));
}

TEST_F(FeedTest, EventsFollowTheSelection) {
  Mapping mapping;
  mapping.selection.domains = {*Pattern::compile("db")};
  mapping.selection.connections = {"lxc:///"};
  TestFeed feed = make_feed(mapping);
  feed.poll(make_snapshot(content_));
  content_.inventory.domains.push_back(make_domain(2, "db"));
  content_.numbers.domains.emplace_back();
  content_.events = {make_event(1, EventKind::kStarted, "web", "booted"), make_event(2, EventKind::kStarted, "db", "booted", 2)};
  EXPECT_EQ(messages(feed.poll(tick())), Lines{});
}

TEST_F(FeedTest, PersistentNotificationTellsStatesInsteadOfEvents) {
  TestFeed feed = make_feed({}, true);
  EXPECT_EQ(messages(feed.poll(make_snapshot(content_))),
            Lines{"web: Domain state: the domain is running. Reason: normal startup from boot"});
  content_.events = {make_event(1, EventKind::kStarted, "web", "booted")};
  const auto next = tick();
  EXPECT_EQ(messages(feed.poll(next)).size(), 1U);
  EXPECT_EQ(messages(feed.poll(next)).size(), 0U);
}

TEST_F(FeedTest, ClashingNamesAreSaidWhenTheyAppear) {
  TestFeed feed = make_feed();
  content_ = make_content({make_domain(1, "web"), make_domain(2, "web")});
  EXPECT_EQ(
      texts(feed.poll(make_snapshot(content_))),
      Lines{
          "2 domains share their name with another one (\"web\" is one of them), so their UUID is appended; \"uuid\" in HostnameFormat or "
          "PluginInstanceFormat gives names that stay"});
  EXPECT_EQ(texts(feed.poll(tick())), Lines{});
}

}  // namespace
}  // namespace vmtraffic::collectd
