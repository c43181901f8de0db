// What domains and vNICs are called in collectd's identifiers (host/plugin-instance/type-instance).
//
// Names come from tenants, collectd allows 127 octets a part and no '/': names are mapped so that a part is always
// valid and two domains, or two vNICs of one domain, never share an identifier.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/snapshot.hpp"
#include "core/types.hpp"

namespace vmtraffic::collectd {

inline constexpr std::size_t kMaxPartOctets = 127;  // DATA_MAX_NAME_LEN with its NUL

enum class NameWord { kName, kUuid, kHostname, kMetadata };  // of HostnameFormat and PluginInstanceFormat
enum class InterfaceFormat { kName, kAddress, kNumber };

struct Naming {
  std::string plugin{"vmtraffic"};
  std::string hostname;                         // collectd's own Hostname; for the domains of another host that host's name
  std::vector<NameWord> host{NameWord::kName};  // joined with ':'
  std::vector<NameWord> instance;               // empty: no plugin instance
  InterfaceFormat interface { InterfaceFormat::kAddress };
  std::string metadata_tag{"nova.instance"};  // what `metadata` stands for
  // The other host whose domains these are; empty: this one. Stands before the plugin instance, unless `host` says it already: two ends of
  // a migration have one name and UUID.
  std::string hypervisor{};
  friend bool operator==(const Naming&, const Naming&) = default;
};

struct DomainName {
  std::string host, instance;
  friend auto operator<=>(const DomainName&, const DomainName&) = default;
};

struct DomainNames {
  std::vector<DomainName> names;      // by the domain's index
  std::vector<std::size_t> clashing;  // domains whose name another one has too: their UUID was appended
};

// Every domain of the snapshot, also those that are not selected, so that a selection renames nobody.
DomainNames name_domains(const Snapshot& snapshot, const Naming& naming);

// A domain that is in no snapshot any more; clashes cannot be seen.
DomainName name_gone_domain(const DomainUuid& uuid, std::string_view name, const Naming& naming);

// A domain as its neighbours on the same host call it: without the host's names. A vNIC's MAC behind it makes it unique.
std::string peer_name(const DomainName& name, const Naming& naming);

// The three names of a vNIC as virt knows them: tap (empty: none now), MAC, "interface-N" from 1.
std::vector<std::string> interface_names(const VnicRow& vnic);

// The type instances of a domain's vNICs, in their order: the name that the format asks for; the MAC where there is no tap. vNICs of one
// name (two with one MAC) get their ordinal appended.
std::vector<std::string> name_interfaces(const std::vector<VnicRow>& vnics, InterfaceFormat format);

// Valid as a part of an identifier. Injective, except that what is over `limit` octets is cut and ends with '~' and a hash.
std::string safe_part(std::string_view text, std::size_t limit = kMaxPartOctets);

}  // namespace vmtraffic::collectd
