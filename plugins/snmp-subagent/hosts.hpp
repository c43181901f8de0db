// Follows the index of the other hosts and the snapshot of each of them.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/snapshot.hpp"
#include "plugins/snmp-subagent/index_store.hpp"
#include "plugins/snmp-subagent/model.hpp"

namespace vmtraffic::snmp {

class HostsReader {
 public:
  explicit HostsReader(std::filesystem::path directory);

  struct Sight {
    std::shared_ptr<const Hosts> hosts;  // none: no other host is known; the same pointer as before while nothing changed
    std::string trouble;                 // a file that cannot be read; empty where there is none at all
  };
  // Where there is no other host this costs one attempt to open a directory.
  Sight look(IndexStore& store, const Clock& clock);

 private:
  struct Follower {
    explicit Follower(std::filesystem::path directory);
    SnapshotReader reader;
    std::shared_ptr<const Snapshot> fresh;
    bool listed{false};
  };
  // Reads what is new of one host. True if that changed what is to be told.
  static bool follow(Follower& follower, const Clock& clock, std::string& trouble);
  std::shared_ptr<const Hosts> build(IndexStore& store, const Snapshot& index) const;

  std::filesystem::path directory_;
  SnapshotReader reader_;
  std::shared_ptr<const Snapshot> index_;
  std::map<IpAddress, Follower> followers_;
  std::shared_ptr<const Hosts> hosts_;
};

}  // namespace vmtraffic::snmp
