#include "core/inventory_file.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "core/snapshot.hpp"
#include "core/snapshot/restore.hpp"
#include "core/text.hpp"

namespace vmtraffic {
namespace {

constexpr std::size_t kMaxFileSize = std::size_t{1} << 28;

std::vector<std::uint32_t> if_indexes_of(const Snapshot& snapshot) {
  std::vector<std::uint32_t> out;
  for (std::size_t i = 0; i < snapshot.vnic_count(); ++i) {
    const VnicRow vnic = snapshot.vnic(i);
    // A virtual function's is that of its card's link, which passes everybody's packets.
    out.push_back(vnic.type == VnicType::kHostdev ? 0 : vnic.if_index.value_or(0));
  }
  return out;
}

Result<std::vector<std::byte>> content_of(const std::filesystem::path& file) {
  const std::string name = printable(file.string());
  const auto unreadable = [&] {
    const ErrorCode kind = errno == ENOENT ? ErrorCode::kMissing : errno == EACCES ? ErrorCode::kDenied : ErrorCode::kIo;
    return Error{kind, fmt::format("cannot read the inventory {}: {}", name, std::strerror(errno))};
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(std::fopen(file.c_str(), "rbe"), std::fclose);
  if (opened == nullptr) return unreadable();
  std::vector<std::byte> content;
  std::array<std::byte, 65536> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), opened.get())) {
    content.insert(content.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got));
    if (content.size() > kMaxFileSize)
      return Error{ErrorCode::kForeign, fmt::format("{} is larger than 256 MiB: this is no inventory", name)};
  }
  if (std::ferror(opened.get()) != 0) return unreadable();
  return content;
}

// One [[domain]] or [[domain.vnic]]: its keys, and the first thing that is wrong with it.
class Entry {
 public:
  Entry(const toml::table& table, std::string_view section, std::string_view origin, std::optional<Error>& error)
      : table_(table), section_(section), origin_(origin), error_(error) {}

  std::string text(std::string_view key, std::string_view want, bool needed) {
    const toml::node* node = take(key, want, needed);
    if (node == nullptr) return "";
    const auto value = node->is_string() ? node->value<std::string>() : std::nullopt;
    if (!value || value->empty() || value->find('\0') != std::string::npos)
      complain(node->source().begin.line, fmt::format("{} wants {}", key, want));
    return value.value_or("");
  }

  // What `parse` makes of a text; Value{} where the key is not there.
  template <class Value, class Parse>
  Value parsed(std::string_view key, std::string_view want, bool needed, Parse&& parse) {
    const std::string given = text(key, want, needed);
    if (given.empty()) return {};
    const std::optional<Value> value = parse(given);
    if (!value)
      complain(table_.get(key)->source().begin.line, fmt::format("{} wants {}, not \"{}\"", key, want, shortened(printable(given), 80)));
    return value.value_or(Value{});
  }

  std::uint32_t if_index() {
    constexpr std::string_view kWant = "a whole number from 1 to 2147483647";
    const toml::node* node = take("if_index", kWant, false);
    if (node == nullptr) return 0;
    const auto value = node->is_integer() ? node->value<std::int64_t>() : std::nullopt;
    if (value && *value >= 1 && *value <= 0x7FFF'FFFF) return static_cast<std::uint32_t>(*value);
    complain(node->source().begin.line, fmt::format("if_index wants {}", kWant));
    return 0;
  }

  // visit(table) for each [[section.key]].
  template <class Visit>
  void each(std::string_view key, Visit&& visit) {
    known_.emplace_back(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    const bool tables = array != nullptr && std::all_of(array->begin(), array->end(), [](const toml::node& n) { return n.is_table(); });
    if (!tables) return complain(node->source().begin.line, fmt::format("{0} is a list of sections: write [[{1}{0}]]", key, section_));
    for (const toml::node& one : *array) visit(*one.as_table());
  }

  void complain(std::uint32_t line, std::string_view what) {
    if (!error_) error_ = Error{ErrorCode::kInvalid, fmt::format("{}:{}: {}", origin_, line, what)};
  }
  std::uint32_t line() const { return table_.source().begin.line; }

  // Call last: names the first key that nobody asked for.
  void finish() {
    for (const auto& [key, node] : table_) {
      if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
      complain(key.source().begin.line,
               fmt::format("unknown key '{}{}'; known here are: {}", section_, printable(key.str()), fmt::join(known_, ", ")));
    }
  }

 private:
  const toml::node* take(std::string_view key, std::string_view want, bool needed) {
    known_.emplace_back(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr && needed) complain(line(), fmt::format("{} is missing: it wants {}", key, want));
    return node;
  }

  const toml::table& table_;
  std::string_view section_, origin_;
  std::optional<Error>& error_;
  std::vector<std::string> known_;
};

// The same for each name, wherever it is read. It says of itself that it is no UUID that was given out (RFC 9562, version 8).
DomainUuid uuid_from(const std::string& name) {
  DomainUuid uuid;
  const std::uint64_t halves[] = {fnv1a(name), fnv1a(name + "\n")};
  for (std::size_t i = 0; i < uuid.octets.size(); ++i) uuid.octets[i] = static_cast<std::uint8_t>(halves[i / 8] >> (i % 8 * 8));
  uuid.octets[6] = static_cast<std::uint8_t>((uuid.octets[6] & 0x0F) | 0x80);
  uuid.octets[8] = static_cast<std::uint8_t>((uuid.octets[8] & 0x3F) | 0x80);
  return uuid;
}

struct IfIndexes {
  std::map<std::pair<DomainUuid, std::uint32_t>, std::uint32_t> of;  // by domain and the vNIC's place in it
  std::set<std::uint32_t> seen;
};

Domain domain_of(Entry entry, std::string_view origin, std::optional<Error>& error, IfIndexes& if_indexes) {
  Domain domain;
  domain.state = DomainState::kRunning;
  domain.name = entry.text("name", "the VM's name in quotes", true);
  domain.uuid = entry.parsed<DomainUuid>("uuid", "a UUID in quotes", false, DomainUuid::parse);
  if (domain.uuid == DomainUuid{}) domain.uuid = uuid_from(domain.name);
  entry.each("vnic", [&](const toml::table& table) {
    Entry part(table, "domain.vnic.", origin, error);
    Vnic vnic;
    vnic.number = static_cast<std::uint32_t>(domain.vnics.size());
    vnic.mac = part.parsed<MacAddress>("mac", "a MAC address such as \"52:54:00:12:34:56\"", true, MacAddress::parse);
    if (const std::uint32_t if_index = part.if_index(); if_index != 0) {
      if (!if_indexes.seen.insert(if_index).second)
        part.complain(table.get("if_index")->source().begin.line, fmt::format("the if_index {} is there twice", if_index));
      if_indexes.of[{domain.uuid, vnic.number}] = if_index;
    }
    vnic.source = part.text("source", "the name of a bridge or network in quotes", false);
    part.finish();
    domain.vnics.push_back(std::move(vnic));
  });
  entry.finish();
  return domain;
}

}  // namespace

Result<InventoryFile> parse_inventory(std::string_view text, std::string_view origin) {
  const std::string where = printable(origin);
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& e) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("{}:{}: neither a snapshot nor valid TOML: {}", where, e.source().begin.line, printable(e.description()))};
  }
  InventoryFile out;
  std::optional<Error> error;
  IfIndexes if_indexes;
  std::set<DomainUuid> seen;
  Entry root(table, "", where, error);
  root.each("domain", [&](const toml::table& one) {
    Entry entry(one, "domain.", where, error);
    Domain domain = domain_of(entry, where, error, if_indexes);
    if (!seen.insert(domain.uuid).second) entry.complain(entry.line(), fmt::format("the domain {} is there twice", domain.uuid.text()));
    out.inventory.domains.push_back(std::move(domain));
  });
  root.finish();
  if (error) return *error;
  normalize(out.inventory);
  for (const Domain& domain : out.inventory.domains) {
    for (const Vnic& vnic : domain.vnics) {
      const auto found = if_indexes.of.find({domain.uuid, vnic.number});
      out.if_indexes.push_back(found == if_indexes.of.end() ? 0 : found->second);
    }
  }
  return out;
}

Result<InventoryFile> load_inventory(const std::filesystem::path& file) {
  std::error_code ignored;
  const std::filesystem::path path = std::filesystem::is_directory(file, ignored) ? file / kSnapshotFileName : file;
  auto content = content_of(path);
  if (!content) return content.error();
  // What a snapshot begins with is no TOML: the magic has a line's end where a key would want a value.
  const std::string head(reinterpret_cast<const char*>(content->data()), std::min<std::size_t>(content->size(), 7));
  if (head != "VMSNPT1") return parse_inventory({reinterpret_cast<const char*>(content->data()), content->size()}, path.string());
  const auto snapshot = Snapshot::parse(std::move(content).value(), kPartInventory | kPartNumbers | kPartTags);
  if (!snapshot) return Error{snapshot.error().code, fmt::format("{}: {}", printable(path.string()), snapshot.error().text)};
  return InventoryFile{inventory_of(*snapshot), if_indexes_of(*snapshot)};
}

}  // namespace vmtraffic
