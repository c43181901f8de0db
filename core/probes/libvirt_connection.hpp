// One read-only libvirt connection, as values. The only file pair that names libvirt's C API.
// Every call may hang as long as libvirtd does: use it from a thread that nobody waits for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/traffic/numbers.hpp"
#include "core/types.hpp"

namespace vmtraffic {

// Something happened to a domain. Delivered on libvirt's event loop thread, which may be another plugin's: only enqueue.
struct LibvirtEvent {
  DomainUuid uuid;
  std::string name;
  std::optional<EventKind> lifecycle;  // nothing: its definition changed (a device, its metadata)
  std::string detail;                  // libvirt's reason, e.g. "destroyed"
};

struct ListedDomain {
  DomainUuid uuid;
  std::string name;
  bool active{false}, persistent{false}, autostart{false};
};

struct DomainStats {
  DomainUuid uuid;
  DomainState state{DomainState::kNoState};
  std::int32_t reason{0};
  std::optional<std::uint64_t> cpu_time_ns;
};

// An address that libvirt's DHCP server gave to a MAC.
struct DhcpLease {
  MacAddress mac;
  std::string address;
  friend bool operator==(const DhcpLease&, const DhcpLease&) = default;
};

// Counters of one vNIC as libvirt knows them.
struct InterfaceStats {
  MetricTotals values{};
  MetricSet present{0};
  friend bool operator==(const InterfaceStats&, const InterfaceStats&) = default;
};

class LibvirtConnection {
 public:
  using OnEvent = std::function<void(LibvirtEvent)>;
  using OnClose = std::function<void(std::string reason)>;

  // Blocks while libvirtd hangs. Callbacks may come until they were destroyed, which may be later than this object is.
  static Result<std::unique_ptr<LibvirtConnection>> open(const std::string& uri, OnEvent on_event, OnClose on_close);
  ~LibvirtConnection();
  LibvirtConnection(const LibvirtConnection&) = delete;
  LibvirtConnection& operator=(const LibvirtConnection&) = delete;

  const std::string& hypervisor() const;            // the driver's name, e.g. "QEMU"
  const std::string& hypervisor_version() const;    // e.g. "7.2.22"
  std::uint64_t hypervisor_version_number() const;  // the same as libvirt says it: 1,000,000 * major + 1,000 * minor + release; 0: unknown
  bool alive() const;

  Result<std::vector<ListedDomain>> list();
  // States of active domains: in one call where the driver has bulk statistics, else of `active` one by one (those that fail are left out).
  // `cpu_time`: CPU times as well, which cost QEMU's driver some 0.2 ms a domain; the state alone costs next to nothing.
  Result<std::vector<DomainStats>> stats(const std::vector<DomainUuid>& active, bool cpu_time);
  // The live XML. Nothing: there is no such domain any more.
  Result<std::optional<std::string>> xml(const DomainUuid& uuid);
  Result<std::optional<ListedDomain>> look_up(const DomainUuid& uuid);
  Result<std::optional<DomainStats>> state(const DomainUuid& uuid);
  Result<std::vector<DhcpLease>> dhcp_leases();
  // libvirt's own counters of one vNIC, by its <target dev=…>. In the guest's direction for vhost-user: libvirt has them from `ovs-vsctl
  // list Interface`, which tells the switch's view, and turns them (virNetDevOpenvswitchInterfaceParseStats); for taps it turns the
  // kernel's. What Open vSwitch does not count is -1 there and absent here. The switch refreshes its database every five seconds or
  // more seldom (other_config:stats-update-interval), so the values may be that much older than the answer.
  Result<InterfaceStats> interface_stats(const DomainUuid& uuid, const std::string& device);

  std::uint64_t calls() const;  // remote calls made
  bool bulk_stats() const;      // the driver has virConnectGetAllDomainStats

 private:
  struct Impl;
  explicit LibvirtConnection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// libvirt's event loop, shared by all connections of the process (and perhaps with other plugins). Starts its thread at the first call.
void ensure_libvirt_event_loop();
// Ends our thread in bounded time, if we started one.
void stop_libvirt_event_loop();

}  // namespace vmtraffic
