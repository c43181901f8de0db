#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "plugins/snmp-subagent/index_store.hpp"
#include "tests/unit/snmp_fixture.hpp"

namespace vmtraffic::snmp {
namespace {

namespace fs = std::filesystem;

SnapshotContent domains(std::initializer_list<std::uint8_t> numbers) {
  SnapshotContent content = small_snapshot();
  content.inventory.domains.clear();
  for (const std::uint8_t number : numbers) {
    Domain domain;
    domain.uuid = uuid_number(number);
    Vnic vnic;
    vnic.mac = {{0x52, 0x54, 0, 0, 0, number}};
    domain.vnics = {vnic};
    content.inventory.domains.push_back(domain);
  }
  content.numbers = {};
  content.numbers.domains.resize(numbers.size());
  content.numbers.totals.resize(numbers.size());
  for (auto& rates : content.numbers.rates) rates.resize(numbers.size());
  return content;
}

Indexes assign(IndexStore& store, const SnapshotContent& content) { return store.assign(*parsed(content)); }

// ---- numbers

TEST(SnmpIndexStore, GivesNumbersAtFirstSightAndKeepsThem) {
  IndexStore store;
  EXPECT_EQ(assign(store, domains({5, 7})), (Indexes{{1, 2}, {1, 1}, {1, 2}}));
  EXPECT_EQ(assign(store, domains({6, 7})), (Indexes{{3, 2}, {1, 1}, {1, 2}})) << "a newcomer gets no number that was in use";
  EXPECT_EQ(assign(store, domains({5, 6, 7})), (Indexes{{1, 3, 2}, {1, 1, 1}, {1, 2}})) << "one that comes back gets its own";
}

TEST(SnmpIndexStore, VnicsByMacAndOrdinal) {
  IndexStore store;
  EXPECT_EQ(assign(store, small_snapshot()), (Indexes{{1, 2}, {1, 2, 1}, {1, 2}}));
  SnapshotContent changed = small_snapshot();
  changed.inventory.domains[0].vnics[0].mac = *MacAddress::parse("52:54:00:00:00:09");
  changed.inventory.domains[0].vnics[1].ordinal = 0;
  normalize(changed.inventory);
  EXPECT_EQ(assign(store, changed).vnics, (std::vector<std::uint32_t>{1, 3, 1}));
}

TEST(SnmpIndexStore, OutlivesARestart) {
  IndexStore store;
  assign(store, small_snapshot());
  assign(store, domains({9}));
  EXPECT_TRUE(store.changed());
  const std::string text = store.text();
  EXPECT_FALSE(store.changed());
  IndexStore again = IndexStore::parse(text).value();
  EXPECT_FALSE(again.changed());
  EXPECT_EQ(again.text(), text);
  EXPECT_EQ(assign(again, domains({9})).domains, (std::vector<std::uint32_t>{3}));
  EXPECT_EQ(assign(again, small_snapshot()), (Indexes{{1, 2}, {1, 2, 1}, {1, 2}}));
  EXPECT_EQ(assign(again, domains({10})).domains, (std::vector<std::uint32_t>{4}));
}

TEST(SnmpIndexStore, AgentsAndOtherHosts) {
  IndexStore store;
  EXPECT_EQ(assign(store, snapshot_with_flows()), (Indexes{{1, 2}, {1, 2, 1}, {1, 2}, {1, 2}}));
  SnapshotContent other = snapshot_with_flows();
  other.agents[0].sub_agent = 7;
  EXPECT_EQ(assign(store, other).agents, (std::vector<std::uint32_t>{3, 2}));
  const auto machines = parsed(small_snapshot()), fewer = parsed(domains({0x22}));
  const IpAddress a = *IpAddress::parse("10.0.0.2"), b = *IpAddress::parse("2001:db8::3");
  EXPECT_EQ(store.assign(std::vector<HostSight>{{b, machines.get()}, {a, nullptr}}), (std::vector<HostIndexes>{{1, {1, 2, 3}}, {2, {}}}));
  EXPECT_EQ(store.assign(std::vector<HostSight>{{a, machines.get()}}), (std::vector<HostIndexes>{{2, {1, 2, 3}}}));
  EXPECT_EQ(store.assign(std::vector<HostSight>{{b, fewer.get()}}), (std::vector<HostIndexes>{{1, {4}}}));

  const std::string text = store.text();
  IndexStore again = IndexStore::parse(text).value();
  EXPECT_EQ(again.text(), text);
  EXPECT_EQ(assign(again, other).agents, (std::vector<std::uint32_t>{3, 2}));
  EXPECT_EQ(again.assign(std::vector<HostSight>{{a, fewer.get()}, {b, machines.get()}}),
            (std::vector<HostIndexes>{{2, {4}}, {1, {1, 2, 3}}}));
}

TEST(SnmpIndexStore, ForgetsHostsAndTheirVnics) {
  IndexStore store({.hosts = 1, .vnics_per_host = 1});
  const auto machines = parsed(domains({1, 2})), others = parsed(domains({3}));
  const IpAddress a = *IpAddress::parse("10.0.0.2"), b = *IpAddress::parse("10.0.0.3");
  store.assign(std::vector<HostSight>{{a, machines.get()}});
  store.assign(std::vector<HostSight>{{a, others.get()}});
  EXPECT_EQ(store.assign(std::vector<HostSight>{{a, machines.get()}}), (std::vector<HostIndexes>{{1, {4, 5}}}));
  store.assign(std::vector<HostSight>{{b, nullptr}});
  EXPECT_EQ(store.assign(std::vector<HostSight>{{a, others.get()}}), (std::vector<HostIndexes>{{3, {1}}}));
}

TEST(SnmpIndexStore, ForgetsTheOldestOfWhatIsGone) {
  IndexStore store({.domains = 3, .vnics_per_domain = 1, .probes = 1});
  assign(store, domains({1, 2, 3, 4, 5}));  // all are there: all have numbers
  assign(store, domains({2, 9}));           // 1 and 3 and 4 are the oldest that are gone; 5 stays
  EXPECT_EQ(assign(store, domains({1, 2, 5})).domains, (std::vector<std::uint32_t>{7, 2, 5}));
}

TEST(SnmpIndexStore, GoesRoundPastNumbersInUse) {
  IndexStore store;
  assign(store, domains({1, 2}));
  std::string text = store.text();
  text.replace(text.find("last-domain 2"), 13, "last-domain 2147483647");
  text.erase(text.rfind("end "));
  std::uint64_t hash = 0xCBF29CE484222325;  // the closing line's, as index_store.cpp computes it
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  std::ostringstream closing;
  closing << "end " << std::count(text.begin(), text.end(), '\n') - 1 << ' ' << std::hex << hash << '\n';
  IndexStore full = IndexStore::parse(text + closing.str()).value();
  EXPECT_EQ(assign(full, domains({1, 2, 3})).domains, (std::vector<std::uint32_t>{1, 2, 3}));
}

TEST(SnmpIndexStore, EveryDamageIsNoticed) {
  IndexStore store;
  assign(store, snapshot_with_flows());
  const auto machines = parsed(small_snapshot());
  store.assign(std::vector<HostSight>{{*IpAddress::parse("10.0.0.2"), machines.get()}});
  const std::string text = store.text();
  for (std::size_t length = 0; length < text.size(); ++length) EXPECT_FALSE(IndexStore::parse(text.substr(0, length))) << length;
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x01);
    EXPECT_FALSE(IndexStore::parse(damaged)) << at;
  }
  EXPECT_FALSE(IndexStore::parse(text + text));
}

// ---- the file

struct SnmpIndexFile : testing::Test {
  SnmpIndexFile() {
    std::string name = (fs::temp_directory_path() / "snmp-index-XXXXXX").string();
    directory = ::mkdtemp(name.data());
  }
  ~SnmpIndexFile() override { fs::remove_all(directory); }

  IndexFile file() {
    return IndexFile(directory, [this](LogLevel, std::string_view text) { log.emplace_back(text); });
  }
  void write(std::string_view text) { std::ofstream(path()) << text; }
  std::string read() const {
    std::ostringstream all;
    all << std::ifstream(path()).rdbuf();
    return all.str();
  }
  fs::path path() const { return directory / "snmp-indexes"; }

  fs::path directory;
  std::vector<std::string> log;
};

TEST_F(SnmpIndexFile, IsWrittenWhenSomethingChanged) {
  IndexFile keeper = file();
  IndexStore store = keeper.load();
  keeper.save(store);
  EXPECT_FALSE(fs::exists(path())) << "nothing to say yet";
  assign(store, small_snapshot());
  keeper.save(store);
  const std::string text = read();
  EXPECT_EQ(text, store.text());
  fs::remove(path());
  assign(store, small_snapshot());
  keeper.save(store);
  EXPECT_FALSE(fs::exists(path())) << "nothing new";
  write(text);
  IndexStore again = file().load();
  EXPECT_EQ(assign(again, small_snapshot()), (Indexes{{1, 2}, {1, 2, 1}, {1, 2}}));
  EXPECT_THAT(log, testing::IsEmpty());
}

TEST_F(SnmpIndexFile, RootHandsItToTheOwnerOfTheDirectory) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  constexpr unsigned kUser = 12345, kGroup = 12346;
  ASSERT_EQ(::chown(directory.c_str(), kUser, kGroup), 0);
  const fs::path elsewhere = directory / "elsewhere";
  std::ofstream(elsewhere) << "not ours";
  fs::create_hard_link(elsewhere, path().string() + ".new");
  IndexFile keeper = file();
  IndexStore store = keeper.load();
  assign(store, small_snapshot());
  keeper.save(store);
  EXPECT_EQ(read(), store.text());
  struct stat info {};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, kUser);
  EXPECT_EQ(info.st_gid, kGroup);
  EXPECT_EQ(info.st_mode & 0777, 0640U);
  ASSERT_EQ(::stat(elsewhere.c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0U) << "a file that was there under the temporary name is not given away";
  EXPECT_EQ(fs::file_size(elsewhere), 8U) << "nor written to";
  EXPECT_THAT(log, testing::IsEmpty());
}

TEST_F(SnmpIndexFile, CorruptIsPutAside) {
  write("vmtraffic-snmp-indexes 1\nlast-domain 3\n");
  IndexFile keeper = file();
  IndexStore store = keeper.load();
  EXPECT_THAT(log,
              testing::ElementsAre(path().string() + " cannot be used: it is cut short. SNMP indexes are given anew; the old file is now " +
                                   path().string() + ".bad"));
  EXPECT_TRUE(fs::exists(path().string() + ".bad"));
  assign(store, small_snapshot());
  keeper.save(store);
  EXPECT_EQ(read(), store.text());
}

TEST_F(SnmpIndexFile, NoFileAtAllIsPutAsideToo) {
  fs::create_directory(path());
  IndexStore store = file().load();
  EXPECT_THAT(log, testing::ElementsAre(testing::HasSubstr("it is no file of a sensible size")));
}

TEST_F(SnmpIndexFile, UnwritableGoesOnInMemory) {
  const fs::path missing = directory / "missing";
  IndexFile keeper(missing, [this](LogLevel, std::string_view text) { log.emplace_back(text); });
  IndexStore store = keeper.load();
  assign(store, small_snapshot());
  keeper.save(store);
  keeper.save(store);
  const std::string complaint = "cannot write " + (missing / "snmp-indexes.new").string() +
                                ": No such file or directory; until then SNMP indexes last only as long as this program";
  EXPECT_THAT(log, testing::ElementsAre(complaint));
  fs::create_directory(missing);
  keeper.save(store);
  EXPECT_THAT(log, testing::ElementsAre(complaint, "SNMP indexes are kept in " + (missing / "snmp-indexes").string() + " again"));
  EXPECT_TRUE(fs::exists(missing / "snmp-indexes"));
}

}  // namespace
}  // namespace vmtraffic::snmp
