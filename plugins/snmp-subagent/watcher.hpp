// Follows the snapshot file and makes a Model of each publication: reading, verifying, index file and /proc all happen here,
// on whatever thread calls look(), and never on the agent's.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/snapshot.hpp"
#include "plugins/snmp-subagent/hosts.hpp"
#include "plugins/snmp-subagent/index_store.hpp"
#include "plugins/snmp-subagent/model.hpp"

namespace vmtraffic::snmp {

// Says a complaint when it has lasted for a moment, again when it changes, but not soon, and when it is over.
class Complaint {
 public:
  struct Words {
    const char *meanwhile, *over;
  };
  Complaint(Log log, Words words) : log_(std::move(log)), words_(words) {}
  void update(const std::string& trouble, Nanoseconds now);

 private:
  Log log_;
  Words words_;
  std::string said_;
  Nanoseconds since_{0}, said_at_{0};
  bool troubled_{false};
};

class Watcher {
 public:
  struct Options {
    std::filesystem::path runtime_directory, state_directory;
    Log log;
    Clock clock;
    std::function<bool()> collecting = [] { return false; };  // does this program hold the lease?
  };
  explicit Watcher(Options options);

  // What is to be told now. The same pointer as before while nothing changed. To be called about twice a second.
  std::shared_ptr<const Model> look();

 private:
  void take(std::shared_ptr<const Snapshot> snapshot, Model& model);
  void take_hosts(Model& model, Nanoseconds now);

  Options options_;
  SnapshotReader reader_;
  IndexFile file_;
  IndexStore store_;
  HostsReader hosts_;
  Complaint complaint_, hosts_complaint_;
  std::vector<std::uint32_t> known_domains_;
  Nanoseconds holder_read_{0};
  std::shared_ptr<const Model> current_ = std::make_shared<Model>();
};

}  // namespace vmtraffic::snmp
