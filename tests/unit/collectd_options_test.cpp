#include <gtest/gtest.h>

#include "plugins/collectd/options.hpp"

namespace vmtraffic::collectd {
namespace {

using Block = std::vector<OptionItem>;

struct Read {
  Options options;
  Remarks remarks;
};

Read read(const Block& block) {
  Read out;
  read_block(block, out.options, out.remarks);
  return out;
}

OptionItem item(std::string key, std::vector<OptionValue> values) { return {std::move(key), std::move(values), false}; }

std::vector<std::string> faults(const OptionItem& one) { return read({one}).remarks.faults; }
std::vector<std::string> notices(const OptionItem& one) {
  const Read out = read({one});
  EXPECT_EQ(out.remarks.faults, std::vector<std::string>{});
  return out.remarks.notices;
}

using Lines = std::vector<std::string>;

TEST(Options, DefaultsWithoutABlock) {
  const Options options;
  EXPECT_EQ(options.config_file, "/etc/vmtraffic/vmtraffic.toml");
  EXPECT_FALSE(options.config_file_named);
  EXPECT_FALSE(options.runtime_directory);
  EXPECT_FALSE(options.persistent_notification);
  EXPECT_EQ(options.mapping.naming, (Naming{.plugin = "vmtraffic",
                                            .hostname = "",
                                            .host = {NameWord::kName},
                                            .instance = {},
                                            .interface = InterfaceFormat::kAddress,
                                            .metadata_tag = "nova.instance"}));
  EXPECT_TRUE(options.mapping.interfaces);
  EXPECT_FALSE(options.mapping.domain_state);
  EXPECT_EQ(contradictions(options, Config{}, true), Lines{});
}

TEST(Options, ABlockOfVirtIsReadAsVirtReadsIt) {
  const Read out =
      read({item("connection", {"qemu:///system"}), item("HOSTNAMEFORMAT", {"hostname"}), item("PluginInstanceFormat", {"name", "uuid"}),
            item("InterfaceFormat", {"number"}), item("IgnoreSelected", {"true"}), item("Domain", {"/^test-/"}),
            item("InterfaceDevice", {"web:vnet0"}), item("ExtraStats", {"domain_state"}), item("PersistentNotification", {true}),
            item("ReportNetworkInterfaces", {"off"}), item("HostnameMetadataXPath", {"/instance/owner/project/@uuid"}),
            item("HostnameMetadataNS", {"http://openstack.org/xmlns/libvirt/nova/1.0"}), item("Instances", {1.0}),
            item("ReportBlockDevices", {false})});
  EXPECT_EQ(out.remarks, Remarks{});
  const Mapping& mapping = out.options.mapping;
  EXPECT_EQ(mapping.naming, (Naming{.plugin = "vmtraffic",
                                    .hostname = "",
                                    .host = {NameWord::kHostname},
                                    .instance = {NameWord::kName, NameWord::kUuid},
                                    .interface = InterfaceFormat::kNumber,
                                    .metadata_tag = "nova.project_id"}));
  EXPECT_EQ(mapping.selection.connections, Lines{"qemu:///system"});
  EXPECT_TRUE(mapping.selection.takes_domain("web"));
  EXPECT_FALSE(mapping.selection.takes_domain("test-1"));
  EXPECT_FALSE(mapping.selection.takes_interface("web", {"vnet0", "52:54:00:00:00:01", "interface-1"}));
  EXPECT_TRUE(mapping.selection.takes_interface("web", {"vnet1", "52:54:00:00:00:02", "interface-2"}));
  EXPECT_TRUE(mapping.domain_state);
  EXPECT_FALSE(mapping.interfaces);
  EXPECT_TRUE(out.options.persistent_notification);
}

TEST(Options, OurOwnOptions) {
  const Read out = read({item("PluginName", {"virt"}), item("ConfigFile", {"/etc/other.toml"}), item("RuntimeDirectory", {"/run/other"})});
  EXPECT_EQ(out.remarks, Remarks{});
  EXPECT_EQ(out.options.mapping.naming.plugin, "virt");
  EXPECT_EQ(out.options.config_file, "/etc/other.toml");
  EXPECT_TRUE(out.options.config_file_named);
  EXPECT_EQ(out.options.runtime_directory, "/run/other");
}

TEST(Options, FlowsAndHosts) {
  const Options defaults;
  EXPECT_TRUE(defaults.mapping.flows);
  EXPECT_EQ(defaults.mapping.flow_top, 5U);
  EXPECT_FALSE(defaults.mapping.flow_addresses);
  EXPECT_TRUE(defaults.mapping.latency);
  EXPECT_EQ(defaults.hosts, (HostSelection{.all = true, .names = {}}));
  const Read out = read({item("Flows", {false}), item("FlowTop", {0.0}), item("FlowAddresses", {true}), item("Latency", {false}),
                         item("Hosts", {"hv-2 10.0.0.3"}), item("Hosts", {"hv-4", "hv-5"})});
  EXPECT_EQ(out.remarks, Remarks{});
  EXPECT_FALSE(out.options.mapping.flows);
  EXPECT_EQ(out.options.mapping.flow_top, 0U);
  EXPECT_TRUE(out.options.mapping.flow_addresses);
  EXPECT_FALSE(out.options.mapping.latency);
  EXPECT_EQ(out.options.hosts, (HostSelection{.all = false, .names = {"hv-2", "10.0.0.3", "hv-4", "hv-5"}}));
  EXPECT_EQ(read({item("Hosts", {"hv-2"}), item("Hosts", {"Local"})}).options.hosts, (HostSelection{.all = false, .names = {}}));
  EXPECT_EQ(read({item("Hosts", {"hv-2"}), item("Hosts", {"all"})}).options.hosts, (HostSelection{.all = true, .names = {}}));
  const std::string at = "<Plugin vmtraffic>: ";
  EXPECT_EQ(faults(item("FlowTop", {2.5})), Lines{at + "FlowTop 2.5: takes a whole number"});
  EXPECT_EQ(faults(item("FlowTop", {101.0})), Lines{at + "FlowTop 101: takes a number from 0 to 100"});
  EXPECT_EQ(faults(item("Hosts", {""})), Lines{at + R"(Hosts "": takes "all", "local", or names or addresses of hosts)"});
  EXPECT_EQ(faults(item("Hosts", {"hv-2", "local"})), Lines{at + R"(Hosts "hv-2" "local": "local" stands alone)"});
}

TEST(Options, WordsMayStandInOneStringOrInSeveral) {
  const auto one = read({item("HostnameFormat", {"name uuid"})});
  const auto several = read({item("HostnameFormat", {"name", "uuid"})});
  EXPECT_EQ(one.options.mapping.naming.host, (std::vector{NameWord::kName, NameWord::kUuid}));
  EXPECT_EQ(several.options.mapping.naming.host, one.options.mapping.naming.host);
}

TEST(Options, SeveralBlocksAddUpAndTheLastWins) {
  Options options;
  Remarks remarks;
  read_block({item("Domain", {"a"}), item("InterfaceFormat", {"number"})}, options, remarks);
  read_block({item("Domain", {"b"}), item("InterfaceFormat", {"address"}), item("PluginInstanceFormat", {"name"})}, options, remarks);
  read_block({item("PluginInstanceFormat", {"none"})}, options, remarks);
  EXPECT_EQ(remarks, Remarks{});
  EXPECT_TRUE(options.mapping.selection.takes_domain("a"));
  EXPECT_TRUE(options.mapping.selection.takes_domain("b"));
  EXPECT_FALSE(options.mapping.selection.takes_domain("c"));
  EXPECT_EQ(options.mapping.naming.interface, InterfaceFormat::kAddress);
  EXPECT_EQ(options.mapping.naming.instance, std::vector<NameWord>{});
}

TEST(Options, FaultsNameThePlaceAndWhatWouldBeRight) {
  const std::string at = "<Plugin vmtraffic>: ";
  EXPECT_EQ(faults(item("HostnameFormt", {"name"})), Lines{at + R"(HostnameFormt "name": unknown option; HostnameFormat is meant?)"});
  EXPECT_EQ(
      faults(item("Fl\x1b[0m", {})),
      Lines{at +
            "Fl\\x1b[0m: unknown option; known are ConfigFile, RuntimeDirectory, PluginName, Connection, Domain, InterfaceDevice, "
            "IgnoreSelected, HostnameFormat, PluginInstanceFormat, InterfaceFormat, HostnameMetadataNS, HostnameMetadataXPath, "
            "ReportNetworkInterfaces, ExtraStats, PersistentNotification, Flows, FlowTop, FlowAddresses, Latency, Hosts, RefreshInterval, "
            "Instances, BlockDevice, "
            "BlockDeviceFormat, BlockDeviceFormatBasename, ReportBlockDevices"});
  EXPECT_EQ(faults({"Domain", {"x"}, true}), Lines{at + R"(Domain "x": is an option, not a block: write it on one line)"});
  EXPECT_EQ(faults(item("HostnameFormat", {"name", "nam"})),
            Lines{at + R"(HostnameFormat "name" "nam": "nam" is none of name, uuid, hostname, metadata)"});
  EXPECT_EQ(faults(item("HostnameFormat", {})), Lines{at + "HostnameFormat: takes one to 4 of name, uuid, hostname, metadata"});
  EXPECT_EQ(faults(item("PluginInstanceFormat", {"hostname"})),
            Lines{at + R"(PluginInstanceFormat "hostname": "hostname" is none of none, name, uuid, metadata)"});
  EXPECT_EQ(faults(item("PluginInstanceFormat", {"name none"})), Lines{at + R"(PluginInstanceFormat "name none": "none" stands alone)"});
  EXPECT_EQ(faults(item("InterfaceFormat", {"mac"})), Lines{at + R"(InterfaceFormat "mac": takes one of name, address, number)"});
  EXPECT_EQ(faults(item("Domain", {"/web(/"})),
            Lines{at + R"(Domain "/web(/": takes a POSIX extended regular expression between the slashes: Unmatched ( or \()"});
  EXPECT_EQ(faults(item("Domain", {42.0})), Lines{at + "Domain 42: takes text: put it in quotes"});
  EXPECT_EQ(faults(item("Domain", {"a", "b"})), Lines{at + R"(Domain "a" "b": takes one argument)"});
  EXPECT_EQ(faults(item("InterfaceDevice", {"vnet0"})),
            Lines{at + R"(InterfaceDevice "vnet0": takes "domain:device", where device is the tap, the MAC address or interface-N; )"
                       "or a regular expression between slashes"});
  EXPECT_EQ(faults(item("IgnoreSelected", {"maybe"})), Lines{at + R"(IgnoreSelected "maybe": takes true or false)"});
  EXPECT_EQ(faults(item("RefreshInterval", {"soon"})), Lines{at + R"(RefreshInterval "soon": takes a number from 0 to 1000000000)"});
  EXPECT_EQ(faults(item("Instances", {0.0})), Lines{at + "Instances 0: takes a number from 1 to 128"});
  EXPECT_EQ(
      faults(item("ExtraStats", {"domain_state gpu"})),
      Lines{at +
            R"(ExtraStats "domain_state gpu": "gpu" is none of domain_state, cpu_util, disk, disk_err, fs_info, job_stats_background, )"
            "job_stats_completed, memory, pcpu, perf, vcpu, vcpupin, disk_physical, disk_allocation, disk_capacity"});
  EXPECT_EQ(
      faults(item("HostnameMetadataXPath", {"/instance/uuid/text()"})),
      Lines{at + R"_(HostnameMetadataXPath "/instance/uuid/text()": not among the places that are collected: /instance/name/text(), )_"
                 "/instance/flavor/@name, /instance/owner/user/text(), /instance/owner/user/@uuid, /instance/owner/project/text(), "
                 "/instance/owner/project/@uuid"});
  EXPECT_EQ(faults(item("HostnameMetadataNS", {"http://example.org/"})),
            Lines{at + R"(HostnameMetadataNS "http://example.org/": only OpenStack Nova's metadata are collected: )"
                       "http://openstack.org/xmlns/libvirt/nova/1.1 or …/1.0, whichever a domain has"});
  EXPECT_EQ(faults(item("PluginName", {"kvm-traffic"})),
            Lines{at + R"(PluginName "kvm-traffic": takes up to 63 letters, digits, '_' and '.')"});
  EXPECT_EQ(faults(item("ConfigFile", {"vmtraffic.toml"})), Lines{at + R"(ConfigFile "vmtraffic.toml": takes an absolute path)"});
  EXPECT_EQ(faults(item("RuntimeDirectory", {""})), Lines{at + R"(RuntimeDirectory "": takes an absolute path)"});
}

TEST(Options, WhatCannotApplyIsANotice) {
  const std::string at = "<Plugin vmtraffic>: ";
  EXPECT_EQ(
      notices(item("RefreshInterval", {60.0})),
      Lines{
          at +
          "RefreshInterval 60: without effect: libvirt's events keep the inventory fresh; the full refresh behind them is refresh_interval "
          "under [libvirt] in vmtraffic.toml"});
  EXPECT_EQ(notices(item("Instances", {4.0})), Lines{at + "Instances 4: without effect: one reader serves all domains"});
  EXPECT_EQ(notices(item("BlockDevice", {"/:hdb/"})),
            Lines{at + R"(BlockDevice "/:hdb/": without effect: no block devices are reported here)"});
  EXPECT_EQ(notices(item("ExtraStats", {"disk", "domain_state", "vcpu"})),
            Lines{at + R"(ExtraStats "disk" "domain_state" "vcpu": not reported here: disk, vcpu)"});
  EXPECT_EQ(
      notices(item("InterfaceFormat", {"name"})),
      Lines{at +
            R"(InterfaceFormat "name": a tap's name may change at each start of its domain, and the graphs with it; "address" stays)"});
}

TEST(Options, OneFaultDoesNotHideTheNext) {
  const Read out = read({item("Domian", {"a"}), item("InterfaceFormat", {"x"}), item("Domain", {"b"})});
  EXPECT_EQ(out.remarks.faults.size(), 2U);
  EXPECT_TRUE(out.options.mapping.selection.takes_domain("b"));
}

TEST(Options, ContradictionsOfTheWhole) {
  Config config;
  config.libvirt.uris = {"qemu:///system", "lxc:///"};
  EXPECT_EQ(contradictions(read({item("Connection", {"lxc:///"})}).options, config, false), Lines{});
  EXPECT_EQ(contradictions(read({item("Connection", {""})}).options, config, false), Lines{});
  EXPECT_EQ(contradictions(read({item("Connection", {"xen:///"})}).options, config, false),
            Lines{"<Plugin vmtraffic>: Connection \"xen:///\": /etc/vmtraffic/vmtraffic.toml does not collect from it, only from "
                  "\"qemu:///system\", \"lxc:///\": add it to uris under [libvirt] there, or take this line out"});
  EXPECT_EQ(
      contradictions(read({item("HostnameFormat", {"hostname"})}).options, config, false),
      Lines{"<Plugin vmtraffic>: HostnameFormat \"hostname\" gives all domains one name: add PluginInstanceFormat \"name\" or \"uuid\""});
  EXPECT_EQ(contradictions(read({item("HostnameFormat", {"hostname"}), item("PluginInstanceFormat", {"metadata"})}).options, config, false),
            Lines{});
  EXPECT_EQ(contradictions(read({item("PluginName", {"virt"})}).options, config, false), Lines{});
  EXPECT_EQ(contradictions(read({item("PluginName", {"virt"})}).options, config, true),
            Lines{"<Plugin vmtraffic>: PluginName \"virt\": collectd's own virt plugin is loaded and writes the same names: take out its "
                  "LoadPlugin, "
                  "or give another PluginName"});
}

TEST(Selection, PatternsAreWholeTextsOrUnanchoredExpressions) {
  const auto matches = [](const char* pattern, std::string_view name) { return Pattern::compile(pattern)->matches(name); };
  EXPECT_TRUE(matches("web", "web"));
  EXPECT_FALSE(matches("web", "Web"));
  EXPECT_FALSE(matches("web", "web2"));
  EXPECT_TRUE(matches("/web/", "my web2"));
  EXPECT_FALSE(matches("/^web$/", "web2"));
  EXPECT_TRUE(matches("/^(a|b)[0-9]+$/", "b17"));
  EXPECT_TRUE(matches("/x$/", std::string_view("a\0x", 3)));
  EXPECT_TRUE(matches("//", "//"));
}

TEST(Selection, IgnoreSelectedTurnsBothListsRound) {
  Selection selection;
  EXPECT_TRUE(selection.takes_domain("a"));
  EXPECT_TRUE(selection.takes_interface("a", {"", "52:54:00:00:00:01", "interface-1"}));
  selection.ignore_selected = true;  // without a list: still everything, as in collectd's own
  EXPECT_TRUE(selection.takes_domain("a"));
  EXPECT_TRUE(selection.takes_interface("a", {"vnet0"}));
  selection.domains = {*Pattern::compile("a")};
  selection.interfaces = {*Pattern::compile("b:52:54:00:00:00:01")};
  EXPECT_FALSE(selection.takes_domain("a"));
  EXPECT_FALSE(selection.takes_interface("b", {"vnet0", "52:54:00:00:00:01", "interface-1"}));
  selection.ignore_selected = false;
  EXPECT_TRUE(selection.takes_domain("a"));
  EXPECT_FALSE(selection.takes_domain("b"));
  EXPECT_TRUE(selection.takes_interface("b", {"vnet0", "52:54:00:00:00:01", "interface-1"}));
  EXPECT_FALSE(selection.takes_interface("b", {"vnet0", "52:54:00:00:00:02", "interface-1"}));
}

}  // namespace
}  // namespace vmtraffic::collectd
