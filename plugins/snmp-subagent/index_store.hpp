// The numbers under which SNMP knows domains, vNICs, probes, sFlow agents and other hosts: given once, kept in a file, so that an NMS keeps
// its graphs over restarts, and not given to another soon: a new number is one more than the last one ever given.
//
// The file is text, one entry a line, closed by a line with the number of entries and a checksum. A file that does not agree with it
// is put aside and named in the log; then the numbers are given anew. Without a usable directory all goes on in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/address.hpp"
#include "core/log.hpp"
#include "core/result.hpp"
#include "core/snapshot.hpp"
#include "core/types.hpp"

namespace vmtraffic::snmp {

// The numbers of one snapshot's rows, in its order.
struct Indexes {
  std::vector<std::uint32_t> domains, vnics, probes, agents{};
  friend bool operator==(const Indexes&, const Indexes&) = default;
};

// Another host, and the snapshot of it, where there is one.
struct HostSight {
  IpAddress address;
  const Snapshot* snapshot{nullptr};
};
struct HostIndexes {
  std::uint32_t host{0};
  std::vector<std::uint32_t> vnics{};  // the order of its snapshot
  friend bool operator==(const HostIndexes&, const HostIndexes&) = default;
};

// Entries that are kept for what is gone; what is there always has one.
struct IndexLimits {
  std::size_t domains{65'536};
  std::size_t vnics_per_domain{1'024};
  std::size_t probes{256};
  std::size_t agents{4'096};
  std::size_t hosts{4'096};
  std::size_t vnics_per_host{4'096};
};

class IndexStore {
 public:
  using Limits = IndexLimits;
  explicit IndexStore(Limits limits = {}) : limits_(limits) {}

  // Numbers for all that stands in the snapshot. Forgets the oldest of what is gone where there are too many.
  Indexes assign(const Snapshot& snapshot);
  // The same for the other hosts and their vNICs, in the order given.
  std::vector<HostIndexes> assign(std::span<const HostSight> hosts);

  // True when there is something that the last text() did not hold.
  bool changed() const { return changed_; }
  // The file's content.
  std::string text();
  // The reverse. An error says which line makes no sense.
  static Result<IndexStore> parse(std::string_view text, Limits limits = {});

 private:
  // One numbering: what is known, by key, and the last number given.
  template <class Key>
  struct Numbers {
    struct Entry {
      std::uint32_t index{0};
      std::uint64_t seen{0};  // the pass that last saw it
    };
    std::map<Key, Entry> entries;
    std::uint32_t last{0};
  };
  using VnicId = std::pair<MacAddress, std::uint8_t>;

  template <class Key>
  std::uint32_t number(Numbers<Key>& numbers, const Key& key);
  template <class Key, class Forget>
  void trim(Numbers<Key>& numbers, std::size_t limit, Forget forget);
  template <class Key>
  static bool add(Numbers<Key>& numbers, Key key, std::optional<std::uint32_t> index);
  // What the lines that follow belong to: a `vnic` line to the `domain` line before it, a `host-vnic` line to the `host` line.
  struct Reading {
    Numbers<VnicId>* domain{nullptr};
    Numbers<VnicKey>* host{nullptr};
  };
  // One line after the first; false if it makes no sense.
  bool read_line(std::string_view line, Reading& reading);
  bool read_last(std::string_view kind, std::optional<std::uint32_t> index);
  bool read_host_line(std::string_view kind, std::optional<std::uint32_t> index, std::string_view rest, Reading& reading);
  bool indexes_are_distinct() const;

  Limits limits_;
  Numbers<DomainUuid> domains_;
  std::map<DomainUuid, Numbers<VnicId>> vnics_;
  Numbers<std::string> probes_, agents_;
  Numbers<IpAddress> hosts_;
  std::map<IpAddress, Numbers<VnicKey>> host_vnics_;
  std::uint64_t pass_{0};
  bool changed_{false};
};

// The store's file: DIRECTORY/snmp-indexes.
class IndexFile {
 public:
  IndexFile(const std::filesystem::path& directory, Log log);

  // Reads the file; an empty store, and a line in the log, where it cannot be used.
  IndexStore load();
  // Writes a new file and renames it, if the store changed. Logs a failure once, and once more when writing works again.
  void save(IndexStore& store);

 private:
  std::filesystem::path file_;
  Log log_;
  bool keep_{true};  // false: there is a file that we may not read, so we must not replace it
  std::string trouble_;
};

}  // namespace vmtraffic::snmp
