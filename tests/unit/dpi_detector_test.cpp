// Applications by nDPI: which, after how many packets, and what is left of them.
#include <dlfcn.h>
#include <gmock/gmock.h>

#include <map>

#include "core/dpi/application_detector.hpp"
#include "tests/unit/dpi_conversations.hpp"

namespace vmtraffic {

void PrintTo(const Application& a, std::ostream* out) {
  *out << a.id << " " << a.name << " (" << a.category << ") '" << a.server_name << "'" << (a.guessed ? " guessed" : "");
}

namespace {

using namespace dpi_test;

// nDPI's own allocations, alive now.
std::map<void*, std::size_t> g_alive;  // NOLINT(bugprone-exception-escape)
void* counted_malloc(std::size_t size) {
  void* const made = std::malloc(size);
  g_alive[made] = size;
  return made;
}
void counted_free(void* one) {
  g_alive.erase(one);
  std::free(one);
}

class DpiDetector : public testing::Test {
 public:
  static std::unique_ptr<ApplicationDetector> make(const ApplicationOptions& options = {}) {
    auto made = ApplicationDetector::make(options);
    EXPECT_TRUE(made.ok()) << made.error();
    return std::move(*made);
  }

  // The verdict about a conversation, cut to `snap` octets a packet, and in `packets` how many it took.
  static Application verdict(ApplicationDetector& detector, const Conversation& all, std::size_t snap = 65535,
                             std::size_t* packets = nullptr) {
    ApplicationFlow flow;
    Nanoseconds now = 1000 * kSecond;
    for (std::size_t i = 0; i < all.packets.size(); ++i) {
      const Octets whole = all.packets[i].octets();
      const Octets first = whole.first(std::min(snap, whole.size()));
      const std::vector<std::byte> cut(first.begin(), first.end());  // of its own, so that the sanitizer sees its end
      DetectionStep step = detector.inspect(flow, cut, whole.size(), now += kSecond / 1000);
      if (packets != nullptr) *packets = i + 1;
      if (step.detection == Detection::kFinal) {
        EXPECT_EQ(flow, nullptr);
        return step.application;
      }
    }
    return detector.give_up(flow);
  }
};

constexpr std::uint32_t kTls = 91, kDns = 5, kHttp = 7, kSsh = 92, kQuic = 188, kNtp = 9, kGoogle = 126;

const std::map<std::string, Application> kExpected{
    {"dns", {.id = kDns, .name = "DNS", .category = "Network", .server_name = "www.example.org"}},
    {"tls", {.id = kTls, .name = "TLS", .category = "Web", .server_name = "shop.example.org"}},
    {"tls-google", {.id = kTls << 16 | kGoogle, .name = "TLS.Google", .category = "Web", .server_name = "www.google.com"}},
    {"http", {.id = kHttp, .name = "HTTP", .category = "Web", .server_name = "shop.example.org"}},
    {"ssh", {.id = kSsh, .name = "SSH", .category = "RemoteAccess"}},
    {"quic", {.id = kQuic, .name = "QUIC", .category = "Web"}},
    {"ntp", {.id = kNtp, .name = "NTP", .category = "System"}},
};

TEST_F(DpiDetector, KnownByTheirFirstPayload) {
  const auto detector = make({.server_names = true});
  for (const Conversation& all : known_conversations()) {
    std::size_t packets = 0;
    EXPECT_EQ(verdict(*detector, all, 65535, &packets), kExpected.at(all.name.substr(0, all.name.size() - 1))) << all.name;
    EXPECT_EQ(packets, all.packets.size() > 3 ? 4 : 1) << all.name;
  }
  EXPECT_EQ(detector->in_detection(), 0);
  EXPECT_EQ(detector->counters(), (ApplicationCounters{.flows = 14, .packets = 14, .unusable = 24, .by_content = 14}));
}

TEST_F(DpiDetector, ServerNamesOnlyWhenAskedFor) {
  const auto detector = make();
  for (const Conversation& all : known_conversations()) {
    Application expected = kExpected.at(all.name.substr(0, all.name.size() - 1));
    expected.server_name.clear();
    EXPECT_EQ(verdict(*detector, all), expected) << all.name;
  }
}

// nDPI itself takes a cut packet for none at all.
TEST_F(DpiDetector, KnownWhenCutAsACaptureCuts) {
  const auto detector = make({.server_names = true});
  for (const std::size_t snap : {128u, 192u, 256u}) {
    for (const Conversation& all : known_conversations()) {
      Application expected = kExpected.at(all.name.substr(0, all.name.size() - 1));
      // Where the name lies behind the cut, the application that is known by it is not known.
      const std::size_t name_at = (all.name.back() == '4' ? 40 : 60) + 90 + 9;
      if (all.name.starts_with("tls") && snap <= name_at + expected.server_name.size())
        expected = kExpected.at("tls"), expected.server_name.clear();
      EXPECT_EQ(verdict(*detector, all, snap), expected) << all.name << " cut to " << snap;
    }
  }
}

TEST_F(DpiDetector, ResponseAloneIsEnough) {
  const auto detector = make({.server_names = true});
  Conversation dns = over_udp("dns", 53, {dns_query("www.example.org"), dns_response("www.example.org", 12)});
  dns.packets.erase(dns.packets.begin());
  EXPECT_EQ(verdict(*detector, dns), kExpected.at("dns"));
  EXPECT_EQ(verdict(*detector, dns, 128), kExpected.at("dns"));
}

TEST_F(DpiDetector, HalfANameIsNoName) {
  const auto detector = make({.server_names = true});
  const auto tls = [](std::string_view name) { return over_tcp("tls", 443, {client_hello(name)}); };
  const auto dns = [](std::string_view name) { return over_udp("dns", 53, {dns_query(name)}); };
  const auto http = [](std::string_view name) { return over_tcp("http", 80, {http_get(name)}); };
  const std::string_view name = "www.portal.example.org";
  for (const Conversation& all : {tls(name), dns(name), http(name)}) {
    const Octets last = all.packets.back().octets();
    std::size_t with_name = 0;
    for (std::size_t snap = 20; snap <= last.size(); ++snap) {
      const Application found = verdict(*detector, all, snap);
      EXPECT_TRUE(found.server_name.empty() || found.server_name == name) << all.name << " cut to " << snap << ": " << found.server_name;
      EXPECT_THAT(found.name, testing::AnyOf("DNS", "TLS", "HTTP", "Unknown")) << all.name << " cut to " << snap;
      if (!found.server_name.empty()) ++with_name;
    }
    EXPECT_GT(with_name, 0) << all.name;
  }
}

// As clients make it that offer a post-quantum key.
TEST_F(DpiDetector, HelloOfTwoSegments) {
  const auto detector = make({.server_names = true});
  Bytes hello = client_hello("www.google.com", 1800);
  const Bytes first = Bytes().text(text_of(hello.octets().first(1400))), second = Bytes().text(text_of(hello.octets().subspan(1400)));
  Conversation all = over_tcp("tls", 8443, {first, {}, second});
  for (const std::size_t snap : {192u, 256u, 65535u}) EXPECT_EQ(verdict(*detector, all, snap), kExpected.at("tls-google")) << snap;
  EXPECT_EQ(verdict(*detector, all, 128), (Application{.id = kTls, .name = "TLS", .category = "Web"}));
}

TEST_F(DpiDetector, NamesAreBoundedAndPrintable) {
  const auto detector = make({.server_names = true});
  const auto name_of = [&](std::string_view name) { return verdict(*detector, over_tcp("tls", 443, {client_hello(name)})).server_name; };
  std::string label = "a23456789.b23456789.c23456789.d23456789.e23456789.f23456789.g23456789.example.org";  // 81
  EXPECT_EQ(name_of(label), label.substr(label.size() - 64));
  EXPECT_EQ(name_of("UPPER.example.org"), "upper.example.org");
  EXPECT_EQ(name_of("evil\x1b[2J.example.org"), "");
  EXPECT_EQ(name_of("two words.example.org"), "");
  EXPECT_EQ(name_of("\xc3\xa4.example.org"), "");
  const auto query = [&](std::string_view name) { return verdict(*detector, over_udp("dns", 53, {dns_query(name)})).server_name; };
  EXPECT_EQ(query("_ldap._tcp.Example.org"), "_ldap._tcp.example.org");
  EXPECT_EQ(query("evil\x1b[2J.example.org"), "");
  EXPECT_EQ(query(std::string("nul\0nul.example.org", 19)), "");
}

TEST_F(DpiDetector, UnknownIsGivenUpAfterSoManyPackets) {
  const auto detector = make({.packets_per_flow = 5});
  std::vector<Bytes> said;
  for (unsigned i = 0; i < 20; ++i) said.push_back(noise(100 + i, i + 1));
  std::size_t packets = 0;
  EXPECT_EQ(verdict(*detector, over_tcp("noise", 4444, said), 128, &packets), Application{});
  EXPECT_LE(packets, 3 + 5);
  EXPECT_EQ(verdict(*detector, over_tcp("noise", 443, said), 128, &packets),
            (Application{.id = kTls, .name = "TLS", .category = "Web", .guessed = true}));
  EXPECT_LE(packets, 3 + 5);
  EXPECT_EQ(detector->counters().unknown, 1);
  EXPECT_EQ(detector->counters().guessed, 1);
  EXPECT_EQ(detector->in_detection(), 0);
}

TEST_F(DpiDetector, FlowThatEndsEarlyIsGuessedFromWhatWasSeen) {
  const auto detector = make();
  const Conversation all = over_tcp("noise", 443, {noise(100, 1)});
  ApplicationFlow flow;
  for (const Bytes& packet : all.packets)
    EXPECT_NE(detector->inspect(flow, packet.octets(), packet.size(), 0).detection, Detection::kFinal);
  ASSERT_NE(flow, nullptr);
  EXPECT_EQ(detector->give_up(flow), (Application{.id = kTls, .name = "TLS", .category = "Web", .guessed = true}));
  EXPECT_EQ(flow, nullptr);
  EXPECT_EQ(detector->give_up(flow), Application{});
  EXPECT_EQ(detector->counters(), (ApplicationCounters{.flows = 1, .packets = 1, .unusable = 3, .guessed = 1}));
}

TEST_F(DpiDetector, FlowsBeyondTheBoundAreRefusedAndCounted) {
  const auto detector = make({.flows = 6});
  const Bytes packet = over_tcp("noise", 4444, {noise(100, 1)}).packets.back();
  const auto inspect = [&](ApplicationFlow& flow) { return detector->inspect(flow, packet.octets(), packet.size(), 0).detection; };
  std::vector<ApplicationFlow> flows(5);
  std::vector<Detection> found;
  for (ApplicationFlow& flow : flows) found.push_back(inspect(flow));
  EXPECT_THAT(
      found, testing::ElementsAre(Detection::kUndecided, Detection::kUndecided, Detection::kUndecided, Detection::kFull, Detection::kFull));
  EXPECT_EQ(inspect(flows[0]), Detection::kUndecided);  // one that is in may go on
  EXPECT_EQ(detector->in_detection(), 3);
  flows[1].reset();
  EXPECT_EQ(detector->in_detection(), 2);
  EXPECT_EQ(inspect(flows[4]), Detection::kUndecided);
  EXPECT_EQ(detector->counters(), (ApplicationCounters{.flows = 4, .refused = 2, .packets = 5}));
}

TEST_F(DpiDetector, OneOwnersFlowsLeaveRoomForOthers) {
  const auto detector = make({.flows = 5});
  const Bytes packet = over_tcp("noise", 4444, {noise(100, 1)}).packets.back();
  const auto inspect = [&](ApplicationFlow& flow, std::uint32_t owner) {
    return detector->inspect(flow, packet.octets(), packet.size(), 0, owner).detection;
  };
  std::vector<ApplicationFlow> flows(6);
  for (const std::size_t i : {0U, 1U, 2U}) EXPECT_EQ(inspect(flows[i], 7), Detection::kUndecided);
  EXPECT_EQ(inspect(flows[3], 7), Detection::kFull);
  EXPECT_EQ(inspect(flows[4], 0), Detection::kUndecided);
  EXPECT_EQ(inspect(flows[0], 0), Detection::kUndecided) << "one that is in goes on";
  flows[1].reset();
  flows[2].reset();
  EXPECT_EQ(inspect(flows[3], 7), Detection::kUndecided);
  EXPECT_EQ(inspect(flows[1], 7), Detection::kFull) << "each of two owners has a third, and a third is free";
  EXPECT_EQ(detector->counters(), (ApplicationCounters{.flows = 5, .refused = 2, .packets = 6}));
}

TEST_F(DpiDetector, NothingUsableBeginsNoFlow) {
  const auto detector = make();
  const Bytes udp = wire_test::udp(40000, 53, dns_query("a.example.org"));
  const Conversation tcp = over_tcp("tls", 443, {client_hello("a.example.org")});
  const Bytes whole = tcp.packets.back();
  const std::vector<std::pair<const char*, Bytes>> all{
      {"nothing", {}},
      {"one octet", Bytes().u8(0x45)},
      {"garbage", Bytes().u8(0xA1).add(noise(200, 7))},
      {"version 5", Bytes().u8(0x55).fill(100)},
      {"ones", Bytes().fill(200, 0xFF)},
      {"short header", Bytes().u8(0x44).fill(100)},
      {"total length within the header", wire_test::ipv4(17, udp, {.total_length = 19})},
      {"nothing behind the header", wire_test::ipv4(17, {})},
      {"a later fragment", wire_test::ipv4(17, udp, {.fragment = 0x2010})},
      {"a later fragment of IPv6", wire_test::ipv6(44, wire_test::fragment6(17, 64, true, udp))},
      {"SYN", tcp.packets[0]},
      {"ACK", tcp.packets[2]},
      {"UDP without payload", wire_test::ipv4(17, wire_test::udp(1, 2, {}))},
      {"half a TCP header", Bytes().add(wire_test::ipv4(6, Bytes().u16(40000).u16(443).u32(1)))},
  };
  for (const auto& [name, packet] : all) {
    ApplicationFlow flow;
    const std::vector<std::byte> copy = packet.vector();
    EXPECT_EQ(detector->inspect(flow, copy, copy.size(), 0).detection, Detection::kUnusable) << name;
    EXPECT_EQ(flow, nullptr) << name;
  }
  EXPECT_EQ(detector->counters(), (ApplicationCounters{.unusable = all.size()}));
}

// nDPI would free what it took from one as if it came from the other.
TEST_F(DpiDetector, FlowHasOneProtocol) {
  const auto detector = make();
  const Bytes tcp = over_tcp("tls", 443, {begun_record()}).packets.back();
  const Bytes udp = over_udp("noise", 4444, {noise(100, 1)}).packets.back(),
              tcp6 = over_tcp("noise", 443, {noise(100, 1)}, 6).packets.back();
  ApplicationFlow flow;
  const auto inspect = [&](const Bytes& packet) { return detector->inspect(flow, packet.octets(), packet.size(), 0).detection; };
  EXPECT_EQ(inspect(tcp), Detection::kUndecided);
  EXPECT_EQ(inspect(udp), Detection::kUnusable);
  EXPECT_EQ(inspect(tcp6), Detection::kUnusable);
  EXPECT_EQ(inspect(tcp), Detection::kUndecided);
}

// nDPI follows extension headers otherwise than core/wire.
TEST_F(DpiDetector, TransportIsWhatTheIpHeaderStates) {
  const auto detector = make();
  const Bytes tcp = wire_test::tcp(begun_record()), udp = wire_test::udp(40000, 443, noise(100, 1));
  ApplicationFlow flow;
  const auto inspect = [&](const Bytes& packet, std::size_t snap = 65535) {
    return detector->inspect(flow, packet.octets().first(std::min(snap, packet.size())), packet.size(), 0).detection;
  };
  for (const std::uint32_t next : {0u, 43u, 44u, 51u, 59u, 60u, 135u, 139u, 140u}) {
    for (const Bytes& transport : {tcp, udp}) {
      const Bytes followed = next == 51 ? authentication(6, transport) : wire_test::extension(6, Bytes().fill(6), transport);
      for (const std::size_t snap : {41u, 44u, 48u, 60u, 128u}) {
        EXPECT_EQ(inspect(ip(6, next, followed), snap), Detection::kUnusable) << next << " cut to " << snap;
        EXPECT_EQ(flow, nullptr);
      }
    }
  }
  for (const std::uint32_t transport : {6u, 17u})
    EXPECT_EQ(inspect(ip(6, 60, nine_extensions(transport, transport == 6 ? tcp : udp))), Detection::kUnusable);
  EXPECT_EQ(flow, nullptr);
  EXPECT_EQ(inspect(ip(4, 6, tcp)), Detection::kUndecided);
  EXPECT_EQ(inspect(ip(4, 51, authentication(6, tcp))), Detection::kUnusable);
  EXPECT_EQ(inspect(wire_test::ipv4(6, tcp, {.fragment = 0x2000})), Detection::kUndecided) << "a first fragment";
  EXPECT_EQ(inspect(ip(4, 4, ip(4, 6, tcp))), Detection::kUnusable) << "nor a tunnel";
}

// Lengths of the host's own offloading: 0, or more than a packet can have.
TEST_F(DpiDetector, OffloadedPacketsAreLookedAt) {
  const auto detector = make({.server_names = true});
  const Bytes tcp = wire_test::tcp(client_hello("www.example.org"));
  const Bytes large = Bytes().add(tcp).fill(60000, 0x5A);
  for (const Bytes& packet : {wire_test::ipv4(6, tcp, {.total_length = 0}), wire_test::ipv4(6, large),
                              wire_test::ipv6(6, tcp, {.payload_length = 0}), wire_test::ipv6(6, large)}) {
    ApplicationFlow flow;
    const DetectionStep step = detector->inspect(flow, packet.octets(), packet.size(), 0);
    EXPECT_EQ(step.application, (Application{.id = kTls, .name = "TLS", .category = "Web", .server_name = "www.example.org"}));
  }
}

TEST_F(DpiDetector, CutAtEveryOctet) {
  const auto detector = make({.server_names = true});
  for (const Conversation& all : known_conversations()) {
    const auto& expected = kExpected.at(all.name.substr(0, all.name.size() - 1));
    for (std::size_t snap = 0; snap <= 400; ++snap) {
      const Application found = verdict(*detector, all, snap);
      EXPECT_TRUE(found.server_name.empty() || found.server_name == expected.server_name)
          << all.name << " cut to " << snap << ": " << found.server_name;
      EXPECT_LE(found.name.size(), kMaxApplicationName);
    }
  }
  EXPECT_EQ(detector->in_detection(), 0);
}

TEST_F(DpiDetector, OtherTransports) {
  const auto detector = make();
  const auto found = [&](const Bytes& packet) {
    ApplicationFlow flow;
    DetectionStep step = detector->inspect(flow, packet.octets(), packet.size(), 0);
    return step.detection == Detection::kFinal ? step.application.name : detector->give_up(flow).name;
  };
  EXPECT_EQ(found(wire_test::ipv4(1, wire_test::echo(8, 1, 1, Bytes().fill(56)))), "ICMP");
  EXPECT_EQ(found(wire_test::ipv6(58, wire_test::echo(128, 1, 1, Bytes().fill(56)))), "ICMPV6");
  EXPECT_EQ(found(wire_test::ipv4(50, Bytes().fill(80, 0x41))), "IPsec");
  EXPECT_EQ(found(wire_test::ipv4(51, authentication(6, wire_test::tcp(begun_record())))), "IPsec");
  EXPECT_EQ(found(wire_test::ipv4(4, ip(4, 6, wire_test::tcp(begun_record())))), "IP_in_IP");
  EXPECT_EQ(found(wire_test::ipv4(47, wire_test::gre(0, 0x0800, {}, ip(4, 6, wire_test::tcp(begun_record()))))), "GRE");
  EXPECT_EQ(found(wire_test::ipv4(253, Bytes().fill(80, 0x41))), "Unknown");
}

TEST_F(DpiDetector, AllMemoryIsGivenBack) {
  // The library of the detector itself: its allocator is one for the process.
  void* const library = dlopen("libndpi.so.4.2", RTLD_LAZY);
  ASSERT_NE(library, nullptr);
  const auto set_malloc = reinterpret_cast<void (*)(void* (*)(std::size_t))>(dlsym(library, "set_ndpi_malloc"));
  const auto set_free = reinterpret_cast<void (*)(void (*)(void*))>(dlsym(library, "set_ndpi_free"));
  set_malloc(counted_malloc), set_free(counted_free);
  {
    const auto detector = make({.server_names = true});
    for (const Conversation& all : known_conversations()) verdict(*detector, all);  // its caches are made when first needed
    const std::size_t before = g_alive.size();
    EXPECT_GT(before, 0);
    std::vector<ApplicationFlow> flows;
    for (unsigned i = 0; i < 50; ++i) {
      for (const Conversation& all : known_conversations()) verdict(*detector, all, std::size_t{i} * 8);
      ApplicationFlow& flow = flows.emplace_back();
      const Bytes begun = over_tcp("tls", 443, {begun_record(i)}).packets.back();
      EXPECT_EQ(detector->inspect(flow, begun.octets(), begun.size(), 0).detection, Detection::kUndecided);
    }
    EXPECT_GE(g_alive.size(), before + 50);  // each waits for the rest of its record
    flows.clear();
    EXPECT_EQ(g_alive.size(), before);
    for (const Conversation& all : two_faced_conversations()) {
      verdict(*detector, all);
      EXPECT_EQ(g_alive.size(), before) << all.name;
    }
    EXPECT_EQ(detector->in_detection(), 0);
  }
  EXPECT_EQ(g_alive.size(), 0);
  set_malloc(nullptr), set_free(nullptr);
}

TEST_F(DpiDetector, TwoDetectorsKnowNothingOfEachOther) {
  const auto one = make(), other = make({.flows = 0});
  const Conversation all = over_udp("dns", 53, {dns_query("www.example.org")});
  EXPECT_EQ(verdict(*one, all).name, "DNS");
  EXPECT_EQ(verdict(*other, all), Application{});
  EXPECT_EQ(other->counters(), (ApplicationCounters{.refused = 1}));
}

TEST_F(DpiDetector, OptionsThatMakeNoSenseAreRefused) {
  for (const unsigned packets : {0u, 33u}) {
    const auto made = ApplicationDetector::make({.packets_per_flow = packets});
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error(),
              (Error{ErrorCode::kInvalid, "a flow's application can be looked for in 1 to 32 packets, not in " + std::to_string(packets)}));
  }
}

}  // namespace
}  // namespace vmtraffic
