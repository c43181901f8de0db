#include "core/log.hpp"

#include <gtest/gtest.h>

namespace vmtraffic {
namespace {

TEST(Complaints, AreSaidOnceAndSeldomWhileTheyLast) {
  Complaints c;
  EXPECT_TRUE(c.due("lease", "no right", 0));
  EXPECT_FALSE(c.due("lease", "no right", 10 * kSecond));
  EXPECT_TRUE(c.due("publish", "disk full", 10 * kSecond)) << "another subject";
  EXPECT_TRUE(c.due("lease", "no right", Complaints::kRepeat));
}

TEST(Complaints, TwoReasonsInTurnDoNotFillTheLog) {
  Complaints c;
  int said = 0;
  for (Nanoseconds now = 0; now < 600 * kSecond; now += kSecond)
    said += c.due("snapshot", now / kSecond % 2 == 0 ? "this" : "that", now) ? 1 : 0;
  EXPECT_LE(said, 11);
}

TEST(Complaints, OverIsToldOfWhatWasSaid) {
  Complaints c;
  EXPECT_FALSE(c.over("publish"));
  c.due("publish", "disk full", 0);
  EXPECT_TRUE(c.over("publish"));
  EXPECT_FALSE(c.over("publish"));
  EXPECT_TRUE(c.due("publish", "disk full", kSecond)) << "it began anew";
}

}  // namespace
}  // namespace vmtraffic
