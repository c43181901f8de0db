#include "plugins/collectd/other_hosts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "plugins/collectd/naming.hpp"

namespace vmtraffic::collectd {
namespace {

// A look visits so many hosts, or as many as it takes to have visited all within so many looks (half a second each).
constexpr std::size_t kLeastVisits = 32;
constexpr std::size_t kLooksPerRound = 8;

// An address names a directory: nothing that would lead out of the hosts' own.
bool names_directory(std::string_view address) {
  return !address.empty() && address != "." && address != ".." &&
         address.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
}

}  // namespace

bool HostSelection::takes(const HostRow& host) const {
  return all || std::any_of(names.begin(), names.end(), [&](const std::string& name) { return name == host.name || name == host.address; });
}

// As name_domains(): all of one name get what tells them apart, again while that meets a host that calls itself just so.
std::vector<std::string> name_hosts(const Snapshot& index, const std::vector<std::string>& taken) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < index.host_count(); ++i)
    names.emplace_back(index.host(i).name.empty() ? index.host(i).address : index.host(i).name);
  std::vector<bool> appended(names.size(), false);
  for (bool again = true; again;) {
    again = false;
    std::unordered_map<std::string, unsigned> owners;
    for (const std::string& name : taken) ++owners[name];
    for (const std::string& name : names) ++owners[name];
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (appended[i] || owners[names[i]] < 2) continue;
      appended[i] = again = true;
      names[i] += fmt::format(":{}", index.host(i).address);
    }
  }
  return names;
}

OtherHosts::OtherHosts(Settings settings)
    : settings_(std::move(settings)), index_reader_(hosts_directory(settings_.feed.directory), kPartHosts) {}

Delivery OtherHosts::poll(const Feed::Look& local, const Feed::Sink& sink) {
  Delivery out;
  if (settings_.hosts.none() || !local.ok() || (*local)->stale(settings_.feed.clock)) return out;
  if (*local != local_) {
    local_ = *local;
    refresh(*local_, out);
  }
  if (hosts_.empty()) return out;
  const std::size_t round = (hosts_.size() + kLooksPerRound - 1) / kLooksPerRound;
  const std::size_t visits = std::min(hosts_.size(), std::max(kLeastVisits, round));
  auto host = hosts_.lower_bound(next_);
  for (std::size_t i = 0; i < visits; ++i, ++host) {
    if (host == hosts_.end()) host = hosts_.begin();
    visit(*host->second, sink, out);
  }
  next_ = host == hosts_.end() ? std::string() : host->first;
  return out;
}

// An index that cannot be read leaves the hosts as they were; none at all means that there are none.
void OtherHosts::refresh(const Snapshot& local, Delivery& out) {
  const auto index = index_reader_.poll();
  const Nanoseconds now = settings_.feed.clock.boottime();
  if (!index.ok() && index.error().code != ErrorCode::kMissing) {
    if (complaint_.due(index.error().text, now)) {
      out.log.push_back({LogLevel::kWarning, "the list of other hosts stays as it was: " + index.error().text});
    }
    return;
  }
  complaint_.over(now);
  if (!index.ok()) {
    index_.reset();
    hosts_.clear();
    return;
  }
  if (*index == index_) return;
  index_ = *index;
  const std::vector<std::string> labels = name_hosts(*index_, {settings_.feed.mapping.naming.hostname, std::string(local.info().host)});
  Hosts hosts;
  for (std::size_t i = 0; i < index_->host_count(); ++i) {
    const HostRow row = index_->host(i);
    if (!settings_.hosts.takes(row) || !names_directory(row.address)) continue;
    const auto known = hosts_.find(row.address);
    const bool kept = known != hosts_.end() && known->second && known->second->label == labels[i];
    hosts.insert_or_assign(std::string(row.address), kept ? std::move(known->second) : make_host(row.address, labels[i]));
  }
  hosts_ = std::move(hosts);
}

void OtherHosts::visit(Host& host, const Feed::Sink& sink, Delivery& out) {
  Delivery of_host = host.feed.poll(host.reader.poll(), sink);
  for (LogLine& line : of_host.log) {
    out.log.push_back({line.level, fmt::format("host {}: {}", safe_part(host.label), line.text)});
  }
  std::move(of_host.notifications.begin(), of_host.notifications.end(), std::back_inserter(out.notifications));
}

std::unique_ptr<OtherHosts::Host> OtherHosts::make_host(std::string_view address, const std::string& label) const {
  Feed::Settings settings = settings_.feed;
  settings.directory = host_directory(settings_.feed.directory, address);
  settings.lease_holder = nullptr;                 // this host's own feed tells of it
  settings.mapping.selection.connections.clear();  // they are libvirt's, of this host
  settings.mapping.naming.hostname = label;
  settings.mapping.naming.hypervisor = label;
  SnapshotReader reader(settings.directory, settings_.parts);
  return std::make_unique<Host>(Host{label, std::move(reader), Feed(std::move(settings))});
}

}  // namespace vmtraffic::collectd
