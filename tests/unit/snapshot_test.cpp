#include "core/snapshot.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "core/snapshot/format.hpp"
#include "core/snapshot/restore.hpp"
#include "snapshot_fixture.hpp"
#include "snapshot_walk.hpp"

namespace vmtraffic {
namespace {

Snapshot parsed(const SnapshotContent& content) {
  auto s = Snapshot::parse(encode(content));
  EXPECT_TRUE(s.ok()) << s.error().text;
  return std::move(s).value();
}

TEST(Snapshot, GivesBackWhatWasWritten) {
  const SnapshotContent c = small_snapshot();
  const Snapshot s = parsed(c);
  EXPECT_EQ(inventory_of(s), c.inventory);
  const Numbers n = numbers_of(s);
  EXPECT_EQ(n.domains, c.numbers.domains);
  EXPECT_EQ(n.totals, c.numbers.totals);
  EXPECT_EQ(n.rates, c.numbers.rates);
  EXPECT_EQ(events_of(s), c.events);
  EXPECT_EQ(s.info().host, "hv-1");
  EXPECT_EQ(s.info().sequence, 42u);
  EXPECT_EQ(s.info().writer_pid, 4711u);
  EXPECT_EQ(s.last_event_sequence(), 9u);
  EXPECT_EQ(s.health(1).message, "libvirtd does not answer");
}

TEST(Snapshot, RowsAreInTheGuestsWords) {
  const Snapshot s = parsed(small_snapshot());
  ASSERT_EQ(s.vnic_count(), 3u);
  const VnicRow v = s.vnic(0);
  EXPECT_EQ(v.rx, (Counters{1000, 10, 1, 2}));
  EXPECT_EQ(v.tx, (Counters{2000, 20, 3, 4}));
  EXPECT_EQ(v.if_index, 7u);
  EXPECT_EQ(s.vnic(1).rx, (Counters{5, std::nullopt, std::nullopt, std::nullopt}));
  EXPECT_EQ(s.vnic(1).key.ordinal, 1);
  EXPECT_EQ(s.vnic(2).rx, Counters{}) << "a domain that is off has no counters now, though its totals are kept";
  EXPECT_EQ(s.vnic(2).domain, 1u);
  const WindowRates r = s.rates(0, Window::kMinute);
  EXPECT_EQ(r.covered_s, 60);
  EXPECT_EQ(r.rx.octets, 50);
  EXPECT_EQ(r.tx_highest.octets, 200);
  EXPECT_EQ(s.rates(2, Window::kMinute), WindowRates{});
  EXPECT_EQ(s.find_domain(uuid_number(0x22)), 1u);
  EXPECT_EQ(s.find_domain(uuid_number(0x23)), std::nullopt);
  EXPECT_EQ(s.domain(0).tag("nova.project"), "shop");
  EXPECT_EQ(s.domain(0).tag("nova.projec"), std::nullopt);
}

TEST(Snapshot, ReadsOnlyThePartsAskedFor) {
  const auto bytes = encode(snapshot_with_flows());
  const auto s = Snapshot::parse(bytes, kPartHealth);
  ASSERT_TRUE(s.ok());
  EXPECT_EQ(s->domain_count(), 0u);
  EXPECT_EQ(s->vnic_count(), 0u);
  EXPECT_EQ(s->event_count(), 0u);
  EXPECT_EQ(s->health_count(), 2u);
}

TEST(Snapshot, AnEmptyHostIsNoError) {
  const Snapshot s = parsed({});
  EXPECT_EQ(s.domain_count(), 0u);
  EXPECT_EQ(s.find_domain(uuid_number(1)), std::nullopt);
  EXPECT_EQ(walk(s), 0u);
}

TEST(Snapshot, TruncatedAtEveryLengthIsRefused) {
  const auto bytes = encode(snapshot_with_flows());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto s = Snapshot::parse(std::vector(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)));
    ASSERT_FALSE(s.ok()) << n;
    EXPECT_EQ(s.error().code, ErrorCode::kTruncated) << n;
  }
}

TEST(Snapshot, EveryFlippedOctetIsNoticed) {
  const auto good = encode(snapshot_with_flows());
  for (std::size_t n = 0; n < good.size(); ++n) {
    for (const unsigned flip : {0x01u, 0x80u, 0xFFu}) {
      auto bytes = good;
      bytes[n] ^= static_cast<std::byte>(flip);
      ASSERT_FALSE(Snapshot::parse(std::move(bytes)).ok()) << n;
    }
  }
}

// With the checksums made to fit, the verifier alone stands between hostile octets and us.
TEST(Snapshot, WhatTheVerifierLetsThroughCanBeWalked) {
  const auto good = encode(snapshot_with_flows());
  FileHead head{};
  std::memcpy(&head, good.data(), sizeof(head));
  std::uint64_t survivors = 0;
  for (std::size_t n = sizeof(FileHead) + head.part_count * sizeof(PartEntry); n < good.size(); ++n) {
    auto bytes = good;
    bytes[n] ^= static_cast<std::byte>(0xA5);
    reseal(bytes);
    const auto s = Snapshot::parse(std::move(bytes));
    if (!s.ok()) continue;
    ++survivors;
    (void)walk(*s);
    (void)inventory_of(*s);
    (void)numbers_of(*s);
  }
  EXPECT_GT(survivors, 100u);
}

TEST(Snapshot, ForeignAndFutureFilesAreToldApart) {
  const std::string_view text = "#!/bin/sh\n# a script that is longer than the head of a snapshot\n";
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  EXPECT_EQ(Snapshot::parse(std::vector(begin, begin + text.size())).error().code, ErrorCode::kForeign);
  auto bytes = encode(small_snapshot());
  const std::uint32_t newer = kSnapshotMajor + 1;
  std::memcpy(bytes.data() + offsetof(FileHead, major), &newer, sizeof(newer));
  EXPECT_EQ(Snapshot::parse(bytes).error(),
            (Error{ErrorCode::kFuture, "the snapshot's format 2 is newer than this program understands (1): upgrade this program"}));
  bytes.push_back({});
  EXPECT_EQ(Snapshot::parse(std::vector<std::byte>{}).error().code, ErrorCode::kTruncated);
}

TEST(Snapshot, OctetsBehindTheEndAreRefused) {
  auto bytes = encode(small_snapshot());
  bytes.push_back({});
  EXPECT_EQ(Snapshot::parse(std::move(bytes)).error().code, ErrorCode::kCorrupt);
}

TEST(Snapshot, AgeAndStalenessGoByBootTimeAlone) {
  const Snapshot s = parsed(small_snapshot());
  EXPECT_EQ(s.age(clock_at(1005 * kSecond)), 5 * kSecond);
  EXPECT_FALSE(s.stale(clock_at(1031 * kSecond)));
  EXPECT_TRUE(s.stale(clock_at(1032 * kSecond)));
  // The wall clock an hour back and an hour on.
  for (const Nanoseconds wall : {Nanoseconds{1'699'996'400}, Nanoseconds{1'700'003'600}}) {
    EXPECT_FALSE(s.stale(clock_at(1005 * kSecond, wall * kSecond)));
  }
  EXPECT_EQ(s.age(clock_at(999 * kSecond)), std::nullopt);
  EXPECT_TRUE(s.stale(clock_at(999 * kSecond))) << "from the future: says nothing about now";
  Clock other = clock_at(1005 * kSecond);
  other.boot_id = "boot-2";
  EXPECT_TRUE(s.stale(other));
}

TEST(Snapshot, HostileNamesComeThroughUnchanged) {
  SnapshotContent c = small_snapshot();
  const std::string names[] = {"a/b",         "a'b\"c",       "a=b|c;d\\",           "line\nbreak",
                               "\x1b[31mred", "\xff\xfe\xc0", std::string(300, 'x'), std::string("nul\0nul", 7)};
  for (const std::string& name : names) {
    c.inventory.domains[0].name = c.inventory.domains[0].title = name;
    c.inventory.domains[0].tags["nova.instance"] = name;
    const Snapshot s = parsed(c);
    EXPECT_EQ(s.domain(0).name, name);
    EXPECT_EQ(s.domain(0).title, name);
    EXPECT_EQ(s.domain(0).tag("nova.instance"), name);
  }
}

}  // namespace
}  // namespace vmtraffic
