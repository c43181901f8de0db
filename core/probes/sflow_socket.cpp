#include "core/probes/sflow_socket.hpp"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <linux/filter.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace vmtraffic {
namespace {

IpAddress ipv4(const in_addr& from) {
  IpAddress out{.version = 4};
  std::memcpy(out.octets.data(), &from, 4);
  return out;
}

IpAddress ipv6(const in6_addr& from) {
  if (IN6_IS_ADDR_V4MAPPED(&from)) {
    IpAddress out{.version = 4};
    std::memcpy(out.octets.data(), from.s6_addr + 12, 4);
    return out;
  }
  IpAddress out{.version = 6};
  std::memcpy(out.octets.data(), &from, 16);
  return out;
}

socklen_t socket_address(const IpAddress& address, std::uint16_t port, sockaddr_storage& out) {
  out = {};
  if (address.version == 4) {
    auto* in = reinterpret_cast<sockaddr_in*>(&out);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    std::memcpy(&in->sin_addr, address.octets.data(), 4);
    return sizeof(sockaddr_in);
  }
  auto* in = reinterpret_cast<sockaddr_in6*>(&out);
  in->sin6_family = AF_INET6;
  in->sin6_port = htons(port);
  std::memcpy(&in->sin6_addr, address.octets.data(), 16);
  return sizeof(sockaddr_in6);
}

Error refused(int code, const IpAddress& address, std::uint16_t port) {
  const std::string where = fmt::format("UDP port {} at {}", port, address.text());
  switch (code) {
    case EADDRINUSE:
      return {ErrorCode::kBusy,
              fmt::format("{} is taken by another process ('ss -ulnp' names it): end that, or set another port under [sflow]", where)};
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return {ErrorCode::kUnavailable, fmt::format("{}: this host has no such address: mend 'listen' under [sflow]", where)};
    case EACCES:
    case EPERM:
      return {ErrorCode::kDenied, fmt::format("{} may not be opened by this user: set a port above 1023 under [sflow]", where)};
    default:
      return {ErrorCode::kIo, fmt::format("{} cannot be opened: {}", where, std::strerror(code))};
  }
}

}  // namespace

IpAddress address_of(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET) return ipv4(reinterpret_cast<const sockaddr_in&>(from).sin_addr);
  if (from.ss_family == AF_INET6) return ipv6(reinterpret_cast<const sockaddr_in6&>(from).sin6_addr);
  return {};
}

std::vector<IpAddress> own_addresses() {
  std::vector<IpAddress> out;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return out;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> freeing(list, freeifaddrs);
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr) continue;
    if (at->ifa_addr->sa_family == AF_INET) out.push_back(ipv4(reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr));
    if (at->ifa_addr->sa_family == AF_INET6) out.push_back(ipv6(reinterpret_cast<const sockaddr_in6*>(at->ifa_addr)->sin6_addr));
  }
  return out;
}

DatagramBatch::DatagramBatch() : octets_(kSize * kLargest) {
  for (std::size_t i = 0; i < kSize; ++i) {
    pieces_[i] = {octets_.data() + i * kLargest, kLargest};
    messages_[i].msg_hdr.msg_iov = &pieces_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
    messages_[i].msg_hdr.msg_name = &senders_[i];
  }
}

int DatagramBatch::receive(int fd, std::uint32_t& dropped) {
  for (std::size_t i = 0; i < kSize; ++i) {
    messages_[i].msg_hdr.msg_namelen = sizeof(senders_[i]);
    messages_[i].msg_hdr.msg_control = &control_[i];
    messages_[i].msg_hdr.msg_controllen = sizeof(control_[i]);
  }
  const int count = recvmmsg(fd, messages_.data(), kSize, MSG_DONTWAIT, nullptr);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
  if (count == 0) return 0;
  // The kernel's count comes with each datagram: the last one's is the newest.
  msghdr& last = messages_[static_cast<std::size_t>(count) - 1].msg_hdr;
  for (cmsghdr* c = CMSG_FIRSTHDR(&last); c != nullptr; c = CMSG_NXTHDR(&last, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) std::memcpy(&dropped, CMSG_DATA(c), sizeof(dropped));
  }
  return count;
}

DatagramBatch::Received DatagramBatch::operator[](std::size_t i) const {
  const mmsghdr& m = messages_[i];
  return {Octets(octets_).subspan(i * kLargest, std::min<std::size_t>(m.msg_len, kLargest)), address_of(senders_[i]),
          (m.msg_hdr.msg_flags & MSG_TRUNC) != 0};
}

Result<int> open_sflow_socket(const IpAddress& address, std::uint16_t port, std::uint32_t threads, std::uint32_t receive_buffer_kib) {
  const int fd = socket(address.version == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return refused(errno, address, port);
  const int on = 1;
  const auto octets = static_cast<int>(std::min<std::uint32_t>(receive_buffer_kib, 1U << 20) * 1024U);
  // Beyond the system's limit only CAP_NET_ADMIN may go: receive_buffer() tells what came of it.
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof(octets)) != 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
  setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
  if (address.version == 6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  // Not with one thread: whoever is the same user could then bind the port too, and take datagrams away.
  if (threads > 1) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  sockaddr_storage where{};
  const socklen_t length = socket_address(address, port, where);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&where), length) == 0) return fd;
  const int code = errno;
  close(fd);
  return refused(code, address, port);
}

std::uint32_t receive_buffer(int fd) {
  int octets = 0;
  socklen_t length = sizeof(octets);
  if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, &length) != 0 || octets < 0) return 0;
  return static_cast<std::uint32_t>(octets) / 2;  // Linux doubles what it was asked for, for its own bookkeeping (socket(7))
}

bool steer_by_sender(int fd, const IpAddress& address, std::uint32_t threads) {
  // The last four octets of the packet's source address, modulo the number of sockets.
  const std::uint32_t offset = static_cast<std::uint32_t>(SKF_NET_OFF) + (address.version == 4 ? 12 : 20);
  std::array<sock_filter, 3> code{
      {{BPF_LD | BPF_W | BPF_ABS, 0, 0, offset}, {BPF_ALU | BPF_MOD | BPF_K, 0, 0, threads}, {BPF_RET | BPF_A, 0, 0, 0}}};
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) == 0;
}

}  // namespace vmtraffic
