#include "core/bounded_thread.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace vmtraffic {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Frees late what its thread has, as libraries do that keep errors per thread.
struct PerThread {
  std::atomic<bool>* freed{nullptr};
  ~PerThread() {
    if (freed == nullptr) return;
    std::this_thread::sleep_for(milliseconds(20));
    *freed = true;
  }
};

TEST(BoundedThread, JoinedMeansThatWhatTheThreadHadIsFreed) {
  std::atomic<bool> freed{false};
  BoundedThread thread([&freed] {
    thread_local PerThread own;
    own.freed = &freed;
  });
  EXPECT_TRUE(thread.join_for(seconds(10)));
  EXPECT_TRUE(freed);
  EXPECT_TRUE(thread.join_for(seconds(0)));  // again: nothing is left to wait for
}

TEST(BoundedThread, AThreadThatHangsIsLeftBehindWithWhatItHolds) {
  auto held = std::make_shared<std::promise<void>>();
  const std::weak_ptr<std::promise<void>> watched = held;
  std::promise<void> leave;
  auto may_leave = leave.get_future().share();
  {
    BoundedThread thread([held = std::move(held), may_leave] { may_leave.wait(); });
    EXPECT_FALSE(thread.join_for(milliseconds(10)));
  }
  EXPECT_FALSE(watched.expired());
  leave.set_value();
  for (int i = 0; i < 1000 && !watched.expired(); ++i) std::this_thread::sleep_for(milliseconds(5));
  EXPECT_TRUE(watched.expired());
}

TEST(BoundedThread, NoThreadHasEnded) {
  BoundedThread none;
  EXPECT_TRUE(none.join_for(seconds(0)));
}

}  // namespace
}  // namespace vmtraffic
