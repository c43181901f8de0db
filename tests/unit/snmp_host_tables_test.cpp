// The whole of what VMTRAFFIC-MIB has of other hosts, and how their files are followed.
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "plugins/snmp-subagent/flow_tables.hpp"
#include "plugins/snmp-subagent/hosts.hpp"
#include "tests/unit/snmp_fixture.hpp"

namespace vmtraffic::snmp {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;

constexpr Nanoseconds kNow = 1004 * kSecond;

// Two hosts: of the first nothing but its agent is known, the second has the machines of snapshot_with_flows().
const std::vector<std::string> kHosts = {
    "1.12.1.2.1 = STRING: a|b\\x0a",
    "1.12.1.2.2 = STRING: hv-3",
    "1.12.1.3.1 = INTEGER: 1",
    "1.12.1.3.2 = INTEGER: 2",
    "1.12.1.4.1 = Hex: 0a 00 00 02",
    "1.12.1.4.2 = Hex: 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 03",
    "1.12.1.5.1 = Gauge32: 0",
    "1.12.1.5.2 = Gauge32: 2",
    "1.12.1.6.1 = Gauge32: 0",
    "1.12.1.6.2 = Gauge32: 3",
    "1.12.1.7.1 = Timeticks: 400",
    "1.12.1.7.2 = Timeticks: 300",
    "1.13.1.2.2.1 = STRING: hv-3",
    "1.13.1.2.2.2 = STRING: hv-3",
    "1.13.1.2.2.3 = STRING: hv-3",
    "1.13.1.3.2.1 = STRING: web",
    "1.13.1.3.2.2 = STRING: web",
    "1.13.1.3.2.3 = STRING: off",
    "1.13.1.4.2.1 = STRING: 11111111-1111-1111-1111-111111111111",
    "1.13.1.4.2.2 = STRING: 11111111-1111-1111-1111-111111111111",
    "1.13.1.4.2.3 = STRING: 22222222-2222-2222-2222-222222222222",
    "1.13.1.5.2.1 = Hex: 52 54 00 00 00 01",
    "1.13.1.5.2.2 = Hex: 52 54 00 00 00 01",
    "1.13.1.5.2.3 = Hex: 52 54 00 00 00 03",
    "1.13.1.6.2.1 = Gauge32: 0",
    "1.13.1.6.2.2 = Gauge32: 1",
    "1.13.1.6.2.3 = Gauge32: 0",
    "1.13.1.7.2.1 = INTEGER: 7",
    "1.13.1.7.2.2 = INTEGER: 3",
    "1.13.1.8.2.1 = Counter64: 1000",
    "1.13.1.8.2.2 = Counter64: 5",
    "1.13.1.9.2.1 = Counter64: 10",
    "1.13.1.10.2.1 = Counter64: 1",
    "1.13.1.11.2.1 = Counter64: 2",
    "1.13.1.12.2.1 = Counter64: 2000",
    "1.13.1.13.2.1 = Counter64: 20",
    "1.13.1.14.2.1 = Counter64: 3",
    "1.13.1.15.2.1 = Counter64: 4",
    "1.13.1.16.2.1 = Timeticks: 50000",
    "1.13.1.16.2.2 = Timeticks: 0",
    "1.13.1.16.2.3 = Timeticks: 0",
    "1.13.1.17.2.1 = Timeticks: 10000",
    "1.13.1.17.2.3 = Timeticks: 20000",
    "1.13.1.18.2.1 = Counter64: 20000000",
    "1.13.1.18.2.3 = Counter64: 64000",
    "1.13.1.19.2.1 = Counter64: 100000",
    "1.13.1.19.2.3 = Counter64: 1000",
    "1.13.1.20.2.1 = Counter64: 1000",
    "1.13.1.20.2.3 = Counter64: 10",
    "1.13.1.21.2.1 = Gauge32: 1250",
    "1.13.1.21.2.3 = Gauge32: 1250",
    "1.13.1.22.2.1 = Gauge32: 1250",
    "1.13.1.22.2.3 = Gauge32: 1250",
    "1.13.1.23.2.1 = Counter64: 1000000",
    "1.13.1.23.2.3 = Counter64: 3200",
    "1.13.1.24.2.1 = Counter64: 625",
    "1.13.1.24.2.3 = Counter64: 6",
    "1.13.1.25.2.1 = Gauge32: 500",
    "1.13.1.25.2.3 = Gauge32: 5",
    "1.13.1.26.2.1 = Gauge32: 2500",
    "1.13.1.26.2.3 = Gauge32: 2500",
    "1.13.1.27.2.1 = Gauge32: 2500",
    "1.13.1.27.2.3 = Gauge32: 2500",
    "1.13.1.28.2.1 = Counter64: 200000000",
    "1.13.1.29.2.1 = Counter64: 200000",
    "1.13.1.30.2.1 = Counter64: 2000",
    "1.13.1.31.2.1 = Gauge32: 1250",
    "1.13.1.32.2.1 = Gauge32: 1250",
    "1.13.1.33.2.1 = Counter64: 10000000",
    "1.13.1.34.2.1 = Counter64: 1250",
    "1.13.1.35.2.1 = Gauge32: 1000",
    "1.13.1.36.2.1 = Gauge32: 2500",
    "1.13.1.37.2.1 = Gauge32: 2500",
};

struct SnmpHosts : testing::Test {
  SnmpHosts() {
    std::string name = (fs::temp_directory_path() / "snmp-hosts-XXXXXX").string();
    directory = ::mkdtemp(name.data());
    fs::permissions(directory, fs::perms(0750));
  }
  ~SnmpHosts() override { fs::remove_all(directory); }

  void write_index(const std::vector<HostStatus>& hosts) const {
    ASSERT_TRUE(prepare_runtime_directory(hosts_directory(directory)).ok());
    const EncodedPart part = encode_hosts(hosts);
    EncodedSnapshot index;
    index.header = small_snapshot().header;
    index.hosts = &part;
    ASSERT_TRUE(publish(hosts_directory(directory), index).ok());
  }
  void write_host(const std::string& address, const std::vector<std::byte>& bytes) const {
    const fs::path where = host_directory(directory, address);
    ASSERT_TRUE(prepare_runtime_directory(where).ok());
    std::ofstream(where / "fresh", std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    fs::permissions(where / "fresh", fs::perms(0640));
    fs::rename(where / "fresh", where / kSnapshotFileName);
  }
  void write_both() const {
    write_index({{"a|b\n", "10.0.0.2", 1000 * kSecond, 0, 0}, {"hv-3", "2001:db8::3", 1001 * kSecond, 2, 3}});
    write_host("2001:db8::3", encode(snapshot_with_flows()));
  }
  HostsReader::Sight look(HostsReader& reader, Nanoseconds now = kNow) { return reader.look(store, clock_at(now)); }
  std::vector<std::string> served(std::shared_ptr<const Hosts> hosts) {
    Model model = model_of(small_snapshot());
    model.hosts = std::move(hosts);
    return walk(Subtree(host_tables()), View(model, clock_at(kNow)));
  }

  fs::path directory;
  IndexStore store;
};

TEST_F(SnmpHosts, Whole) {
  write_both();
  HostsReader reader(directory);
  Model model = model_of(small_snapshot());
  model.hosts = look(reader).hosts;
  expect_whole(Subtree(host_tables()), View(model, clock_at(kNow)), kHosts);
  EXPECT_THAT(walk(Subtree(host_tables()), View(model, clock_at(2000 * kSecond))), IsEmpty()) << "nobody collects";
}

TEST_F(SnmpHosts, NoneAtAll) {
  HostsReader reader(directory);
  const auto sight = look(reader);
  EXPECT_EQ(sight.hosts, nullptr);
  EXPECT_EQ(sight.trouble, "");
  EXPECT_THAT(served(nullptr), IsEmpty());
  EXPECT_FALSE(store.changed());
}

TEST_F(SnmpHosts, SameUntilSomethingIsNew) {
  write_both();
  HostsReader reader(directory);
  const auto first = look(reader).hosts;
  EXPECT_EQ(look(reader).hosts, first);
  SnapshotContent next = snapshot_with_flows();
  next.header.sequence = 43;
  write_host("2001:db8::3", encode(next));
  const auto second = look(reader).hosts;
  EXPECT_NE(second, first);
  EXPECT_EQ(served(second), served(first));
}

TEST_F(SnmpHosts, NumbersStay) {
  write_both();
  HostsReader reader(directory);
  const std::vector<std::string> before = served(look(reader).hosts);
  write_index({{"hv-0", "10.0.0.1", 1002 * kSecond, 0, 0}});
  EXPECT_EQ(served(look(reader).hosts),
            (std::vector<std::string>{"1.12.1.2.3 = STRING: hv-0", "1.12.1.3.3 = INTEGER: 1", "1.12.1.4.3 = Hex: 0a 00 00 01",
                                      "1.12.1.5.3 = Gauge32: 0", "1.12.1.6.3 = Gauge32: 0", "1.12.1.7.3 = Timeticks: 200"}));
  write_both();
  EXPECT_EQ(served(look(reader).hosts), before);
}

TEST_F(SnmpHosts, AHostThatIsStaleOrDamagedHasNoVnics) {
  write_both();
  HostsReader reader(directory);
  EXPECT_EQ(look(reader).hosts->vnics.size(), 3U);
  EXPECT_EQ(look(reader, 1100 * kSecond).hosts->vnics.size(), 0U);
  EXPECT_EQ(look(reader, 1100 * kSecond).hosts->all.size(), 2U);
  EXPECT_EQ(look(reader, 1100 * kSecond).trouble, "");
  write_host("2001:db8::3", std::vector<std::byte>(100));
  const auto damaged = look(reader);
  EXPECT_EQ(damaged.hosts->vnics.size(), 0U);
  const fs::path file = host_directory(directory, "2001:db8::3") / kSnapshotFileName;
  EXPECT_EQ(damaged.trouble, read_snapshot(file.parent_path()).error().text);
  EXPECT_NE(damaged.trouble, "");
}

TEST_F(SnmpHosts, AnIndexOfAnotherBootOrWithoutAddresses) {
  write_both();
  HostsReader reader(directory);
  Clock other_boot = clock_at(kNow);
  other_boot.boot_id = "boot-2";
  EXPECT_EQ(reader.look(store, other_boot).hosts, nullptr);
  write_index({{"hv-9", "../..", 1000 * kSecond, 1, 1}});
  EXPECT_EQ(look(reader).hosts, nullptr) << "no directory of ours";
}

}  // namespace
}  // namespace vmtraffic::snmp
