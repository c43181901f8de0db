// Sockets and requests for rtnetlink: owned, close-on-exec, built by libmnl. Private to probes/.
#pragma once

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

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

}  // namespace vmtraffic::netlink
