#include "core/config.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace vmtraffic {
namespace {

TEST(Config, AnEmptyFileMeansTheDefaults) {
  const auto config = parse_config("", "f");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(*config, Config{});
}

TEST(Config, ReadsEveryKey) {
  const auto config = parse_config(R"(
interval = 1
host = "hv-07"
runtime_directory = "/tmp/run"
state_directory = "/tmp/state"
[libvirt]
uris = ["qemu:///system", "lxc:///system"]
refresh_interval = 30.5
vhost_user_interval = 90
[sflow]
listen = ["0.0.0.0", "::"]
port = 6344
allow = ["10.0.0.0/8"]
agents = ["10.1.0.1"]
local_agents = ["10.1.0.1"]
threads = 2
receive_buffer = 1024
window = 30
top = 5
conversations = 2048
vxlan_ports = [4789, 8472]
geneve_ports = []
[sflow.networks]
office = ["10.1.0.0/16", "2001:db8::/32"]
backup = "192.0.2.0/24"
)",
                                   "f");
  ASSERT_TRUE(config.ok()) << config.error().text;
  SflowConfig sflow;
  sflow.enabled = true;
  sflow.listen = {*IpAddress::parse("0.0.0.0"), *IpAddress::parse("::")};
  sflow.port = 6344;
  sflow.allow = {*IpNetwork::parse("10.0.0.0/8")};
  sflow.agents = {*IpNetwork::parse("10.1.0.1")};
  sflow.local_agents = {*IpNetwork::parse("10.1.0.1")};
  sflow.threads = 2;
  sflow.receive_buffer_kib = 1024;
  sflow.window_s = 30;
  sflow.top = 5;
  sflow.conversations = 2048;
  sflow.vxlan_ports = {4789, 8472};
  sflow.geneve_ports = {};
  sflow.networks = {{"office", *IpNetwork::parse("10.1.0.0/16")},
                    {"office", *IpNetwork::parse("2001:db8::/32")},
                    {"backup", *IpNetwork::parse("192.0.2.0/24")}};
  EXPECT_EQ(*config, (Config{1, "hv-07", "/tmp/run", "/tmp/state", {{"qemu:///system", "lxc:///system"}, 30.5, 90}, sflow, {}}));
}

TEST(Config, ReadsTheCapture) {
  const auto config = parse_config(R"(
[capture]
all = true
vms = ["^web", "db$"]
tags = ["nova.project=shop", "role="]
ports = ["mirror0"]
ring = 32
applications = true
server_names = true
snapshot = 256
filter = "not port 22"
cpu_percent = 10
flows = 4096
conversations = 2048
window = 30
top = 5
vxlan_ports = [8472]
geneve_ports = []
[capture.networks]
office = "10.1.0.0/16"
)",
                                   "f");
  ASSERT_TRUE(config.ok()) << config.error().text;
  CaptureConfig capture;
  capture.enabled = capture.all = true;
  capture.vms = {"^web", "db$"};
  capture.tags = {{"nova.project", "shop"}, {"role", ""}};
  capture.ports = {"mirror0"};
  capture.ring_mib = 32;
  capture.applications = capture.server_names = true;
  capture.snapshot_octets = 256;
  capture.filter = "not port 22";
  capture.cpu_percent = 10;
  capture.flows = 4096;
  capture.conversations = 2048;
  capture.window_s = 30;
  capture.top = 5;
  capture.vxlan_ports = {8472};
  capture.geneve_ports = {};
  capture.networks = {{"office", *IpNetwork::parse("10.1.0.0/16")}};
  EXPECT_EQ(config->capture, capture);
  EXPECT_FALSE(parse_config("", "f")->capture.enabled);
  EXPECT_EQ(parse_config("[capture]\nall = true\napplications = true\nserver_names = true", "f")->capture.snapshot_octets, 1024U);
  EXPECT_EQ(parse_config("[capture]\nall = true\napplications = true", "f")->capture.snapshot_octets, 128U);
}

TEST(Config, RefusesACaptureThatCannotBe) {
  const auto complaint = [](const char* text) {
    const auto config = parse_config(text, "f");
    return config.ok() ? std::string("accepted") : config.error().text;
  };
  EXPECT_EQ(complaint("[capture]\nall = true\nserver_names = true"),
            "f: capture.server_names needs capture.applications = true, whose part it is");
  EXPECT_TRUE(complaint("[capture]\nall = true\nfilter = \"tcp prot 80\"").starts_with("f:3: capture.filter is no filter: "));
  EXPECT_EQ(complaint("[libvirt]\nuris = []\n[capture]\nall = true"),
            "f: libvirt.uris is empty and there is no [sflow]: [capture] would know no VM");
  EXPECT_EQ(complaint("[capture]"), "f: [capture] selects nothing: set all = true, or vms, tags or ports");
  EXPECT_EQ(complaint("[capture]\nenabled = false"), "accepted");
  EXPECT_EQ(complaint("[capture]\nvms = [\"(\"]"), "f:2: capture.vms has a regular expression that is none: missing ): (");
  EXPECT_EQ(complaint("[capture]\ntags = [\"shop\"]"),
            "f:2: capture.tags wants a list of tags, such as [\"nova.project=shop\"], not 'shop'");
  EXPECT_EQ(complaint("[capture]\nall = true\nring = 65"), "f:3: capture.ring wants a whole number from 1 to 64 (MiB), not 65");
}

TEST(Config, SflowIsOffWithoutItsSection) {
  EXPECT_FALSE(parse_config("", "f")->sflow.enabled);
  EXPECT_TRUE(parse_config("[sflow]", "f")->sflow.enabled);
  EXPECT_FALSE(parse_config("[sflow]\nenabled = false", "f")->sflow.enabled);
  EXPECT_TRUE(parse_config("[libvirt]\nuris = []\n[sflow]", "f").ok()) << "a host that collects for others";
}

TEST(Config, NamesWhatIsWrongWithSflow) {
  const std::string networks = "wants a list of networks without host bits, such as [\"10.0.0.0/8\", \"2001:db8::/32\", \"192.0.2.1\"]";
  const std::string addresses = "wants a list of IP addresses, such as [\"127.0.0.1\", \"::1\"]";
  struct Case {
    std::string line, said;
    int at{2};
  };
  const Case cases[] = {
      {"listen = \"::1\"", "listen " + addresses + ", not '::1'"},
      {"listen = [\"localhost\"]", "listen " + addresses + ", not 'localhost'"},
      {"listen = []", "listen wants at least one IP address"},
      {"listen = [\"127.0.0.1\", \"::1\",\n  \"127.0.0.1\"]", "listen has 127.0.0.1 twice", 3},
      {"listen = [\"127.0.0.1\", \"0.0.0.0\"]", "listen wants 0.0.0.0 alone or not at all: it has 127.0.0.1 too"},
      {"listen = [\"::\", \"0.0.0.0\", \"::1\"]", "listen wants :: alone or not at all: it has ::1 too"},
      {"port = 0", "port wants a whole number from 1 to 65535 (UDP), not 0"},
      {"port = 6343.5", "port wants a whole number from 1 to 65535 (UDP), not 6343.5"},
      {"allow = [\"10.0.0.1/8\"]", "allow " + networks + ", not '10.0.0.1/8'"},
      {"allow = []", "allow wants at least one network"},
      {"threads = 17", "threads wants a whole number from 1 to 16 (threads that receive), not 17"},
      {"enabled = 1", "enabled wants true or false, not 1"},
      {"vxlan_ports = [70000]", "vxlan_ports wants a list of UDP ports, such as [4789, 8472], not 70000"},
      {"networks = { lan = \"10.0.0.0/33\" }", "networks.lan " + networks + ", not '10.0.0.0/33'"},
      {"networks = 3", "networks is a section: write [sflow.networks], not 3"},
      {"[sflow.networks]\nlan = []", "networks.lan wants at least one network", 3},
      {"[sflow.networks]\n\"\" = \"10.0.0.0/8\"", "networks wants a name for each network, not ''", 3},
      {"[sflow.networks]\n\"10.0.0.0/8\" = \"10.0.0.0/8\"",
       "networks wants a name for each network that check_vm_talkers cannot take for an address, not '10.0.0.0/8'", 3},
      {"[sflow.networks]\n\"cafe.de\" = \"10.0.0.0/8\"",
       "networks wants a name for each network that check_vm_talkers cannot take for an address, not 'cafe.de'", 3},
      {"[sflow.networks]\n\"vm:web\" = \"10.0.0.0/8\"",
       "networks wants a name for each network that check_vm_talkers cannot take for a VM's, not 'vm:web'", 3},
      {"[sflow.networks]\nlan = \"10.0.0.0/8\"\nan = [\"10.1.0.0/16\",\n  \"10.0.0.0/8\"]",
       "networks.an has 10.0.0.0/8, which is sflow.networks.lan already", 5},
      {"[sflow.networks]\nlan = \"10.0.0.0/8\"\nwan = \"10.0.0.0/8\"", "networks.wan has 10.0.0.0/8, which is sflow.networks.lan already",
       4},
  };
  for (const auto& [line, said, at] : cases) {
    const auto config = parse_config("[sflow]\n" + line, "f");
    ASSERT_FALSE(config.ok()) << line;
    EXPECT_EQ(config.error().text, fmt::format("f:{}: sflow.{}", at, said));
  }
  EXPECT_TRUE(parse_config("[sflow.networks]\nlan = \"10.0.0.0/8\"\n\"lan of 10.1\" = [\"10.1.0.0/16\", \"10.1.0.0/16\"]", "f").ok());
  EXPECT_TRUE(parse_config("[sflow]\nlisten = [\"::\", \"0.0.0.0\"]", "f").ok()) << "each is all of its own version";
}

TEST(Config, NamesFileLineKeyAndWhatWouldBeRight) {
  const std::pair<const char*, const char*> cases[] = {
      {"interval = 0", "f:1: interval wants a number from 1 to 3600 (seconds), not 0"},
      {"\ninterval = \"10\"", "f:2: interval wants a number from 1 to 3600 (seconds), not '10'"},
      {"interval = nan", "f:1: interval wants a number from 1 to 3600 (seconds), not nan"},
      {"host = 3", "f:1: host wants this host's name in quotes, not 3"},
      {"runtime_directory = \"run\"", "f:1: runtime_directory wants an absolute path in quotes, not 'run'"},
      {"intervall = 5",
       "f:1: unknown key 'intervall'; known here are: interval, host, runtime_directory, state_directory, libvirt, sflow, capture"},
      {"[libvirt]\nuri = \"x\"", "f:2: unknown key 'libvirt.uri'; known here are: uris, refresh_interval, vhost_user_interval"},
      {"interval = 20\n[libvirt]\nvhost_user_interval = 19",
       "f:3: libvirt.vhost_user_interval wants a number from 20 to 86400 (seconds), not 19"},
      {"libvirt = 1", "f:1: libvirt is a section: write [libvirt], not 1"},
      {"[libvirt]\nuris = \"qemu:///system\"",
       "f:2: libvirt.uris wants a list of different libvirt URIs, such as [\"qemu:///system\", \"lxc:///system\"], not 'qemu:///system'"},
      {"[libvirt]\nuris = [\"qemu\"]",
       "f:2: libvirt.uris wants a list of different libvirt URIs, such as [\"qemu:///system\", \"lxc:///system\"], not 'qemu'"},
      {"[libvirt]\nuris = [\"a:///\", \"a:///\"]",
       "f:2: libvirt.uris wants a list of different libvirt URIs, such as [\"qemu:///system\", \"lxc:///system\"], not 'a:///'"},
      {"[libvirt]\nuris = [\"foo+ssh:///x\"]",
       "f:2: libvirt.uris wants a list of different libvirt URIs, such as [\"qemu:///system\", \"lxc:///system\"], not 'foo+ssh:///x'"},
      {"[libvirt]\nuris = []", "f: libvirt.uris is empty and there is no [sflow]: nothing would be watched"},
      {"[libvirt]\nuris = []\n[sflow]\nenabled = false", "f: libvirt.uris is empty and sflow.enabled is false: nothing would be watched"},
  };
  for (const auto& [text, message] : cases) {
    const auto config = parse_config(text, "f");
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_EQ(config.error(), (Error{ErrorCode::kInvalid, message}));
  }
}

TEST(Config, ReadsVhostUserNoMoreOftenThanItSamples) {
  EXPECT_EQ(parse_config("interval = 1\n[libvirt]\nvhost_user_interval = 10", "f")->libvirt.vhost_user_interval_s, 10);
  EXPECT_FALSE(parse_config("interval = 1\n[libvirt]\nvhost_user_interval = 9", "f").ok());
  EXPECT_EQ(parse_config("interval = 300", "f")->libvirt.vhost_user_interval_s, 300);
  EXPECT_EQ(parse_config("interval = 30", "f")->libvirt.vhost_user_interval_s, 60);
}

TEST(Config, BrokenTomlNamesTheLine) {
  const auto config = parse_config("interval = 10\nhost = ", "f");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().text.substr(0, 19), "f:2: not valid TOML");
}

TEST(Config, AFileThatWasNamedMustExist) {
  const auto config = load_config("/nowhere/vmtraffic.toml");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error(),
            (Error{ErrorCode::kMissing, "cannot read the configuration /nowhere/vmtraffic.toml: No such file or directory"}));
  EXPECT_EQ(*load_config_or_defaults("/nowhere/vmtraffic.toml"), Config{});
}

TEST(Config, ADirectoryIsNoFile) {
  EXPECT_EQ(load_config("/tmp").error(), (Error{ErrorCode::kInvalid, "/tmp is a directory, not a configuration file"}));
}

TEST(Config, TruncatedAnywhereItNeverCrashes) {
  const std::string text = "interval = 1\nhost = \"hv\"\n[libvirt]\nuris = [\"qemu:///system\"]\nrefresh_interval = 30\n";
  for (std::size_t n = 0; n <= text.size(); ++n) (void)parse_config(text.substr(0, n), "f");
}

}  // namespace
}  // namespace vmtraffic
