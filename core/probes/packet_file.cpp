#include "core/probes/packet_file.hpp"

#include <fmt/format.h>
#include <pcap/pcap.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/text.hpp"

namespace vmtraffic {
namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 18;
// The plain format: a header of 24 octets, and before each packet | seconds 4 | fraction 4 | octets kept 4 | on the wire 4 |.
constexpr std::uint32_t kMicroseconds = 0xA1B2'C3D4, kNanoseconds = 0xA1B2'3C4D;
constexpr std::size_t kRecordHeader = 16;
constexpr std::uint32_t kLongest = 262'144;  // as libpcap has it: more is no packet
// What no EtherType is; and of Linux's packet types the one of a packet that the host sent.
constexpr std::uint16_t kNoProtocol = 0xFFFF;
constexpr std::uint8_t kOutgoing = 4;
constexpr std::int64_t kLastSecond = 9'000'000'000;  // in the year 2255: what nanoseconds in 64 bits hold

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

pcap_t* pcap_of(void* handle) { return static_cast<pcap_t*>(handle); }

std::optional<LinkHeader> link_of(int type) {
  switch (type) {
    case DLT_EN10MB:
      return LinkHeader::kEthernet;
    case DLT_LINUX_SLL:
      return LinkHeader::kCooked;
    case DLT_LINUX_SLL2:
      return LinkHeader::kCooked2;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
      return LinkHeader::kNone;
    default:
      return std::nullopt;
  }
}

Error unreadable(const std::string& name, int code) {
  const ErrorCode kind = code == ENOENT || code == ENOTDIR ? ErrorCode::kMissing : code == EACCES ? ErrorCode::kDenied : ErrorCode::kIo;
  return {kind, fmt::format("cannot read the recording {}: {}", name, std::strerror(code))};
}

std::uint32_t number_at(const std::byte* at, bool swapped) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof(value));
  return swapped ? __builtin_bswap32(value) : value;
}

// Of a file of the plain format the unit of its packets' fractions of a second; 0: it is of another, or cannot be read anywhere but in
// turn.
Nanoseconds plain_unit(int file, bool swapped) {
  std::array<std::byte, sizeof(std::uint32_t)> magic{};
  if (pread(file, magic.data(), magic.size(), 0) != static_cast<ssize_t>(magic.size())) return 0;
  const std::uint32_t number = number_at(magic.data(), swapped);
  return number == kMicroseconds ? kSecond / 1'000'000 : number == kNanoseconds ? 1 : 0;
}

// Seconds and a fraction as they stand in a recording.
Nanoseconds time_of(std::int64_t seconds, std::int64_t fraction) {
  return std::clamp<std::int64_t>(seconds, 0, kLastSecond) * kSecond + std::clamp<std::int64_t>(fraction, 0, kSecond - 1);
}

bool says_truncated(const char* complaint) { return std::string_view(complaint).find("truncated dump file") != std::string_view::npos; }

}  // namespace

void PacketFile::Close::operator()(void* handle) const noexcept { pcap_close(pcap_of(handle)); }

Result<PacketFile> PacketFile::open(const std::filesystem::path& path) {
  std::string name = printable(path.string());
  std::vector<char> buffer(kBuffer);  // the C library gives one of a page or two
  File file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (file == nullptr) return unreadable(name, errno);
  struct stat info {};
  if (fstat(fileno(file.get()), &info) != 0) return unreadable(name, errno);
  if (S_ISDIR(info.st_mode)) return Error{ErrorCode::kForeign, fmt::format("{} is a directory, not a recording", name)};
  std::setvbuf(file.get(), buffer.data(), _IOFBF, buffer.size());
  std::array<char, PCAP_ERRBUF_SIZE> complaint{};
  pcap_t* opened = pcap_fopen_offline_with_tstamp_precision(file.get(), PCAP_TSTAMP_PRECISION_NANO, complaint.data());
  if (opened == nullptr && says_truncated(complaint.data()))
    return Error{ErrorCode::kTruncated, fmt::format("{} ends before its first packet: this is no whole recording", name)};
  if (opened == nullptr)
    return Error{ErrorCode::kForeign,
                 fmt::format("{} is no recording of packets, neither pcap nor pcapng: {}", name, printable(complaint.data()))};
  const int descriptor = fileno(file.release());  // libpcap closes it
  const int type = pcap_datalink(opened);
  const std::optional<LinkHeader> link = link_of(type);
  PacketFile out(std::move(buffer), opened, link.value_or(LinkHeader::kNone), std::move(name));
  const bool swapped = pcap_is_swapped(opened) != 0;
  if (pcap_major_version(opened) == 2 && pcap_minor_version(opened) == 4) {
    const auto longest = static_cast<std::uint32_t>(std::max(pcap_snapshot(opened), 0));
    out.block_ = {.swapped = swapped, .longest = std::min(longest, kLongest), .unit = plain_unit(descriptor, swapped)};
  }
  if (!out.block_.empty()) out.block_.octets.resize(kBuffer + kLongest);
  if (link) return out;
  const char* type_name = pcap_datalink_val_to_name(type);
  return Error{ErrorCode::kForeign,
               fmt::format("{} was recorded on links of type {} ({}); Ethernet, Linux's cooked ones (SLL, SLL2) and raw IP are known",
                           out.name_, type, type_name == nullptr ? "no name" : type_name)};
}

void PacketFile::cut_off() { fault_ = Error{ErrorCode::kTruncated, fmt::format("{} is cut off behind packet {}", name_, packets_)}; }

void PacketFile::broken(const char* complaint) {
  fault_ = Error{ErrorCode::kCorrupt, fmt::format("{} is broken behind packet {}: {}", name_, packets_, printable(complaint))};
}

// More of the file behind what is left, which moves to the front. False: there is no more.
bool PacketFile::refill() {
  Block& b = block_;
  std::memmove(b.octets.data(), b.octets.data() + b.begin, b.left());
  b.end = b.left();
  b.begin = 0;
  const std::size_t got = std::fread(b.octets.data() + b.end, 1, b.octets.size() - b.end, pcap_file(pcap_of(handle_.get())));
  b.end += got;
  return got > 0;
}

PacketFile::Step PacketFile::find(Packet& out, bool may_read) {
  if (fault_) return Step::kEnd;
  if (block_.empty()) return may_read ? find_by_libpcap(out) : Step::kLater;
  Block& b = block_;
  for (;;) {
    const std::byte* const at = b.octets.data() + b.begin;
    const std::uint32_t kept = b.left() < kRecordHeader ? 0 : number_at(at + 8, b.swapped);
    if (kept > kLongest) {
      broken(fmt::format("invalid packet capture length {}, bigger than maximum of {}", kept, kLongest).c_str());
      return Step::kEnd;
    }
    if (b.left() >= kRecordHeader + kept) {
      ++packets_;
      out.walltime = time_of(number_at(at, b.swapped), number_at(at + 4, b.swapped) * b.unit);
      out.octets = {at + kRecordHeader, std::min(kept, b.longest)};
      out.wire_length = number_at(at + 12, b.swapped);
      b.begin += kRecordHeader + kept;
      return Step::kPacket;
    }
    if (!may_read) return Step::kLater;
    if (refill()) continue;
    if (b.left() > 0) cut_off();
    return Step::kEnd;
  }
}

PacketFile::Step PacketFile::find_by_libpcap(Packet& out) {
  pcap_pkthdr* header = nullptr;
  const u_char* octets = nullptr;
  const int got = pcap_next_ex(pcap_of(handle_.get()), &header, &octets);
  if (got == 1) {
    ++packets_;
    // libpcap was asked for nanoseconds, and puts them where microseconds would be.
    out.walltime = time_of(header->ts.tv_sec, header->ts.tv_usec);
    out.octets = {reinterpret_cast<const std::byte*>(octets), header->caplen};
    out.wire_length = header->len;
    return Step::kPacket;
  }
  if (got == PCAP_ERROR_BREAK) return Step::kEnd;
  const char* complaint = pcap_geterr(pcap_of(handle_.get()));
  says_truncated(complaint) ? cut_off() : broken(complaint);
  return Step::kEnd;
}

const PacketFile::Packet* PacketFile::next() { return find(packet_, true) == Step::kPacket ? &packet_ : nullptr; }

std::size_t PacketFile::next_captured(std::span<CapturedPacket> out) {
  std::size_t count = 0;
  for (; count < out.size() && find(packet_, count == 0) == Step::kPacket; ++count) as_captured(packet_, out[count]);
  return count;
}

void PacketFile::as_captured(const Packet& packet, CapturedPacket& out) const {
  out.octets = packet.octets;
  out.wire_length = packet.wire_length;
  out.walltime = packet.walltime;
  out.if_index = 0;
  out.heading = Heading::kUnknown;
  out.ether_type = out.vlan_tpid = out.vlan_tci = 0;
  if (link_ == LinkHeader::kEthernet) return;
  ByteReader r(packet.octets);
  out.ether_type = kNoProtocol;
  if (link_ == LinkHeader::kCooked) {
    r.skip(14);
    out.ether_type = r.u16();
  } else if (link_ == LinkHeader::kCooked2) {
    out.ether_type = r.u16();
    r.skip(2);
    out.if_index = r.u32();
    r.skip(2);
    out.heading = r.u8() == kOutgoing ? Heading::kOut : Heading::kIn;
    r.skip(9);
  } else if (!packet.octets.empty()) {
    const int version = std::to_integer<int>(packet.octets[0]) >> 4;
    out.ether_type = version == 4 ? 0x0800 : version == 6 ? 0x86DD : kNoProtocol;
  }
  out.octets = r.rest();
  out.wire_length -= std::min<std::uint32_t>(out.wire_length, static_cast<std::uint32_t>(packet.octets.size() - r.remaining()));
}

}  // namespace vmtraffic
