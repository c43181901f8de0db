// VM-MIB, RFC 7666. Columns and their numbers are in the RFC's section 6; what libvirt does not tell is an absent instance, or the value
// that the RFC gives for it. Notifications are not sent, so their switches (vmObjects 9 to 11) are not here.
#include <fmt/format.h>

#include <set>

#include "plugins/snmp-subagent/tables.hpp"

namespace vmtraffic::snmp {
namespace {

constexpr int kUnknown = 1;  // of vmAutoStart, vmPersistent and vmOperState

Cell integer(int value) { return Integer32{value}; }

// ---- the hypervisor

Value hypervisor_software(const View& view, std::size_t) {
  std::set<std::string_view> drivers;
  for (std::size_t i = 0; i < view.snapshot().domain_count(); ++i) drivers.insert(view.snapshot().domain(i).hypervisor);
  std::string text;
  for (const std::string_view driver : drivers) {
    if (!driver.empty()) text += (text.empty() ? "" : ", ") + std::string(driver);
  }
  if (text.empty()) return std::nullopt;
  return admin_string(text);
}

// A libvirt probe's counter, in libvirt's own form: 1,000,000 * major + 1,000 * minor + release.
Value hypervisor_version(const View& view, std::size_t) {
  for (std::size_t i = 0; i < view.snapshot().health_count(); ++i) {
    for (const HealthCounter& counter : view.snapshot().health(i).counters) {
      if (counter.name != "hypervisor_version" || counter.value == 0) continue;
      return admin_string(fmt::format("{}.{}.{}", counter.value / 1'000'000, counter.value / 1'000 % 1'000, counter.value % 1'000));
    }
  }
  return std::nullopt;
}

// The hypervisor of a KVM or container host is its kernel.
Value hypervisor_uptime(const View& view, std::size_t) { return uptime(view.now()); }

Value vm_number(const View& view, std::size_t) { return integer(static_cast<int>(view.snapshot().domain_count())); }

Value table_last_change(const View& view, std::size_t) {
  if (!view.model().domains_changed) return std::nullopt;
  return uptime(*view.model().domains_changed);
}

// Scalars too tell of the present alone.
template <Value (*value)(const View&, std::size_t)>
Value if_fresh(const View& view, std::size_t row) {
  return view.state() == View::State::kFresh ? value(view, row) : std::nullopt;
}

// libvirt does not say which product's OID that would be.
Value not_known(const View&, std::size_t) { return std::nullopt; }

// ---- vmTable

// libvirt's reasons for VIR_DOMAIN_PAUSED and VIR_DOMAIN_SHUTOFF.
enum PausedReason {
  kPausedUser = 1,
  kPausedMigration = 2,
  kPausedSave = 3,
  kPausedShuttingDown = 8,
  kPausedCrashed = 10,
  kPausedStartingUp = 11,
  kPausedPostcopy = 12
};
enum ShutoffReason { kShutoffCrashed = 3, kShutoffSaved = 5 };

enum AdminState { kAdminRunning = 1, kAdminSuspended = 2, kAdminPaused = 3, kAdminShutdown = 4 };
enum OperState {
  kOperUnknown = 1,
  kOperPreparing = 3,
  kOperRunning = 4,
  kOperSuspending = 5,
  kOperSuspended = 6,
  kOperPaused = 8,
  kOperMigrating = 9,
  kOperShuttingDown = 10,
  kOperShutdown = 11,
  kOperCrashed = 12,
};

// What somebody wants it to be: a guest that waits for its disk or a migration is still meant to run.
Value admin_state(const DomainRow& domain) {
  switch (domain.state) {
    case DomainState::kRunning:
    case DomainState::kBlocked:
      return integer(kAdminRunning);
    case DomainState::kPaused:
      return integer(domain.state_reason == kPausedUser ? kAdminPaused : kAdminRunning);
    case DomainState::kPmSuspended:
      return integer(kAdminSuspended);
    case DomainState::kShutdown:
    case DomainState::kShutoff:
    case DomainState::kCrashed:
      return integer(kAdminShutdown);
    case DomainState::kNoState:
      break;
  }
  return std::nullopt;
}

OperState paused_state(int reason) {
  switch (reason) {
    case kPausedMigration:
    case kPausedPostcopy:
      return kOperMigrating;
    case kPausedSave:
      return kOperSuspending;
    case kPausedShuttingDown:
      return kOperShuttingDown;
    case kPausedCrashed:
      return kOperCrashed;
    case kPausedStartingUp:
      return kOperPreparing;
    default:
      return kOperPaused;
  }
}

OperState shutoff_state(int reason) {
  return reason == kShutoffCrashed ? kOperCrashed : reason == kShutoffSaved ? kOperSuspended : kOperShutdown;
}

Value oper_state(const DomainRow& domain) {
  switch (domain.state) {
    case DomainState::kRunning:
    case DomainState::kBlocked:
      return integer(kOperRunning);
    case DomainState::kPaused:
      return integer(paused_state(domain.state_reason));
    case DomainState::kShutdown:
      return integer(kOperShuttingDown);
    case DomainState::kShutoff:
      return integer(shutoff_state(domain.state_reason));
    case DomainState::kCrashed:
      return integer(kOperCrashed);
    case DomainState::kPmSuspended:
      return integer(kOperSuspended);
    case DomainState::kNoState:
      break;
  }
  return integer(kOperUnknown);
}

Value name(const DomainRow& domain) { return admin_string(domain.name); }

Value uuid(const DomainRow& domain) { return OctetString{{domain.uuid.octets.begin(), domain.uuid.octets.end()}}; }

// The guest's operating system, which libvirt's <type> ("hvm", "exe") is not. libosinfo's id in the metadata would be; the collector keeps
// only Nova's tags of that, so it is not known: an empty string.
Value os_type(const DomainRow&) { return admin_string(""); }

Value unknown_or(std::optional<bool> value) { return integer(!value ? kUnknown : *value ? 2 : 3); }
Value auto_start(const DomainRow& domain) { return unknown_or(domain.autostart); }
Value persistent(const DomainRow& domain) { return unknown_or(domain.persistent); }

Value cpus(const DomainRow& domain) {
  if (!domain.vcpus) return std::nullopt;
  return integer(static_cast<int>(*domain.vcpus));
}
Value cpus_max(const DomainRow& domain) { return integer(domain.vcpus_max ? static_cast<int>(*domain.vcpus_max) : -1); }

// vmMemUnit: KiB, and MiB for a machine whose memory would not fit Integer32 otherwise (2 TiB and more).
constexpr std::uint64_t kFewKib = 0x7FFF'FFFF;
bool in_mib(const DomainRow& domain) { return domain.memory_kib.value_or(0) > kFewKib || domain.memory_max_kib.value_or(0) > kFewKib; }
Cell memory(const DomainRow& domain, std::uint64_t kib) {
  return integer(static_cast<int>(std::min(in_mib(domain) ? kib / 1024 : kib, kFewKib)));
}

Value memory_unit(const DomainRow& domain) {
  if (!domain.memory_kib && !domain.memory_max_kib) return std::nullopt;
  return integer(in_mib(domain) ? 1024 * 1024 : 1024);
}
Value memory_now(const DomainRow& domain) {
  if (!domain.memory_kib) return std::nullopt;
  return memory(domain, *domain.memory_kib);
}
Value memory_max(const DomainRow& domain) { return domain.memory_max_kib ? memory(domain, *domain.memory_max_kib) : integer(-1); }

Value minus_one(const DomainRow&) { return integer(-1); }  // the RFC's "not known" of the minima
Value vm_uptime(const DomainRow&) { return std::nullopt; }

Value cpu_time(const DomainRow& domain) {
  if (!domain.cpu_time_ns) return std::nullopt;
  return Counter64{*domain.cpu_time_ns / 1000};
}

// ---- vmNetworkTable

Value if_index(const VnicRow& vnic) { return integer(host_interfaces(vnic).link); }
Value parent(const VnicRow& vnic) { return integer(host_interfaces(vnic).physical); }
Value model(const VnicRow& vnic) { return admin_string(vnic.model); }
Value phys_address(const VnicRow& vnic) { return mac_address(vnic.key.mac); }

template <Value (*value)(const DomainRow&)>
Value of_domain(const View& view, std::size_t row) {
  return value(view.snapshot().domain(row));
}
template <Value (*value)(const VnicRow&)>
Value of_vnic(const View& view, std::size_t row) {
  return value(view.snapshot().vnic(row));
}

constexpr Column kHypervisor[] = {
    {1, "vmHvSoftware", Syntax::kOctetString, if_fresh<hypervisor_software>},
    {2, "vmHvVersion", Syntax::kOctetString, if_fresh<hypervisor_version>},
    {3, "vmHvObjectID", Syntax::kObjectIdentifier, not_known},
    {4, "vmHvUpTime", Syntax::kTimeTicks, if_fresh<hypervisor_uptime>},
};
constexpr Column kMachines[] = {
    {2, "vmNumber", Syntax::kInteger, if_fresh<vm_number>},
    {3, "vmTableLastChange", Syntax::kTimeTicks, if_fresh<table_last_change>},
};
constexpr Column kVmTable[] = {
    {2, "vmName", Syntax::kOctetString, of_domain<name>},           {3, "vmUUID", Syntax::kOctetString, of_domain<uuid>},
    {4, "vmOSType", Syntax::kOctetString, of_domain<os_type>},      {5, "vmAdminState", Syntax::kInteger, of_domain<admin_state>},
    {6, "vmOperState", Syntax::kInteger, of_domain<oper_state>},    {7, "vmAutoStart", Syntax::kInteger, of_domain<auto_start>},
    {8, "vmPersistent", Syntax::kInteger, of_domain<persistent>},   {9, "vmCurCpuNumber", Syntax::kInteger, of_domain<cpus>},
    {10, "vmMinCpuNumber", Syntax::kInteger, of_domain<minus_one>}, {11, "vmMaxCpuNumber", Syntax::kInteger, of_domain<cpus_max>},
    {12, "vmMemUnit", Syntax::kInteger, of_domain<memory_unit>},    {13, "vmCurMem", Syntax::kInteger, of_domain<memory_now>},
    {14, "vmMinMem", Syntax::kInteger, of_domain<minus_one>},       {15, "vmMaxMem", Syntax::kInteger, of_domain<memory_max>},
    {16, "vmUpTime", Syntax::kTimeTicks, of_domain<vm_uptime>},     {17, "vmCpuTime", Syntax::kCounter64, of_domain<cpu_time>},
};
constexpr Column kVmNetworkTable[] = {
    {2, "vmNetworkIfIndex", Syntax::kInteger, of_vnic<if_index>},
    {3, "vmNetworkParent", Syntax::kInteger, of_vnic<parent>},
    {4, "vmNetworkModel", Syntax::kOctetString, of_vnic<model>},
    {5, "vmNetworkPhysAddress", Syntax::kOctetString, of_vnic<phys_address>},
};

}  // namespace

HostInterfaces host_interfaces(const VnicRow& vnic) {
  if (!vnic.if_index || *vnic.if_index > 0x7FFF'FFFF) return {};
  const auto index = static_cast<std::int32_t>(*vnic.if_index);
  return vnic.type == VnicType::kHostdev && vnic.tap.empty() ? HostInterfaces{0, index} : HostInterfaces{index, 0};
}

std::span<const Table> vm_mib() {
  static const Table tables[] = {
      {{1, 1}, RowSet::kScalars, kHypervisor},
      {{1}, RowSet::kScalars, kMachines},
      {{1, 4, 1}, RowSet::kDomains, kVmTable},
      {{1, 8, 1}, RowSet::kVnics, kVmNetworkTable},
  };
  return tables;
}

}  // namespace vmtraffic::snmp
