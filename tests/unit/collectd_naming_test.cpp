#include <gmock/gmock.h>

#include <set>

#include "collectd_snapshots.hpp"
#include "plugins/collectd/naming.hpp"

namespace vmtraffic::collectd {
namespace {

using testing::ElementsAre;
using testing::Pair;

std::vector<DomainName> names(std::vector<Domain> domains, const Naming& naming) {
  return name_domains(*make_snapshot(make_content(std::move(domains))), naming).names;
}

std::vector<std::string> hosts(const std::vector<std::string>& names_of_domains, const Naming& naming = {}) {
  std::vector<Domain> domains;
  for (std::size_t i = 0; i < names_of_domains.size(); ++i)
    domains.push_back(make_domain(static_cast<std::uint8_t>(i + 1), names_of_domains[i]));
  std::vector<std::string> out;
  for (const DomainName& name : names(std::move(domains), naming)) out.push_back(name.host);
  return out;
}

Naming with(std::vector<NameWord> host, std::vector<NameWord> instance = {}) {
  Naming naming;
  naming.hostname = "node1";
  naming.host = std::move(host);
  naming.instance = std::move(instance);
  return naming;
}

const std::string kUuid1 = "d0000000-0000-0000-0000-000000000001";
const std::string kUuid2 = "d0000000-0000-0000-0000-000000000002";
const std::string kUuid3 = "d0000000-0000-0000-0000-000000000003";

TEST(Naming, OrdinaryNamesStayAsTheyAre) {
  EXPECT_THAT(hosts({"web", "instance-0006f26c", "My VM (2)", "Zürich", "a:b", "x.example.org"}),
              ElementsAre("web", "instance-0006f26c", "My VM (2)", "Zürich", "a:b", "x.example.org"));
}

TEST(Naming, EveryWordOfTheFormats) {
  Domain domain = make_domain(1, "web");
  domain.tags = {{"nova.instance", "shop"}, {"nova.project", "p"}};
  EXPECT_EQ(names({domain}, with({NameWord::kHostname}, {NameWord::kName, NameWord::kUuid})),
            (std::vector{DomainName{"node1", "web:" + kUuid1}}));
  EXPECT_EQ(names({domain}, with({NameWord::kUuid})), (std::vector{DomainName{kUuid1, ""}}));
  EXPECT_EQ(names({domain}, with({NameWord::kMetadata, NameWord::kName}, {NameWord::kMetadata})),
            (std::vector{DomainName{"shop:web", "shop"}}));
  Naming project = with({NameWord::kMetadata});
  project.metadata_tag = "nova.project";
  EXPECT_EQ(names({domain}, project), (std::vector{DomainName{"p", ""}}));
}

TEST(Naming, WithoutMetadataTheUuidStandsInItsPlace) {
  EXPECT_EQ(names({make_domain(1, "web"), make_domain(2, "db")}, with({NameWord::kMetadata})),
            (std::vector{DomainName{kUuid1, ""}, DomainName{kUuid2, ""}}));
}

TEST(Naming, HostileNamesStayValidAndDifferent) {
  const std::vector<std::string> hostile{"a/b",
                                         "a_b",
                                         "a\\x2fb",
                                         "a\nb",
                                         "a\x1b[31mb",
                                         "a\xff"
                                         "b",
                                         "a\xfe"
                                         "b",
                                         ".",
                                         "..",
                                         "a b",
                                         "a\tb",
                                         "'a|b;c=\"",
                                         "a\u202e"
                                         "b",
                                         "/",
                                         "",
                                         "a\\b"};
  const auto mapped = hosts(hostile);
  EXPECT_THAT(mapped, ElementsAre("a\\x2fb", "a_b", "a\\\\x2fb", "a\\x0ab", "a\\x1b[31mb", "a\\xffb", "a\\xfeb", "\\x2e", "\\x2e.", "a b",
                                  "a\\x09b", "'a|b;c=\"", "a\\xe2\\x80\\xaeb", "\\x2f", "d0000000-0000-0000-0000-00000000000f", "a\\\\b"));
  EXPECT_EQ(std::set<std::string>(mapped.begin(), mapped.end()).size(), hostile.size());
}

TEST(Naming, LongNamesAreCutAndStayDifferent) {
  const std::string long_name(300, 'x');
  const auto mapped = hosts({long_name + "1", long_name + "2", std::string(127, 'y'), std::string(128, 'y')});
  EXPECT_EQ(std::set<std::string>(mapped.begin(), mapped.end()).size(), 4U);
  EXPECT_EQ(mapped[2], std::string(127, 'y'));
  for (const std::string& name : mapped) EXPECT_EQ(name.size(), 127U) << name;
  EXPECT_EQ(mapped[0].substr(0, 111), std::string(110, 'x') + "~");
}

TEST(Naming, ACutNeverSplitsACharacter) {
  std::string name;
  while (name.size() < 200) name += "ü";
  EXPECT_EQ(safe_part("a" + name).substr(0, 111), "a" + name.substr(0, 108) + "~" + safe_part("a" + name).substr(110, 1));
  EXPECT_EQ(safe_part(name).substr(0, 111), name.substr(0, 110) + "~");
  EXPECT_LE(safe_part(name, 40).size(), 40U);
}

TEST(Naming, DomainsOfOneNameAllGetTheirUuid) {
  Domain other = make_domain(2, "web");
  other.connection = "lxc:///";
  const auto snapshot = make_snapshot(make_content({make_domain(1, "web"), other, make_domain(3, "db")}));
  const DomainNames in_host = name_domains(*snapshot, with({NameWord::kName}));
  EXPECT_EQ(in_host.names, (std::vector{DomainName{"web:" + kUuid1, ""}, DomainName{"web:" + kUuid2, ""}, DomainName{"db", ""}}));
  EXPECT_THAT(in_host.clashing, ElementsAre(0, 1));
  const DomainNames in_instance = name_domains(*snapshot, with({NameWord::kHostname}, {NameWord::kName}));
  EXPECT_EQ(in_instance.names,
            (std::vector{DomainName{"node1", "web:" + kUuid1}, DomainName{"node1", "web:" + kUuid2}, DomainName{"node1", "db"}}));
  EXPECT_THAT(name_domains(*snapshot, with({NameWord::kName, NameWord::kUuid})).clashing, ElementsAre());
}

TEST(Naming, ATenantCannotTakeTheNameThatAClashLeadsTo) {
  const auto mapped = hosts({"web", "web", "web:" + kUuid1});
  EXPECT_THAT(mapped, ElementsAre("web:" + kUuid1, "web:" + kUuid2, "web:" + kUuid1 + ":" + kUuid3));
  // Nor that of a domain without metadata.
  Domain impostor = make_domain(2, "b");
  impostor.tags = {{"nova.instance", kUuid1}};
  EXPECT_EQ(names({make_domain(1, "a"), impostor}, with({NameWord::kMetadata})),
            (std::vector{DomainName{kUuid1 + ":" + kUuid1, ""}, DomainName{kUuid1 + ":" + kUuid2, ""}}));
  // Nor that of one whose name was cut.
  const std::string cut = safe_part(std::string(200, 'x'));
  const auto both = hosts({std::string(200, 'x'), cut});
  EXPECT_NE(both[0], both[1]);
  EXPECT_EQ(both[0].size(), 127U);
}

TEST(Naming, ColonsInsideWordsCannotMoveTheBorder) {
  Domain one = make_domain(1, "b:c");
  one.tags = {{"nova.instance", "a"}};
  Domain two = make_domain(2, "c");
  two.tags = {{"nova.instance", "a:b"}};
  EXPECT_EQ(names({one, two}, with({NameWord::kMetadata, NameWord::kName})),
            (std::vector{DomainName{"a:b\\x3ac", ""}, DomainName{"a\\x3ab:c", ""}}));
  EXPECT_EQ(names({one}, with({NameWord::kName, NameWord::kUuid})), (std::vector{DomainName{"b:c:" + kUuid1, ""}}));
}

TEST(Naming, InterfacesByAddressNumberAndTap) {
  Vnic second = make_vnic(9, "");
  second.number = 1;
  const auto snapshot = make_snapshot(make_content({make_domain(1, "web", {make_vnic(1, "vnet7"), second})}));
  const std::vector<VnicRow> vnics{snapshot->vnic(0), snapshot->vnic(1)};
  EXPECT_THAT(name_interfaces(vnics, InterfaceFormat::kAddress), ElementsAre("52:54:00:00:00:01", "52:54:00:00:00:09"));
  EXPECT_THAT(name_interfaces(vnics, InterfaceFormat::kNumber), ElementsAre("interface-1", "interface-2"));
  EXPECT_THAT(name_interfaces(vnics, InterfaceFormat::kName), ElementsAre("vnet7", "52:54:00:00:00:09"));
  EXPECT_THAT(interface_names(vnics[0]), ElementsAre("vnet7", "52:54:00:00:00:01", "interface-1"));
}

TEST(Naming, EqualMacsStayTwoRows) {
  Vnic standby = make_vnic(1, "vnet8");
  standby.number = 1;
  const auto snapshot = make_snapshot(make_content({make_domain(1, "web", {make_vnic(1, "vnet7"), standby})}));
  EXPECT_THAT(name_interfaces({snapshot->vnic(0), snapshot->vnic(1)}, InterfaceFormat::kAddress),
              ElementsAre("52:54:00:00:00:01", "52:54:00:00:00:01-1"));
}

TEST(Naming, AWrongInventoryCannotMergeInterfaces) {
  const auto snapshot = make_snapshot(make_content({make_domain(1, "web", {make_vnic(1, "tap/1"), make_vnic(2, "tap/1")})}));
  EXPECT_THAT(name_interfaces({snapshot->vnic(0), snapshot->vnic(1)}, InterfaceFormat::kName),
              ElementsAre("tap\\x2f1-52:54:00:00:00:01-0", "tap\\x2f1-52:54:00:00:00:02-0"));
}

}  // namespace
}  // namespace vmtraffic::collectd
