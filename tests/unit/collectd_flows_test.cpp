#include <fmt/format.h>
#include <gmock/gmock.h>

#include <limits>

#include "collectd_snapshots.hpp"
#include "core/text.hpp"
#include "plugins/collectd/flow_values.hpp"
#include "plugins/collectd/values.hpp"
#include "snapshot_fixture.hpp"

namespace vmtraffic::collectd {
namespace {

using testing::ElementsAre;

constexpr Nanoseconds kTime = 1'700'000'000 * kSecond;
const std::string kWeb = "52:54:00:00:00:01";
const std::string kOff = "52:54:00:00:00:03";

using Lines = std::vector<std::string>;
using Derive = std::int64_t;

// All that there can be.
const Mapping kEverything{.naming = {}, .selection = {}, .flow_addresses = true};

// The lists that packet samples gave; not the exact counters'.
std::vector<ValueList> flow_values(const SnapshotContent& content, const Mapping& mapping = kEverything) {
  const auto snapshot = make_snapshot(content);
  auto lists = to_values(*snapshot, name_domains(*snapshot, mapping.naming), mapping, kTime);
  Mapping exact = mapping;
  exact.flows = false;
  for (const ValueList& list : to_values(*snapshot, name_domains(*snapshot, exact.naming), exact, kTime)) {
    const auto at = std::find(lists.begin(), lists.end(), list);
    EXPECT_NE(at, lists.end()) << list;
    if (at != lists.end()) lists.erase(at);
  }
  return lists;
}

// "type instance value value", the vNIC's name left out of the instance.
Lines lines(const std::vector<ValueList>& lists, const std::string& vnic) {
  Lines out;
  for (const ValueList& list : lists) {
    if (!list.type_instance.starts_with(vnic + ":")) continue;
    out.push_back(list.type + " " + list.type_instance.substr(vnic.size() + 1));
    for (const Value& value : list.values) std::visit([&](auto number) { out.back() += fmt::format(" {}", number); }, value);
  }
  return out;
}

Lines of_kind(const SnapshotContent& content, const Mapping& mapping, const std::string& kind) {
  Lines out;
  for (const std::string& line : lines(flow_values(content, mapping), kWeb)) {
    if (line.starts_with("if_octets " + kind)) out.push_back(line);
  }
  return out;
}

const Lines kAllOfWeb{"if_octets sampled 20000000 200000000",
                      "if_packets sampled 100000 200000",
                      fmt::format("gauge coverage_rx {}", static_cast<double>(0.98F)),
                      "gauge error_rx 0.25",
                      "derive samples_rx 1000",
                      fmt::format("gauge coverage_tx {}", static_cast<double>(1.01F)),
                      "gauge error_tx 0.25",
                      "derive samples_tx 2000",
                      "latency rtt 0.0015",
                      "latency rtt_variance 0.00025",
                      "latency rtt_min 0.0009",
                      "percent tcp_lossy 5",
                      "percent tcp_retransmitting 2.5",
                      "if_octets protocol:tcp 18000000 190000000",
                      "if_packets protocol:tcp 90000 190000",
                      "if_octets protocol:udp 2000000 10000000",
                      "if_packets protocol:udp 10000 10000",
                      "if_tx_dropped drop:ttl_value_is_too_small 7"};
const Lines kTopOfWeb{"if_octets service:tcp:443 18000000 190000000",        "if_packets service:tcp:443 90000 190000",
                      "if_octets service:udp:53 2000000 10000000",           "if_packets service:udp:53 10000 10000",
                      "if_octets address:192.0.2.9 12000000 140000000",      "if_packets address:192.0.2.9 60000 140000",
                      "if_octets network:office|=;'lan 4000000 40000000",    "if_packets network:office|=;'lan 20000 40000",
                      "if_octets vm:off:52:54:00:00:00:03 2000000 10000000", "if_packets vm:off:52:54:00:00:00:03 10000 10000"};

Lines joined(Lines a, const Lines& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(FlowValues, AllThatSamplesSayOfAVnic) { EXPECT_EQ(lines(flow_values(snapshot_with_flows()), kWeb), joined(kAllOfWeb, kTopOfWeb)); }

// Strangers choose addresses and the ports of clients, and each would be a series for ever.
TEST(FlowValues, WhatStrangersChooseMakesNoSeriesUnlessAskedFor) {
  SnapshotContent content = snapshot_with_flows();
  std::vector<ConversationSums>& peers = content.flows->conversations;
  peers.insert(peers.begin(), 5, peers[0]);
  for (std::uint8_t i = 0; i < 5; ++i) peers[i].address = {198, 51, 100, i};
  std::vector<ServiceFlowSums>& services = content.flows->services;
  services.insert(services.begin(), 5, services[0]);
  for (std::uint16_t i = 0; i < 5; ++i) services[i].port = static_cast<std::uint16_t>(32768 + 8191 * i);
  services[4].port = 32767;
  Lines expected{"if_octets service:tcp:32767 18000000 190000000", "if_packets service:tcp:32767 90000 190000"};
  for (const std::string& line : kTopOfWeb) {
    if (line.find(" address:") == std::string::npos) expected.push_back(line);
  }
  EXPECT_EQ(lines(flow_values(content, {}), kWeb), joined(kAllOfWeb, expected)) << "the next ones come up";
  EXPECT_EQ(of_kind(content, kEverything, "address:").size(), 5U);
}

// Nobody's samples tell what the third sent: not zero. Its one conversation has five recent samples, too few.
TEST(FlowValues, ADirectionThatNobodySamplesIsLeftOut) {
  const auto lists = flow_values(snapshot_with_flows());
  EXPECT_EQ(lines(lists, kOff), (Lines{"if_rx_octets sampled 64000", "if_rx_packets sampled 1000", "gauge error_rx 0.25",
                                       "derive samples_rx 10", "if_rx_octets protocol:icmp 64000", "if_rx_packets protocol:icmp 1000"}));
  EXPECT_EQ(lines(lists, kWeb + "-1"), Lines{});
}

TEST(FlowValues, AWholeListAndWhoThePeerIs) {
  const auto lists = flow_values(snapshot_with_flows());
  const Metadata of_vnic{{"domain", "web"},
                         {"uuid", uuid_number(0x11).text()},
                         {"connection", "qemu:///system"},
                         {"nova.instance", "web-1"},
                         {"nova.project", "shop"},
                         {"mac", kWeb},
                         {"tap", "vnet0"},
                         {"source", "br0"},
                         {"vnic_type", "bridge"},
                         {"port_id", "port-a"}};
  const auto expected = [&](const std::string& what, std::vector<Value> numbers, const Metadata& more) {
    Metadata metadata = of_vnic;
    metadata.insert(metadata.end(), more.begin(), more.end());
    return ValueList{"web",       "vmtraffic",       "",
                     "if_octets", kWeb + ":" + what, std::move(numbers),
                     kTime,       10 * kSecond,      std::make_shared<const Metadata>(metadata)};
  };
  const auto find = [&](const std::string& what) {
    return *std::find_if(lists.begin(), lists.end(), [&](const ValueList& list) { return list.type_instance == kWeb + ":" + what; });
  };
  EXPECT_EQ(find("sampled"), expected("sampled", {Derive{20'000'000}, Derive{200'000'000}}, {}));
  EXPECT_EQ(find("address:192.0.2.9"), expected("address:192.0.2.9", {Derive{12'000'000}, Derive{140'000'000}}, {{"service", "tcp/443"}}));
  EXPECT_EQ(find("vm:off:" + kOff), expected("vm:off:" + kOff, {Derive{2'000'000}, Derive{10'000'000}},
                                             {{"peer_uuid", uuid_number(0x22).text()}, {"service", "udp/53"}}));
}

TEST(FlowValues, ApplicationsAndWhatAConversationCarries) {
  const auto lists = flow_values(snapshot_with_applications());
  EXPECT_EQ(of_kind(snapshot_with_applications(), kEverything, "application:"),
            (Lines{"if_octets application:TLS.Google 18000000 190000000", "if_octets application:Unknown 2000000 10000000"}));
  const auto peer =
      std::find_if(lists.begin(), lists.end(), [](const ValueList& list) { return list.type_instance == kWeb + ":address:192.0.2.9"; });
  ASSERT_NE(peer, lists.end());
  const Metadata expected{{"service", "tcp/443"}, {"application", "TLS.Google"}, {"server_name", "www.google.com"}, {"source", "capture"}};
  const Metadata& all = *peer->metadata;
  ASSERT_GE(all.size(), expected.size());
  EXPECT_EQ(Metadata(all.end() - static_cast<std::ptrdiff_t>(expected.size()), all.end()), expected);
}

TEST(FlowValues, TheTopIsBoundedAndMayBeNothing) {
  const SnapshotContent content = snapshot_with_flows();
  Mapping mapping = kEverything;
  mapping.flow_top = 0;
  EXPECT_EQ(lines(flow_values(content, mapping), kWeb), kAllOfWeb);
  mapping.flow_top = 1;
  EXPECT_EQ(of_kind(content, mapping, "service:"), Lines{"if_octets service:tcp:443 18000000 190000000"});
  EXPECT_EQ(of_kind(content, mapping, "address:"), Lines{"if_octets address:192.0.2.9 12000000 140000000"});
  EXPECT_EQ(of_kind(content, mapping, "network:"), Lines{});
}

TEST(FlowValues, FlowsMayBeLeftOutOrBeThereWithoutSamples) {
  SnapshotContent content = snapshot_with_flows();
  Mapping mapping;
  mapping.interfaces = false;
  EXPECT_EQ(flow_values(content, mapping), std::vector<ValueList>{});
  content.flows.reset();
  EXPECT_EQ(flow_values(content), std::vector<ValueList>{});
  content.flows.emplace().vnics.resize(3);
  EXPECT_EQ(flow_values(content), std::vector<ValueList>{});
}

// What too few samples tell of lets the next one up, so that a scan's addresses neither show nor hide others.
TEST(FlowValues, AScanShowsNowhere) {
  SnapshotContent content = snapshot_with_flows();
  std::vector<ConversationSums> rows;
  for (std::uint8_t i = 1; i <= 200; ++i) {
    rows.push_back({.since = 900 * kSecond,
                    .rx = {},
                    .tx = flow_sums(18, 100, 1500),
                    .address = {10, 0, 0, i},
                    .vnic = 0,
                    .kind = PeerKind::kAddress,
                    .address_version = 4});
  }
  rows.insert(rows.end(), content.flows->conversations.begin(), content.flows->conversations.end());
  content.flows->conversations = rows;
  EXPECT_EQ(of_kind(content, kEverything, "address:"), Lines{"if_octets address:192.0.2.9 12000000 140000000"});
  for (ConversationSums& row : content.flows->conversations) row.tx = flow_sums(20, 100, 1500);
  EXPECT_EQ(of_kind(content, kEverything, "address:"),
            (Lines{"if_octets address:10.0.0.1 0 3000000", "if_octets address:10.0.0.2 0 3000000", "if_octets address:10.0.0.3 0 3000000",
                   "if_octets address:10.0.0.4 0 3000000", "if_octets address:10.0.0.5 0 3000000"}));
}

// The service is what most samples are of just now: it does not make another conversation.
TEST(FlowValues, AConversationKeepsItsNameWhenItsServiceChanges) {
  SnapshotContent content = snapshot_with_flows();
  const Lines before = lines(flow_values(content), kWeb);
  content.flows->conversations[0].port = 22;
  content.flows->conversations[1].protocol = 0;
  EXPECT_EQ(lines(flow_values(content), kWeb), before);
}

// Totals of two rows in turn would be a rate of what both ever counted.
TEST(FlowValues, TwoNetworksOfOneNameGiveOneRowAndAlwaysTheSame) {
  SnapshotContent content = snapshot_with_flows();
  FlowRows& flows = *content.flows;
  flows.networks = {"backup", "backup"};
  ConversationSums other = flows.conversations[1];
  other.peer = 0;
  other.since = 500 * kSecond;
  other.rx = flow_sums(400, 100, 200);
  flows.conversations.insert(flows.conversations.begin() + 2, other);
  EXPECT_EQ(of_kind(content, {}, "network:"), Lines{"if_octets network:backup 4000000 40000000"});
  std::swap(flows.conversations[1], flows.conversations[2]);
  EXPECT_EQ(of_kind(content, {}, "network:"), Lines{"if_octets network:backup 4000000 40000000"});
}

TEST(FlowValues, HostileNamesStayPartsOfIdentifiers) {
  SnapshotContent content = snapshot_with_flows();
  FlowRows& flows = *content.flows;
  content.inventory.domains[1].name = "a/b:" + std::string(200, 'x');
  flows.networks[1] = "../n\n";
  flows.drops[0].reason = "no/route\x1b" + std::string(200, 'y');
  const auto lists = flow_values(content);
  const Lines all = lines(lists, kWeb);
  const std::string drop = kWeb + ":drop:" + safe_part(flows.drops[0].reason);
  const std::string peer = kWeb + ":vm:" + safe_part(content.inventory.domains[1].name) + ":" + kOff;
  EXPECT_THAT(of_kind(content, {}, "network:"), ElementsAre("if_octets network:..\\x2fn\\x0a 4000000 40000000"));
  EXPECT_EQ(of_kind(content, {}, "vm:"),
            Lines{fmt::format("if_octets {} 2000000 10000000", fitted(peer, kMaxPartOctets).substr(kWeb.size() + 1))});
  EXPECT_EQ(all[17], fmt::format("if_tx_dropped {} 7", fitted(drop, kMaxPartOctets).substr(kWeb.size() + 1)));
  for (const ValueList& list : lists) {
    EXPECT_LE(list.type_instance.size(), kMaxPartOctets);
    EXPECT_EQ(list.type_instance.find('/'), std::string::npos) << list;
  }
}

TEST(FlowValues, ATenantsNameIsNotTakenForAnothers) {
  SnapshotContent content = snapshot_with_flows();
  content.inventory.domains[1].name = "web";  // two of one name, and one of them is the other's peer
  Mapping mapping;
  EXPECT_EQ(of_kind(content, mapping, "vm:"),
            Lines{"if_octets vm:web:" + uuid_number(0x22).text() + ":52:54:00:00:00:03 2000000 10000000"});
  content.inventory.domains[1].name = "off";
  mapping.naming = {.plugin = "vmtraffic", .hostname = "node1", .host = {NameWord::kHostname}, .instance = {NameWord::kName}};
  EXPECT_EQ(of_kind(content, mapping, "vm:"), Lines{"if_octets vm:off:52:54:00:00:00:03 2000000 10000000"});
}

TEST(FlowValues, WhatIsNoNumberIsNotSent) {
  SnapshotContent content = snapshot_with_flows();
  VnicFlowSums& web = content.flows->vnics[0];
  web.rx.total_octets = 9.3e18;
  web.tx.total_packets = std::numeric_limits<double>::quiet_NaN();
  web.rx.octets_error = std::numeric_limits<float>::infinity();
  web.tcp_samples = 0;
  web.coverage_tx = -1;
  Mapping mapping;
  mapping.flow_top = 0;
  const Lines all = lines(flow_values(content, mapping), kWeb);
  EXPECT_EQ(Lines(all.begin(), all.begin() + 6), (Lines{"if_tx_octets sampled 200000000", "if_rx_packets sampled 100000", kAllOfWeb[2],
                                                        "derive samples_rx 1000", "gauge error_tx 0.25", "derive samples_tx 2000"}));
  EXPECT_EQ(all.size(), 11U);
}

TEST(FlowValues, InventedReasonsAreBounded) {
  SnapshotContent content = snapshot_with_flows();
  content.flows->drops.clear();
  Lines heaviest;
  for (std::uint64_t i = 0; i < 100; ++i) {
    content.flows->drops.push_back({.vnic = 0, .direction = Direction::kRx, .reason = fmt::format("r{}", i), .packets = 1000 - i});
    if (i < kMostDropReasons) heaviest.push_back(fmt::format("if_rx_dropped drop:r{} {}", i, 1000 - i));
  }
  Mapping mapping;
  mapping.flow_top = 0;
  const Lines all = lines(flow_values(content, mapping), kWeb);
  EXPECT_EQ(Lines(all.begin() + 17, all.end()), heaviest);
}

// Samples of a vNIC whose exact counters are not read at this tick are new all the same.
TEST(FlowValues, AVnicWhoseCountersAreHeld) {
  SnapshotContent content = snapshot_with_flows();
  content.numbers.totals[0].age = kHeld;
  const auto lists = flow_values(content);
  EXPECT_EQ(lines(lists, kWeb), joined(kAllOfWeb, kTopOfWeb));
  EXPECT_EQ(lists[0].interval, 10 * kSecond);
}

}  // namespace
}  // namespace vmtraffic::collectd
