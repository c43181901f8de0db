#include <gtest/gtest.h>
#include <stdlib.h>

#include "core/snapshot.hpp"
#include "core/snapshot/host_files.hpp"
#include "snapshot_fixture.hpp"

namespace vmtraffic {
namespace {

Snapshot parsed(const SnapshotContent& content, unsigned parts = kAllParts) {
  auto s = Snapshot::parse(encode(content), parts);
  EXPECT_TRUE(s.ok()) << s.error().text;
  return std::move(s).value();
}

FlowEstimate estimate(std::uint64_t samples, double scale, double length) {
  const auto half = static_cast<double>(samples / 2);
  return {{static_cast<double>(samples) * scale * length, static_cast<double>(samples) * scale, samples, 0.125, 0.125},
          {half * scale * length, half * scale, samples / 2, 0.25, 0.25}};
}

TEST(SnapshotFlows, RowsAreThoseThatWereWritten) {
  const Snapshot s = parsed(snapshot_with_applications());
  const auto info = s.flows();
  ASSERT_TRUE(info);
  EXPECT_EQ(info->covered_s, 80);
  EXPECT_EQ(info->samples, 5000U);
  EXPECT_EQ(info->unattributed_packets, 25'000);
  const auto web = s.vnic_flows(0);
  ASSERT_TRUE(web);
  EXPECT_EQ(web->all, (FlowBothWays{100 * kSecond, estimate(1000, 100, 200), estimate(2000, 100, 1000)}));
  EXPECT_FLOAT_EQ(static_cast<float>(*web->coverage_rx), 0.98F);
  EXPECT_EQ(web->rx_by, AttributedBy::kPort);
  EXPECT_EQ(web->rx_agent, std::optional<std::size_t>(0));
  EXPECT_EQ(web->foreign_mac, 3U);
  ASSERT_TRUE(web->tcp);
  EXPECT_EQ(web->tcp->rtt_us, 1500);
  EXPECT_EQ(web->peers, 3U);
  const auto off = s.vnic_flows(2);
  ASSERT_TRUE(off);
  EXPECT_EQ(off->rx_agent, std::optional<std::size_t>(1));
  EXPECT_EQ(off->tx_agent, std::nullopt);
  EXPECT_EQ(off->coverage_rx, std::nullopt);
  EXPECT_EQ(off->tcp, std::nullopt);
  EXPECT_EQ(s.vnic_flows(3), std::nullopt);

  ASSERT_EQ(s.protocol_count(), 3U);
  EXPECT_EQ(s.protocol(1).protocol, TrafficClass::kUdp);
  EXPECT_EQ(s.protocol(2).vnic, 2U);
  ASSERT_EQ(s.service_count(), 2U);
  EXPECT_EQ(s.service(1).service, (ServiceKey{17, 53}));
  ASSERT_EQ(s.application_count(), 2U);
  EXPECT_EQ(s.application(0).name, "TLS.Google");
  EXPECT_EQ(s.application(0).category, "Web");
  EXPECT_EQ(s.application(0).flows, (FlowBothWays{100 * kSecond, estimate(900, 100, 200), estimate(1900, 100, 1000)}));
  EXPECT_EQ(s.application(1).name, "Unknown");
  ASSERT_EQ(s.conversation_count(), 4U);
  EXPECT_EQ(s.conversation(0).application, "TLS.Google");
  EXPECT_EQ(s.conversation(0).server_name, "www.google.com");
  EXPECT_EQ(s.conversation(0).source, FlowSource::kCapture);
  EXPECT_EQ(s.conversation(1).application, "");
  EXPECT_EQ(s.conversation(1).server_name, "");
  EXPECT_EQ(s.conversation(1).source, FlowSource::kSflow);
  EXPECT_EQ(s.conversation(2).source, FlowSource::kUnknown) << "an older collector";
  EXPECT_EQ(s.conversation(0).address.text(), "192.0.2.9");
  EXPECT_EQ(s.conversation(0).service.text(), "tcp/443");
  EXPECT_EQ(s.conversation(1).network, "office|=;'lan");
  EXPECT_EQ(s.conversation(2).peer_vnic, 2U);
  EXPECT_EQ(s.conversation(2).service.text(), "udp/53");
  EXPECT_EQ(s.conversation(3).address.text(), "2001:db8::5");
  EXPECT_EQ(s.conversation(3).service.text(), "");
  ASSERT_EQ(s.drop_count(), 2U);
  EXPECT_EQ(s.drop(0).reason, "ttl_value_is_too_small");
  EXPECT_EQ(s.drop(0).vnic, std::optional<std::size_t>(0));
  EXPECT_EQ(s.drop(0).direction, Direction::kTx);
  EXPECT_EQ(s.drop(1).vnic, std::nullopt);
  ASSERT_EQ(s.agent_count(), 2U);
  EXPECT_EQ(s.agent(0).address, "10.0.0.1");
  EXPECT_EQ(s.agent(0).lost, 3U);
  EXPECT_TRUE(s.agent(0).local);
  EXPECT_EQ(s.agent(1).sub_agent, 100000U);
  EXPECT_EQ(s.agent(1).host, "tor-1");
}

TEST(SnapshotFlows, RowsThatNameNoApplicationAreRefused) {
  const auto refused = [](auto&& change) {
    SnapshotContent content = snapshot_with_applications();
    change(*content.flows);
    return !Snapshot::parse(encode(content), kAllParts).ok();
  };
  EXPECT_FALSE(refused([](FlowRows&) {}));
  EXPECT_TRUE(refused([](FlowRows& f) { f.applications[0].application = 2; }));
  EXPECT_TRUE(refused([](FlowRows& f) { f.applications[0].vnic = 3; }));
  EXPECT_TRUE(refused([](FlowRows& f) { f.conversations[0].application = 3; }));
  EXPECT_TRUE(refused([](FlowRows& f) { f.application_categories.pop_back(); }));
  EXPECT_FALSE(refused([](FlowRows& f) { f.server_names.pop_back(); })) << "it is of whom it names";
}

TEST(SnapshotFlows, AnOlderCollectorDoesNotTellOfPeers) {
  SnapshotContent content = snapshot_with_flows();
  content.flows->peers.clear();
  EXPECT_EQ(parsed(content).vnic_flows(0)->peers, std::nullopt);
  content.flows->peers = {7};
  EXPECT_EQ(parsed(content).vnic_flows(0)->peers, 7U);
  EXPECT_EQ(parsed(content).vnic_flows(2)->peers, std::nullopt) << "of vNICs that it does not name";
}

TEST(SnapshotFlows, NamedNetworksHaveTheirPrefixes) {
  SnapshotContent content = snapshot_with_flows();
  const Snapshot older = parsed(content);  // tells names alone
  ASSERT_EQ(older.network_name_count(), 2U);
  EXPECT_EQ(older.network_name(0), "backup");
  EXPECT_EQ(older.network_count(), 0U);
  content.flows->network_prefixes = {{.address = {0x20, 1, 0xd, 0xb8}, .name = 0, .version = 6, .length = 32},
                                     {.address = {10, 1}, .name = 1, .version = 4, .length = 16}};
  const Snapshot s = parsed(content);
  ASSERT_EQ(s.network_count(), 2U);
  EXPECT_EQ(s.network(0).name, "backup");
  EXPECT_EQ(s.network(0).network, IpNetwork::parse("2001:db8::/32"));
  EXPECT_EQ(s.network(1).name, "office|=;'lan");
  EXPECT_EQ(s.network(1).network, IpNetwork::parse("10.1.0.0/16"));
  EXPECT_EQ(parsed(small_snapshot()).network_name_count() + parsed(small_snapshot()).network_count(), 0U);
}

TEST(SnapshotFlows, NothingIsNotZero) {
  const Snapshot none = parsed(small_snapshot());
  EXPECT_EQ(none.flows(), std::nullopt);
  EXPECT_EQ(none.vnic_flows(0), std::nullopt);
  EXPECT_EQ(none.conversation_count(), 0U);
  const Snapshot not_asked = parsed(snapshot_with_flows(), kPartInventory | kPartNumbers);
  EXPECT_EQ(not_asked.flows(), std::nullopt);
  EXPECT_EQ(not_asked.agent_count(), 0U);
}

// What a collector of ours never writes: rows of vNICs that the inventory has not.
TEST(SnapshotFlows, RowsThatNameNoVnicAreRefused) {
  const auto refused = [](auto edit) {
    SnapshotContent c = snapshot_with_flows();
    edit(*c.flows);
    const auto s = Snapshot::parse(encode(c), kPartFlows);
    return !s.ok() && s.error().code == ErrorCode::kCorrupt;
  };
  EXPECT_TRUE(refused([](FlowRows& f) { f.protocols[0].vnic = 3; }));
  EXPECT_TRUE(refused([](FlowRows& f) { f.services[0].vnic = 3; }));
  EXPECT_TRUE(refused([](FlowRows& f) { f.conversations[0].vnic = 3; }));
  EXPECT_TRUE(refused([](FlowRows& f) { f.conversations[2].peer = 3; }));
  EXPECT_TRUE(refused([](FlowRows& f) { f.conversations[1].peer = 2; }));
  EXPECT_TRUE(refused([](FlowRows& f) { f.drops[0].vnic = 3; }));
  EXPECT_TRUE(refused([](FlowRows& f) { f.network_prefixes = {{.name = 2, .version = 4, .length = 8}}; }));
  EXPECT_TRUE(refused([](FlowRows& f) { f.network_prefixes = {{.name = 0, .version = 4, .length = 33}}; }));
  EXPECT_TRUE(refused([](FlowRows& f) { f.network_prefixes = {{.name = 0, .version = 6, .length = 129}}; }));
  EXPECT_TRUE(refused([](FlowRows& f) { f.network_prefixes = {{.name = 0, .version = 5, .length = 8}}; }));
  EXPECT_FALSE(refused([](FlowRows&) {}));
}

class HostIndex : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "hostsXXXXXX";
    directory_ = mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void write(const std::vector<HostStatus>& hosts) {
    ASSERT_TRUE(prepare_runtime_directory(hosts_directory(directory_)).ok());
    const EncodedPart part = encode_hosts(hosts);
    EncodedSnapshot index;
    index.header = small_snapshot().header;
    index.hosts = &part;
    ASSERT_TRUE(publish(hosts_directory(directory_), index).ok());
  }
  std::filesystem::path directory_;
};

TEST_F(HostIndex, AHostIsFoundByNameAndByAddress) {
  write({{"hv-2", "10.0.0.2", 5 * kSecond, 3, 4}, {"twin", "10.0.0.3", 0, 0, 0}, {"twin", "10.0.0.4", 0, 0, 0}});
  EXPECT_EQ(*find_host(directory_, "hv-2"), directory_ / "hosts" / "10.0.0.2");
  EXPECT_EQ(*find_host(directory_, "10.0.0.4"), directory_ / "hosts" / "10.0.0.4");
  EXPECT_EQ(find_host(directory_, "twin").error().text, "several hosts are called twin: name one by its agent's address");
  EXPECT_EQ(find_host(directory_, "hv-9").error().text,
            "no host hv-9 among the 3 known: hv-2 (10.0.0.2), twin (10.0.0.3), twin (10.0.0.4)");
}

// What a user who may write the runtime directory could put there for a collector that is root.
TEST_F(HostIndex, NothingIsWrittenThroughALink) {
  const std::filesystem::path elsewhere = directory_ / "elsewhere";
  std::filesystem::create_directories(elsewhere);
  std::filesystem::create_directories(directory_ / "hosts");
  std::filesystem::permissions(directory_ / "hosts", std::filesystem::perms::owner_all);
  std::filesystem::permissions(elsewhere, std::filesystem::perms::owner_all);
  std::filesystem::create_symlink(elsewhere, directory_ / "hosts" / "10.0.0.7");
  HostFiles files(directory_);
  HostSnapshot bad, good;
  bad.status = {"hv-7", "10.0.0.7", 0, 0, 0};
  good.status = {"hv-8", "10.0.0.8", 0, 0, 0};
  bad.snapshot.header = good.snapshot.header = small_snapshot().header;
  const Status done = files.publish({bad, good}, small_snapshot().header);
  EXPECT_FALSE(done.ok());
  EXPECT_TRUE(std::filesystem::is_empty(elsewhere));
  EXPECT_TRUE(std::filesystem::exists(directory_ / "hosts" / "10.0.0.8" / "snapshot"));
  EXPECT_EQ(*find_host(directory_, "hv-8"), directory_ / "hosts" / "10.0.0.8");
  std::filesystem::remove_all(directory_ / "hosts" / "10.0.0.8");
  EXPECT_FALSE(files.publish({bad, good}, small_snapshot().header).ok());
  EXPECT_TRUE(std::filesystem::exists(directory_ / "hosts" / "10.0.0.8" / "snapshot")) << "made again";
  EXPECT_TRUE(files.publish({}, small_snapshot().header).ok());
  EXPECT_FALSE(std::filesystem::exists(directory_ / "hosts" / "10.0.0.8"));
  EXPECT_TRUE(std::filesystem::is_empty(elsewhere));
}

TEST_F(HostIndex, WithoutOneNoHostIsKnown) {
  const auto found = find_host(directory_, "hv-2");
  EXPECT_EQ(found.error().code, ErrorCode::kMissing);
  EXPECT_EQ(found.error().text, "no other host is known at " + directory_.string() + ": no sFlow agent has described one");
}

}  // namespace
}  // namespace vmtraffic
