// The inventory: which domains and vNICs there are, as values. Filled by the libvirt probe, carried in the snapshot, pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/types.hpp"

namespace vmtraffic {

// A virtual function of an SR-IOV card, or the PCI address libvirt passed through.
struct PciAddress {
  std::uint32_t domain{0}, bus{0}, slot{0}, function{0};
  friend auto operator<=>(const PciAddress&, const PciAddress&) = default;
  std::string text() const;  // "0000:03:10.1", as in /sys/bus/pci/devices
};

struct Vnic {
  MacAddress mac;
  std::uint8_t ordinal{0};  // among equal MACs of the domain, in the XML's order
  std::uint32_t number{0};  // its place in the XML
  VnicType type{VnicType::kOther};
  std::string source;  // bridge, network, parent device or socket path
  std::string tap;     // <target dev=…> while the domain runs
  std::string model;
  std::string port_id;  // virtualport's interfaceid
  std::string teaming;  // "persistent", "transient" or empty
  std::string alias;    // libvirt's device alias, e.g. "net0"
  LinkState link{LinkState::kUnknown};
  std::optional<Bandwidth> bandwidth_rx, bandwidth_tx;
  std::optional<PciAddress> pci;       // hostdev: the passed-through function
  std::vector<std::string> addresses;  // known IPs, as text, sorted, each once
  friend bool operator==(const Vnic&, const Vnic&) = default;
};

struct Domain {
  DomainUuid uuid;
  std::string name, title;
  std::string connection;  // libvirt URI
  std::string hypervisor;  // the driver's name, e.g. "QEMU"
  std::string os_type;
  DomainState state{DomainState::kNoState};
  std::int32_t state_reason{0};
  std::optional<bool> persistent, autostart;
  std::optional<std::uint32_t> vcpus, vcpus_max;
  std::optional<std::uint64_t> memory_kib, memory_max_kib;
  std::map<std::string, std::string> tags;
  std::vector<Vnic> vnics;  // sorted by (mac, ordinal)
  friend bool operator==(const Domain&, const Domain&) = default;
};

// What changes at every sample; not part of the inventory's value.
struct DomainNumbers {
  std::optional<std::uint64_t> cpu_time_ns;
  std::optional<Nanoseconds> confirmed_boottime;
  friend bool operator==(const DomainNumbers&, const DomainNumbers&) = default;
};

// Domains sorted by UUID. Two connections that show the same domain keep the first's.
struct Inventory {
  std::vector<Domain> domains;
  friend bool operator==(const Inventory&, const Inventory&) = default;
  std::size_t vnic_count() const;
};

using AddressesByMac = std::map<MacAddress, std::vector<std::string>>;

// Adds addresses that were seen behind MACs somewhere on the host to the vNICs with those MACs, where exactly one domain has such a vNIC
// (a teaming pair in one domain gets them twice). MACs repeat from tenant to tenant, by accident or by malice, since a guest sends from any
// MAC that its network lets pass: a MAC that two domains have names neither, and an address found by MAC is a hint, never an identity.
void add_addresses(Inventory& inventory, const AddressesByMac& seen);

// Adds addresses that are known to be a vNIC's.
void add_addresses(Inventory& inventory, const std::map<VnicKey, std::vector<std::string>>& known);

// Sorts domains and vNICs, gives ordinals, drops second sights of a UUID.
void normalize(Inventory& inventory);

}  // namespace vmtraffic
