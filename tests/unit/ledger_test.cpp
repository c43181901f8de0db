#include "core/traffic/ledger.hpp"

#include <gtest/gtest.h>

namespace vmtraffic {
namespace {

Domain domain(std::uint8_t id, std::vector<std::uint8_t> macs) {
  Domain d;
  d.uuid.octets[0] = id;
  for (const std::uint8_t m : macs) {
    Vnic v;
    v.mac.octets[5] = m;
    d.vnics.push_back(v);
  }
  return d;
}

LinkReading reading(std::uint32_t if_index, std::uint64_t rx) {
  LinkReading r{if_index, {}, kAllMetrics, CounterWidth::k64};
  r.values[kRxOctets] = rx;
  return r;
}

TEST(Ledger, RowsThatStayKeepTheirTotals) {
  Ledger ledger;
  Inventory inventory{{domain(1, {1}), domain(3, {1, 2})}};
  EXPECT_EQ(ledger.set_inventory(inventory), (std::vector<std::uint32_t>{kNewRow, kNewRow, kNewRow}));
  ledger.sample(std::vector{reading(1, 10), reading(2, 20), reading(3, 30)}, 1);
  inventory = {{domain(2, {1}), domain(3, {2, 3})}};
  EXPECT_EQ(ledger.set_inventory(inventory), (std::vector<std::uint32_t>{kNewRow, 2, kNewRow}));
  EXPECT_EQ(ledger.totals()[1].total[kRxOctets], 30u);
  EXPECT_EQ(ledger.totals()[0], VnicTotals{});
  const auto steps = ledger.sample(std::vector{reading(9, 1), reading(3, 35), reading(8, 2)}, 2);
  EXPECT_EQ(steps[1].delta[kRxOctets], 5u);
  EXPECT_EQ(steps[0].present, 0);
}

TEST(Ledger, EqualMacsInOneDomainStayTwoRows) {
  Domain d = domain(1, {1, 1});
  d.vnics[1].ordinal = 1;
  Ledger ledger;
  ledger.set_inventory({{d}});
  ledger.sample(std::vector{reading(1, 10), reading(2, 20)}, 1);
  EXPECT_EQ(ledger.totals()[0].total[kRxOctets], 10u);
  EXPECT_EQ(ledger.totals()[1].total[kRxOctets], 20u);
}

// The link is the physical function's, so it stays; its counters are another function's.
TEST(Ledger, AnotherFunctionOfTheSameCardIsADiscontinuity) {
  Ledger ledger;
  ledger.set_inventory({{domain(1, {1})}});
  LinkReading first = reading(7, 1000);
  first.function = 3;
  ledger.sample(std::vector{first}, 1);
  ledger.sample(std::vector{LinkReading{}}, 2);  // the VM restarts
  LinkReading second = reading(7, 5000);
  second.function = 4;
  const auto steps = ledger.sample(std::vector{second}, 3);
  EXPECT_EQ(steps[0], (CounterStep{.delta = {}, .present = 0, .discontinuity = true}));
  EXPECT_EQ(ledger.totals()[0].total[kRxOctets], 6000U);
  EXPECT_EQ(ledger.totals()[0].discontinuity_boottime, 3);
}

TEST(Ledger, HeldRowsKeepTheirTotalsBesideOthersThatGrow) {
  Ledger ledger;
  ledger.set_inventory({{domain(1, {1}), domain(2, {1})}});
  ledger.sample(std::vector{reading(1, 10), reading(0, 20)}, 1);
  LinkReading held;
  held.age = kHeld;
  const auto steps = ledger.sample(std::vector{reading(1, 15), held}, 2);
  EXPECT_EQ(steps[0].delta[kRxOctets], 5u);
  EXPECT_EQ(steps[1], CounterStep{});
  EXPECT_EQ(ledger.totals()[1].total[kRxOctets], 20u);
  EXPECT_EQ(ledger.totals()[1].present, kAllMetrics);
}

TEST(Ledger, GoesOnFromAnotherCollectorsRows) {
  Ledger first;
  first.set_inventory({{domain(1, {1})}});
  first.sample(std::vector{reading(1, 1000)}, 1);
  first.sample(std::vector{reading(2, 30)}, 2);
  Ledger second;
  second.set_inventory({{domain(1, {1})}});
  second.restore(first.totals());
  const auto steps = second.sample(std::vector{reading(2, 50)}, 3);
  EXPECT_EQ(steps[0].delta[kRxOctets], 20u);
  EXPECT_EQ(second.totals()[0].total[kRxOctets], 1050u);
}

}  // namespace
}  // namespace vmtraffic
