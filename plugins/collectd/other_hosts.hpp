// The domains of the other hosts that sFlow agents describe. The collector publishes a snapshot for each, and an index of them
// (hosts_directory() in core/snapshot.hpp): each host has a feed of its own, so that one whose snapshot is broken hinders no other.
//
// Where there are none, a look costs one stat() per snapshot of this host. Where there are many, a look visits some of them.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/snapshot.hpp"
#include "plugins/collectd/complaint.hpp"
#include "plugins/collectd/feed.hpp"

namespace vmtraffic::collectd {

// The option Hosts.
struct HostSelection {
  bool all{true};
  std::vector<std::string> names;  // those alone: by the name or the address of their agent
  bool takes(const HostRow& host) const;
  bool none() const { return !all && names.empty(); }
  friend bool operator==(const HostSelection&, const HostSelection&) = default;
};

// What each of the index's hosts is called in identifiers: its name. Hosts that share one, or have that of this host (`taken`), all get
// their agent's address appended.
std::vector<std::string> name_hosts(const Snapshot& index, const std::vector<std::string>& taken);

class OtherHosts {
 public:
  struct Settings {
    Feed::Settings feed;  // as for this host
    HostSelection hosts;
    unsigned parts{kAllParts};  // of a snapshot that are needed
  };

  explicit OtherHosts(Settings settings);

  // `local` is this host's snapshot: while there is no fresh one nobody collects, and there is nothing to say of the others.
  Delivery poll(const Feed::Look& local, const Feed::Sink& sink);

 private:
  struct Host {
    std::string label;
    SnapshotReader reader;
    Feed feed;
  };
  using Hosts = std::map<std::string, std::unique_ptr<Host>, std::less<>>;  // by the agent's address

  void refresh(const Snapshot& local, Delivery& out);
  void visit(Host& host, const Feed::Sink& sink, Delivery& out);
  std::unique_ptr<Host> make_host(std::string_view address, const std::string& label) const;

  Settings settings_;
  SnapshotReader index_reader_;
  std::shared_ptr<const Snapshot> local_, index_;  // that were last looked at
  Complaint complaint_;
  Hosts hosts_;
  std::string next_;  // the address from which the next look goes on
};

}  // namespace vmtraffic::collectd
