#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "collectd_snapshots.hpp"
#include "plugins/collectd/other_hosts.hpp"

namespace vmtraffic::collectd {
namespace {

using testing::ElementsAre;

using Lines = std::vector<std::string>;

void prepare(const std::filesystem::path& directory) {
  const Status ready = prepare_runtime_directory(directory);
  ASSERT_TRUE(ready.ok()) << ready.error().text;
}

// This host and its neighbours, in a directory of their own.
class HostsTest : public testing::Test {
 protected:
  HostsTest() {
    std::string name = testing::TempDir() + "/collectd-hosts-XXXXXX";
    root_ = ::mkdtemp(name.data());
    ::chmod(root_.c_str(), 0750);
  }
  ~HostsTest() override { std::filesystem::remove_all(root_); }

  OtherHosts make_hosts(HostSelection hosts = {}, Mapping mapping = {}) {
    mapping.naming.hostname = "node1";
    return OtherHosts(
        {.feed = {.mapping = std::move(mapping),
                  .persistent_notification = false,
                  .directory = root_,
                  .patience = 32 * kSecond,
                  .clock = {.boottime = [this] { return now_; }, .walltime = [] { return Nanoseconds{0}; }, .boot_id = kBootId},
                  .lease_holder = [] { return std::nullopt; }},
         .hosts = std::move(hosts),
         .parts = kPartInventory | kPartTags | kPartNumbers | kPartEvents | kPartFlows});
  }

  // The next interval's snapshot of this host.
  std::shared_ptr<const Snapshot> tick() {
    now_ += 10 * kSecond;
    return make_snapshot(at_now(make_content({make_domain(1, "web", {make_vnic(1, "vnet7")})})));
  }
  SnapshotContent at_now(SnapshotContent content) const {
    content.header.sampled_boottime = now_ - kSecond;
    content.header.sampled_walltime = content.header.sampled_boottime;
    return content;
  }

  void publish_index(const std::vector<HostStatus>& hosts) {
    prepare(hosts_directory(root_));
    const EncodedPart part = encode_hosts(hosts);
    const Status done = publish(hosts_directory(root_), {.header = at_now(make_content({})).header, .hosts = &part});
    ASSERT_TRUE(done.ok()) << done.error().text;
  }
  // A host with one domain of one vNIC.
  void publish_host(const std::string& address, const std::string& domain = "web") {
    const SnapshotContent content = at_now(make_content({make_domain(1, domain, {make_vnic(1, "")})}));
    const EncodedPart inventory = encode_inventory(content.inventory);
    const EncodedPart numbers = encode_numbers(content.numbers);
    const EncodedPart tags = encode_tags(content.inventory);
    const EncodedPart events = encode_events({}, 0);
    prepare(host_directory(root_, address));
    const Status done = publish(host_directory(root_, address),
                                {.header = content.header, .inventory = &inventory, .numbers = &numbers, .events = &events, .tags = &tags});
    ASSERT_TRUE(done.ok()) << done.error().text;
  }

  // "host/plugin-instance" of the lists of if_octets, and what was logged, the directory's name left out.
  Lines poll(OtherHosts& hosts, const Feed::Look& local) {
    Lines out;
    const Delivery rest = hosts.poll(local, [&](const std::vector<ValueList>& batch) {
      for (const ValueList& list : batch) {
        if (list.type == "if_octets")
          out.push_back(list.host + "/" + list.plugin + (list.plugin_instance.empty() ? "" : "-") + list.plugin_instance);
      }
    });
    for (const LogLine& line : rest.log) {
      std::string text = line.text;
      for (auto at = text.find(root_.string()); at != std::string::npos; at = text.find(root_.string()))
        text.replace(at, root_.string().size(), "ROOT");
      out.push_back(text);
    }
    return out;
  }

  std::filesystem::path root_;
  Nanoseconds now_{1000 * kSecond};
};

const HostStatus kFirst{.name = "hv-2", .address = "10.0.0.2", .last = 0, .domains = 1, .vnics = 1};
const HostStatus kSecondHost{.name = "hv-3", .address = "2001:db8::3", .last = 0, .domains = 1, .vnics = 1};

TEST_F(HostsTest, EveryHostsSnapshotOnceUnderItsName) {
  OtherHosts hosts = make_hosts();
  EXPECT_EQ(poll(hosts, tick()), Lines{});  // none, and no word of it
  for (int i = 0; i < 3; ++i) {
    const auto local = tick();
    publish_index({kFirst, kSecondHost});
    publish_host("10.0.0.2");
    publish_host("2001:db8::3");
    EXPECT_EQ(poll(hosts, local), (Lines{"web/vmtraffic-hv-2", "web/vmtraffic-hv-3"}));
    EXPECT_EQ(poll(hosts, local), Lines{});
  }
}

TEST_F(HostsTest, AllOrTheNamedOrNone) {
  const auto local = tick();
  publish_index({kFirst, kSecondHost});
  publish_host("10.0.0.2");
  publish_host("2001:db8::3");
  const auto sent = [&](const HostSelection& selection) {
    OtherHosts hosts = make_hosts(selection);
    return poll(hosts, local);
  };
  EXPECT_EQ(sent({.all = false, .names = {}}), Lines{});
  EXPECT_EQ(sent({.all = false, .names = {"hv-3"}}), Lines{"web/vmtraffic-hv-3"});
  EXPECT_EQ(sent({.all = false, .names = {"10.0.0.2", "hv-9"}}), Lines{"web/vmtraffic-hv-2"});
}

TEST_F(HostsTest, AHostThatVanishedIsDroppedAndOneThatComesIsTaken) {
  OtherHosts hosts = make_hosts();
  publish_index({kFirst});
  publish_host("10.0.0.2");
  publish_host("2001:db8::3");
  EXPECT_EQ(poll(hosts, tick()), Lines{"web/vmtraffic-hv-2"});
  const auto local = tick();
  publish_index({kSecondHost});
  publish_host("10.0.0.2");
  publish_host("2001:db8::3");
  EXPECT_EQ(poll(hosts, local), Lines{"web/vmtraffic-hv-3"});
  std::filesystem::remove_all(hosts_directory(root_));
  now_ += 100 * kSecond;
  EXPECT_EQ(poll(hosts, tick()), Lines{});
}

TEST_F(HostsTest, ABrokenSnapshotIsSaidOnceAndHindersNobody) {
  OtherHosts hosts = make_hosts();
  for (int i = 0; i < 3; ++i) {
    const auto local = tick();
    publish_index({kFirst, kSecondHost});
    publish_host("10.0.0.2");
    publish_host("2001:db8::3");
    std::filesystem::resize_file(host_directory(root_, "10.0.0.2") / kSnapshotFileName, 10);
    Lines expected{"web/vmtraffic-hv-3"};
    const auto error = read_snapshot(host_directory(root_, "10.0.0.2"));
    ASSERT_FALSE(error.ok());
    std::string text = error.error().text;
    text.replace(text.find(root_.string()), root_.string().size(), "ROOT");
    if (i == 0) expected.push_back("host hv-2: no values: " + text);
    EXPECT_EQ(poll(hosts, local), expected);
  }
}

TEST_F(HostsTest, AHostThatIsSilentIsSaidOnceWithoutTheLease) {
  OtherHosts hosts = make_hosts();
  publish_index({kFirst});
  publish_host("10.0.0.2");
  EXPECT_EQ(poll(hosts, tick()), Lines{"web/vmtraffic-hv-2"});
  now_ += 40 * kSecond;
  EXPECT_EQ(poll(hosts, tick()), Lines{"host hv-2: no values: the snapshot in ROOT/hosts/10.0.0.2 is 61 s old"});
  EXPECT_EQ(poll(hosts, tick()), Lines{});
}

TEST_F(HostsTest, WhileNobodyCollectsHereNothingIsSaidOfOthers) {
  OtherHosts hosts = make_hosts();
  publish_index({kFirst});
  publish_host("10.0.0.2");
  const auto local = tick();
  now_ += 100 * kSecond;
  EXPECT_EQ(poll(hosts, local), Lines{});
  EXPECT_EQ(poll(hosts, Feed::Look(Error{ErrorCode::kMissing, "there is no snapshot"})), Lines{});
}

TEST_F(HostsTest, AnIndexThatCannotBeReadLeavesTheHostsAsTheyWere) {
  OtherHosts hosts = make_hosts();
  publish_index({kFirst});
  publish_host("10.0.0.2");
  EXPECT_EQ(poll(hosts, tick()), Lines{"web/vmtraffic-hv-2"});
  std::filesystem::resize_file(hosts_directory(root_) / kSnapshotFileName, 10);
  std::string text = read_snapshot(hosts_directory(root_), kPartHosts).error().text;
  text.replace(text.find(root_.string()), root_.string().size(), "ROOT");
  const auto local = tick();
  publish_host("10.0.0.2");
  EXPECT_EQ(poll(hosts, local), (Lines{"web/vmtraffic-hv-2", "the list of other hosts stays as it was: " + text}));
}

TEST_F(HostsTest, AnAddressThatLeadsElsewhereIsNotFollowed) {
  OtherHosts hosts = make_hosts();
  publish_index(
      {{.name = "a", .address = "../../x", .last = 0}, {.name = "b", .address = "..", .last = 0}, {.name = "c", .address = "", .last = 0}});
  now_ += 60 * kSecond;
  const auto local = tick();
  EXPECT_EQ(poll(hosts, local), Lines{});
  now_ += 20 * kSecond;
  EXPECT_EQ(poll(hosts, local), Lines{});
}

TEST_F(HostsTest, ManyHostsAreVisitedInTurn) {
  constexpr unsigned kHosts = 80;
  OtherHosts hosts = make_hosts();
  std::vector<HostStatus> index;
  for (unsigned i = 0; i < kHosts; ++i) {
    const std::string number = std::to_string(100 + i);
    index.push_back({.name = "hv-" + number, .address = "10.0.0." + number, .last = 0, .domains = 1, .vnics = 1});
  }
  publish_index(index);
  for (const HostStatus& host : index) publish_host(host.address);
  const auto local = tick();
  std::vector<std::size_t> sent;
  for (int look = 0; look < 4; ++look) sent.push_back(poll(hosts, local).size());
  EXPECT_THAT(sent, ElementsAre(32, 32, 16, 0));
}

TEST_F(HostsTest, TheFormatsSayWhereTheHostStands) {
  const auto local = tick();
  publish_index({kFirst});
  publish_host("10.0.0.2", "a:b");
  const auto name = [&](std::vector<NameWord> host, std::vector<NameWord> instance) {
    Mapping mapping;
    mapping.naming.host = std::move(host);
    mapping.naming.instance = std::move(instance);
    mapping.selection.connections = {"lxc:///"};  // of this host alone
    OtherHosts hosts = make_hosts({}, mapping);
    return poll(hosts, local);
  };
  EXPECT_EQ(name({NameWord::kUuid}, {}), Lines{uuid(1).text() + "/vmtraffic-hv-2"});
  EXPECT_EQ(name({NameWord::kHostname}, {NameWord::kName}), Lines{"hv-2/vmtraffic-a:b"});
  EXPECT_EQ(name({NameWord::kHostname, NameWord::kName}, {}), Lines{"hv-2:a:b/vmtraffic"});
  EXPECT_EQ(name({NameWord::kName}, {NameWord::kUuid}), Lines{"a:b/vmtraffic-hv-2:" + uuid(1).text()});
  EXPECT_EQ(name({NameWord::kUuid}, {NameWord::kName}), Lines{uuid(1).text() + "/vmtraffic-hv-2\\:a:b"});
}

Lines host_names(const std::vector<HostStatus>& hosts) {
  const EncodedPart part = encode_hosts(hosts);
  const auto index = Snapshot::parse(assemble({.header = make_content({}).header, .hosts = &part}));
  EXPECT_TRUE(index.ok());
  return name_hosts(*index, {"node1", "node1.example.org"});
}

TEST(HostNames, HostsOfOneNameAllGetTheirAddress) {
  EXPECT_EQ(host_names({{.name = "a", .address = "10.0.0.1"}, {.name = "a", .address = "10.0.0.2"}, {.name = "b", .address = "10.0.0.3"}}),
            (Lines{"a:10.0.0.1", "a:10.0.0.2", "b"}));
  EXPECT_EQ(host_names({{.name = "node1", .address = "10.0.0.1"}, {.name = "", .address = "10.0.0.2"}}),
            (Lines{"node1:10.0.0.1", "10.0.0.2"}));
  // Nor can one take the name that this leads to.
  EXPECT_EQ(
      host_names(
          {{.name = "a", .address = "10.0.0.1"}, {.name = "a", .address = "10.0.0.2"}, {.name = "a:10.0.0.1", .address = "10.0.0.3"}}),
      (Lines{"a:10.0.0.1", "a:10.0.0.2", "a:10.0.0.1:10.0.0.3"}));
}

// Two ends of a migration: one name, one UUID, one MAC.
TEST(HostNames, OfADomainThatTwoHostsHave) {
  const auto snapshot = make_snapshot(make_content({make_domain(1, "web")}));
  Naming here;
  Naming there = here;
  there.hostname = there.hypervisor = "hv/2";
  EXPECT_EQ(name_domains(*snapshot, here).names, (std::vector{DomainName{"web", ""}}));
  EXPECT_EQ(name_domains(*snapshot, there).names, (std::vector{DomainName{"web", "hv\\x2f2"}}));
  EXPECT_EQ(peer_name({"web", "hv\\x2f2"}, there), "web");
  EXPECT_EQ(peer_name({"web", "hv\\x2f2:" + uuid(1).text()}, there), "web:" + uuid(1).text());
  // A tenant's name here cannot be the same as another's there.
  here.instance = there.instance = {NameWord::kName};
  const auto impostor = make_snapshot(make_content({make_domain(1, "hv\\x2f2\\:web")}));
  EXPECT_EQ(name_domains(*snapshot, there).names, (std::vector{DomainName{"web", "hv\\x2f2\\:web"}}));
  EXPECT_EQ(name_domains(*impostor, here).names, (std::vector{DomainName{"hv\\\\x2f2\\\\:web", "hv\\\\x2f2\\\\:web"}}));
}

}  // namespace
}  // namespace vmtraffic::collectd
