// Recordings of the plain format, which are read without libpcap, against what libpcap itself says of the same files.
#include "core/probes/packet_file.hpp"

#include <gmock/gmock.h>
#include <pcap/pcap.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace vmtraffic {
namespace {

constexpr std::uint32_t kMicroseconds = 0xA1B2'C3D4, kNanoseconds = 0xA1B2'3C4D;
constexpr std::uint32_t kSnapshot = 100;

struct Seen {
  Nanoseconds walltime{0};
  std::uint32_t wire_length{0};
  std::string octets;
  friend bool operator==(const Seen&, const Seen&) = default;
};

class PlainFormat : public testing::Test {
 protected:
  PlainFormat() : path_(std::filesystem::path(testing::TempDir()) / ("vmtraffic-packet-file-" + std::to_string(getpid()))) {}
  ~PlainFormat() override { std::filesystem::remove(path_); }

  void number(std::uint32_t value, bool swapped) {
    if (swapped) value = __builtin_bswap32(value);
    content_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void head(std::uint32_t magic, bool swapped) {
    content_.clear();
    number(magic, swapped);
    number(swapped ? 4 | 2 << 16 : 2 | 4 << 16, false);
    if (swapped) {  // two numbers of 16 bits
      content_.resize(4);
      content_ += std::string("\0\2\0\4", 4);
    }
    for (const std::uint32_t value : {0U, 0U, kSnapshot, 1U}) number(value, swapped);
  }
  void packet(std::uint32_t seconds, std::uint32_t fraction, std::uint32_t kept, std::uint32_t length, bool swapped) {
    for (const std::uint32_t value : {seconds, fraction, kept, length}) number(value, swapped);
    for (std::uint32_t i = 0; i < kept; ++i) content_ += static_cast<char>(i + seconds);
  }
  void write(std::size_t octets) const { std::ofstream(path_, std::ios::binary) << content_.substr(0, octets); }

  std::vector<Seen> ours(std::string& fault) const {
    std::vector<Seen> out;
    auto file = PacketFile::open(path_);
    fault = file ? "" : file.error().text;
    if (!file) return out;
    std::array<CapturedPacket, 3> batch;
    while (const std::size_t count = file->next_captured(batch)) {
      for (std::size_t i = 0; i < count; ++i)
        out.push_back({batch[i].walltime, batch[i].wire_length, std::string(text_of(batch[i].octets))});
    }
    if (file->fault()) fault = file->fault()->text;
    return out;
  }
  std::vector<Seen> libpcaps(std::string& fault) const {
    std::vector<Seen> out;
    std::array<char, PCAP_ERRBUF_SIZE> complaint{};
    pcap_t* file = pcap_open_offline_with_tstamp_precision(path_.c_str(), PCAP_TSTAMP_PRECISION_NANO, complaint.data());
    fault = file == nullptr ? complaint.data() : "";
    if (file == nullptr) return out;
    pcap_pkthdr* header = nullptr;
    const u_char* octets = nullptr;
    while (pcap_next_ex(file, &header, &octets) == 1)
      out.push_back({header->ts.tv_sec * kSecond + header->ts.tv_usec, header->len,
                     std::string(reinterpret_cast<const char*>(octets), header->caplen)});
    fault = pcap_geterr(file);
    pcap_close(file);
    return out;
  }
  // `octets` of the file, read by both.
  void expect_same(std::size_t octets) const {
    write(octets);
    std::string our_fault, libpcaps_fault;
    const std::vector<Seen> left = ours(our_fault), right = libpcaps(libpcaps_fault);
    EXPECT_EQ(left, right) << octets;
    EXPECT_EQ(our_fault.empty(), libpcaps_fault.empty()) << octets << ": " << our_fault << ", " << libpcaps_fault;
  }

  std::filesystem::path path_;
  std::string content_;
};

TEST_F(PlainFormat, OfBothOrdersAndUnitsAndCutAnywhere) {
  for (const std::uint32_t magic : {kMicroseconds, kNanoseconds}) {
    for (const bool swapped : {false, true}) {
      head(magic, swapped);
      packet(1'790'000'000, 999'999, 60, 60, swapped);
      packet(1'790'000'001, 1, 0, 1500, swapped);
      packet(1'790'000'002, 500'000, kSnapshot + 20, 70'000, swapped);  // more than the file says that there is: libpcap cuts it
      packet(1'790'000'003, 0, kSnapshot, 100, swapped);
      for (std::size_t octets = 0; octets <= content_.size(); ++octets) expect_same(octets);
      std::string fault;
      EXPECT_EQ(ours(fault).size(), 4U);
      EXPECT_EQ(fault, "");
    }
  }
}

TEST_F(PlainFormat, OfManyPacketsAcrossBlocks) {
  head(kMicroseconds, false);
  for (std::uint32_t i = 0; i < 20'000; ++i) packet(1'790'000'000 + i, i, i % (kSnapshot + 1), 1500, false);
  expect_same(content_.size());
  expect_same(content_.size() - 7);
}

TEST_F(PlainFormat, WithAPacketThatCannotBe) {
  head(kMicroseconds, false);
  packet(1'790'000'000, 0, 60, 60, false);
  for (const std::uint32_t value : {1'790'000'001U, 0U, 262'145U, 262'145U}) number(value, false);
  content_.append(300'000, 'x');
  expect_same(content_.size());
  std::string fault;
  (void)ours(fault);
  EXPECT_THAT(fault, testing::EndsWith("is broken behind packet 1: invalid packet capture length 262145, bigger than maximum of 262144"));
}

TEST_F(PlainFormat, ByPacketsAndInOneCallAreTheSame) {
  head(kNanoseconds, false);
  for (std::uint32_t i = 0; i < 100; ++i) packet(1'790'000'000 + i, i, 20, 20, false);
  write(content_.size());
  auto file = PacketFile::open(path_);
  ASSERT_TRUE(file);
  std::array<CapturedPacket, 64> batch;
  ASSERT_EQ(file->next_captured(std::span(batch).first(10)), 10U);
  const PacketFile::Packet* next = file->next();
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->walltime, 1'790'000'010 * kSecond + 10);
  EXPECT_EQ(file->next_captured(batch), 64U);
  EXPECT_EQ(file->packets(), 75U);
}

}  // namespace
}  // namespace vmtraffic
