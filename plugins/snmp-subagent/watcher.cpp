#include "plugins/snmp-subagent/watcher.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vmtraffic::snmp {
namespace {

constexpr Nanoseconds kPatience = 2 * kSecond;        // a collector that is just starting is no complaint
constexpr Nanoseconds kOtherTrouble = 30 * kSecond;   // between complaints that differ
constexpr Nanoseconds kSameTrouble = 3600 * kSecond;  // between equal ones
constexpr Nanoseconds kHolderInterval = 2 * kSecond;  // /proc/locks can be long on a host with many machines

constexpr unsigned kParts = kPartInventory | kPartNumbers | kPartHealth | kPartFlows | kPartAgents | kPartPerformance;

constexpr Complaint::Words kOwn{"no rows are served until then", "the snapshot is fresh again"};
constexpr Complaint::Words kOthers{"rows of other hosts are missing until then", "what is known of other hosts can be read again"};

bool same(const std::optional<LeaseHolder>& a, const std::optional<LeaseHolder>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->pid == b->pid && a->command == b->command && a->stopped == b->stopped;
}

std::string stale_text(const std::filesystem::path& directory, const std::optional<LeaseHolder>& holder) {
  const std::string file = (directory / kSnapshotFileName).string();
  if (!holder) return fmt::format("{} is stale and nobody holds the lease: no collector is running", file);
  return fmt::format("{} is stale, but process {} ({}{}) holds the lease", file, holder->pid, holder->command,
                     holder->stopped ? ", which is stopped" : "");
}

}  // namespace

void Complaint::update(const std::string& trouble, Nanoseconds now) {
  if (trouble.empty()) {
    if (!said_.empty()) log_(LogLevel::kNotice, words_.over);
    said_.clear();
    troubled_ = false;
    return;
  }
  if (!troubled_) since_ = now;
  troubled_ = true;
  if (now - since_ < kPatience) return;
  if (!said_.empty() && now - said_at_ < (said_ == trouble ? kSameTrouble : kOtherTrouble)) return;
  log_(LogLevel::kWarning, fmt::format("{}; {}", trouble, words_.meanwhile));
  said_ = trouble;
  said_at_ = now;
}

Watcher::Watcher(Options options)
    : options_(std::move(options)),
      reader_(options_.runtime_directory, kParts),
      file_(options_.state_directory, options_.log),
      store_(file_.load()),
      hosts_(options_.runtime_directory),
      complaint_(options_.log, kOwn),
      hosts_complaint_(options_.log, kOthers) {}

std::shared_ptr<const Model> Watcher::look() {
  const Nanoseconds now = options_.clock.boottime();
  const Result<std::shared_ptr<const Snapshot>> read = reader_.poll();
  Model model = *current_;
  model.collecting = options_.collecting();
  model.trouble.clear();
  if (!read) {
    model.snapshot = nullptr;
    model.rows = nullptr;
    model.trouble = read.error().text;
  } else if (*read != current_->snapshot) {
    take(*read, model);
  }
  const bool stale = model.snapshot && model.snapshot->stale(options_.clock);
  if (holder_read_ == 0 || now - holder_read_ >= kHolderInterval) {
    model.holder = lease_holder(options_.runtime_directory);
    holder_read_ = now;
  }
  if (stale) model.trouble = stale_text(options_.runtime_directory, model.holder);
  complaint_.update(model.trouble, now);
  take_hosts(model, now);

  const bool changed = model.snapshot != current_->snapshot || model.hosts != current_->hosts || model.trouble != current_->trouble ||
                       model.collecting != current_->collecting || !same(model.holder, current_->holder);
  if (changed) current_ = std::make_shared<const Model>(std::move(model));
  return current_;
}

void Watcher::take(std::shared_ptr<const Snapshot> snapshot, Model& model) {
  Indexes indexes = store_.assign(*snapshot);
  file_.save(store_);
  model.rows = std::make_shared<const Rows>(*snapshot, indexes);
  std::sort(indexes.domains.begin(), indexes.domains.end());
  if (!model.domains_changed || indexes.domains != known_domains_) model.domains_changed = snapshot->info().sampled_boottime;
  known_domains_ = std::move(indexes.domains);
  model.snapshot = std::move(snapshot);
}

void Watcher::take_hosts(Model& model, Nanoseconds now) {
  HostsReader::Sight sight = hosts_.look(store_, options_.clock);
  hosts_complaint_.update(sight.trouble, now);
  if (sight.hosts != model.hosts) file_.save(store_);
  model.hosts = std::move(sight.hosts);
}

}  // namespace vmtraffic::snmp
