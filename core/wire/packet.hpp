// One frame, from what a capture or an sFlow agent kept of its beginning, as a plain value: Ethernet to TCP, and through tunnels.
//
// Promised:
// - Nothing is read outside the octets given, nothing is allocated, all nesting is bounded. The result holds no pointer: what it says about
//   octets (payload, options) are extents of the snapshot.
// - What was decoded before something was broken, cut off or unknown stays; the fault says which it was, and at which layer.
// - Lengths are the packet's own: a payload is as long as its IP header says, however little of it the snapshot has. Checksums are never
//   looked at: on a tap they are unfilled.
//
//   Ethernet, 802.1Q, 802.1ad      IEEE 802.3, 802.1Q             | dst 6 | src 6 | (TPID 2 | TCI 2)* | EtherType 2 | …
//   MPLS                           RFC 3032                       | label 20 bits | class 3 | bottom 1 | TTL 8 | … until bottom
//   ARP                            RFC 826                        | 1 | 0x0800 | 6 | 4 | op 2 | sha 6 | spa 4 | tha 6 | tpa 4 |
//   IPv4                           RFC 791, 2474, 3168            | 4, IHL | DSCP ECN | length 2 | id 2 | flags 3, offset 13 | TTL |
//   protocol | sum 2 | src 4 | dst 4 | … IPv6 and its extensions        RFC 8200, 4302, 2675           | 6, class, label 4 | length 2 |
//   next | hop limit | src 16 | dst 16 | (next, length, …)* | TCP and its options            RFC 9293, 7323, 2018           | ports 4 | seq
//   4 | ack 4 | offset 4, flags 12 | window 2 | sum 2 | urgent 2 | options | UDP                            RFC 768 | ports 4 | length 2 |
//   sum 2 | ICMP, ICMPv6                   RFC 792, 4443                  | type | code | sum 2 | echo: id 2 | sequence 2 | VXLAN RFC 7348
//   (UDP 4789)            | flags, 0x08: VNI valid | 24 | VNI 24 | 8 | Ethernet Geneve                         RFC 8926 (UDP 6081) | 2,
//   options' words 6 | O C | type 2 | VNI 24 | 8 | options | … GRE, NVGRE                     RFC 2784, 2890, 7637           | C K S …,
//   version 3 | type 2 | (sum 2, 2)(key 4)(sequence 4) | … IP in IP                       RFC 2003, 4213, 2473           | IP | IP | …
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/types.hpp"
#include "core/wire/address.hpp"
#include "core/wire/byte_reader.hpp"

namespace vmtraffic {

inline constexpr std::size_t kMaxVlanTags = 4;
inline constexpr std::size_t kMaxMplsLabels = 8;
inline constexpr std::size_t kMaxIpv6Extensions = 8;
inline constexpr std::size_t kMaxTunnels = 4;
inline constexpr std::size_t kMaxSackBlocks = 4;  // what 40 octets of options can hold

enum class PacketFault : std::uint8_t {
  kNone = 0,
  kTruncated = 1,  // the snapshot ends here; the packet went on
  kMalformed = 2,  // a field contradicts its protocol or another length
  kUnknown = 3,    // a type or protocol that is not decoded
  kTooDeep = 4,    // more tags, labels, extension headers or tunnels than are followed
};
std::string_view name_of(PacketFault fault);  // "none", "truncated", …

enum class Layer : std::uint8_t {
  kNone = 0,
  kEthernet = 1,
  kVlan = 2,
  kMpls = 3,
  kArp = 4,
  kIpv4 = 5,
  kIpv6 = 6,
  kIpExtension = 7,  // IPv6 extension headers, and AH under IPv4
  kTcp = 8,
  kUdp = 9,
  kIcmp = 10,  // either version
  kVxlan = 11,
  kGeneve = 12,
  kGre = 13,
  kIpInIp = 14,
};
std::string_view name_of(Layer layer);  // "ethernet", "vlan", …

// Up to N values in place.
template <class T, std::size_t N>
struct Bounded {
  std::array<T, N> items;  // the first `count`; of the others nothing is known: a packet is made for each sample
  std::uint8_t count;
  Bounded() : count(0) {}

  bool add(const T& item) {  // false: full
    if (count == N) return false;
    items[count++] = item;
    return true;
  }
  const T* begin() const { return items.data(); }
  const T* end() const { return items.data() + count; }
  std::size_t size() const { return count; }
  bool empty() const { return count == 0; }
  const T& operator[](std::size_t i) const { return items[i]; }
  friend bool operator==(const Bounded& a, const Bounded& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }
};

// Octets [offset, offset + length) of the snapshot.
struct Extent {
  std::uint32_t offset{0};
  std::uint32_t length{0};
  friend bool operator==(const Extent&, const Extent&) = default;
  Octets of(Octets snapshot) const { return snapshot.subspan(offset, length); }
};

struct VlanTag {
  std::uint16_t tpid{0};  // 0x8100, 0x88a8, 0x9100
  std::uint16_t tci{0};
  std::uint16_t id() const { return tci & 0xFFF; }
  std::uint8_t priority() const { return static_cast<std::uint8_t>(tci >> 13); }
  bool drop_eligible() const { return (tci & 0x1000) != 0; }
  friend bool operator==(const VlanTag&, const VlanTag&) = default;
};

struct MplsLabel {
  std::uint32_t entry{0};
  std::uint32_t label() const { return entry >> 12; }
  std::uint8_t traffic_class() const { return entry >> 9 & 7; }
  bool bottom() const { return (entry & 0x100) != 0; }
  std::uint8_t ttl() const { return entry & 0xFF; }
  friend bool operator==(const MplsLabel&, const MplsLabel&) = default;
};

struct Ethernet {
  MacAddress dst, src;
  friend bool operator==(const Ethernet&, const Ethernet&) = default;
};

struct Arp {
  std::uint16_t operation{0};  // 1 request, 2 reply
  MacAddress sender_mac;
  IpAddress sender_ip;
  MacAddress target_mac;
  IpAddress target_ip;
  friend bool operator==(const Arp&, const Arp&) = default;
};

struct Fragment {
  std::uint32_t id{0};
  std::uint32_t offset{0};  // octets
  bool more{false};
  friend bool operator==(const Fragment&, const Fragment&) = default;
};

struct Ip {
  IpAddress src, dst;
  std::uint8_t protocol{0};  // behind all extension headers that were read
  std::uint8_t ttl{0};       // IPv6: hop limit
  std::uint8_t dscp{0}, ecn{0};
  std::uint16_t header_length{0};  // octets, with options and extension headers
  std::uint16_t id{0};             // IPv4 alone
  std::uint32_t flow_label{0};     // IPv6 alone
  // Octets, header included. It may pass 65,535: IPv6 jumbograms, and IPv4 frames of the host's own offloading whose field is 0, where
  // it is what the frame has.
  std::uint32_t total_length{0};
  bool dont_fragment{false};
  std::optional<Fragment> fragment{};  // absent: whole. With offset > 0 no transport header follows
  std::uint8_t version() const { return src.version; }
  friend bool operator==(const Ip&, const Ip&) = default;
};

enum TcpFlag : std::uint16_t {
  kTcpFin = 0x001,
  kTcpSyn = 0x002,
  kTcpRst = 0x004,
  kTcpPsh = 0x008,
  kTcpAck = 0x010,
  kTcpUrg = 0x020,
  kTcpEce = 0x040,
  kTcpCwr = 0x080,
  kTcpAe = 0x100,  // RFC 9768; once NS
};

struct Tcp {
  std::uint16_t src_port{0}, dst_port{0};
  std::uint32_t seq{0}, ack{0};
  std::uint16_t flags{0};  // TcpFlag
  std::uint16_t window{0};
  std::uint8_t header_length{0};  // octets
  Extent options{};               // as far as the snapshot has them: tcp_options() reads them
  bool has(TcpFlag flag) const { return (flags & flag) != 0; }
  friend bool operator==(const Tcp&, const Tcp&) = default;
};

struct Udp {
  std::uint16_t src_port{0}, dst_port{0};
  std::uint16_t length{0};  // as it says itself
  friend bool operator==(const Udp&, const Udp&) = default;
};

struct IcmpEcho {
  std::uint16_t id{0}, sequence{0};
  friend bool operator==(const IcmpEcho&, const IcmpEcho&) = default;
};

struct Icmp {  // of the version of its IP header
  std::uint8_t type{0}, code{0};
  std::optional<IcmpEcho> echo{};  // requests and replies
  friend bool operator==(const Icmp&, const Icmp&) = default;
};

struct Frame {
  Extent extent;                // where it lies in the snapshot
  std::uint32_t length{0};      // octets that it has on the wire, as far as the lengths around it tell
  std::uint16_t ether_type{0};  // what follows the tags; below 0x600 it is an 802.3 length
  std::optional<Ethernet> ethernet{};
  Bounded<VlanTag, kMaxVlanTags> vlans;     // outermost first
  Bounded<MplsLabel, kMaxMplsLabels> mpls;  // outermost first
  std::optional<Arp> arp{};
  std::optional<Ip> ip{};
  std::optional<Tcp> tcp{};
  std::optional<Udp> udp{};
  std::optional<Icmp> icmp{};
  Extent payload;                   // behind the last header that was read, without Ethernet padding
  std::uint32_t payload_length{0};  // the same on the wire
  friend bool operator==(const Frame&, const Frame&) = default;
};

enum class TunnelKind : std::uint8_t { kNone = 0, kVxlan = 1, kGeneve = 2, kGre = 3, kIpInIp = 4 };
std::string_view name_of(TunnelKind kind);  // "none", "vxlan", …

struct Tunnel {
  TunnelKind kind{TunnelKind::kNone};
  std::uint16_t protocol{0};  // EtherType of what it carries; 0x6558: Ethernet
  // VXLAN and Geneve: the VNI. GRE that carries Ethernet with a key and nothing else, as NVGRE does: the key's upper 24 bits, its VSID.
  // Open vSwitch's own GRE looks the same and uses all of `key`.
  std::optional<std::uint32_t> vni{};
  std::optional<std::uint32_t> key{};       // GRE
  std::optional<std::uint32_t> sequence{};  // GRE
  std::optional<std::uint16_t> checksum{};  // GRE, unchecked
  Extent options{};                         // Geneve
  friend bool operator==(const Tunnel&, const Tunnel&) = default;
};

struct Packet {
  Frame outer;
  Frame inner;            // the innermost frame of which anything was read; all empty when depth is 0
  std::uint8_t depth{0};  // tunnels between the two, up to kMaxTunnels; frames in the middle are not kept
  Tunnel tunnel;          // what `inner` came out of. With depth 0: a tunnel header was read, and nothing of what it carries
  PacketFault fault{PacketFault::kNone};
  Layer fault_at{Layer::kNone};
  const Frame& innermost() const { return depth > 0 ? inner : outer; }
  friend bool operator==(const Packet&, const Packet&) = default;
};

inline constexpr std::array<std::uint16_t, 1> kVxlanPorts{4789};
inline constexpr std::array<std::uint16_t, 1> kGenevePorts{6081};

struct PacketFormat {
  std::optional<std::uint16_t> ether_type{};  // the snapshot begins with what this EtherType stands for; absent: with Ethernet itself
  std::span<const std::uint16_t> vxlan_ports{kVxlanPorts};    // UDP destinations
  std::span<const std::uint16_t> geneve_ports{kGenevePorts};  // UDP destinations
};

// Decodes a frame of which `snapshot` is the beginning. `wire_length` is the frame's length in octets without FCS; less than the snapshot
// has means that it is unknown, and the snapshot is taken for all of it.
Packet decode_packet(Octets snapshot, std::size_t wire_length, const PacketFormat& format = {});
// The same in place, into a packet of which nothing is said yet.
void decode_packet(Octets snapshot, std::size_t wire_length, const PacketFormat& format, Packet& packet);

struct SackBlock {
  std::uint32_t left{0}, right{0};
  friend bool operator==(const SackBlock&, const SackBlock&) = default;
};

struct TcpTimestamps {
  std::uint32_t value{0}, echo_reply{0};
  friend bool operator==(const TcpTimestamps&, const TcpTimestamps&) = default;
};

struct TcpOptions {
  std::optional<std::uint16_t> mss{};
  std::optional<std::uint8_t> window_scale{};  // the shift
  bool sack_permitted{false};
  Bounded<SackBlock, kMaxSackBlocks> sack;  // the first may be a D-SACK (RFC 2883)
  std::optional<TcpTimestamps> timestamps{};
  bool complete{true};  // false: cut off by the snapshot, or malformed; what came before is there
  friend bool operator==(const TcpOptions&, const TcpOptions&) = default;
};

// The options of one segment of this snapshot: apart, because most readers of a packet need none of them.
TcpOptions tcp_options(Octets snapshot, const Tcp& tcp);

}  // namespace vmtraffic
