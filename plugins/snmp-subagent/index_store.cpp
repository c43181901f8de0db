#include "plugins/snmp-subagent/index_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

#include "core/text.hpp"

namespace vmtraffic::snmp {
namespace {

constexpr std::string_view kFirstLine = "vmtraffic-snmp-indexes 1";
constexpr std::uint32_t kMaxIndex = std::numeric_limits<std::int32_t>::max();  // both MIBs say 1..2147483647

std::string_view next_word(std::string_view& rest) {
  const std::size_t space = rest.find(' ');
  const std::string_view word = rest.substr(0, space);
  rest = space == std::string_view::npos ? std::string_view{} : rest.substr(space + 1);
  return word;
}

template <class Number>
std::optional<Number> to_number(std::string_view word, int base = 10) {
  Number number{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number, base);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return number;
}

std::optional<std::uint32_t> to_index(std::string_view word) {
  const auto number = to_number<std::uint32_t>(word);
  return number && *number <= kMaxIndex ? number : std::nullopt;
}

Error senseless(std::string text) { return {ErrorCode::kCorrupt, std::move(text)}; }

}  // namespace

template <class Key>
std::uint32_t IndexStore::number(Numbers<Key>& numbers, const Key& key) {
  const auto [entry, is_new] = numbers.entries.try_emplace(key);
  entry->second.seen = pass_;
  if (!is_new) return entry->second.index;
  changed_ = true;
  if (numbers.last < kMaxIndex) {
    ++numbers.last;
  } else {  // two thousand million were given: go round, past those in use
    std::set<std::uint32_t> used;
    for (const auto& [_, other] : numbers.entries) used.insert(other.index);
    std::uint32_t free = 1;
    while (used.contains(free)) ++free;
    return entry->second.index = free;
  }
  return entry->second.index = numbers.last;
}

template <class Key, class Forget>
void IndexStore::trim(Numbers<Key>& numbers, std::size_t limit, Forget forget) {
  if (numbers.entries.size() <= limit) return;
  std::vector<std::pair<std::uint32_t, Key>> gone;
  for (const auto& [key, entry] : numbers.entries) {
    if (entry.seen != pass_) gone.emplace_back(entry.index, key);
  }
  std::sort(gone.begin(), gone.end());
  const std::size_t surplus = std::min(gone.size(), numbers.entries.size() - limit);
  for (std::size_t i = 0; i < surplus; ++i) {
    numbers.entries.erase(gone[i].second);
    forget(gone[i].second);
    changed_ = true;
  }
}

Indexes IndexStore::assign(const Snapshot& snapshot) {
  ++pass_;
  Indexes indexes;
  indexes.domains.reserve(snapshot.domain_count());
  indexes.vnics.resize(snapshot.vnic_count());
  for (std::size_t i = 0; i < snapshot.domain_count(); ++i) {
    const DomainRow domain = snapshot.domain(i);
    indexes.domains.push_back(number(domains_, domain.uuid));
    Numbers<VnicId>& vnics = vnics_[domain.uuid];
    for (std::size_t v = domain.first_vnic; v < domain.first_vnic + domain.vnic_count; ++v) {
      const VnicKey key = snapshot.vnic(v).key;
      indexes.vnics[v] = number(vnics, VnicId{key.mac, key.ordinal});
    }
    trim(vnics, limits_.vnics_per_domain, [](const VnicId&) {});
  }
  std::map<std::string, std::size_t> sights;
  for (std::size_t i = 0; i < snapshot.health_count(); ++i) {
    std::string name = printable(snapshot.health(i).name);
    const std::size_t sight = ++sights[name];
    if (sight > 1) name += fmt::format(" #{}", sight);  // two probes of one name stay two rows
    indexes.probes.push_back(number(probes_, name));
  }
  for (std::size_t i = 0; i < snapshot.agent_count(); ++i) {
    const AgentRow agent = snapshot.agent(i);
    indexes.agents.push_back(number(agents_, fmt::format("{} {}", agent.sub_agent, printable(agent.address))));
  }
  trim(domains_, limits_.domains, [this](const DomainUuid& uuid) { vnics_.erase(uuid); });
  trim(probes_, limits_.probes, [](const std::string&) {});
  trim(agents_, limits_.agents, [](const std::string&) {});
  return indexes;
}

std::vector<HostIndexes> IndexStore::assign(std::span<const HostSight> hosts) {
  ++pass_;
  std::vector<HostIndexes> all;
  all.reserve(hosts.size());
  for (const HostSight& host : hosts) {
    HostIndexes indexes{number(hosts_, host.address)};
    if (host.snapshot != nullptr) {
      Numbers<VnicKey>& vnics = host_vnics_[host.address];
      for (std::size_t v = 0; v < host.snapshot->vnic_count(); ++v) indexes.vnics.push_back(number(vnics, host.snapshot->vnic(v).key));
      trim(vnics, limits_.vnics_per_host, [](const VnicKey&) {});
    }
    all.push_back(std::move(indexes));
  }
  trim(hosts_, limits_.hosts, [this](const IpAddress& address) { host_vnics_.erase(address); });
  return all;
}

std::string IndexStore::text() {
  changed_ = false;
  std::string out = fmt::format("{}\n", kFirstLine);
  std::size_t lines = 0;
  const auto add = [&]<class... Args>(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
    out += '\n';
    ++lines;
  };
  add("last-domain {}", domains_.last);
  add("last-probe {}", probes_.last);
  for (const auto& [uuid, domain] : domains_.entries) {
    const auto vnics = vnics_.find(uuid);
    add("domain {} {} {}", domain.index, uuid.text(), vnics == vnics_.end() ? 0 : vnics->second.last);
    if (vnics == vnics_.end()) continue;
    for (const auto& [id, vnic] : vnics->second.entries) add("vnic {} {} {}", vnic.index, id.first.text(), id.second);
  }
  for (const auto& [name, probe] : probes_.entries) add("probe {} {}", probe.index, name);
  if (agents_.last > 0) add("last-agent {}", agents_.last);
  for (const auto& [name, agent] : agents_.entries) add("agent {} {}", agent.index, name);
  if (hosts_.last > 0) add("last-host {}", hosts_.last);
  for (const auto& [address, host] : hosts_.entries) {
    const auto vnics = host_vnics_.find(address);
    add("host {} {} {}", host.index, address.text(), vnics == host_vnics_.end() ? 0 : vnics->second.last);
    if (vnics == host_vnics_.end()) continue;
    for (const auto& [key, vnic] : vnics->second.entries)
      add("host-vnic {} {} {} {}", vnic.index, key.domain.text(), key.mac.text(), key.ordinal);
  }
  fmt::format_to(std::back_inserter(out), "end {} {:016x}\n", lines, fnv1a(out));
  return out;
}

namespace {

template <class Entries>
bool distinct(const Entries& entries) {
  std::set<std::uint32_t> seen;
  return std::all_of(entries.begin(), entries.end(), [&](const auto& entry) { return seen.insert(entry.second.index).second; });
}

}  // namespace

template <class Key>
bool IndexStore::add(Numbers<Key>& numbers, Key key, std::optional<std::uint32_t> index) {
  if (!index || *index == 0 || *index > numbers.last) return false;
  return numbers.entries.try_emplace(std::move(key), typename Numbers<Key>::Entry{*index, 0}).second;
}

bool IndexStore::read_last(std::string_view kind, std::optional<std::uint32_t> index) {
  std::uint32_t* const last = kind == "last-domain"  ? &domains_.last
                              : kind == "last-probe" ? &probes_.last
                              : kind == "last-agent" ? &agents_.last
                              : kind == "last-host"  ? &hosts_.last
                                                     : nullptr;
  if (last == nullptr || !index) return false;
  *last = *index;
  return true;
}

bool IndexStore::read_host_line(std::string_view kind, std::optional<std::uint32_t> index, std::string_view rest, Reading& reading) {
  if (kind == "host") {
    const auto address = IpAddress::parse(next_word(rest));
    const auto last = to_index(next_word(rest));
    if (!address || !last || !add(hosts_, *address, index)) return false;
    reading.host = &host_vnics_[*address];
    reading.host->last = *last;
    return true;
  }
  const auto uuid = DomainUuid::parse(next_word(rest));
  const auto mac = MacAddress::parse(next_word(rest));
  const auto ordinal = to_number<std::uint8_t>(next_word(rest));
  return reading.host != nullptr && uuid && mac && ordinal && add(*reading.host, VnicKey{*uuid, *mac, *ordinal}, index);
}

bool IndexStore::read_line(std::string_view line, Reading& reading) {
  const std::string_view kind = next_word(line);
  const auto index = to_index(next_word(line));
  if (kind.starts_with("last-")) return read_last(kind, index);
  if (kind == "host" || kind == "host-vnic") return read_host_line(kind, index, line, reading);
  if (kind == "domain") {
    const auto uuid = DomainUuid::parse(next_word(line));
    const auto last = to_index(next_word(line));
    if (!uuid || !last || !add(domains_, *uuid, index)) return false;
    reading.domain = &vnics_[*uuid];
    reading.domain->last = *last;
    return true;
  }
  if (kind == "vnic") {
    const auto mac = MacAddress::parse(next_word(line));
    const auto ordinal = to_number<std::uint8_t>(next_word(line));
    return reading.domain != nullptr && mac && ordinal && add(*reading.domain, VnicId{*mac, *ordinal}, index);
  }
  if (kind == "agent") return add(agents_, std::string(line), index);
  return kind == "probe" && add(probes_, std::string(line), index);
}

bool IndexStore::indexes_are_distinct() const {
  const auto all = [](const auto& nested) {
    return std::all_of(nested.begin(), nested.end(), [](const auto& one) { return distinct(one.second.entries); });
  };
  return distinct(domains_.entries) && distinct(probes_.entries) && distinct(agents_.entries) && distinct(hosts_.entries) && all(vnics_) &&
         all(host_vnics_);
}

Result<IndexStore> IndexStore::parse(std::string_view text, Limits limits) {
  const std::size_t closing = text.size() < 2 ? std::string_view::npos : text.rfind('\n', text.size() - 2);
  if (!text.ends_with('\n') || closing == std::string_view::npos) return senseless("it is cut short");
  std::string_view body = text.substr(0, closing + 1);
  std::string_view last_line = text.substr(closing + 1, text.size() - closing - 2);
  if (next_word(last_line) != "end") return senseless("it is cut short");
  const auto lines = to_number<std::size_t>(next_word(last_line));
  if (to_number<std::uint64_t>(last_line, 16) != fnv1a(body)) return senseless("its checksum is wrong");

  IndexStore store(limits);
  Reading reading;
  std::size_t number = 0;
  for (; !body.empty(); ++number) {
    const std::size_t end = body.find('\n');
    const std::string_view line = body.substr(0, end);
    body.remove_prefix(end + 1);
    if (number == 0 ? line != kFirstLine : !store.read_line(line, reading)) {
      return senseless(fmt::format("line {} makes no sense", number + 1));
    }
  }
  if (lines != number - 1) return senseless("it has not as many lines as it says");
  if (!store.indexes_are_distinct()) return senseless("it gives one index twice");
  return store;
}

}  // namespace vmtraffic::snmp
