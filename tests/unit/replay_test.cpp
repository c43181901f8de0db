// Recordings: which datagrams are found in them, whole and hostile ones, and what an inventory file says.
#include "core/replay.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "core/inventory_file.hpp"
#include "core/snapshot.hpp"
#include "core/wire/udp_packet.hpp"
#include "tests/unit/snapshot_fixture.hpp"

namespace vmtraffic {
namespace {

const std::filesystem::path kRecording = std::filesystem::path(VMTRAFFIC_TEST_DATA) / "sflow/ovs.pcap";
const std::filesystem::path kVms = std::filesystem::path(VMTRAFFIC_TEST_DATA) / "sflow/ovs-vms.toml";

std::string content_of(const std::filesystem::path& file) {
  std::stringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

template <class Number>
std::string little(Number number) {
  return {reinterpret_cast<const char*>(&number), sizeof(number)};
}

// A block of pcapng: its length stands at both ends.
std::string block(std::uint32_t type, std::string body) {
  body.resize((body.size() + 3) / 4 * 4);
  const auto length = little(static_cast<std::uint32_t>(body.size() + 12));
  return little(type) + length + body + length;
}

// The recording's packets, each with what stands for its Ethernet header, in a file of another link type or form.
struct Form {
  std::uint32_t link_type{1};
  std::string header;  // instead of the 14 octets of Ethernet
  bool pcapng{false};
};

std::string recording(const Form& form) {
  const std::string from = content_of(kRecording);
  std::string out = from.substr(0, 20) + little(form.link_type);
  if (form.pcapng)
    out = block(0x0A0D0D0A, little(0x1A2B3C4DU) + little(1U) + std::string(8, '\xFF')) + block(1, little(form.link_type) + little(65535U));
  for (std::size_t at = 24; at < from.size();) {
    std::uint32_t head[4];
    std::memcpy(head, from.data() + at, 16);
    const std::string packet = form.header + from.substr(at + 16 + (form.header.empty() && form.link_type == 1 ? 0 : 14),
                                                         head[2] - (form.header.empty() && form.link_type == 1 ? 0 : 14));
    const auto length = little(static_cast<std::uint32_t>(packet.size()));
    const std::uint64_t when = std::uint64_t{head[0]} * 1'000'000 + head[1];
    if (form.pcapng) {
      out += block(6, little(0U) + little(static_cast<std::uint32_t>(when >> 32)) + little(static_cast<std::uint32_t>(when)) + length +
                          length + packet);
    } else {
      out += from.substr(at, 8) + length + length + packet;
    }
    at += 16 + head[2];
  }
  return out;
}

class ReplayTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "replay-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path file(const std::string& content, const std::string& name = "ovs.pcap") const {
    std::ofstream(directory_ / name, std::ios::binary) << content;
    return directory_ / name;
  }
  static Result<Replay> replay(const std::filesystem::path& recording, std::optional<std::uint16_t> port = 6343) {
    return replay_sflow({}, {.recording = recording, .inventory = kVms, .port = port});
  }
  std::string complaint(const std::filesystem::path& recording, std::optional<std::uint16_t> port = 6343) const {
    const auto result = replay(recording, port);
    return result.ok() ? "none" : result.error().text;
  }
  std::string named(const std::string& name) const { return (directory_ / name).string(); }

  std::filesystem::path directory_;
};

TEST_F(ReplayTest, EveryFormOfARecordingSaysTheSame) {
  const auto whole = replay(kRecording);
  ASSERT_TRUE(whole.ok()) << whole.error();
  EXPECT_EQ(whole->fault, std::nullopt);
  const std::string macs(12, '\x02');
  const std::string sll = std::string("\0\0\0\1\0\6", 6) + std::string(8, '\0');
  const std::vector<std::pair<const char*, Form>> forms{
      {"pcapng", {.link_type = 1, .header = {}, .pcapng = true}},
      {"VLAN", {.link_type = 1, .header = macs + std::string("\x88\xA8\0\1\x81\0\0\7\x08\0", 10)}},
      {"SLL", {.link_type = 113, .header = sll + std::string("\x08\0", 2)}},
      {"SLL2", {.link_type = 276, .header = std::string("\x08\0", 2) + std::string(18, '\0')}},
      {"raw", {.link_type = 101, .header = {}}},
      {"IPv4", {.link_type = 228, .header = {}}},
  };
  for (const auto& [name, form] : forms) {
    const auto other = replay(file(recording(form)));
    ASSERT_TRUE(other.ok()) << name << other.error().text;
    EXPECT_TRUE(other->snapshot == whole->snapshot) << name;
  }
  EXPECT_TRUE(replay(kRecording, std::nullopt)->snapshot == whole->snapshot) << "any port";
}

TEST_F(ReplayTest, SaysWhatIsWrong) {
  const std::string good = content_of(kRecording);
  EXPECT_EQ(complaint(directory_ / "none"), "cannot read the recording " + named("none") + ": No such file or directory");
  EXPECT_EQ(complaint(directory_), directory_.string() + " is a directory, not a recording");
  EXPECT_EQ(complaint(file("", "empty")), named("empty") + " ends before its first packet: this is no whole recording");
  EXPECT_EQ(complaint(file(good.substr(0, 23), "cut")), named("cut") + " ends before its first packet: this is no whole recording");
  EXPECT_EQ(complaint(file(std::string(100, 'x'), "junk")),
            named("junk") + " is no recording of packets, neither pcap nor pcapng: unknown file format");
  EXPECT_EQ(
      complaint(file(recording({.link_type = 105, .header = {}}), "wifi")),
      named("wifi") + " was recorded on links of type 105 (IEEE802_11); Ethernet, Linux's cooked ones (SLL, SLL2) and raw IP are known");
  EXPECT_EQ(complaint(file(good.substr(0, 24), "none")),
            named("none") + " has no sFlow: none of its 0 packets is a datagram to UDP port 6343; --sflow-port names another port, or any");
  EXPECT_EQ(complaint(kRecording, 6344), kRecording.string() +
                                             " has no sFlow: none of its 177 packets is a datagram to UDP port 6344; --sflow-port names "
                                             "another port, or any");
  EXPECT_EQ(complaint(file(good.substr(0, 50), "early")), named("early") + " is cut off behind packet 0");
  std::string other = good;
  for (std::size_t at = 24; at < other.size();) {
    std::uint32_t length = 0;
    std::memcpy(&length, other.data() + at + 8, 4);
    other[at + 16 + 42 + 3] = 4;
    at += 16 + length;
  }
  EXPECT_EQ(complaint(file(other, "v4")), named("v4") + " has no sFlow version 5: none of the 177 datagrams to UDP port 6343 is it");
}

TEST_F(ReplayTest, WhatIsWholeBeforeACutIsShown) {
  const std::string good = content_of(kRecording);
  const auto cut = replay(file(good.substr(0, good.size() - 1)));
  ASSERT_TRUE(cut.ok()) << cut.error();
  EXPECT_EQ(cut->fault, (Error{ErrorCode::kTruncated, named("ovs.pcap") + " is cut off behind packet 176"}));
  const auto snapshot = Snapshot::parse(cut->snapshot);
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ(snapshot->health(0).message, cut->fault->text);
  EXPECT_EQ(snapshot->health(0).state, HealthState::kDegraded);
}

TEST_F(ReplayTest, CutsAnywhereAndGarbageDoNoHarm) {
  const std::string good = content_of(kRecording);
  const std::string next_generation = recording({.link_type = 1, .header = {}, .pcapng = true});
  for (const std::string& whole : {good, next_generation}) {
    for (std::size_t length = 0; length < 1200; ++length) (void)replay(file(whole.substr(0, length)));
    for (std::size_t at = 0; at < 2000; at += 3) {
      std::string broken = whole.substr(0, 6000);
      broken[at] = static_cast<char>(~broken[at]);
      const auto result = replay(file(broken), std::nullopt);
      if (result.ok()) {
        EXPECT_TRUE(Snapshot::parse(result->snapshot).ok()) << at;
      }
    }
  }
}

TEST(UdpPacketTest, FragmentsAndOthersAreTold) {
  const auto packet = [](std::initializer_list<int> octets) {
    std::vector<std::byte> out;
    for (const int o : octets) out.push_back(static_cast<std::byte>(o));
    return out;
  };
  const auto v6 =
      packet({0x60, 0, 0, 0, 0, 20, 0, 64, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0,    0, 1,  0x20, 1, 0xd, 0xb8, 0, 0,
              0,    0, 0, 0, 0, 0,  0, 0,  0,    2, 17,  0,    1, 4, 0, 0, 0, 0, 1, 2, 0x18, 0xC7, 0, 12, 0,    0, 1,   2,    3, 4});
  const UdpPacket whole = udp_packet(v6, LinkHeader::kNone);
  EXPECT_EQ(whole.found, UdpFound::kWhole) << "behind hop-by-hop options";
  EXPECT_EQ(whole.sender, *IpAddress::parse("2001:db8::1"));
  EXPECT_EQ(whole.port, 6343);
  EXPECT_EQ(whole.payload.size(), 4U);
  for (std::size_t length = 0; length < v6.size(); ++length) {
    const UdpPacket cut = udp_packet(Octets(v6).first(length), LinkHeader::kNone);
    EXPECT_EQ(cut.found, length < v6.size() - 4 ? UdpFound::kOther : UdpFound::kCut) << length;
  }
  auto v4 = packet({0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 0x18, 0xC7, 0, 12, 0, 0, 1, 2, 3, 4});
  EXPECT_EQ(udp_packet(v4, LinkHeader::kNone).found, UdpFound::kWhole);
  v4[6] = std::byte{0x20};
  EXPECT_EQ(udp_packet(v4, LinkHeader::kNone).found, UdpFound::kFragment);
  v4[6] = std::byte{0x40};
  EXPECT_EQ(udp_packet(v4, LinkHeader::kNone).found, UdpFound::kWhole) << "don't fragment";
  v4[25] = std::byte{13};
  EXPECT_EQ(udp_packet(v4, LinkHeader::kNone).found, UdpFound::kOther) << "longer than its packet";
  v4[9] = std::byte{6};
  EXPECT_EQ(udp_packet(v4, LinkHeader::kNone).found, UdpFound::kOther);
}

TEST(InventoryFileTest, TomlByHand) {
  const auto read = load_inventory(kVms);
  ASSERT_TRUE(read.ok()) << read.error();
  const DomainUuid from_name = *DomainUuid::parse("a5f10186-4cdf-83af-9dac-4db5071ea608");
  const auto domain = [](const DomainUuid& uuid, const char* name, const char* mac) {
    Domain d;
    d.uuid = uuid;
    d.name = name;
    d.state = DomainState::kRunning;
    Vnic v;
    v.mac = *MacAddress::parse(mac);
    v.source = "br-int";
    d.vnics = {v};
    return d;
  };
  const InventoryFile expected{{{domain(from_name, "b", "1e:7c:4e:0f:f7:5b"),
                                 domain(*DomainUuid::parse("aaaaaaaa-0000-0000-0000-000000000001"), "a", "8a:8a:58:9b:d4:38"),
                                 domain(*DomainUuid::parse("aaaaaaaa-0000-0000-0000-000000000003"), "c", "f2:32:29:b6:a9:84")}},
                               {0, 6, 8}};
  EXPECT_EQ(read->inventory.domains[0].uuid.text(), from_name.text());
  EXPECT_EQ(*read, expected);
}

TEST_F(ReplayTest, AnInventoryMayBeASnapshot) {
  const SnapshotContent content = small_snapshot();
  const auto bytes = encode(content);
  file({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "snapshot");
  for (const auto& path : {directory_, directory_ / "snapshot"}) {
    const auto read = load_inventory(path);
    ASSERT_TRUE(read.ok()) << read.error();
    EXPECT_EQ(*read, (InventoryFile{content.inventory, {7, 0, 0}})) << "the hostdev's link is its card's";
  }
  file({reinterpret_cast<const char*>(bytes.data()), bytes.size() - 1}, "snapshot");
  EXPECT_EQ(load_inventory(directory_).error().code, ErrorCode::kTruncated);
}

TEST(InventoryFileTest, Mistakes) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"[[domain]]\n[[domain.vnic]]\nmac = \"52:54:00:00:00:01\"", "f:1: name is missing: it wants the VM's name in quotes"},
      {"[[domain]]\nname = \"a\"\n[[domain.vnic]]", "f:3: mac is missing: it wants a MAC address such as \"52:54:00:12:34:56\""},
      {"[[domain]]\nname = \"a\"\n[[domain.vnic]]\nmac = \"5\"", "f:4: mac wants a MAC address such as \"52:54:00:12:34:56\", not \"5\""},
      {"[[domain]]\nname = \"a\"\nuuid = \"\"", "f:3: uuid wants a UUID in quotes"},
      {"[[domain]]\nname = 5", "f:2: name wants the VM's name in quotes"},
      {"[[domain]]\nname = \"a\"\n[[domain.vnic]]\nmac = \"52:54:00:00:00:01\"\nif_index = 0",
       "f:5: if_index wants a whole number from 1 to 2147483647"},
      {"[[domain]]\nname = \"a\"\n[[domain]]\nname = \"a\"", "f:3: the domain 8cec0186-4cdc-83af-b2e7-44b507dc9b08 is there twice"},
      {"[[domain]]\nname = \"a\"\n[[domain.vnic]]\nmac = \"52:54:00:00:00:01\"\nif_index = 12\n"
       "[[domain]]\nname = \"b\"\n[[domain.vnic]]\nmac = \"52:54:00:00:00:02\"\nif_index = 12",
       "f:10: the if_index 12 is there twice"},
      {"[domain]\nname = \"a\"", "f:1: domain is a list of sections: write [[domain]]"},
      {"[[domain]]\nname = \"a\"\ntap = \"vnet0\"", "f:3: unknown key 'domain.tap'; known here are: name, uuid, vnic"},
      {"domains = 1", "f:1: unknown key 'domains'; known here are: domain"},
  };
  for (const auto& [text, sentence] : cases) {
    const auto read = parse_inventory(text, "f");
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error(), (Error{ErrorCode::kInvalid, sentence}));
  }
  EXPECT_EQ(parse_inventory("= 1", "f").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(*parse_inventory("", "f"), InventoryFile{});
}

}  // namespace
}  // namespace vmtraffic
