// A recording of packets, pcap or pcapng, from its beginning to its end. libpcap opens it and reads whatever it knows; packets of the plain
// format, which most recordings have, are found in large blocks without it: call by call it takes as long as all that is done with a
// packet.
//
// Hostile like everything from outside: what is whole is given, and the fault says where the rest is cut or broken.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

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
  // The same as a capture would have delivered them, into the front of `out`: how many, 0 where next() gives nothing. Linux's second cooked
  // header tells the link and the way; none tells MAC addresses.
  std::size_t next_captured(std::span<CapturedPacket> out);
  const std::optional<Error>& fault() const { return fault_; }

  LinkHeader link() const { return link_; }
  std::uint64_t packets() const { return packets_; }

 private:
  struct Close {
    void operator()(void* handle) const noexcept;
  };
  // Records of the plain format, and what of the file was read but not given yet.
  struct Block {
    bool swapped{false};                      // its numbers are of the other order
    std::uint32_t longest{0};                 // octets of a packet that are given
    Nanoseconds unit{0};                      // of the fraction of a second
    std::vector<std::byte> octets{};          // room
    std::size_t begin{0}, end{0};             // of what is left in it
    bool empty() const { return unit == 0; }  // the recording is of another format
    std::size_t left() const { return end - begin; }
  };
  enum class Step : std::uint8_t { kPacket, kEnd, kLater };  // kLater: more has to be read, and the octets given before go with it

  PacketFile(std::vector<char> buffer, void* handle, LinkHeader link, std::string name)
      : buffer_(std::move(buffer)), handle_(handle), link_(link), name_(std::move(name)) {}
  Step find(Packet& out, bool may_read);
  Step find_by_libpcap(Packet& out);
  bool refill();
  void cut_off();
  void broken(const char* complaint);
  void as_captured(const Packet& packet, CapturedPacket& out) const;

  std::vector<char> buffer_;             // of the file below the handle, which goes first
  std::unique_ptr<void, Close> handle_;  // pcap_t, whose header stays out of ours
  LinkHeader link_;
  std::string name_;  // printable
  Block block_;
  Packet packet_;
  std::uint64_t packets_{0};
  std::optional<Error> fault_;
};

}  // namespace vmtraffic
