#include "plugins/collectd/naming.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "core/text.hpp"

namespace vmtraffic::collectd {
namespace {

// Who a domain is, whether from a row or from an event.
struct Subject {
  const DomainUuid& uuid;
  std::string_view name;
  std::optional<std::string_view> metadata;
};

// The text as printable() gives it, without '/'; and never a path that csv or rrdtool would walk up.
std::string escaped(std::string_view text, std::string_view also) {
  std::string out = printable(text, also);
  if (out == "." || out == "..") out.replace(0, 1, "\\x2e");
  return out;
}

bool is_free(NameWord word) { return word == NameWord::kName || word == NameWord::kMetadata; }

std::string_view text_of(NameWord word, const Subject& subject, const Naming& naming, const std::string& uuid) {
  switch (word) {
    case NameWord::kName:
      return subject.name.empty() ? std::string_view(uuid) : subject.name;
    case NameWord::kHostname:
      return naming.hostname;
    // virt leaves the name empty, so that all domains without metadata share one.
    case NameWord::kMetadata:
      return subject.metadata && !subject.metadata->empty() ? *subject.metadata : std::string_view(uuid);
    case NameWord::kUuid:
      break;
  }
  return uuid;
}

// Words joined with ':'. A ':' inside a word is escaped only where it could be taken for the one between two words of free text.
std::string joined(const std::vector<NameWord>& words, const Subject& subject, const Naming& naming, const std::string& uuid) {
  const bool ambiguous = std::count_if(words.begin(), words.end(), is_free) > 1;
  std::string out;
  for (const NameWord word : words) {
    if (!out.empty()) out += ':';
    out += escaped(text_of(word, subject, naming, uuid), ambiguous ? "/:" : "/");
  }
  return out;
}

bool says_hostname(const Naming& naming) {
  return std::find(naming.host.begin(), naming.host.end(), NameWord::kHostname) != naming.host.end();
}

// What stands before the instance of another host's domain. Where an instance is a text that tenants choose, the border has a backslash,
// which no text of theirs can have: it would be doubled. So no domain of this host can take the name of another's.
std::string before_instance(const Naming& naming) {
  if (naming.hypervisor.empty() || says_hostname(naming)) return "";
  std::string host = escaped(naming.hypervisor, "/");
  if (naming.instance.empty()) return host;
  return host + (std::any_of(naming.instance.begin(), naming.instance.end(), is_free) ? "\\:" : ":");
}

DomainName name_of(const Subject& subject, const Naming& naming) {
  const std::string uuid = subject.uuid.text();
  return {fitted(joined(naming.host, subject, naming, uuid), kMaxPartOctets),
          fitted(before_instance(naming) + joined(naming.instance, subject, naming, uuid), kMaxPartOctets)};
}

// The part that tells domains apart: the instance where there is one.
void append_uuid(DomainName& name, const DomainUuid& uuid) {
  std::string& part = name.instance.empty() ? name.host : name.instance;
  const std::string text = uuid.text();
  part = fitted(std::move(part), kMaxPartOctets - text.size() - 1) + ":" + text;
}

std::string key_of(const DomainName& name) { return name.host + "/" + name.instance; }

}  // namespace

std::string safe_part(std::string_view text, std::size_t limit) { return fitted(escaped(text, "/"), limit); }

// All domains of one name get their UUID appended, not all but one: a name that went to whoever came first would let a newcomer
// go on with another's graphs. Appending may meet a domain that a tenant called just so: hence the loop, which ends because
// each round appends to at least one more.
DomainNames name_domains(const Snapshot& snapshot, const Naming& naming) {
  DomainNames result;
  std::vector<DomainUuid> uuids;
  for (std::size_t i = 0; i < snapshot.domain_count(); ++i) {
    const DomainRow row = snapshot.domain(i);
    uuids.push_back(row.uuid);
    result.names.push_back(name_of({row.uuid, row.name, row.tag(naming.metadata_tag)}, naming));
  }
  std::vector<bool> appended(uuids.size(), false);
  for (;;) {
    std::unordered_map<std::string, unsigned> owners;
    for (const DomainName& name : result.names) ++owners[key_of(name)];
    std::vector<std::size_t> round;
    for (std::size_t i = 0; i < uuids.size(); ++i) {
      if (!appended[i] && owners[key_of(result.names[i])] > 1) round.push_back(i);
    }
    if (round.empty()) break;
    for (const std::size_t i : round) {
      append_uuid(result.names[i], uuids[i]);
      appended[i] = true;
      result.clashing.push_back(i);
    }
  }
  std::sort(result.clashing.begin(), result.clashing.end());
  return result;
}

DomainName name_gone_domain(const DomainUuid& uuid, std::string_view name, const Naming& naming) {
  return name_of({uuid, name, std::nullopt}, naming);
}

std::string peer_name(const DomainName& name, const Naming& naming) {
  const std::string before = before_instance(naming);
  std::string instance = name.instance.starts_with(before) ? name.instance.substr(before.size()) : name.instance;
  if (instance.starts_with(':') && naming.instance.empty()) instance.erase(0, 1);  // a UUID that was appended to the host's name
  const bool host_tells = std::any_of(naming.host.begin(), naming.host.end(), [](NameWord word) { return word != NameWord::kHostname; });
  if (!host_tells) return instance;
  return instance.empty() ? name.host : name.host + ":" + instance;
}

std::vector<std::string> interface_names(const VnicRow& vnic) {
  return {std::string(vnic.tap), vnic.key.mac.text(), fmt::format("interface-{}", vnic.number + 1)};
}

std::vector<std::string> name_interfaces(const std::vector<VnicRow>& vnics, InterfaceFormat format) {
  std::vector<std::string> names;
  std::map<std::string, unsigned> owners;
  for (const VnicRow& vnic : vnics) {
    std::string name;
    switch (format) {
      case InterfaceFormat::kName:
        name = vnic.tap.empty() ? vnic.key.mac.text() : std::string(vnic.tap);
        break;
      case InterfaceFormat::kAddress:
        name = vnic.key.mac.text();
        break;
      case InterfaceFormat::kNumber:
        name = fmt::format("interface-{}", vnic.number + 1);
        break;
    }
    names.push_back(safe_part(name, kMaxPartOctets - 64));  // leaves room for what tells equals apart
    ++owners[names.back()];
  }
  for (std::size_t i = 0; i < vnics.size(); ++i) {
    if (owners[names[i]] < 2) continue;
    const VnicKey& key = vnics[i].key;
    // The first of a pair keeps the plain MAC, so that adding its standby breaks no graph. Names of other kinds are equal only if the
    // inventory is wrong; the MAC and ordinal are unique whatever else is.
    if (format == InterfaceFormat::kAddress) {
      if (key.ordinal > 0) names[i] += fmt::format("-{}", key.ordinal);
    } else {
      names[i] += fmt::format("-{}-{}", key.mac.text(), key.ordinal);
    }
  }
  return names;
}

}  // namespace vmtraffic::collectd
