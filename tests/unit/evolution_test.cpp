// Schema evolution: this reader reads a file of a later version, and one of an earlier version that lacks most of what we know.
#include <gtest/gtest.h>

#include <cstring>

#include "core/snapshot/format.hpp"
#include "core/snapshot/restore.hpp"
#include "next.fbs.h"
#include "snapshot_fixture.hpp"

namespace vmtraffic {
namespace {

using Parts = std::vector<std::pair<std::uint32_t, std::vector<std::uint8_t>>>;

std::vector<std::uint8_t> bytes_of(flatbuffers::FlatBufferBuilder& b) {
  std::vector<std::uint8_t> out(b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize());
  out.resize((out.size() + kPartAlignment - 1) / kPartAlignment * kPartAlignment);
  return out;
}

std::vector<std::byte> file_of(const Parts& parts) {
  std::vector<std::byte> file(sizeof(FileHead) + parts.size() * sizeof(PartEntry));
  std::vector<PartEntry> entries;
  for (const auto& [kind, bytes] : parts) {
    entries.push_back({kind, 0, file.size(), bytes.size(), 0});
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
    file.insert(file.end(), begin, begin + bytes.size());
  }
  const FileHead head{kSnapshotMagic, kSnapshotMajor, static_cast<std::uint32_t>(parts.size()), file.size(), {}, 0};
  std::memcpy(file.data(), &head, sizeof(head));
  std::memcpy(file.data() + sizeof(head), entries.data(), entries.size() * sizeof(PartEntry));
  reseal(file);
  return file;
}

std::vector<std::uint8_t> later_header() {
  flatbuffers::FlatBufferBuilder b;
  const std::uint32_t replicas[] = {1, 2, 3};
  b.Finish(next::CreateHeader(b, b.CreateString("hv-9"), b.CreateString("boot-1"), 7, 1000 * kSecond, 5, 10 * kSecond, 1, 99,
                              b.CreateString("later"), b.CreateString("9.0"), b.CreateString("eu"), b.CreateVector(replicas, 3)));
  return bytes_of(b);
}

std::vector<std::uint8_t> later_inventory() {
  flatbuffers::FlatBufferBuilder b;
  const std::vector<std::string> groups{"default"};
  const auto group_vector = b.CreateVectorOfStrings(groups);
  const auto tap = b.CreateString("vnet0");
  const next::Mac mac(flatbuffers::span<const std::uint8_t, 6>(std::array<std::uint8_t, 6>{2, 0, 0, 0, 0, 1}));
  next::VnicBuilder vnic(b);
  vnic.add_mac(&mac);
  vnic.add_tap(tap);
  vnic.add_type(200);  // a type of the future
  vnic.add_vlan(12);
  vnic.add_security_groups(group_vector);
  const auto vnics = b.CreateVector(std::vector{vnic.Finish()});
  const auto name = b.CreateString("vm");
  const auto rack = b.CreateString("r7");
  const next::Uuid uuid(flatbuffers::span<const std::uint8_t, 16>(uuid_number(5).octets));
  next::DomainBuilder domain(b);
  domain.add_uuid(&uuid);
  domain.add_name(name);
  domain.add_state(99);  // a state of the future
  domain.add_vnics(vnics);
  domain.add_rack(rack);
  const auto domains = b.CreateVector(std::vector{domain.Finish()});
  b.Finish(next::CreateInventory(b, domains));
  return bytes_of(b);
}

std::vector<std::uint8_t> later_numbers() {
  flatbuffers::FlatBufferBuilder b;
  VnicTotals totals;
  totals.total[kRxOctets] = 4711;
  totals.present = totals.seen = 1;
  const auto total_vector = b.CreateVectorOfStructs(reinterpret_cast<const next::VnicTotals*>(&totals), 1);
  const next::VnicLoss loss[] = {next::VnicLoss(3, 1)};
  const auto losses = b.CreateVectorOfStructs(loss, 1);
  next::NumbersBuilder numbers(b);
  numbers.add_totals(total_vector);
  numbers.add_loss(losses);
  b.Finish(numbers.Finish());
  return bytes_of(b);
}

TEST(Evolution, AnOlderReaderReadsANewerFile) {
  flatbuffers::FlatBufferBuilder b;
  const std::vector<std::string> peers{"10.0.0.1"};
  b.Finish(next::CreateConversations(b, b.CreateVectorOfStrings(peers)));
  const auto s = Snapshot::parse(file_of({{1, later_header()}, {77, bytes_of(b)}, {2, later_inventory()}, {3, later_numbers()}}));
  ASSERT_TRUE(s.ok()) << s.error();
  EXPECT_EQ(s->info().host, "hv-9");
  EXPECT_EQ(s->info().writer_version, "9.0");
  ASSERT_EQ(s->domain_count(), 1u);
  EXPECT_EQ(s->domain(0).name, "vm");
  EXPECT_EQ(s->domain(0).state, DomainState::kNoState) << "a number we do not know is not guessed";
  ASSERT_EQ(s->vnic_count(), 1u);
  EXPECT_EQ(s->vnic(0).tap, "vnet0");
  EXPECT_EQ(s->vnic(0).type, VnicType::kOther);
  EXPECT_EQ(s->vnic(0).rx.octets, 4711u);
  EXPECT_EQ(s->rates(0, Window::kMinute), WindowRates{}) << "vectors that are missing are absent values";
  EXPECT_EQ(numbers_of(*s).rates[0].size(), 1u);
}

TEST(Evolution, ANewerReaderReadsAnOlderFile) {
  flatbuffers::FlatBufferBuilder b;
  b.Finish(next::CreateHeader(b, b.CreateString("hv-0")));  // the least there can be
  const auto s = Snapshot::parse(file_of({{1, bytes_of(b)}, {2, later_inventory()}}));
  ASSERT_TRUE(s.ok()) << s.error();
  EXPECT_EQ(s->info().writer_program, "");
  EXPECT_EQ(s->vnic_count(), 1u);
  EXPECT_EQ(s->vnic(0).rx, Counters{});
  EXPECT_EQ(s->health_count(), 0u);
  EXPECT_EQ(s->last_event_sequence(), 0u);
}

TEST(Evolution, AFileWithoutAHeaderIsCorrupt) {
  EXPECT_EQ(Snapshot::parse(file_of({{2, later_inventory()}})).error(),
            (Error{ErrorCode::kCorrupt, "the snapshot is corrupt (it has no header)"}));
}

}  // namespace
}  // namespace vmtraffic
