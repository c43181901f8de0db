// A flood over a veth pair in a network namespace of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/snapshot/writer.hpp"

namespace vmtraffic::bench {

// From now on this process has a network with the links a and b alone, each the other's far end, and a /sys that shows them. Ends the
// program where that is not possible.
void make_veth();
void stay_on(unsigned core);

// A counter of a probe's; 0 where it has none of that name.
std::uint64_t counter(const ProbeHealth& health, std::string_view name);

inline constexpr std::size_t kFloodFrame = 200;  // octets

// Sends segments of TCP connections into a, in turn, whose sequence numbers go on from round to round.
class FloodSender {
 public:
  explicit FloodSender(std::uint32_t connections, std::uint32_t to_port = 443);
  ~FloodSender();
  FloodSender(const FloodSender&) = delete;
  FloodSender& operator=(const FloodSender&) = delete;

  // For so many seconds, at that many frames a second or as many as can be sent. How many a second it was.
  double send(double rate, double seconds);
  std::uint64_t sent() const { return sent_; }  // frames, of all calls

 private:
  const int fd_, link_;
  const std::uint32_t connections_;
  std::vector<std::vector<std::byte>> frames_;
  std::uint32_t next_{0}, sequence_{1};
  std::uint64_t sent_{0};
};

}  // namespace vmtraffic::bench
