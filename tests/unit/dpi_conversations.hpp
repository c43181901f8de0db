// Conversations that nDPI knows, packet by packet from the IP header on: what the tests of core/dpi show to a detector.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/wire_packet_builder.hpp"

namespace vmtraffic::dpi_test {

using wire_test::Bytes;

struct Conversation {
  std::string name;
  std::vector<Bytes> packets;
};

inline Bytes ip(unsigned version, std::uint32_t protocol, const Bytes& payload, bool back = false) {
  if (version == 4)
    return wire_test::ipv4(protocol, payload,
                           back ? wire_test::Ipv4Head{.src = wire_test::kIpB, .dst = wire_test::kIpA} : wire_test::Ipv4Head{});
  return wire_test::ipv6(protocol, payload, back ? wire_test::Ipv6Head{.src = 2, .dst = 1} : wire_test::Ipv6Head{});
}

// A TCP conversation of a client on port 40000: its handshake, then what each side says in turn.
inline Conversation over_tcp(std::string name, std::uint32_t port, const std::vector<Bytes>& said, unsigned version = 4) {
  std::uint32_t seq[2] = {1000, 50000};
  const auto segment = [&](unsigned side, std::uint32_t flags, const Bytes& payload) {
    wire_test::TcpHead head{.src = 40000, .dst = port, .seq = seq[side], .ack = flags == 2 ? 0 : seq[1 - side], .flags = flags};
    if (side == 1) std::swap(head.src, head.dst);
    seq[side] += static_cast<std::uint32_t>(payload.size()) + ((flags & 2) != 0 ? 1 : 0);
    return ip(version, 6, wire_test::tcp(payload, head), side == 1);
  };
  Conversation made{std::move(name), {}};
  made.packets.push_back(segment(0, 0x02, {}));
  made.packets.push_back(segment(1, 0x12, {}));
  made.packets.push_back(segment(0, 0x10, {}));
  for (std::size_t i = 0; i < said.size(); ++i) made.packets.push_back(segment(i % 2, 0x18, said[i]));
  return made;
}

inline Conversation over_udp(std::string name, std::uint32_t port, const std::vector<Bytes>& said, unsigned version = 4) {
  Conversation made{std::move(name), {}};
  for (std::size_t i = 0; i < said.size(); ++i) {
    const bool back = i % 2 == 1;
    made.packets.push_back(ip(version, 17, back ? wire_test::udp(port, 40000, said[i]) : wire_test::udp(40000, port, said[i]), back));
  }
  return made;
}

inline Bytes tls_extension(std::uint32_t type, const Bytes& body) { return Bytes().u16(type).u16(body.size()).add(body); }

// RFC 8446 section 4.1.2, of 517 octets as browsers pad it, or more.
inline Bytes client_hello(std::string_view server, std::size_t size = 517) {
  Bytes extensions;
  const Bytes name = Bytes().u16(server.size() + 3).u8(0).u16(server.size()).text(server);
  constexpr std::size_t kBeforeExtensions = 5 + 4 + 2 + 32 + 1 + 32 + 2 + 8 + 2 + 2;
  extensions.add(tls_extension(0, name));
  extensions.add(tls_extension(0x2B, Bytes().u8(4).u16(0x0304).u16(0x0303)));
  extensions.add(tls_extension(0x10, Bytes().u16(12).u8(2).text("h2").u8(8).text("http/1.1")));
  if (kBeforeExtensions + extensions.size() + 4 < size)
    extensions.add(tls_extension(0x15, Bytes().fill(size - kBeforeExtensions - extensions.size() - 4)));
  Bytes hello;
  hello.u16(0x0303).fill(32, 0x5A).u8(32).fill(32, 0xA5).u16(8).u16(0x1301).u16(0x1302).u16(0xC02F).u16(0xC030).u8(1).u8(0);
  hello.u16(extensions.size()).add(extensions);
  return Bytes().u8(0x16).u16(0x0301).u16(hello.size() + 4).u8(1).u24(hello.size()).add(hello);
}

inline Bytes server_hello() {
  Bytes extensions = tls_extension(0x2B, Bytes().u16(0x0304)).add(tls_extension(0x33, Bytes().u16(0x1D).u16(32).fill(32, 0x77)));
  Bytes hello = Bytes().u16(0x0303).fill(32, 0x33).u8(32).fill(32, 0xA5).u16(0x1301).u8(0).u16(extensions.size()).add(extensions);
  Bytes made = Bytes().u8(0x16).u16(0x0303).u16(hello.size() + 4).u8(2).u24(hello.size()).add(hello);
  return made.add(Bytes().raw({0x14, 3, 3, 0, 1, 1, 0x17, 3, 3, 4, 0}).fill(1024, 0xE7));
}

inline Bytes dns_name(std::string_view name) {
  Bytes made;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    made.u8(label.size()).text(label);
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return made.u8(0);
}

inline Bytes dns_query(std::string_view name) {
  return Bytes().u16(0x1234).u16(0x0100).u16(1).u16(0).u16(0).u16(0).add(dns_name(name)).u16(1).u16(1);
}

inline Bytes dns_response(std::string_view name, unsigned answers) {
  Bytes made = Bytes().u16(0x1234).u16(0x8180).u16(1).u16(answers).u16(0).u16(0).add(dns_name(name)).u16(1).u16(1);
  for (unsigned i = 0; i < answers; ++i) made.u16(0xC00C).u16(1).u16(1).u32(300).u16(4).u32(0xC0000200 + i);
  return made;
}

inline Bytes http_get(std::string_view host, std::size_t cookie = 600) {
  return Bytes()
      .text("GET /a/b HTTP/1.1\r\nHost: ")
      .text(host)
      .text("\r\nUser-Agent: curl/8.0\r\nCookie: a=")
      .text(std::string(cookie, 'x'))
      .text("\r\n\r\n");
}
inline Bytes http_ok() {
  return Bytes().text("HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\n\r\n").text(std::string(900, 'z'));
}

// RFC 9000 section 17.2.2, version 1; what is encrypted is anything.
inline Bytes quic_initial() { return Bytes().u8(0xC3).u32(1).u8(8).u64(0x0102030405060708).u8(0).u8(0).u16(0x449E).fill(1182, 0x6B); }

// Of no application, and not all alike.
inline Bytes noise(std::size_t count, unsigned seed) {
  Bytes made;
  for (std::size_t i = 0; i < count; ++i) made.u8((seed = seed * 1103515245 + 12345) >> 16 & 0xFF);
  return made;
}

inline std::vector<Conversation> known_conversations() {
  const Bytes ssh = Bytes().text("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
  std::vector<Conversation> all;
  for (const unsigned version : {4u, 6u}) {
    const std::string v = std::to_string(version);
    all.push_back(over_udp("dns" + v, 53, {dns_query("www.example.org"), dns_response("www.example.org", 12)}, version));
    all.push_back(over_tcp("tls" + v, 443, {client_hello("shop.example.org"), server_hello()}, version));
    all.push_back(over_tcp("tls-google" + v, 8443, {client_hello("www.google.com"), server_hello()}, version));
    all.push_back(over_tcp("http" + v, 80, {http_get("shop.example.org"), http_ok()}, version));
    all.push_back(over_tcp("ssh" + v, 22, {ssh, ssh}, version));
    all.push_back(over_udp("quic" + v, 443, {quic_initial(), quic_initial()}, version));
    all.push_back(over_udp("ntp" + v, 123, {Bytes().u8(0x23).fill(47)}, version));
  }
  return all;
}

// The first octets of a TLS record: nDPI keeps them until the rest is there.
inline Bytes begun_record(unsigned seed = 0) { return Bytes().raw({0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC}).fill(50, seed); }

// RFC 4302, of 24 octets.
inline Bytes authentication(std::uint32_t next, const Bytes& payload) {
  return Bytes().u8(next).u8(4).u16(0).u32(1).u32(1).fill(12, 0x41).add(payload);
}

// More of them than core/wire follows; nDPI follows all.
inline Bytes nine_extensions(std::uint32_t next, const Bytes& payload) {
  Bytes made = wire_test::extension(next, Bytes().fill(6), payload);
  for (int i = 0; i < 8; ++i) made = wire_test::extension(60, Bytes().fill(6), made);
  return made;
}

// To core/wire all packets of each have one transport, to nDPI two.
inline std::vector<Conversation> two_faced_conversations() {
  const Bytes tcp = wire_test::tcp(begun_record()), udp = wire_test::udp(40000, 443, noise(100, 1));
  return {
      {"authentication-header", {ip(4, 6, tcp), ip(4, 51, authentication(6, tcp))}},
      {"nine-extensions", {ip(6, 60, nine_extensions(6, tcp)), ip(6, 60, nine_extensions(17, udp))}},
  };
}

}  // namespace vmtraffic::dpi_test
