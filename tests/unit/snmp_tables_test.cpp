// The whole of both MIBs for one snapshot, against one table each: order, GET, GETNEXT, ends; without an snmpd.
#include <gmock/gmock.h>

#include "plugins/snmp-subagent/tables.hpp"
#include "tests/unit/snmp_fixture.hpp"

namespace vmtraffic::snmp {
namespace {

using testing::ElementsAre;

constexpr Nanoseconds kNow = 1004 * kSecond;

// What small_snapshot() makes of VM-MIB.
const std::vector<std::string> kVmMib = {
    "1.1.1.0 = STRING: QEMU",
    "1.1.4.0 = Timeticks: 100400",
    "1.2.0 = INTEGER: 2",
    "1.3.0 = Timeticks: 99000",
    "1.4.1.2.1 = STRING: web",
    "1.4.1.2.2 = STRING: off",
    "1.4.1.3.1 = Hex: 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11",
    R"(1.4.1.3.2 = STRING: """""""""""""""")",
    "1.4.1.4.1 = STRING: ",
    "1.4.1.4.2 = STRING: ",
    "1.4.1.5.1 = INTEGER: 1",
    "1.4.1.5.2 = INTEGER: 4",
    "1.4.1.6.1 = INTEGER: 4",
    "1.4.1.6.2 = INTEGER: 11",
    "1.4.1.7.1 = INTEGER: 3",
    "1.4.1.7.2 = INTEGER: 1",
    "1.4.1.8.1 = INTEGER: 2",
    "1.4.1.8.2 = INTEGER: 1",
    "1.4.1.9.1 = INTEGER: 2",
    "1.4.1.10.1 = INTEGER: -1",
    "1.4.1.10.2 = INTEGER: -1",
    "1.4.1.11.1 = INTEGER: 4",
    "1.4.1.11.2 = INTEGER: -1",
    "1.4.1.12.1 = INTEGER: 1024",
    "1.4.1.13.1 = INTEGER: 131072",
    "1.4.1.14.1 = INTEGER: -1",
    "1.4.1.14.2 = INTEGER: -1",
    "1.4.1.15.1 = INTEGER: 262144",
    "1.4.1.15.2 = INTEGER: -1",
    "1.4.1.17.1 = Counter64: 123456",
    "1.8.1.2.1.1 = INTEGER: 7",
    "1.8.1.2.1.2 = INTEGER: 0",
    "1.8.1.2.2.1 = INTEGER: 0",
    "1.8.1.3.1.1 = INTEGER: 0",
    "1.8.1.3.1.2 = INTEGER: 3",
    "1.8.1.3.2.1 = INTEGER: 0",
    "1.8.1.4.1.1 = STRING: virtio",
    "1.8.1.4.1.2 = STRING: virtio",
    "1.8.1.4.2.1 = STRING: ",
    "1.8.1.5.1.1 = Hex: 52 54 00 00 00 01",
    "1.8.1.5.1.2 = Hex: 52 54 00 00 00 01",
    "1.8.1.5.2.1 = Hex: 52 54 00 00 00 03",
};

// And of VMTRAFFIC-MIB.
const std::vector<std::string> kVmtrafficMib = {
    "1.1.1.0 = INTEGER: 1",
    "1.1.2.0 = STRING: ",
    "1.1.3.0 = INTEGER: 2",
    "1.1.7.0 = Timeticks: 400",
    "1.1.8.0 = Counter64: 42",
    "1.1.9.0 = Timeticks: 1000",
    "1.1.10.0 = Hex: 07 e7 0b 0e 16 0d 14 00 2b 00 00",
    "1.1.11.0 = STRING: hv-1",
    "1.1.12.0 = Gauge32: 4711",
    "1.1.13.0 = STRING: vmtraffic-collect",
    "1.1.14.0 = STRING: 0.1.0",
    "1.1.15.0 = Gauge32: 3",
    "1.2.1.3.1.1 = STRING: web",
    "1.2.1.3.1.2 = STRING: web",
    "1.2.1.3.2.1 = STRING: off",
    "1.2.1.4.1.1 = STRING: 11111111-1111-1111-1111-111111111111",
    "1.2.1.4.1.2 = STRING: 11111111-1111-1111-1111-111111111111",
    "1.2.1.4.2.1 = STRING: 22222222-2222-2222-2222-222222222222",
    "1.2.1.5.1.1 = Hex: 52 54 00 00 00 01",
    "1.2.1.5.1.2 = Hex: 52 54 00 00 00 01",
    "1.2.1.5.2.1 = Hex: 52 54 00 00 00 03",
    "1.2.1.6.1.1 = Gauge32: 0",
    "1.2.1.6.1.2 = Gauge32: 1",
    "1.2.1.6.2.1 = Gauge32: 0",
    "1.2.1.7.1.1 = INTEGER: 2",
    "1.2.1.7.1.2 = INTEGER: 6",
    "1.2.1.7.2.1 = INTEGER: 1",
    "1.2.1.8.1.1 = STRING: br0",
    "1.2.1.8.1.2 = STRING: br0",
    "1.2.1.9.1.1 = STRING: vnet0",
    "1.2.1.10.1.1 = INTEGER: 7",
    "1.2.1.11.1.1 = Timeticks: 500",
    "1.2.1.11.1.2 = Timeticks: 500",
    "1.2.1.11.2.1 = Timeticks: 600",
    "1.2.1.12.1.1 = Counter64: 1000",
    "1.2.1.12.1.2 = Counter64: 5",
    "1.2.1.13.1.1 = Counter64: 10",
    "1.2.1.14.1.1 = Counter64: 1",
    "1.2.1.15.1.1 = Counter64: 2",
    "1.2.1.16.1.1 = Counter64: 2000",
    "1.2.1.17.1.1 = Counter64: 20",
    "1.2.1.18.1.1 = Counter64: 3",
    "1.2.1.19.1.1 = Counter64: 4",
    "1.2.1.20.1.1 = Timeticks: 50000",
    "1.2.1.20.1.2 = Timeticks: 0",
    "1.2.1.20.2.1 = Timeticks: 0",
    "1.2.1.21.1.1 = Timeticks: 1000",
    "1.2.1.22.1.1 = Counter64: 800",
    "1.2.1.23.1.1 = Counter64: 1",
    "1.2.1.24.1.1 = Counter64: 1600",
    "1.2.1.25.1.1 = Counter64: 2",
    "1.2.1.26.1.1 = Timeticks: 6000",
    "1.2.1.27.1.1 = Counter64: 400",
    "1.2.1.28.1.1 = Counter64: 1",
    "1.2.1.29.1.1 = Counter64: 1200",
    "1.2.1.30.1.1 = Counter64: 2",
    "1.2.1.31.1.1 = Counter64: 800",
    "1.2.1.32.1.1 = Counter64: 1",
    "1.2.1.33.1.1 = Counter64: 1600",
    "1.2.1.34.1.1 = Counter64: 2",
    "1.2.1.35.1.1 = Timeticks: 13000",
    "1.2.1.36.1.1 = Counter64: 320",
    "1.2.1.37.1.1 = Counter64: 1",
    "1.2.1.38.1.1 = Counter64: 1120",
    "1.2.1.39.1.1 = Counter64: 2",
    "1.2.1.40.1.1 = Counter64: 960",
    "1.2.1.41.1.1 = Counter64: 1",
    "1.2.1.42.1.1 = Counter64: 1760",
    "1.2.1.43.1.1 = Counter64: 2",
    "1.3.1.2.1 = STRING: collector",
    "1.3.1.2.2 = STRING: libvirt qemu:///system",
    "1.3.1.3.1 = INTEGER: 2",
    "1.3.1.3.2 = INTEGER: 4",
    "1.3.1.4.1 = STRING: ",
    "1.3.1.4.2 = STRING: libvirtd does not answer",
    "1.3.1.5.1 = Timeticks: 100300",
    "1.3.1.5.2 = Timeticks: 10400",
    "1.3.1.6.1 = Timeticks: 400",
    "1.3.1.6.2 = Timeticks: 12400",
    "1.4.1.2.1.116.105.99.107.115 = Counter64: 100",
    "1.4.1.2.2.100.111.109.97.105.110.115 = Counter64: 2",
    "1.4.1.2.2.108.105.98.118.105.114.116.95.99.97.108.108.115 = Counter64: 5",
};

struct WholeMib : testing::Test {
  WholeMib() { model.domains_changed = 990 * kSecond; }
  Model model = model_of(small_snapshot());
  Subtree vm{vm_mib()}, vmtraffic{vmtraffic_mib()};
};

TEST_F(WholeMib, VmMib) { expect_whole(vm, View(model, clock_at(kNow)), kVmMib); }

TEST_F(WholeMib, VmtrafficMib) { expect_whole(vmtraffic, View(model, clock_at(kNow)), kVmtrafficMib); }

TEST_F(WholeMib, ObjectsAndInstancesThatAreNot) {
  const View view(model, clock_at(kNow));
  EXPECT_EQ(get_line(vmtraffic, view, {}), "noSuchObject");
  EXPECT_EQ(get_line(vmtraffic, view, {1, 2, 1}), "noSuchObject");
  EXPECT_EQ(get_line(vmtraffic, view, {1, 2, 1, 1, 1, 1}), "noSuchObject") << "an index is not accessible";
  EXPECT_EQ(get_line(vmtraffic, view, {1, 2, 1, 44, 1, 1}), "noSuchObject");
  EXPECT_EQ(get_line(vmtraffic, view, {1, 2, 1, 12}), "noSuchInstance");
  EXPECT_EQ(get_line(vmtraffic, view, {1, 2, 1, 12, 1}), "noSuchInstance");
  EXPECT_EQ(get_line(vmtraffic, view, {1, 2, 1, 12, 2, 1}), "noSuchInstance") << "the link is gone";
  EXPECT_EQ(get_line(vmtraffic, view, {1, 2, 1, 12, 3, 1}), "noSuchInstance") << "no such machine";
  EXPECT_EQ(get_line(vm, view, {1, 1, 3, 0}), "noSuchInstance");
  EXPECT_EQ(next_line(vmtraffic, view, {2}), "end");
  EXPECT_EQ(next_line(vmtraffic, view, {0}), kVmtrafficMib.front());
}

TEST_F(WholeMib, WhileStaleOnlyTheCollectorIsThere) {
  model.trouble = "it is stale";
  model.holder = LeaseHolder{77, "collectd", true};
  const View late(model, clock_at(2000 * kSecond));
  EXPECT_THAT(walk(vm, late), ElementsAre());
  EXPECT_THAT(walk(vmtraffic, late),
              ElementsAre("1.1.1.0 = INTEGER: 2", "1.1.2.0 = STRING: it is stale", "1.1.3.0 = INTEGER: 2", "1.1.4.0 = Gauge32: 77",
                          "1.1.5.0 = STRING: collectd", "1.1.6.0 = INTEGER: 1", "1.1.7.0 = Timeticks: 100000", "1.1.8.0 = Counter64: 42",
                          "1.1.9.0 = Timeticks: 1000", "1.1.10.0 = Hex: 07 e7 0b 0e 16 0d 14 00 2b 00 00", "1.1.11.0 = STRING: hv-1",
                          "1.1.12.0 = Gauge32: 4711", "1.1.13.0 = STRING: vmtraffic-collect", "1.1.14.0 = STRING: 0.1.0"));
  Clock other_boot = clock_at(kNow);
  other_boot.boot_id = "boot-2";
  EXPECT_EQ(get_line(vmtraffic, View(model, other_boot), {1, 1, 1, 0}), "1.1.1.0 = INTEGER: 2");
  EXPECT_EQ(get_line(vmtraffic, View(model, other_boot), {1, 1, 7, 0}), "noSuchInstance") << "its age says nothing";
}

TEST_F(WholeMib, WithoutSnapshot) {
  Model none;
  none.trouble = "there is none";
  none.collecting = true;
  const View view(none, clock_at(kNow));
  EXPECT_THAT(walk(vm, view), ElementsAre());
  EXPECT_THAT(walk(vmtraffic, view), ElementsAre("1.1.1.0 = INTEGER: 3", "1.1.2.0 = STRING: there is none", "1.1.3.0 = INTEGER: 1"));
}

// ---- single cells

std::string cell(const SnapshotContent& content, std::span<const Table> mib, const Oid& name) {
  const Model model = model_of(content);
  return get_line(Subtree(mib), View(model, clock_at(kNow)), name);
}

TEST(SnmpTables, HostileNames) {
  SnapshotContent content = small_snapshot();
  const auto vm_name = [&](std::string name) {
    content.inventory.domains[0].name = std::move(name);
    return cell(content, vm_mib(), {1, 4, 1, 2, 1}).substr(std::string("1.4.1.2.1 = ").size());
  };
  EXPECT_EQ(vm_name("/ ' \" = | ; "), "STRING: / ' \" = | ; ");
  EXPECT_EQ(vm_name("a\nb\x1b[2J"), R"(STRING: a\x0ab\x1b[2J)");
  EXPECT_EQ(vm_name("back\\slash"), R"(STRING: back\\slash)");
  EXPECT_EQ(vm_name("\xff\xfe"), R"(STRING: \xff\xfe)");
  EXPECT_EQ(vm_name(""), "STRING: ");
  const std::string longest = vm_name(std::string(300, 'x'));
  EXPECT_EQ(longest, "STRING: " + std::string(252, 'x') + "…");
  EXPECT_EQ(cell(content, vmtraffic_mib(), {1, 2, 1, 3, 1, 1}), "1.2.1.3.1.1 = STRING: " + std::string(252, 'x') + "…");
}

TEST(SnmpTables, StatesOfMachines) {
  SnapshotContent content = small_snapshot();
  Domain& domain = content.inventory.domains[0];
  const auto states = [&](DomainState state, int reason) {
    domain.state = state;
    domain.state_reason = reason;
    return cell(content, vm_mib(), {1, 4, 1, 5, 1}) + ", " + cell(content, vm_mib(), {1, 4, 1, 6, 1});
  };
  EXPECT_EQ(states(DomainState::kNoState, 0), "noSuchInstance, 1.4.1.6.1 = INTEGER: 1");
  EXPECT_EQ(states(DomainState::kBlocked, 0), "1.4.1.5.1 = INTEGER: 1, 1.4.1.6.1 = INTEGER: 4");
  EXPECT_EQ(states(DomainState::kPaused, 1), "1.4.1.5.1 = INTEGER: 3, 1.4.1.6.1 = INTEGER: 8");
  EXPECT_EQ(states(DomainState::kPaused, 2), "1.4.1.5.1 = INTEGER: 1, 1.4.1.6.1 = INTEGER: 9") << "migrating";
  EXPECT_EQ(states(DomainState::kPaused, 3), "1.4.1.5.1 = INTEGER: 1, 1.4.1.6.1 = INTEGER: 5") << "being saved";
  EXPECT_EQ(states(DomainState::kPaused, 5), "1.4.1.5.1 = INTEGER: 1, 1.4.1.6.1 = INTEGER: 8") << "an error of its disk";
  EXPECT_EQ(states(DomainState::kPaused, 11), "1.4.1.5.1 = INTEGER: 1, 1.4.1.6.1 = INTEGER: 3") << "starting";
  EXPECT_EQ(states(DomainState::kShutdown, 0), "1.4.1.5.1 = INTEGER: 4, 1.4.1.6.1 = INTEGER: 10");
  EXPECT_EQ(states(DomainState::kShutoff, 1), "1.4.1.5.1 = INTEGER: 4, 1.4.1.6.1 = INTEGER: 11");
  EXPECT_EQ(states(DomainState::kShutoff, 3), "1.4.1.5.1 = INTEGER: 4, 1.4.1.6.1 = INTEGER: 12") << "crashed";
  EXPECT_EQ(states(DomainState::kShutoff, 5), "1.4.1.5.1 = INTEGER: 4, 1.4.1.6.1 = INTEGER: 6") << "saved";
  EXPECT_EQ(states(DomainState::kCrashed, 0), "1.4.1.5.1 = INTEGER: 4, 1.4.1.6.1 = INTEGER: 12");
  EXPECT_EQ(states(DomainState::kPmSuspended, 0), "1.4.1.5.1 = INTEGER: 2, 1.4.1.6.1 = INTEGER: 6");
}

TEST(SnmpTables, MemoryBeyondInteger32IsInMebibytes) {
  SnapshotContent content = small_snapshot();
  content.inventory.domains[0].memory_max_kib = std::uint64_t{4} << 30;  // 4 TiB
  EXPECT_EQ(cell(content, vm_mib(), {1, 4, 1, 12, 1}), "1.4.1.12.1 = INTEGER: 1048576");
  EXPECT_EQ(cell(content, vm_mib(), {1, 4, 1, 13, 1}), "1.4.1.13.1 = INTEGER: 128");
  EXPECT_EQ(cell(content, vm_mib(), {1, 4, 1, 15, 1}), "1.4.1.15.1 = INTEGER: 4194304");
}

TEST(SnmpTables, HypervisorOfSeveralDrivers) {
  SnapshotContent content = small_snapshot();
  content.inventory.domains[1].hypervisor = "LXC";
  content.health[1].counters.emplace_back("hypervisor_version", 7'002'022);
  EXPECT_EQ(cell(content, vm_mib(), {1, 1, 1, 0}), "1.1.1.0 = STRING: LXC, QEMU");
  EXPECT_EQ(cell(content, vm_mib(), {1, 1, 2, 0}), "1.1.2.0 = STRING: 7.2.22");
}

TEST(SnmpTables, LinkAndPhysicalFunction) {
  SnapshotContent content = small_snapshot();
  Vnic& vnic = content.inventory.domains[0].vnics[1];
  const auto indexes = [&](VnicType type, std::string tap, std::uint32_t index) {
    vnic.type = type;
    vnic.tap = std::move(tap);
    content.numbers.totals[1].if_index = index;
    return cell(content, vm_mib(), {1, 8, 1, 2, 1, 2}) + ", " + cell(content, vm_mib(), {1, 8, 1, 3, 1, 2}) + ", " +
           cell(content, vmtraffic_mib(), {1, 2, 1, 10, 1, 2});
  };
  EXPECT_EQ(indexes(VnicType::kHostdev, "", 3), "1.8.1.2.1.2 = INTEGER: 0, 1.8.1.3.1.2 = INTEGER: 3, noSuchInstance") << "a bare function";
  EXPECT_EQ(indexes(VnicType::kHostdev, "rep0", 9), "1.8.1.2.1.2 = INTEGER: 9, 1.8.1.3.1.2 = INTEGER: 0, 1.2.1.10.1.2 = INTEGER: 9")
      << "a representor is its link";
  EXPECT_EQ(indexes(VnicType::kHostdev, "", 0), "1.8.1.2.1.2 = INTEGER: 0, 1.8.1.3.1.2 = INTEGER: 0, noSuchInstance");
  EXPECT_EQ(indexes(VnicType::kDirect, "macvtap0", 8), "1.8.1.2.1.2 = INTEGER: 8, 1.8.1.3.1.2 = INTEGER: 0, 1.2.1.10.1.2 = INTEGER: 8");
  EXPECT_EQ(indexes(VnicType::kBridge, "vnet9", 0x8000'0000), "1.8.1.2.1.2 = INTEGER: 0, 1.8.1.3.1.2 = INTEGER: 0, noSuchInstance");
}

TEST(SnmpTables, RatesThatCannotBeAreAbsent) {
  SnapshotContent content = small_snapshot();
  const auto rate = [&](float octets) {
    content.numbers.rates[0][0].mean[kRxOctets] = octets;
    return cell(content, vmtraffic_mib(), {1, 2, 1, 22, 1, 1});
  };
  EXPECT_EQ(rate(std::numeric_limits<float>::quiet_NaN()), "noSuchInstance");
  EXPECT_EQ(rate(-1), "noSuchInstance");
  EXPECT_EQ(rate(0), "1.2.1.22.1.1 = Counter64: 0");
  EXPECT_EQ(rate(0.3F), "1.2.1.22.1.1 = Counter64: 2") << "rounded";
  EXPECT_EQ(rate(std::numeric_limits<float>::infinity()), "1.2.1.22.1.1 = Counter64: 18446744073709551615");
}

TEST(SnmpTables, ProbesOfOneNameAndCountersWithoutUsableName) {
  SnapshotContent content = small_snapshot();
  content.health = {
      {"same", HealthState::kUp, "", 0, {}, {{"", 1}, {std::string(64, 'a'), 2}, {std::string(65, 'a'), 3}, {"twice", 4}, {"twice", 5}}},
      {"same", HealthState::kStarting, "", 2000 * kSecond, {}, {}}};
  const Model model = model_of(content);
  const View view(model, clock_at(kNow));
  EXPECT_EQ(view.rows(RowSet::kProbes).size(), 2U);
  EXPECT_EQ(view.rows(RowSet::kProbeCounters).size(), 2U);
  const Subtree subtree(vmtraffic_mib());
  EXPECT_EQ(get_line(subtree, view, {1, 4, 1, 2, 1, 't', 'w', 'i', 'c', 'e'}), "1.4.1.2.1.116.119.105.99.101 = Counter64: 4");
  EXPECT_EQ(get_line(subtree, view, {1, 3, 1, 5, 2}), "noSuchInstance") << "a change that lies ahead";
}

TEST(SnmpCells, Oids) {
  EXPECT_EQ(parse_oid("1.3.6.1"), (Oid{1, 3, 6, 1}));
  EXPECT_EQ(parse_oid(".1.3.4294967295"), (Oid{1, 3, 4294967295}));
  for (const char* wrong : {"", ".", "1.", "1..3", "a", "1.3.4294967296", "1.-3", "1.3 ", "iso.3"})
    EXPECT_EQ(parse_oid(wrong), std::nullopt) << wrong;
}

TEST(SnmpCells, Times) {
  EXPECT_EQ(duration(-5 * kSecond), Cell(TimeTicks{0}));
  EXPECT_EQ(duration(std::numeric_limits<Nanoseconds>::max()), Cell(TimeTicks{0xFFFF'FFFF}));
  EXPECT_EQ(uptime(Nanoseconds{0x1'0000'0005} * (kSecond / 100)), Cell(TimeTicks{5})) << "497 days round";
  EXPECT_EQ(date_and_time(-1), std::nullopt);
  EXPECT_EQ(text(*date_and_time(1'700'000'000'900'000'000)), "Hex: 07 e7 0b 0e 16 0d 14 09 2b 00 00");
}

}  // namespace
}  // namespace vmtraffic::snmp
