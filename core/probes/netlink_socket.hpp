// Sockets and requests for rtnetlink: owned, close-on-exec, built by libmnl. Private to probes/.
#pragma once

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "core/probes/netlink.hpp"
#include "core/result.hpp"

namespace vmtraffic::netlink {

inline Error refusal(std::string_view what, int number) {
  return Error{ErrorCode::kUnavailable, fmt::format("rtnetlink: {}: {}", what, std::generic_category().message(number))};
}

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }
  bool is_open() const { return number_ >= 0; }
  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_{-1};
};

inline Result<int> open_kernel_socket(unsigned groups) {
  Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.is_open()) return refusal("no socket", errno);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return refusal("cannot subscribe", errno);
  return socket.release();
}

// A request, built by libmnl. Only its sequence number changes from one use to the next.
class Request {
 public:
  static Request links() {
    Request request(RTM_GETLINK, NLM_F_DUMP);
    request.extra<ifinfomsg>().ifi_family = AF_UNSPEC;
    ::mnl_attr_put_u32(request.header(), IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    return request;
  }
  static Request stats() {
    Request request(RTM_GETSTATS, NLM_F_DUMP);
    request.extra<if_stats_msg>().filter_mask = 1u << (IFLA_STATS_LINK_64 - 1);
    return request;
  }
  static Request virtual_functions(std::uint32_t if_index) {
    Request request(RTM_GETLINK, 0);
    request.extra<ifinfomsg>().ifi_index = static_cast<int>(if_index);
    ::mnl_attr_put_u32(request.header(), IFLA_EXT_MASK, RTEXT_FILTER_VF);
    return request;
  }
  // Of both families: the kernel's unspecific handler walks the ARP and the NDP table.
  static Request neighbours() {
    Request request(RTM_GETNEIGH, NLM_F_DUMP);
    request.extra<ndmsg>().ndm_family = AF_UNSPEC;
    return request;
  }
  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(octets_.data()); }

 private:
  Request(std::uint16_t type, unsigned flags) {
    nlmsghdr* header = ::mnl_nlmsg_put_header(octets_.data());
    header->nlmsg_type = type;
    header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  }
  template <class T>
  T& extra() {
    return *static_cast<T*>(::mnl_nlmsg_put_extra_header(header(), sizeof(T)));
  }
  alignas(nlmsghdr) std::array<std::byte, 64> octets_{};
};

// Receives one datagram from the kernel: its length, or the negative errno. Longer than the buffer is -EMSGSIZE.
inline ssize_t receive(int socket, std::vector<std::byte>& buffer, int flags) {
  for (;;) {
    sockaddr_nl from{};
    socklen_t from_length = sizeof(from);
    const ssize_t length =
        ::recvfrom(socket, buffer.data(), buffer.size(), flags | MSG_TRUNC, reinterpret_cast<sockaddr*>(&from), &from_length);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return -errno;
    if (length == 0) return -ECONNRESET;
    if (static_cast<std::size_t>(length) > buffer.size()) return -EMSGSIZE;
    if (from_length >= sizeof(from) && from.nl_family == AF_NETLINK && from.nl_pid != 0) continue;  // another process, not the kernel
    return length;
  }
}

// Opens a connected socket that speaks rtnetlink, subscribed to `groups` (a bit mask of RTMGRP_…).
using OpenSocket = std::function<Result<int>(unsigned groups)>;

// Asks the kernel, one request at a time.
class Dialogue {
 public:
  using SteadyClock = std::chrono::steady_clock;
  enum class Answer { kWhole, kInterrupted };

  // One receive's patience. The kernel answers in microseconds.
  static constexpr std::chrono::milliseconds kReceivePatience{250};
  // A link with many virtual functions needs 64 KiB for them (an attribute can be no longer) and some for the rest. Dumps use 32 KiB.
  static constexpr std::size_t kBufferSize = 128 << 10;

  OpenSocket open_socket{open_kernel_socket};
  std::vector<std::byte> buffer = std::vector<std::byte>(kBufferSize);
  std::uint64_t malformed{0};  // answers that ended in the middle of a message

  // Opens the socket, unless it is open.
  Status open() {
    if (socket_.is_open()) return Done{};
    auto opened = open_socket(0);
    if (!opened) return opened.error();
    socket_ = Descriptor(*opened);
    timeval patience{};
    patience.tv_usec = std::chrono::duration_cast<std::chrono::microseconds>(kReceivePatience).count();
    if (::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0) {
      const int number = errno;
      socket_.close();
      return refusal("no receive timeout", number);
    }
    return Done{};
  }

  // Sends a request and visits the answers to the end. After an error the socket is given up: what is still under way on it
  // must not answer the next request.
  template <class Visit>
  Result<Answer> ask(Request& request, SteadyClock::time_point deadline, Visit&& visit) {
    if (Status ready = open(); !ready) return ready.error();
    const auto give_up = [&](std::string_view what, int number) -> Error {
      socket_.close();
      return refusal(what, number);
    };
    request.header()->nlmsg_seq = ++sequence_;
    const ssize_t sent = ::send(socket_.get(), request.header(), request.header()->nlmsg_len, MSG_NOSIGNAL);
    if (sent < 0) return give_up("a request was refused", errno);

    Answer answer = Answer::kWhole;
    bool done = false;
    int kernel_error = 0;
    while (!done) {
      if (SteadyClock::now() >= deadline) return give_up("no answer in time", ETIMEDOUT);
      const ssize_t length = receive(socket_.get(), buffer, 0);
      if (length == -EAGAIN) return give_up("no answer in time", ETIMEDOUT);
      if (length < 0) return give_up("an answer was lost", static_cast<int>(-length));
      const bool whole = for_each_message({buffer.data(), static_cast<std::size_t>(length)}, [&](const Message& message) {
        if (message.sequence != sequence_ || done) return;
        if ((message.flags & NLM_F_DUMP_INTR) != 0) answer = Answer::kInterrupted;
        if (message.type == NLMSG_DONE || message.type == NLMSG_ERROR) {
          kernel_error = -value_at<int>(message.payload).value_or(0);
          done = true;
        } else if (message.type >= NLMSG_MIN_TYPE) {
          visit(message);
          done = (message.flags & NLM_F_MULTI) == 0;
        }
      });
      if (!whole) {
        ++malformed;
        return give_up("an answer is malformed", EBADMSG);
      }
    }
    if (kernel_error != 0) return give_up("a request was refused", kernel_error);
    return answer;
  }

 private:
  Descriptor socket_;
  std::uint32_t sequence_{0};
};

}  // namespace vmtraffic::netlink
