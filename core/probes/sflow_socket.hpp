// A UDP socket that receives in batches and knows what the kernel dropped.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <vector>

#include "core/address.hpp"
#include "core/result.hpp"
#include "core/wire/byte_reader.hpp"

namespace vmtraffic {

IpAddress address_of(const sockaddr_storage& from);
// The addresses that this host has now, loopback's among them.
std::vector<IpAddress> own_addresses();

// What one call receives. Reused: receiving allocates nothing.
class DatagramBatch {
 public:
  static constexpr std::size_t kSize = 64;
  // sFlow agents keep to one packet of their network: larger ones are nobody's that we know.
  static constexpr std::size_t kLargest = 16'384;
  DatagramBatch();

  struct Received {
    Octets octets;
    IpAddress sender;
    bool oversized{false};  // longer than kLargest: cut
  };
  // Messages received, 0 where none waits, negative where receiving failed (errno). `dropped`: the kernel's count of what it dropped on
  // this socket so far, where it tells.
  int receive(int fd, std::uint32_t& dropped);
  Received operator[](std::size_t i) const;

 private:
  union Control {
    cmsghdr header;
    std::array<char, CMSG_SPACE(sizeof(std::uint32_t))> octets;
  };
  std::vector<std::byte> octets_;
  std::array<mmsghdr, kSize> messages_{};
  std::array<iovec, kSize> pieces_{};
  std::array<sockaddr_storage, kSize> senders_{};
  std::array<Control, kSize> control_{};
};

// Opens and binds one socket. `threads` > 1: shares the port with as many more. Errors say which address, and what to do.
Result<int> open_sflow_socket(const IpAddress& address, std::uint16_t port, std::uint32_t threads, std::uint32_t receive_buffer_kib);
// Octets that the kernel lets the socket hold, as setsockopt() counts them; 0: it does not tell.
std::uint32_t receive_buffer(int fd);
// Makes the kernel give a sender's datagrams always to the same of `threads` sockets that were bound before.
bool steer_by_sender(int fd, const IpAddress& address, std::uint32_t threads);

}  // namespace vmtraffic
