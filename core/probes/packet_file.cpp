#include "core/probes/packet_file.hpp"

#include <fmt/format.h>
#include <pcap/pcap.h>
#include <sys/stat.h>

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

bool says_truncated(const char* complaint) { return std::string_view(complaint).find("truncated dump file") != std::string_view::npos; }

}  // namespace

void PacketFile::Close::operator()(void* handle) const noexcept { pcap_close(pcap_of(handle)); }

Result<PacketFile> PacketFile::open(const std::filesystem::path& path) {
  std::string name = printable(path.string());
  File file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (file == nullptr) return unreadable(name, errno);
  struct stat info {};
  if (fstat(fileno(file.get()), &info) != 0) return unreadable(name, errno);
  if (S_ISDIR(info.st_mode)) return Error{ErrorCode::kForeign, fmt::format("{} is a directory, not a recording", name)};
  std::setvbuf(file.get(), nullptr, _IOFBF, kBuffer);
  std::array<char, PCAP_ERRBUF_SIZE> complaint{};
  pcap_t* opened = pcap_fopen_offline_with_tstamp_precision(file.get(), PCAP_TSTAMP_PRECISION_NANO, complaint.data());
  if (opened == nullptr && says_truncated(complaint.data()))
    return Error{ErrorCode::kTruncated, fmt::format("{} ends before its first packet: this is no whole recording", name)};
  if (opened == nullptr)
    return Error{ErrorCode::kForeign,
                 fmt::format("{} is no recording of packets, neither pcap nor pcapng: {}", name, printable(complaint.data()))};
  (void)file.release();  // libpcap closes it
  const int type = pcap_datalink(opened);
  const std::optional<LinkHeader> link = link_of(type);
  PacketFile out(opened, link.value_or(LinkHeader::kNone), std::move(name));
  if (link) return out;
  const char* type_name = pcap_datalink_val_to_name(type);
  return Error{ErrorCode::kForeign,
               fmt::format("{} was recorded on links of type {} ({}); Ethernet, Linux's cooked ones (SLL, SLL2) and raw IP are known",
                           out.name_, type, type_name == nullptr ? "no name" : type_name)};
}

const PacketFile::Packet* PacketFile::next() {
  if (fault_) return nullptr;
  pcap_pkthdr* header = nullptr;
  const u_char* octets = nullptr;
  const int got = pcap_next_ex(pcap_of(handle_.get()), &header, &octets);
  if (got == 1) {
    ++packets_;
    // libpcap was asked for nanoseconds, and puts them where microseconds would be.
    packet_.walltime = std::clamp<std::int64_t>(header->ts.tv_sec, 0, kLastSecond) * kSecond +
                       std::clamp<std::int64_t>(header->ts.tv_usec, 0, kSecond - 1);
    packet_.octets = {reinterpret_cast<const std::byte*>(octets), header->caplen};
    packet_.wire_length = header->len;
    return &packet_;
  }
  if (got == PCAP_ERROR_BREAK) return nullptr;  // the end
  const char* complaint = pcap_geterr(pcap_of(handle_.get()));
  if (says_truncated(complaint)) {
    fault_ = Error{ErrorCode::kTruncated, fmt::format("{} is cut off within what follows packet {}", name_, packets_)};
  } else {
    fault_ = Error{ErrorCode::kCorrupt, fmt::format("{} is broken behind packet {}: {}", name_, packets_, printable(complaint))};
  }
  return nullptr;
}

const CapturedPacket* PacketFile::next_captured() {
  const Packet* packet = next();
  if (packet == nullptr) return nullptr;
  captured_.octets = packet->octets;
  captured_.wire_length = packet->wire_length;
  captured_.walltime = packet->walltime;
  if (link_ == LinkHeader::kEthernet) return &captured_;
  ByteReader r(packet->octets);
  captured_.ether_type = kNoProtocol;
  captured_.if_index = 0;
  captured_.heading = Heading::kUnknown;
  if (link_ == LinkHeader::kCooked) {
    r.skip(14);
    captured_.ether_type = r.u16();
  } else if (link_ == LinkHeader::kCooked2) {
    captured_.ether_type = r.u16();
    r.skip(2);
    captured_.if_index = r.u32();
    r.skip(2);
    captured_.heading = r.u8() == kOutgoing ? Heading::kOut : Heading::kIn;
    r.skip(9);
  } else if (!packet->octets.empty()) {
    const int version = std::to_integer<int>(packet->octets[0]) >> 4;
    captured_.ether_type = version == 4 ? 0x0800 : version == 6 ? 0x86DD : kNoProtocol;
  }
  captured_.octets = r.rest();
  captured_.wire_length -=
      std::min<std::uint32_t>(captured_.wire_length, static_cast<std::uint32_t>(packet->octets.size() - r.remaining()));
  return &captured_;
}

}  // namespace vmtraffic
