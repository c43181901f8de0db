#include "core/sampler.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "core/probes/libvirt_connection.hpp"
#include "core/snapshot/restore.hpp"
#include "core/text.hpp"

namespace vmtraffic {

namespace {

// Whether the snapshot's rows are the inventory's. A generation is only a number in a file.
bool same_rows(const Snapshot& snapshot, const Inventory& inventory) {
  if (snapshot.domain_count() != inventory.domains.size() || snapshot.vnic_count() != inventory.vnic_count()) return false;
  for (std::size_t i = 0; i < inventory.domains.size(); ++i) {
    const DomainRow row = snapshot.domain(i);
    const Domain& domain = inventory.domains[i];
    if (row.uuid != domain.uuid || row.vnic_count != domain.vnics.size()) return false;
    for (std::size_t v = 0; v < row.vnic_count; ++v) {
      if (snapshot.vnic(row.first_vnic + v).key != VnicKey{domain.uuid, domain.vnics[v].mac, domain.vnics[v].ordinal}) return false;
    }
  }
  return true;
}

constexpr std::uint64_t kNoGeneration = ~std::uint64_t{0};

// hsflowd and switches tell of their counters each 20 or 30 seconds.
constexpr Nanoseconds kHostFresh = 90 * kSecond;

constexpr int kReadingsUntilAbsent = 3;  // missed one after the other

}  // namespace

void History::set_inventory(Inventory next) {
  inventory = std::move(next);
  const auto from = ledger.set_inventory(inventory);
  windows.remap(from);
  domain_numbers.assign(inventory.domains.size(), {});
}

bool History::follow(const Snapshot& snapshot) {
  const SnapshotInfo info = snapshot.info();
  const bool same_writer = following_ && followed_writer_ == fmt::format("{}/{}", info.writer_pid, info.writer_program);
  if (same_writer && info.sequence == sequence) return true;
  if (!same_writer || info.inventory_generation != inventory_generation || !same_rows(snapshot, inventory)) {
    Inventory next = inventory_of(snapshot);
    if (!same_rows(snapshot, next)) return false;
    set_inventory(std::move(next));
  }
  Numbers numbers = numbers_of(snapshot);
  ledger.restore(numbers.totals);
  windows.follow(info.sampled_boottime, ledger.totals(), numbers.rates[0], following_ && info.sequence == sequence + 1);
  domain_numbers = std::move(numbers.domains);
  events.restore(events_of(snapshot), snapshot.last_event_sequence());
  sequence = info.sequence;
  inventory_generation = info.inventory_generation;
  following_ = true;
  followed_writer_ = fmt::format("{}/{}", info.writer_pid, info.writer_program);
  return true;
}

SflowIntakeOptions intake_options(const SflowConfig& config) {
  SflowIntakeOptions out;
  out.agents = config.agents;
  out.local_agents = config.local_agents;
  for (const auto& [name, network] : config.networks) out.networks.push_back({name, network});
  out.vxlan_ports = config.vxlan_ports;
  out.geneve_ports = config.geneve_ports;
  out.limits.conversations = config.conversations;
  out.limits.period = nanoseconds(config.window_s);
  out.conversations_per_host = std::max(config.conversations / 16, 64U);
  return out;
}

std::optional<ApplicationOptions> application_options(const CaptureConfig& config) {
  if (!config.applications) return std::nullopt;
  return ApplicationOptions{.server_names = config.server_names};
}

CaptureIntakeOptions capture_intake_options(const CaptureConfig& config) {
  CaptureIntakeOptions out;
  for (const auto& [name, network] : config.networks) out.networks.push_back({name, network});
  out.vxlan_ports = config.vxlan_ports;
  out.geneve_ports = config.geneve_ports;
  out.limits.conversations = config.conversations;
  out.limits.period = nanoseconds(config.window_s);
  out.flows = config.flows;
  return out;
}

namespace {

SflowListenerOptions listener_options(const Sampler::Options& options) {
  const SflowConfig& config = options.config.sflow;
  SflowListenerOptions out;
  out.listen = config.listen;
  out.port = config.port;
  out.allow = config.allow;
  out.threads = config.threads;
  out.receive_buffer_kib = config.receive_buffer_kib;
  out.top = config.top;
  out.intake = intake_options(config);
  // Without libvirt nobody else tells of this host's own VMs.
  out.intake.hosts = options.config.libvirt.uris.empty() ? SflowIntakeOptions::Hosts::kAll : SflowIntakeOptions::Hosts::kOthers;
  out.log = options.log;
  out.clock = options.clock;
  return out;
}

CaptureProbeOptions capture_options(const Sampler::Options& options) {
  const CaptureConfig& config = options.config.capture;
  CaptureProbeOptions out;
  out.all = config.all;
  out.vms = config.vms;
  out.tags = config.tags;
  out.ports = config.ports;
  out.ring_mib = config.ring_mib;
  out.snapshot_octets = config.snapshot_octets;
  out.filter = config.filter;
  out.applications = application_options(config);
  out.cpu_percent = config.cpu_percent;
  out.top = config.top;
  out.intake = capture_intake_options(config);
  out.intake.filtered = !config.filter.empty();
  out.intake.limited = config.cpu_percent != 0;
  // Rows of both are shown together, so they cover the same time.
  if (options.config.sflow.enabled) out.intake.limits.period = nanoseconds(options.config.sflow.window_s);
  out.log = options.log;
  out.clock = options.clock;
  return out;
}

}  // namespace

Sampler::Sampler(Options options, History& history)
    : options_(std::move(options)),
      interval_(nanoseconds(options_.config.interval_s)),
      history_(history),
      started_(options_.clock.boottime()) {
  for (const std::string& uri : options_.config.libvirt.uris) {
    LibvirtProbeOptions o;
    o.uri = uri;
    o.interval = interval_;
    o.refresh_interval = nanoseconds(options_.config.libvirt.refresh_interval_s);
    o.vhost_user_interval = vhost_user_interval();
    o.log = options_.log;
    o.clock = options_.clock;
    for (const Domain& d : history_.inventory.domains) {
      if (d.connection == uri) o.seed.push_back(d);
    }
    libvirt_.push_back(std::make_unique<LibvirtProbe>(std::move(o)));
    libvirt_.back()->start();
  }
  if (options_.config.sflow.enabled) {
    sflow_ = std::make_unique<SflowListener>(listener_options(options_));
    sflow_->start();
  }
  if (options_.config.capture.enabled) {
    capture_ = std::make_unique<CaptureProbe>(capture_options(options_));
    capture_->start();
  }
  for (const Domain& d : history_.inventory.domains) {
    for (const Vnic& v : d.vnics) {
      if (!v.addresses.empty()) addresses_[v.mac] = v.addresses;
    }
  }
  generations_.assign(libvirt_.size(), 0);
  link_health_.name = "link_counters";
  link_health_.since_boottime = options_.clock.boottime();
}

Nanoseconds Sampler::vhost_user_interval() const { return std::max(nanoseconds(options_.config.libvirt.vhost_user_interval_s), interval_); }

Sampler::~Sampler() { stop(std::chrono::milliseconds(0)); }

std::vector<Probe*> Sampler::probes() const {
  std::vector<Probe*> out;
  for (const auto& probe : libvirt_) out.push_back(probe.get());
  if (sflow_ != nullptr) out.push_back(sflow_.get());
  if (capture_ != nullptr) out.push_back(capture_.get());
  return out;
}

bool Sampler::settled() const {
  const auto all = probes();
  return std::all_of(all.begin(), all.end(), [](const Probe* probe) { return probe->settled(); });
}

void Sampler::stop(std::chrono::milliseconds limit) noexcept {
  const auto all = probes();
  for (Probe* probe : all) probe->request_stop();
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (Probe* probe : all) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    probe->join(std::max(left, std::chrono::milliseconds(0)));
  }
}

// Connections that have not listed anything yet keep the domains known from before; connections no longer configured lose theirs.
void Sampler::rebuild_inventory(const std::vector<LibvirtView>& views) {
  Inventory next;
  for (std::size_t c = 0; c < views.size(); ++c) {
    if (views[c].generation != 0) {
      next.domains.reserve(next.domains.size() + views[c].domains->size());
      for (const auto& d : *views[c].domains) next.domains.push_back(*d);
      continue;
    }
    for (const Domain& d : history_.inventory.domains) {
      if (d.connection == options_.config.libvirt.uris[c]) next.domains.push_back(d);
    }
  }
  normalize(next);
  add_addresses(next, addresses_);
  add_addresses(next, learnt_);
  if (next == history_.inventory) return;
  history_.set_inventory(std::move(next));
  ++history_.inventory_generation;
  watched_ = false;
}

void Sampler::assemble_domain_numbers(const std::vector<LibvirtView>& views) {
  const Inventory& inventory = history_.inventory;
  for (const LibvirtView& view : views) {
    if (view.generation == 0) continue;
    // Both are sorted by UUID.
    std::size_t at = 0;
    for (std::size_t i = 0; i < view.domains->size(); ++i) {
      const Domain& d = *(*view.domains)[i];
      while (at < inventory.domains.size() && inventory.domains[at].uuid < d.uuid) ++at;
      if (at == inventory.domains.size()) break;
      const Domain& row = inventory.domains[at];
      if (row.uuid == d.uuid && row.connection == d.connection && i < view.numbers->size())
        history_.domain_numbers[at] = (*view.numbers)[i];
    }
  }
}

// True when other addresses are known now. Seldom: a busy host's table has thousands of entries, and addresses change slowly.
bool Sampler::read_neighbours() {
  const Nanoseconds now = options_.clock.boottime();
  if (now < next_neighbours_) return false;
  next_neighbours_ = now + nanoseconds(options_.config.libvirt.refresh_interval_s);
  auto listed = neighbours_.list();
  if (!listed.ok() && !neighbours_failed_ && options_.log) options_.log(LogLevel::kWarning, "neighbour table: " + listed.error().text);
  neighbours_failed_ = !listed.ok();
  const bool learnt = learn_addresses();
  if (!listed.ok() || *listed == addresses_) return learnt;
  addresses_ = std::move(listed).value();
  return true;
}

// What packet samples told of each vNIC's addresses: more than the host's own tables do, where guests talk past the host.
bool Sampler::learn_addresses() {
  if (sflow_ == nullptr && capture_ == nullptr) return false;
  auto rows = sflow_ != nullptr ? sflow_->learnt_addresses() : std::vector<std::vector<std::string>>();
  if (capture_ != nullptr) {
    auto captured = capture_->learnt_addresses();
    if (rows.size() < captured.size()) rows.resize(captured.size());
    for (std::size_t row = 0; row < captured.size(); ++row) {
      for (std::string& address : captured[row]) {
        if (std::find(rows[row].begin(), rows[row].end(), address) == rows[row].end()) rows[row].push_back(std::move(address));
      }
    }
  }
  std::map<VnicKey, std::vector<std::string>> learnt;
  const auto& keys = history_.ledger.keys();
  for (std::size_t row = 0; row < std::min(rows.size(), keys.size()); ++row) {
    if (!rows[row].empty()) learnt.emplace(keys[row], std::move(rows[row]));
  }
  if (flow_generation_ != history_.inventory_generation || learnt == learnt_) return false;
  learnt_ = std::move(learnt);
  return true;
}

void Sampler::take_views() {
  views_.clear();
  // At the first tick what is taken over is compared with the configuration: connections may have gone from it.
  bool changed = std::exchange(first_tick_, false);
  for (std::size_t c = 0; c < libvirt_.size(); ++c) {
    views_.push_back(libvirt_[c]->take());
    changed = changed || views_.back().generation != generations_[c];
    generations_[c] = views_.back().generation;
    for (Event& e : views_.back().events) history_.events.push(std::move(e));
  }
  changed = read_neighbours() || changed;
  if (changed) rebuild_inventory(views_);
  assemble_domain_numbers(views_);
}

void Sampler::watch_links() {
  std::vector<LinkQuery> queries;
  queries.reserve(history_.ledger.keys().size());
  vhost_user_rows_.clear();
  for (const Domain& d : history_.inventory.domains) {
    for (const Vnic& v : d.vnics) {
      if (is_active(d.state) && v.type == VnicType::kVhostUser) vhost_user_rows_.push_back(static_cast<std::uint32_t>(queries.size()));
      // A definition may name a tap that another domain uses while this one is off.
      queries.push_back(is_active(d.state) ? LinkQuery{v.tap, v.pci} : LinkQuery{});
    }
  }
  if (links_ != nullptr) links_->watch(std::move(queries));
  watched_ = links_ != nullptr;
}

void Sampler::read_links(Nanoseconds now) {
  Status done = Done{};
  if (links_ == nullptr) {
    auto opened = LinkCounters::open();
    if (opened.ok()) {
      links_ = std::move(opened).value();
      watched_ = false;
    } else {
      done = opened.error();
    }
  }
  if (!watched_) watch_links();
  readings_.resize(history_.ledger.keys().size());
  if (links_ != nullptr) done = links_->sample(readings_);
  // Without counters nothing is claimed: absent is not zero, and not the last value either.
  if (!done) readings_.assign(readings_.size(), {});
  const HealthState state = done.ok() ? HealthState::kUp : HealthState::kDown;
  if (state != link_health_.state) {
    link_health_.since_boottime = now;
    if (!done && options_.log) options_.log(LogLevel::kError, "link counters: " + done.error().text);
    if (done.ok() && link_health_.state == HealthState::kDown && options_.log)
      options_.log(LogLevel::kNotice, "link counters: readable again");
  }
  link_health_.state = state;
  link_health_.message = done.ok() ? "" : done.error().text;
  if (done.ok()) link_health_.last_ok_boottime = now;
  if (links_ != nullptr) link_health_.counters = links_->counters();
  for (auto& counter : neighbours_.counters()) link_health_.counters.push_back(std::move(counter));
}

// libvirt's counters for vNICs that have no link of the kernel's. They come more seldom than ticks: in between the row is held. A reading
// that stays away for three of its intervals is no longer what the vNIC counts.
void Sampler::take_vhost_user_readings(Nanoseconds now) {
  for (const std::uint32_t row : vhost_user_rows_) {
    LinkReading& reading = readings_[row];
    if (reading.if_index != 0) continue;
    const VnicKey& key = history_.ledger.keys()[row];
    const VnicReading* fresh = nullptr;
    for (const LibvirtView& view : views_) {
      const auto found = std::lower_bound(view.readings.begin(), view.readings.end(), key,
                                          [](const VnicReading& r, const VnicKey& k) { return r.key < k; });
      if (found != view.readings.end() && found->key == key) fresh = &*found;
    }
    const VnicTotals& totals = history_.ledger.totals()[row];
    const Nanoseconds last = std::max(history_.windows.last_reading(row), started_);
    if (fresh != nullptr) {
      reading = fresh->reading;
      reading.age = reading_age(now - fresh->taken);
    } else if (totals.present != 0 && totals.if_index == 0 && now - last <= kReadingsUntilAbsent * vhost_user_interval()) {
      reading.age = kHeld;
    }
  }
}

std::vector<ProbeHealth> Sampler::health_of(const std::vector<LibvirtView>& views, const ProbeHealth& own) const {
  std::vector<ProbeHealth> out{own, link_health_};
  for (const LibvirtView& view : views) out.push_back(view.health);
  if (sflow_ != nullptr) out.push_back(sflow_->health());
  if (capture_ != nullptr) out.push_back(capture_->health());
  return out;
}

void Sampler::take_flows(Nanoseconds now) {
  if (sflow_ == nullptr && capture_ == nullptr) return;
  const auto& totals = history_.ledger.totals();
  std::vector<OwnLink> links(readings_.size());
  std::transform(readings_.begin(), readings_.end(), links.begin(), own_link);
  if (flow_generation_ != history_.inventory_generation || links != flow_links_) {
    if (sflow_ != nullptr) {
      std::vector<std::uint32_t> if_indexes;
      for (const OwnLink& link : links) if_indexes.push_back(link.if_index);
      sflow_->set_inventory(history_.inventory, if_indexes);
    }
    if (capture_ != nullptr) capture_->set_inventory(history_.inventory, links);
    flow_links_ = std::move(links);
    flow_generation_ = history_.inventory_generation;
  }
  SflowView view;
  if (capture_ != nullptr) {
    const PerformanceRows performance = capture_->tick(now, totals, [&](const FlowLedger& captured) {
      view = sflow_ != nullptr ? sflow_->tick(now, totals, &captured) : sflow_view({}, totals, now, options_.config.capture.top, &captured);
    });
    performance_part_ = {};
    performance_part_ = encode_performance(performance);
  } else {
    view = sflow_->tick(now, totals);
  }
  flows_part_ = {};
  flows_part_ = encode_flows(view.flows);
  agents_part_ = encode_agents(view.agents);
  take_hosts(view.hosts, now);
}

// What goes on of another host from tick to tick, and its snapshot's parts.
struct Sampler::Host {
  explicit Host(Nanoseconds interval) : windows(interval) {}
  Windows windows;
  const void* source{nullptr};
  std::uint64_t generation{kNoGeneration};  // of the encoded inventory
  std::uint64_t sequence{0};
  EncodedPart inventory, tags, numbers, health, events, flows, agents;
};

void Sampler::take_host(Host& host, HostView& view, Nanoseconds now) {
  if (std::exchange(host.source, view.source) != view.source) host.generation = kNoGeneration;
  const bool fits = host.generation != kNoGeneration && view.totals.size() == host.windows.rates()[0].size();
  if (!view.moved_from.empty() || !fits) {
    // One that is new to us, though not to the thread that hears it, has no past here.
    if (view.moved_from.size() != view.totals.size() || host.generation == kNoGeneration)
      view.moved_from.assign(view.totals.size(), kNewRow);
    host.windows.remap(view.moved_from);
  }
  host.windows.advance(now, view.totals, view.steps);
  if (host.generation != view.generation) {
    host.inventory = encode_inventory(*view.inventory);
    host.tags = encode_tags(*view.inventory);
    host.events = encode_events({}, 0);
    host.generation = view.generation;
  }
  host.numbers = encode_numbers(view.numbers, view.totals, host.windows.rates());
  host.flows = encode_flows(view.flows);
  host.agents = encode_agents(view.agents);
  ProbeHealth heard;
  heard.name = "sflow " + view.agent.text();
  heard.state = HealthState::kUp;
  heard.since_boottime = heard.last_ok_boottime.emplace(view.last);
  host.health = encode_health({heard});
  ++host.sequence;
}

void Sampler::take_hosts(std::vector<HostView>& views, Nanoseconds now) {
  host_snapshots_.clear();
  std::map<IpAddress, std::unique_ptr<Host>> before = std::move(hosts_);
  hosts_.clear();
  for (HostView& view : views) {
    auto known = before.extract(view.agent);
    Host& host = *(known.empty() ? hosts_.emplace(view.agent, std::make_unique<Host>(interval_)).first->second
                                 : hosts_.insert(std::move(known)).position->second);
    take_host(host, view, now);
    HostSnapshot& out = host_snapshots_.emplace_back();
    out.status = {view.name, view.agent.text(), view.last, static_cast<std::uint32_t>(view.inventory->domains.size()),
                  static_cast<std::uint32_t>(view.totals.size())};
    out.fresh = now - view.last <= kHostFresh;
    out.snapshot.header = header(now);
    out.snapshot.header.host = view.name;
    out.snapshot.header.sequence = host.sequence;
    out.snapshot.header.inventory_generation = view.generation;
    out.snapshot.inventory = &host.inventory;
    out.snapshot.tags = &host.tags;
    out.snapshot.numbers = &host.numbers;
    out.snapshot.health = &host.health;
    out.snapshot.events = &host.events;
    out.snapshot.flows = &host.flows;
    out.snapshot.agents = &host.agents;
  }
  std::sort(host_snapshots_.begin(), host_snapshots_.end(), [](const HostSnapshot& a, const HostSnapshot& b) {
    return std::tie(a.status.name, a.status.address) < std::tie(b.status.name, b.status.address);
  });
}

SnapshotHeader Sampler::header(Nanoseconds now) const {
  SnapshotHeader out;
  out.host = options_.config.host;
  out.boot_id = options_.clock.boot_id;
  out.sampled_boottime = now;
  out.sampled_walltime = options_.clock.walltime();
  out.interval = interval_;
  out.writer_pid = static_cast<std::uint32_t>(getpid());
  out.writer_program = options_.program;
  out.writer_version = VMTRAFFIC_VERSION;
  return out;
}

EncodedSnapshot Sampler::sample(const ProbeHealth& own_health) {
  take_views();
  // The counters' own moment: everything before may take as long as it likes.
  read_links(options_.clock.boottime());
  const Nanoseconds now = options_.clock.boottime();
  take_vhost_user_readings(now);
  const auto steps = history_.ledger.sample(readings_, now);
  history_.windows.advance(now, history_.ledger.totals(), steps);
  take_flows(now);
  history_.events.expire(now, interval_);
  if (encoded_generation_ != history_.inventory_generation) {
    inventory_part_ = {};  // each time the old part goes first: two of a thousand domains' are half a megabyte
    inventory_part_ = encode_inventory(history_.inventory);
    tags_part_ = {};
    tags_part_ = encode_tags(history_.inventory);
    encoded_generation_ = history_.inventory_generation;
  }
  if (events_revision_ != history_.events.revision()) {
    events_part_ = encode_events(history_.events.events(), history_.events.last_sequence());
    events_revision_ = history_.events.revision();
  }
  numbers_part_ = {};
  numbers_part_ = encode_numbers(history_.domain_numbers, history_.ledger.totals(), history_.windows.rates());
  health_part_ = encode_health(health_of(views_, own_health));
  EncodedSnapshot out;
  out.header = header(now);
  out.header.sequence = ++history_.sequence;
  out.header.inventory_generation = history_.inventory_generation;
  out.inventory = &inventory_part_;
  out.numbers = &numbers_part_;
  out.health = &health_part_;
  out.events = &events_part_;
  out.tags = &tags_part_;
  if (sflow_ != nullptr || capture_ != nullptr) out.flows = &flows_part_;
  if (sflow_ != nullptr) out.agents = &agents_part_;
  if (capture_ != nullptr) out.performance = &performance_part_;
  return out;
}

}  // namespace vmtraffic
