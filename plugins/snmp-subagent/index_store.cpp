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
  trim(domains_, limits_.domains, [this](const DomainUuid& uuid) { vnics_.erase(uuid); });
  trim(probes_, limits_.probes, [](const std::string&) {});
  return indexes;
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

bool IndexStore::read_line(std::string_view line, Numbers<VnicId>*& current) {
  const std::string_view kind = next_word(line);
  const auto index = to_index(next_word(line));
  if (kind == "last-domain" || kind == "last-probe") {
    if (index) (kind == "last-domain" ? domains_.last : probes_.last) = *index;
    return index.has_value();
  }
  if (kind == "domain") {
    const auto uuid = DomainUuid::parse(next_word(line));
    const auto last = to_index(next_word(line));
    if (!uuid || !last || !add(domains_, *uuid, index)) return false;
    current = &vnics_[*uuid];
    current->last = *last;
    return true;
  }
  if (kind == "vnic") {
    const auto mac = MacAddress::parse(next_word(line));
    const auto ordinal = to_number<std::uint8_t>(next_word(line));
    return current != nullptr && mac && ordinal && add(*current, VnicId{*mac, *ordinal}, index);
  }
  return kind == "probe" && add(probes_, std::string(line), index);
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
  Numbers<VnicId>* current = nullptr;
  std::size_t number = 0;
  for (; !body.empty(); ++number) {
    const std::size_t end = body.find('\n');
    const std::string_view line = body.substr(0, end);
    body.remove_prefix(end + 1);
    if (number == 0 ? line != kFirstLine : !store.read_line(line, current)) {
      return senseless(fmt::format("line {} makes no sense", number + 1));
    }
  }
  if (lines != number - 1) return senseless("it has not as many lines as it says");
  bool unique = distinct(store.domains_.entries) && distinct(store.probes_.entries);
  for (const auto& [uuid, vnics] : store.vnics_) unique = unique && distinct(vnics.entries);
  if (!unique) return senseless("it gives one index twice");
  return store;
}

}  // namespace vmtraffic::snmp
