// A kernel made of a function, for what speaks rtnetlink.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/probes/netlink.hpp"
#include "core/result.hpp"
#include "tests/unit/netlink_messages.hpp"

namespace vmtraffic::netlink_test {

using Answers = std::vector<Bytes>;  // datagrams

// Answers each request by a function; its sockets are ordinary ones that keep datagrams apart.
class FakeKernel {
 public:
  using Serve = std::function<Answers(const netlink::Message&)>;
  explicit FakeKernel(Serve serve) : serve_(std::move(serve)) {}
  ~FakeKernel() {
    for (const int end : notifiers_) ::close(end);
    for (std::thread& thread : threads_) thread.join();  // ends when the client has closed its socket: destroy LinkCounters first
  }

  std::function<Result<int>(unsigned)> opener() {
    return [this](unsigned groups) -> Result<int> {
      std::array<int, 2> ends{};
      if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return Error{ErrorCode::kUnavailable, "socketpair"};
      ++sockets_opened;
      if (groups == 0) {
        threads_.emplace_back([this, end = ends[1]] { run(end); });
      } else {
        notifiers_.push_back(ends[1]);
      }
      return ends[0];
    };
  }
  void notify(const Bytes& datagram) {
    EXPECT_EQ(::send(notifiers_.back(), datagram.data(), datagram.size(), 0), static_cast<ssize_t>(datagram.size()));
  }
  void hang_up() {
    ::close(notifiers_.back());
    notifiers_.pop_back();
  }
  void set(Serve serve) {
    const std::lock_guard lock(mutex_);
    serve_ = std::move(serve);
  }

  int sockets_opened{0};

 private:
  void run(int end) {
    Bytes request(4096);
    for (ssize_t length = 0; (length = ::recv(end, request.data(), request.size(), 0)) > 0;) {
      netlink::for_each_message({request.data(), static_cast<std::size_t>(length)}, [&](const netlink::Message& message) {
        const std::lock_guard lock(mutex_);
        for (const Bytes& answer : serve_(message)) ::send(end, answer.data(), answer.size(), MSG_NOSIGNAL);
      });
    }
    ::close(end);
  }

  std::mutex mutex_;
  Serve serve_;
  std::vector<std::thread> threads_;
  std::vector<int> notifiers_;
};

inline Bytes done(std::uint32_t sequence, std::uint16_t flags = 0, int error = 0) {
  return message(NLMSG_DONE, static_cast<std::uint16_t>(NLM_F_MULTI | flags), sequence, octets_of(error));
}
inline Bytes refused(std::uint32_t sequence, int error) { return message(NLMSG_ERROR, 0, sequence, octets_of(nlmsgerr{-error, {}})); }

}  // namespace vmtraffic::netlink_test
