#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "plugins/snmp-subagent/watcher.hpp"
#include "tests/unit/snmp_fixture.hpp"

namespace vmtraffic::snmp {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

struct SnmpWatcher : testing::Test {
  SnmpWatcher() {
    std::string name = (fs::temp_directory_path() / "snmp-watcher-XXXXXX").string();
    directory = ::mkdtemp(name.data());
    fs::permissions(directory, fs::perms(0750));
  }
  ~SnmpWatcher() override { fs::remove_all(directory); }

  Watcher watcher() {
    const Clock clock{[this] { return now; }, [] { return Nanoseconds{0}; }, "boot-1"};
    return Watcher({directory, directory, [this](LogLevel, std::string_view text) { log.emplace_back(text); }, clock});
  }
  void publish(const SnapshotContent& content) { publish(encode(content)); }
  void publish(const std::vector<std::byte>& bytes) {
    const fs::path fresh = directory / "fresh";
    std::ofstream(fresh, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    fs::permissions(fresh, fs::perms(0640));
    fs::rename(fresh, directory / "snapshot");
  }

  fs::path directory;
  Nanoseconds now{1001 * kSecond};
  std::vector<std::string> log;
};

TEST_F(SnmpWatcher, OneModelUntilSomethingIsNew) {
  publish(small_snapshot());
  Watcher one = watcher();
  const auto first = one.look();
  EXPECT_EQ(first->snapshot->info().sequence, 42U);
  EXPECT_EQ(first->domains_changed, 1000 * kSecond);
  EXPECT_EQ(one.look(), first);
  EXPECT_TRUE(fs::exists(directory / "snmp-indexes"));

  SnapshotContent next = small_snapshot();
  next.header.sequence = 43;
  next.header.sampled_boottime = 1010 * kSecond;
  publish(next);
  const auto second = one.look();
  EXPECT_EQ(second->snapshot->info().sequence, 43U);
  EXPECT_EQ(second->domains_changed, 1000 * kSecond) << "the same machines";
  EXPECT_EQ(first->snapshot->info().sequence, 42U) << "a request that holds the old one goes on with it";

  next.inventory.domains[1].uuid = uuid_number(0x33);
  next.header.sampled_boottime = 1020 * kSecond;
  publish(next);
  EXPECT_EQ(one.look()->domains_changed, 1020 * kSecond);
  EXPECT_THAT(log, IsEmpty());
}

TEST_F(SnmpWatcher, StaleMissingAndDamaged) {
  publish(small_snapshot());
  Watcher one = watcher();
  one.look();
  now = 1100 * kSecond;
  const std::string file = (directory / "snapshot").string();
  const std::string stale = file + " is stale and nobody holds the lease: no collector is running";
  EXPECT_EQ(one.look()->trouble, stale);
  EXPECT_THAT(log, IsEmpty()) << "not at once";
  now += 3 * kSecond;
  one.look();
  now += 600 * kSecond;
  one.look();
  EXPECT_THAT(log, ElementsAre(stale + "; no rows are served until then"));

  publish(std::vector<std::byte>(100));
  const auto damaged = one.look();
  EXPECT_EQ(damaged->snapshot, nullptr);
  EXPECT_NE(damaged->trouble, "");
  EXPECT_THAT(log, ElementsAre(stale + "; no rows are served until then", damaged->trouble + "; no rows are served until then"));

  SnapshotContent fresh = small_snapshot();
  fresh.header.sampled_boottime = now;
  publish(fresh);
  EXPECT_EQ(one.look()->trouble, "");
  EXPECT_EQ(log.back(), "the snapshot is fresh again");
}

TEST_F(SnmpWatcher, LatenciesAndLosses) {
  SnapshotContent content = small_snapshot();
  content.performance.emplace().latencies.resize(1);
  publish(content);
  Watcher one = watcher();
  EXPECT_EQ(one.look()->snapshot->latency_count(), 1U);
}

TEST_F(SnmpWatcher, FlowsAgentsAndOtherHosts) {
  publish(snapshot_with_flows());
  Watcher one = watcher();
  const auto alone = one.look();
  EXPECT_EQ(alone->snapshot->conversation_count(), 4U);
  EXPECT_EQ(alone->snapshot->agent_count(), 2U);
  EXPECT_EQ(alone->hosts, nullptr);

  ASSERT_TRUE(prepare_runtime_directory(hosts_directory(directory)).ok());
  const EncodedPart part = encode_hosts({{"hv-2", "10.0.0.2", 1000 * kSecond, 1, 1}});
  EncodedSnapshot index;
  index.header = small_snapshot().header;
  index.hosts = &part;
  ASSERT_TRUE(vmtraffic::publish(hosts_directory(directory), index).ok());
  const auto both = one.look();
  ASSERT_NE(both->hosts, nullptr);
  EXPECT_EQ(both->snapshot, alone->snapshot);
  EXPECT_EQ(one.look(), both) << "nothing new";
  std::ostringstream indexes;
  indexes << std::ifstream(directory / "snmp-indexes").rdbuf();
  EXPECT_THAT(indexes.str(), testing::HasSubstr("\nhost 1 10.0.0.2 0\n")) << "kept at once";

  std::ofstream(hosts_directory(directory) / "snapshot") << "damaged";
  EXPECT_EQ(one.look()->hosts, nullptr);
  now += 3 * kSecond;
  EXPECT_EQ(one.look()->trouble, "") << "of other hosts alone";
  const std::string trouble = read_snapshot(hosts_directory(directory)).error().text;
  EXPECT_THAT(log, ElementsAre(trouble + "; rows of other hosts are missing until then"));
}

}  // namespace
}  // namespace vmtraffic::snmp
