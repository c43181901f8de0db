// A runtime directory with a snapshot in it, and a clock that stands still: what the checks' tests run against.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/snapshot/writer.hpp"
#include "plugins/nagios/result.hpp"

namespace vmtraffic::nagios {

inline constexpr Nanoseconds kNow = 100'000 * kSecond;
inline constexpr const char* kBootId = "11111111-2222-3333-4444-555555555555";

inline Clock clock_at(Nanoseconds boottime) {
  return {[boottime] { return boottime; }, [boottime] { return 1'700'000'000 * kSecond + boottime; }, kBootId};
}

// Rates and totals of a vNIC in a test, in octets, packets, errors, drops.
struct Figures {
  std::array<float, 4> rx{}, tx{};
  float covered_s{60};
};

inline DomainUuid uuid_of(unsigned number) {
  DomainUuid uuid;
  uuid.octets[14] = static_cast<std::uint8_t>(number >> 8);
  uuid.octets[15] = static_cast<std::uint8_t>(number);
  return uuid;
}

inline MacAddress mac_of(unsigned number) {
  return {{0x52, 0x54, 0x00, 0x00, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)}};
}

// Builds a content domain by domain; domains get the UUIDs 1, 2, …, so that their order is that of their making.
class ContentBuilder {
 public:
  ContentBuilder() {
    content.header = {.host = "lab-host",
                      .boot_id = kBootId,
                      .sequence = 42,
                      .sampled_boottime = kNow - 3 * kSecond,
                      .sampled_walltime = 1'700'000'000 * kSecond,
                      .interval = 10 * kSecond,
                      .inventory_generation = 7,
                      .writer_pid = 4711,
                      .writer_program = "vmtraffic-collect",
                      .writer_version = "0.1.0"};
    content.health.emplace_back();
    content.health.back().name = "libvirt qemu:///system";
    content.health.back().state = HealthState::kUp;
    content.health.back().last_ok_boottime = kNow - 3 * kSecond;
  }

  Domain& domain(std::string name, DomainState state = DomainState::kRunning) {
    const unsigned number = static_cast<unsigned>(content.inventory.domains.size()) + 1;
    Domain made;
    made.uuid = uuid_of(number);
    made.name = std::move(name);
    made.connection = "qemu:///system";
    made.hypervisor = "QEMU";
    made.os_type = "hvm";
    made.state = state;
    content.inventory.domains.push_back(std::move(made));
    content.numbers.domains.push_back({.cpu_time_ns = 1000, .confirmed_boottime = kNow - 3 * kSecond});
    return content.inventory.domains.back();
  }

  // Adds a vNIC to the last domain: MACs must rise within it.
  Vnic& vnic(unsigned mac, const Figures& figures) {
    Vnic& made = bare_vnic(mac);
    VnicTotals& totals = content.numbers.totals.back();
    totals.present = totals.seen = kAllMetrics;
    totals.if_index = mac + 10;
    VnicRates rates{.covered_s = figures.covered_s, .present = kAllMetrics};
    for (std::size_t i = 0; i < 4; ++i) {
      totals.total[i] = static_cast<std::uint64_t>(mac) * 1000 + i;
      totals.total[4 + i] = static_cast<std::uint64_t>(mac) * 2000 + i;
      rates.mean[i] = figures.rx[i];
      rates.mean[4 + i] = figures.tx[i];
      rates.highest[i] = 2 * figures.rx[i];
      rates.highest[4 + i] = 2 * figures.tx[i];
    }
    for (auto& window : content.numbers.rates) window.back() = rates;
    return made;
  }

  // Counted for the first time: totals, no rate.
  Vnic& fresh_vnic(unsigned mac) {
    Vnic& made = vnic(mac, {});
    for (auto& window : content.numbers.rates) window.back() = {};
    return made;
  }

  // No link and no counters.
  Vnic& bare_vnic(unsigned mac) {
    Domain& domain = content.inventory.domains.back();
    Vnic made;
    made.mac = mac_of(mac);
    made.number = static_cast<std::uint32_t>(domain.vnics.size());
    if (!domain.vnics.empty() && domain.vnics.back().mac == made.mac) {
      made.ordinal = static_cast<std::uint8_t>(domain.vnics.back().ordinal + 1);
    }
    made.type = VnicType::kBridge;
    made.source = "br0";
    made.tap = "vnet" + std::to_string(mac);
    domain.vnics.push_back(std::move(made));
    content.numbers.totals.emplace_back();
    for (auto& window : content.numbers.rates) window.emplace_back();
    return domain.vnics.back();
  }

  SnapshotContent content;
};

inline void PrintTo(const Outcome& outcome, std::ostream* out) { *out << name_of(outcome.state) << " " << outcome.output; }

class NagiosTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "nagios-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    ASSERT_EQ(chmod(directory_.c_str(), 0750), 0);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void write(std::span<const std::byte> bytes) {
    const std::filesystem::path file = directory_ / kSnapshotFileName;
    std::filesystem::remove(file);  // a new file: overwriting makes some file systems wait for the disk
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    out.close();
    ASSERT_EQ(chmod(file.c_str(), 0640), 0);
  }
  void write(const ContentBuilder& builder) { write(encode(builder.content)); }

  std::vector<std::string> with_directory(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--runtime-directory", directory_.string()});
    return arguments;
  }

  // A sentence that names the test's directory, with DIR in its place.
  std::string without_directory(std::string text) const {
    for (std::size_t at = text.find(directory_.string()); at != std::string::npos; at = text.find(directory_.string(), at)) {
      text.replace(at, directory_.string().size(), "DIR");
    }
    return text;
  }

  std::filesystem::path directory_;
};

}  // namespace vmtraffic::nagios
