// A recording of packets, pcap or pcapng, read by libpcap from its beginning to its end.
//
// Hostile like everything from outside: what is whole is given, and the fault says where the rest is cut or broken.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/result.hpp"
#include "core/traffic/captured_packet.hpp"
#include "core/types.hpp"
#include "core/wire/udp_packet.hpp"

namespace vmtraffic {

class PacketFile {
 public:
  // Errors: kMissing, kDenied, kForeign (no recording, or of links that are not known), kTruncated, kIo; each text names the file.
  static Result<PacketFile> open(const std::filesystem::path& file);

  struct Packet {
    Nanoseconds walltime{0};  // since 1970, never negative
    Octets octets;            // valid until the next call
    std::uint32_t wire_length{0};
  };
  // Nothing at the end, and where the file goes wrong: then fault() says how.
  const Packet* next();
  // The same as a capture would have delivered it. Linux's second cooked header tells the link and the way; none tells MAC addresses.
  const CapturedPacket* next_captured();
  const std::optional<Error>& fault() const { return fault_; }

  LinkHeader link() const { return link_; }
  std::uint64_t packets() const { return packets_; }

 private:
  struct Close {
    void operator()(void* handle) const noexcept;
  };
  PacketFile(void* handle, LinkHeader link, std::string name) : handle_(handle), link_(link), name_(std::move(name)) {}

  std::unique_ptr<void, Close> handle_;  // pcap_t, whose header stays out of ours
  LinkHeader link_;
  std::string name_;  // printable
  Packet packet_;
  CapturedPacket captured_;
  std::uint64_t packets_{0};
  std::optional<Error> fault_;
};

}  // namespace vmtraffic
