#include "plugins/snmp-subagent/hosts.hpp"

#include <utility>

namespace vmtraffic::snmp {
namespace {

constexpr unsigned kParts = kPartInventory | kPartNumbers | kPartFlows;

}  // namespace

HostsReader::Follower::Follower(std::filesystem::path directory) : reader(std::move(directory), kParts) {}

HostsReader::HostsReader(std::filesystem::path directory)
    : directory_(std::move(directory)), reader_(hosts_directory(directory_), kPartHosts) {}

HostsReader::Sight HostsReader::look(IndexStore& store, const Clock& clock) {
  const Result<std::shared_ptr<const Snapshot>> read = reader_.poll();
  // An index of another boot is one that nobody has written since.
  if (!read || !(*read)->age(clock)) {
    index_ = nullptr;
    hosts_ = nullptr;
    followers_.clear();
    return {nullptr, read || read.error().code == ErrorCode::kMissing ? "" : read.error().text};
  }
  bool changed = *read != index_;
  index_ = *read;
  for (auto& [address, follower] : followers_) follower.listed = false;
  std::string trouble;
  for (std::size_t i = 0; i < index_->host_count(); ++i) {
    const HostRow row = index_->host(i);
    const auto address = IpAddress::parse(row.address);
    if (!address) continue;  // no name of a directory of ours
    Follower& follower = followers_.try_emplace(*address, host_directory(directory_, row.address)).first->second;
    if (!std::exchange(follower.listed, true)) changed |= follow(follower, clock, trouble);
  }
  std::erase_if(followers_, [](const auto& one) { return !one.second.listed; });
  if (changed) hosts_ = followers_.empty() ? nullptr : build(store, *index_);
  return {hosts_, std::move(trouble)};
}

bool HostsReader::follow(Follower& follower, const Clock& clock, std::string& trouble) {
  const Result<std::shared_ptr<const Snapshot>> read = follower.reader.poll();
  if (!read && read.error().code != ErrorCode::kMissing && trouble.empty()) trouble = read.error().text;
  std::shared_ptr<const Snapshot> fresh = read && !(*read)->stale(clock) ? *read : nullptr;
  if (fresh == follower.fresh) return false;
  follower.fresh = std::move(fresh);
  return true;
}

std::shared_ptr<const Hosts> HostsReader::build(IndexStore& store, const Snapshot& index) const {
  std::vector<HostSight> sights;
  std::vector<Host> hosts;
  for (std::size_t i = 0; i < index.host_count(); ++i) {
    const HostRow row = index.host(i);
    const auto address = IpAddress::parse(row.address);
    if (!address) continue;
    const Follower& follower = followers_.at(*address);
    sights.push_back({*address, follower.fresh.get()});
    hosts.push_back({.name = std::string(row.name),
                     .address = *address,
                     .last_boottime = row.last_boottime,
                     .domains = row.domains,
                     .vnics = row.vnics,
                     .snapshot = follower.fresh});
  }
  std::vector<HostIndexes> indexes = store.assign(sights);
  for (std::size_t h = 0; h < hosts.size(); ++h) {
    hosts[h].index = indexes[h].host;
    hosts[h].vnic_indexes = std::move(indexes[h].vnics);
  }
  return std::make_shared<const Hosts>(std::move(hosts));
}

}  // namespace vmtraffic::snmp
