// A thread that may hang inside somebody else's library, and whose owner therefore waits for its end only so long.
//
// Promised: join_for() that returned true means that the thread is gone altogether, its thread-local destructors included: whatever
// the libraries that it called keep per thread is freed. A thread that did not end in time is left behind; what it runs must hold all that
// it needs.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace vmtraffic {

class BoundedThread {
 public:
  BoundedThread() = default;
  // Throws std::system_error where there is no thread to be had.
  explicit BoundedThread(std::function<void()> body) : end_(std::make_shared<End>()) {
    thread_ = std::thread([end = end_, run = std::move(body)]() mutable {
      run();
      run = nullptr;  // what it holds goes before anybody believes that it has ended
      const std::lock_guard lock(end->mutex);
      end->reached = true;
      end->changed.notify_all();
    });
  }
  BoundedThread(BoundedThread&&) noexcept = default;
  BoundedThread& operator=(BoundedThread&& other) noexcept {
    leave();
    end_ = std::move(other.end_);
    thread_ = std::move(other.thread_);
    return *this;
  }
  BoundedThread(const BoundedThread&) = delete;
  BoundedThread& operator=(const BoundedThread&) = delete;
  ~BoundedThread() { leave(); }

  // True: it has ended, or never began. Not to be called by two threads at once.
  bool join_for(std::chrono::milliseconds limit) noexcept {
    if (!thread_.joinable()) return true;
    {
      std::unique_lock lock(end_->mutex);
      if (!end_->changed.wait_for(lock, limit, [this] { return end_->reached; })) return false;
    }
    thread_.join();  // its last few instructions
    return true;
  }

 private:
  struct End {
    std::mutex mutex;
    std::condition_variable changed;
    bool reached{false};
  };
  void leave() noexcept {
    if (!join_for(std::chrono::milliseconds(0))) thread_.detach();
  }

  std::shared_ptr<End> end_;
  std::thread thread_;
};

}  // namespace vmtraffic
