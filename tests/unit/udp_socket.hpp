// Real datagrams over loopback.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/address.hpp"
#include "tests/unit/wire_bytes.hpp"

namespace vmtraffic::sflow_test {

inline const IpAddress kLoopback4 = *IpAddress::parse("127.0.0.1"), kLoopback6 = *IpAddress::parse("::1");

// A UDP socket, bound on loopback; port 0: any that is free.
class UdpSocket {
 public:
  explicit UdpSocket(const IpAddress& address, std::uint16_t port = 0)
      : version_(address.version), fd_(socket(version_ == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const auto [where, length] = socket_address(address, port);
    bound_ = bind(fd_, reinterpret_cast<const sockaddr*>(&where), length) == 0;
  }
  ~UdpSocket() { close(fd_); }
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  bool bound() const { return bound_; }
  std::uint16_t port() const {
    sockaddr_storage own{};
    socklen_t length = sizeof(own);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &length);
    return ntohs(version_ == 4 ? reinterpret_cast<sockaddr_in*>(&own)->sin_port : reinterpret_cast<sockaddr_in6*>(&own)->sin6_port);
  }
  void send(std::uint16_t port, const wire_test::Bytes& datagram) const {
    const auto [where, length] = socket_address(version_ == 4 ? kLoopback4 : kLoopback6, port);
    ASSERT_EQ(sendto(fd_, datagram.octets().data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&where), length),
              static_cast<ssize_t>(datagram.size()));
  }

 private:
  static std::pair<sockaddr_storage, socklen_t> socket_address(const IpAddress& address, std::uint16_t port) {
    sockaddr_storage out{};
    if (address.version == 4) {
      auto* in = reinterpret_cast<sockaddr_in*>(&out);
      in->sin_family = AF_INET;
      in->sin_port = htons(port);
      std::copy_n(address.octets.begin(), 4, reinterpret_cast<std::uint8_t*>(&in->sin_addr));
      return {out, sizeof(sockaddr_in)};
    }
    auto* in = reinterpret_cast<sockaddr_in6*>(&out);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(port);
    std::copy_n(address.octets.begin(), 16, reinterpret_cast<std::uint8_t*>(&in->sin6_addr));
    return {out, sizeof(sockaddr_in6)};
  }

  int version_;
  int fd_;
  bool bound_{false};
};

}  // namespace vmtraffic::sflow_test
