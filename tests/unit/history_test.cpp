// What a follower takes over from files that another process wrote, and what it refuses.
#include <gtest/gtest.h>

#include "core/sampler.hpp"
#include "snapshot_fixture.hpp"

namespace vmtraffic {
namespace {

Snapshot parsed(const SnapshotContent& content) {
  auto s = Snapshot::parse(encode(content));
  EXPECT_TRUE(s.ok()) << s.error().text;
  return std::move(s).value();
}

TEST(History, FollowsASnapshot) {
  const SnapshotContent content = small_snapshot();
  History history(10 * kSecond);
  ASSERT_TRUE(history.follow(parsed(content)));
  EXPECT_EQ(history.inventory, content.inventory);
  EXPECT_EQ(history.ledger.totals(), content.numbers.totals);
  EXPECT_EQ(history.sequence, content.header.sequence);
}

// The generation says that nothing changed, and the rows are others.
TEST(History, BelievesTheRowsAndNotTheGeneration) {
  SnapshotContent content = small_snapshot();
  History history(10 * kSecond);
  ASSERT_TRUE(history.follow(parsed(content)));
  ++content.header.sequence;
  content.inventory.domains.resize(1);
  content.numbers.domains.resize(1);
  const std::size_t rows = content.inventory.vnic_count();
  content.numbers.totals.resize(rows);
  for (auto& rates : content.numbers.rates) rates.resize(rows);
  ASSERT_TRUE(history.follow(parsed(content)));
  EXPECT_EQ(history.inventory, content.inventory);
  EXPECT_EQ(history.ledger.totals().size(), rows);
  EXPECT_EQ(history.domain_numbers.size(), 1U);
}

TEST(History, RefusesRowsOutOfOrderOrTwice) {
  History history(10 * kSecond);
  ASSERT_TRUE(history.follow(parsed(small_snapshot())));
  SnapshotContent turned = small_snapshot();
  ++turned.header.sequence;
  std::swap(turned.inventory.domains.front(), turned.inventory.domains.back());
  EXPECT_FALSE(history.follow(parsed(turned)));
  SnapshotContent twice = small_snapshot();
  ++twice.header.sequence;
  twice.inventory.domains.back() = twice.inventory.domains.front();
  twice.numbers.totals.resize(twice.inventory.vnic_count());
  for (auto& rates : twice.numbers.rates) rates.resize(twice.inventory.vnic_count());
  EXPECT_FALSE(history.follow(parsed(twice)));
  EXPECT_EQ(history.inventory, small_snapshot().inventory) << "nothing of them is taken";
}

}  // namespace
}  // namespace vmtraffic
