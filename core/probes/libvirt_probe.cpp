#include "core/probes/libvirt_probe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "core/probes/domain_xml.hpp"
#include "core/probes/libvirt_connection.hpp"
#include "core/text.hpp"

namespace vmtraffic {
namespace {

constexpr Nanoseconds kFirstRetry = kSecond;
constexpr Nanoseconds kLongestRetry = 10 * kSecond;
constexpr std::size_t kMaxQueuedEvents = 16384;  // beyond, a full refresh finds out more cheaply

constexpr int kCpuTimeEvery = 5;  // refreshes: CPU times cost libvirtd fifty times what states cost, and are not what we are asked for
constexpr std::int32_t kPausedStartingUp = 11;     // libvirt's VIR_DOMAIN_PAUSED_STARTING_UP
constexpr Nanoseconds kEventDelay = 10 * kSecond;  // how late libvirt may tell what a refresh saw first

// So much of a turn may go to vhost-user vNICs before events and states have theirs.
constexpr Nanoseconds kVhostUserTurn = kSecond;
// libvirt waits up to 30 s for a domain that is busy with another call, and our thread with it. Such a domain is asked again only after so
// many intervals: its own counters become absent, but names and states go on.
constexpr Nanoseconds kSlowAnswer = 2 * kSecond;
constexpr int kSlowDomainEvery = 5;

// A vNIC that only libvirt can count.
struct VhostUserPort {
  VnicKey key;
  std::string device;
};

// What the thread knows of one domain.
struct Known {
  std::shared_ptr<const Domain> domain = std::make_shared<const Domain>();  // shared with the views, so exchanged and never changed
  std::optional<std::size_t> xml_hash;  // of the XML that was parsed last; nothing: taken over from another collector, or not read yet
  DomainNumbers numbers;
};

}  // namespace

struct LibvirtProbe::State : std::enable_shared_from_this<LibvirtProbe::State> {
  explicit State(LibvirtProbeOptions o) : options(std::move(o)) {}
  const LibvirtProbeOptions options;

  // ---- shared with the collector and libvirt's callbacks, under the mutex; nobody calls libvirt while holding it
  mutable std::mutex mutex;
  std::condition_variable changed;
  bool stop{false}, settled{false};
  std::deque<LibvirtEvent> queue;
  bool queue_overflowed{false};
  std::optional<std::string> closed;  // the connection's end and its reason
  LibvirtView view;
  std::uint64_t calls_before{0};  // of connections that ended
  std::uint64_t calls{0}, events{0}, events_dropped{0}, xml_parsed{0}, xml_read{0}, xml_refused{0}, refreshes{0}, connects{0}, failures{0};
  std::map<VnicKey, VnicReading> readings;  // not taken yet; no more than there are vNICs
  std::uint64_t hypervisor_version{0};      // 1,000,000 * major + 1,000 * minor + release
  std::uint64_t vhost_user_readings{0}, vhost_user_failures{0};

  // ---- the thread's own
  std::unique_ptr<LibvirtConnection> connection;
  std::map<DomainUuid, Known> known;
  std::map<MacAddress, std::vector<std::string>> leases;
  std::set<DomainUuid> dirty;        // to be read again
  std::set<DomainUuid> unannounced;  // listed anew, without an event so far
  std::vector<Event> new_events;
  std::map<std::pair<DomainUuid, EventKind>, Nanoseconds> inferred;  // events that we told before libvirt did
  std::deque<VhostUserPort> ports;                                   // still to be read in this round
  std::map<DomainUuid, Nanoseconds> answered_slowly;                 // not to be asked for counters before
  bool inventory_changed{false};
  bool has_inventory{false};             // so what a listing shows anew did appear
  std::deque<DomainUuid> to_read_again;  // XML: every domain's once in a refresh interval
  Complaints complaints;
  bool reported_up{false};

  void run();
  bool connect();
  void serve();
  void disconnect(const std::string& why);
  Status refresh();
  Status read_stats(bool cpu_time);
  void list_ports();
  Status read_ports();
  Status update(const DomainUuid& uuid);
  Status update_dirty();
  void take_queue();
  Status read_again(bool all);
  void recover(const char* what);
  Status read_xml(const DomainUuid& uuid, Known& k, bool& gone);
  // Exchanges what is known of a domain for a changed copy.
  template <class Edit>
  void change(Known& k, Edit edit);
  void set_listed(Known& k, const ListedDomain& listed);
  std::vector<std::string> leased(const MacAddress& mac) const;
  void apply_state(Known& k, DomainState state, std::int32_t reason);
  void remove(const DomainUuid& uuid);
  void record(EventKind kind, const Domain& domain, std::string detail);
  void infer(EventKind kind, const Domain& domain);
  bool told_already(const LibvirtEvent& event);
  void note_vnic_changes(const Domain& before, const Domain& after);
  void publish();
  void set_health(HealthState state, std::string message);
  ProbeHealth health_now() const;
  void complain(std::string_view subject, const std::string& text);
  bool pause(std::chrono::nanoseconds length);
  bool wait_until(Nanoseconds deadline, const std::function<bool()>& ready);
  Nanoseconds now() const { return options.clock.boottime(); }
};

LibvirtProbe::LibvirtProbe(LibvirtProbeOptions options) : state_(std::make_shared<State>(std::move(options))) {
  state_->view.health.name = "libvirt " + state_->options.uri;
  state_->view.health.message = "not connected yet";
  state_->view.health.since_boottime = state_->now();
  for (std::size_t i = 0; i < state_->options.seed.size(); ++i) {
    state_->known[state_->options.seed[i].uuid] = {std::make_shared<const Domain>(state_->options.seed[i]), std::nullopt, {}};
  }
  state_->has_inventory = !state_->options.seed.empty();
}

LibvirtProbe::~LibvirtProbe() { request_stop(); }

void LibvirtProbe::start() {
  // The thread holds the state: it may outlive us inside a libvirt call.
  thread_ = BoundedThread([state = state_] { state->run(); });
}

void LibvirtProbe::request_stop() noexcept {
  const std::lock_guard lock(state_->mutex);
  state_->stop = true;
  state_->changed.notify_all();
}

void LibvirtProbe::join(std::chrono::milliseconds limit) noexcept { thread_.join_for(limit); }

bool LibvirtProbe::settled() const {
  const std::lock_guard lock(state_->mutex);
  return state_->settled;
}

LibvirtView LibvirtProbe::take() {
  const std::lock_guard lock(state_->mutex);
  State& s = *state_;
  LibvirtView out = s.view;
  s.view.events.clear();
  out.readings.reserve(s.readings.size());
  for (const auto& [key, reading] : s.readings) out.readings.push_back(reading);
  s.readings.clear();
  out.health = s.health_now();
  return out;
}

// With the lock held.
ProbeHealth LibvirtProbe::State::health_now() const {
  ProbeHealth out = view.health;
  out.counters = {{"libvirt_calls", calls_before + calls},
                  {"libvirt_connects", connects},
                  {"libvirt_failures", failures},
                  {"libvirt_events", events},
                  {"libvirt_events_dropped", events_dropped},
                  {"libvirt_refreshes", refreshes},
                  {"xml_read", xml_read},
                  {"xml_parsed", xml_parsed},
                  {"xml_refused", xml_refused},
                  {"hypervisor_version", hypervisor_version},
                  {"vhost_user_readings", vhost_user_readings},
                  {"vhost_user_failures", vhost_user_failures},
                  {"domains", view.domains ? view.domains->size() : 0}};
  return out;
}

ProbeHealth LibvirtProbe::health() const {
  const std::lock_guard lock(state_->mutex);
  return state_->health_now();
}

bool LibvirtProbe::State::wait_until(Nanoseconds deadline, const std::function<bool()>& ready) {
  std::unique_lock lock(mutex);
  const auto left = std::chrono::nanoseconds(std::max<Nanoseconds>(0, deadline - now()));
  changed.wait_for(lock, left, [&] { return stop || ready(); });
  return !stop;
}

void LibvirtProbe::State::set_health(HealthState state, std::string message) {
  const std::lock_guard lock(mutex);
  if (view.health.state != state) view.health.since_boottime = now();
  view.health.state = state;
  view.health.message = std::move(message);
  if (state == HealthState::kUp) view.health.last_ok_boottime = now();
}

void LibvirtProbe::State::complain(std::string_view subject, const std::string& text) {
  if (options.log && complaints.due(subject, text, now()))
    options.log(LogLevel::kWarning, fmt::format("libvirt {}: {}", printable(options.uri), text));
}

bool LibvirtProbe::State::pause(std::chrono::nanoseconds length) {
  std::unique_lock lock(mutex);
  return !changed.wait_for(lock, length, [this] { return stop; });
}

void LibvirtProbe::State::run() {
  Nanoseconds retry = kFirstRetry;
  while (pause(std::chrono::nanoseconds(0))) {
    // We are a guest in somebody's process: what is thrown here (no memory) must not end it.
    try {
      if (connect()) {
        retry = kFirstRetry;
        serve();
      }
    } catch (const std::exception& error) {
      recover(error.what());
    } catch (...) {
      recover("of an unknown kind");
    }
    {
      const std::lock_guard lock(mutex);
      settled = true;
      changed.notify_all();
    }
    // Never longer than an interval, so that a daemon that came back is found within two.
    if (!pause(std::chrono::nanoseconds(std::min({retry, kLongestRetry, options.interval})))) break;
    retry *= 2;
  }
  connection.reset();
}

void LibvirtProbe::State::recover(const char* what) {
  try {
    const std::string text = fmt::format("a fault, trying again: {}", what);
    if (connection) return disconnect(text);
    set_health(HealthState::kDown, text);
    complain("connection", text);
  } catch (...) {  // not even that
    connection.reset();
  }
}

bool LibvirtProbe::State::connect() {
  // libvirt may call once more while a connection goes away, so its callbacks hold no more than a weak reference.
  const auto on_event = [weak = weak_from_this()](LibvirtEvent e) {
    const auto self = weak.lock();
    if (!self) return;
    const std::lock_guard lock(self->mutex);
    ++self->events;
    if (self->queue.size() < kMaxQueuedEvents) {
      self->queue.push_back(std::move(e));
    } else {
      self->queue_overflowed = true;
      ++self->events_dropped;
    }
    self->changed.notify_all();
  };
  const auto on_close = [weak = weak_from_this()](std::string reason) {
    const auto self = weak.lock();
    if (!self) return;
    const std::lock_guard lock(self->mutex);
    self->closed = std::move(reason);
    self->changed.notify_all();
  };
  {
    const std::lock_guard lock(mutex);
    closed.reset();
    queue.clear();
    ++connects;
  }
  auto opened = LibvirtConnection::open(options.uri, on_event, on_close);
  if (!opened) {
    {
      const std::lock_guard lock(mutex);
      ++failures;
    }
    set_health(HealthState::kDown, opened.error().text);
    complain("connection", opened.error().text);
    return false;
  }
  connection = std::move(opened).value();
  const std::lock_guard lock(mutex);
  hypervisor_version = connection->hypervisor_version_number();
  return true;
}

void LibvirtProbe::State::disconnect(const std::string& why) {
  {
    const std::lock_guard lock(mutex);
    ++failures;
    calls_before += connection->calls();
    calls = 0;
  }
  set_health(HealthState::kDown, why);
  complain("connection", why);
  connection.reset();
  reported_up = false;
}

void LibvirtProbe::State::serve() {
  Nanoseconds next_refresh = now();
  Nanoseconds next_stats = now();
  Nanoseconds next_cpu_time = now();
  Nanoseconds next_ports = now();
  bool missed = true;  // there may have been changes whose events we did not get
  while (true) {
    Status done = Done{};
    take_queue();
    {
      const std::lock_guard lock(mutex);
      if (stop) return;
      if (closed) done = Error{ErrorCode::kUnavailable, *closed};
      if (queue_overflowed) next_refresh = now(), missed = true;
      queue_overflowed = false;
    }
    if (done.ok() && now() >= next_refresh) {
      done = refresh();
      if (done.ok() && missed) done = read_again(true);
      missed = false;
      next_refresh = now() + options.refresh_interval;
    }
    if (done.ok()) done = update_dirty();
    if (done.ok() && now() >= next_stats) {
      const bool cpu_time = now() >= next_cpu_time;
      done = read_stats(cpu_time);
      if (cpu_time) next_cpu_time = now() + kCpuTimeEvery * options.refresh_interval;
      if (done.ok()) done = read_again(false);
      next_stats = std::max(next_stats + options.interval, now());
    }
    if (!done.ok()) return disconnect(done.error().text);
    if (!std::exchange(reported_up, true)) {
      complaints.over("connection");
      if (options.log) {
        options.log(LogLevel::kNotice, fmt::format("libvirt {}: connected ({} {})", printable(options.uri), connection->hypervisor(),
                                                   connection->hypervisor_version()));
      }
    }
    set_health(HealthState::kUp, {});
    publish();
    // Behind all else: what is known by now does not wait for a domain that hangs.
    if (now() >= next_ports) {
      list_ports();
      next_ports = now() + options.vhost_user_interval;
    }
    if (done = read_ports(); !done.ok()) return disconnect(done.error().text);
    const Nanoseconds next = std::min({next_refresh, next_stats, next_ports});
    if (ports.empty()) wait_until(next, [this] { return !queue.empty() || closed || queue_overflowed; });
  }
}

void LibvirtProbe::State::record(EventKind kind, const Domain& domain, std::string detail) {
  new_events.push_back({0, now(), options.clock.walltime(), kind, domain.uuid, domain.name, std::move(detail)});
}

// A change that no event told us: the daemon was away, another collector's watch ended, or the driver has no such event.
void LibvirtProbe::State::infer(EventKind kind, const Domain& domain) {
  record(kind, domain, "seen by a refresh");
  inferred[{domain.uuid, kind}] = now();
}

// libvirt's event for what a refresh saw a moment before it came.
bool LibvirtProbe::State::told_already(const LibvirtEvent& event) {
  const auto found = inferred.find({event.uuid, *event.lifecycle});
  if (found == inferred.end()) return false;
  const bool same = now() - found->second < kEventDelay;
  inferred.erase(found);
  return same;
}

// Events become numbered ones as libvirt tells them; what they mean for the inventory is read from libvirt itself.
void LibvirtProbe::State::take_queue() {
  std::deque<LibvirtEvent> taken;
  {
    const std::lock_guard lock(mutex);
    taken.swap(queue);
  }
  for (LibvirtEvent& e : taken) {
    dirty.insert(e.uuid);
    unannounced.erase(e.uuid);
    if (!e.lifecycle) continue;
    // A rename comes as two: the old name undefined, the new one defined.
    if (*e.lifecycle == EventKind::kUndefined && e.detail == "renamed") continue;
    const auto found = known.find(e.uuid);
    if (*e.lifecycle == EventKind::kRenamed && found != known.end()) e.detail = found->second.domain->name;
    if (!told_already(e)) new_events.push_back({0, now(), options.clock.walltime(), *e.lifecycle, e.uuid, e.name, e.detail});
    if (found != known.end()) {
      // So that the state read next is not reported a second time.
      const DomainState told = state_after(*e.lifecycle).value_or(found->second.domain->state);
      if (told != found->second.domain->state) change(found->second, [told](Domain& d) { d.state = told; });
    }
  }
}

void LibvirtProbe::State::remove(const DomainUuid& uuid) { inventory_changed = known.erase(uuid) > 0 || inventory_changed; }

template <class Edit>
void LibvirtProbe::State::change(Known& k, Edit edit) {
  auto next = std::make_shared<Domain>(*k.domain);
  edit(*next);
  k.domain = std::move(next);
  inventory_changed = true;
}

std::vector<std::string> LibvirtProbe::State::leased(const MacAddress& mac) const {
  const auto lease = leases.find(mac);
  return lease == leases.end() ? std::vector<std::string>{} : lease->second;
}

void LibvirtProbe::State::set_listed(Known& k, const ListedDomain& listed) {
  if (k.domain->persistent == listed.persistent && k.domain->autostart == listed.autostart) return;
  change(k, [&listed](Domain& d) { d.persistent = listed.persistent, d.autostart = listed.autostart; });
}

void LibvirtProbe::State::apply_state(Known& k, DomainState state, std::int32_t reason) {
  const DomainState before = k.domain->state;
  if (before == state && k.domain->state_reason == reason) return;
  change(k, [=](Domain& d) { d.state = state, d.state_reason = reason; });
  const Domain& d = *k.domain;
  const auto on = [](DomainState s) { return s == DomainState::kRunning || s == DomainState::kBlocked; };
  if (before == state || before == DomainState::kNoState || (on(before) && on(state))) return;
  if (on(state)) return infer(is_active(before) ? EventKind::kResumed : EventKind::kStarted, d);
  if (state == DomainState::kPaused && reason == kPausedStartingUp) return;  // on its way up: nobody suspended it
  if (state == DomainState::kPaused) return infer(EventKind::kSuspended, d);
  if (state == DomainState::kShutoff) return infer(EventKind::kStopped, d);
  if (state == DomainState::kCrashed) return infer(EventKind::kCrashed, d);
  if (state == DomainState::kPmSuspended) return infer(EventKind::kPmSuspended, d);
}

void LibvirtProbe::State::note_vnic_changes(const Domain& before, const Domain& after) {
  const auto has = [](const Domain& d, const Vnic& v) {
    return std::any_of(d.vnics.begin(), d.vnics.end(), [&](const Vnic& o) { return o.mac == v.mac && o.ordinal == v.ordinal; });
  };
  for (const Vnic& v : after.vnics) {
    if (!has(before, v)) record(EventKind::kVnicAdded, after, v.mac.text());
  }
  for (const Vnic& v : before.vnics) {
    if (!has(after, v)) record(EventKind::kVnicRemoved, after, v.mac.text());
  }
}

// The XML is read, but parsed only when it differs from what was parsed before.
Status LibvirtProbe::State::read_xml(const DomainUuid& uuid, Known& k, bool& gone) {
  const auto xml = connection->xml(uuid);
  if (!xml) return xml.error();
  gone = !xml->has_value();
  if (gone) return Done{};
  {
    const std::lock_guard lock(mutex);
    ++xml_read;
  }
  const std::size_t hash = std::hash<std::string>{}(**xml);
  if (hash == k.xml_hash) return Done{};
  auto parsed = parse_domain_xml(**xml);
  {
    const std::lock_guard lock(mutex);
    ++(parsed ? xml_parsed : xml_refused);
  }
  if (!parsed) {
    complain("xml", fmt::format("the XML of domain {} is not understood: {}", uuid.text(), parsed.error().text));
    return Done{};
  }
  const Domain& d = *k.domain;
  const bool first = !k.xml_hash && d.connection.empty();  // neither read nor taken over
  k.xml_hash = hash;
  Domain next = std::move(parsed).value();
  next.uuid = uuid;
  next.connection = options.uri;
  next.hypervisor = connection->hypervisor();
  next.state = d.state;
  next.state_reason = d.state_reason;
  next.persistent = d.persistent;
  next.autostart = d.autostart;
  for (Vnic& v : next.vnics) {
    v.addresses = leased(v.mac);
  }
  if (!first) note_vnic_changes(d, next);
  k.domain = std::make_shared<const Domain>(std::move(next));
  inventory_changed = true;
  return Done{};
}

Status LibvirtProbe::State::update(const DomainUuid& uuid) {
  const auto listed = connection->look_up(uuid);
  if (!listed) return listed.error();
  if (!listed->has_value()) {
    remove(uuid);
    return Done{};
  }
  const auto before = known.find(uuid);
  const bool appeared = before == known.end();
  Known k = appeared ? Known{} : before->second;  // known only once all of it is: a domain that we may not read has no row
  bool gone = false;
  if (auto s = read_xml(uuid, k, gone); !s) return s;
  const auto state = gone ? Result<std::optional<DomainStats>>(std::optional<DomainStats>{}) : connection->state(uuid);
  if (!state) return state.error();
  if (gone || !state->has_value() || !k.xml_hash) {
    remove(uuid);
    return Done{};
  }
  set_listed(k, **listed);
  apply_state(k, (*state)->state, (*state)->reason);
  if (appeared && unannounced.erase(uuid) > 0) infer(is_active(k.domain->state) ? EventKind::kStarted : EventKind::kDefined, *k.domain);
  k.numbers.cpu_time_ns = (*state)->cpu_time_ns;
  k.numbers.confirmed_boottime = now();
  known[uuid] = std::move(k);
  return Done{};
}

Status LibvirtProbe::State::update_dirty() {
  while (!dirty.empty()) {
    const DomainUuid uuid = *dirty.begin();
    // One domain that libvirt cannot describe must not hold back the others; a connection that broke shows at once.
    if (auto s = update(uuid); !s) {
      if (!connection->alive()) return s;
      complain("domain", fmt::format("domain {} cannot be read: {}", uuid.text(), s.error().text));
    }
    dirty.erase(dirty.begin());
    const std::lock_guard lock(mutex);
    if (stop) break;
  }
  return Done{};
}

// Some changes (a link set down, another bandwidth) raise no event: every XML is read once in a refresh interval. A share at each interval,
// so that a thousand VMs do not come all at once. `all`: events may have been missed.
Status LibvirtProbe::State::read_again(bool all) {
  const double share = all ? 1.0 : std::min(1.0, static_cast<double>(options.interval) / static_cast<double>(options.refresh_interval));
  auto left = static_cast<std::size_t>(std::ceil(static_cast<double>(known.size()) * share));
  for (; left > 0 && !to_read_again.empty(); --left) {
    const auto found = known.find(to_read_again.front());
    to_read_again.pop_front();
    if (found == known.end()) continue;
    bool gone = false;
    if (auto s = read_xml(found->first, found->second, gone); !s && !connection->alive()) return s;
    if (gone) dirty.insert(found->first);
    const std::lock_guard lock(mutex);
    if (stop) break;
  }
  return Done{};
}

Status LibvirtProbe::State::refresh() {
  const auto listed = connection->list();
  if (!listed) return listed.error();
  to_read_again.clear();
  if (const auto dhcp = connection->dhcp_leases(); dhcp.ok()) {
    leases.clear();
    for (const DhcpLease& l : *dhcp) leases[l.mac].push_back(l.address);
    for (auto& [mac, addresses] : leases) {
      std::sort(addresses.begin(), addresses.end());
      addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    }
  }
  std::set<DomainUuid> present;
  for (const ListedDomain& l : *listed) {
    present.insert(l.uuid);
    const bool is_new = !known.contains(l.uuid);
    if (is_new) {
      if (has_inventory && !dirty.contains(l.uuid)) unannounced.insert(l.uuid);
      dirty.insert(l.uuid);
      continue;
    }
    Known& k = known[l.uuid];
    to_read_again.push_back(l.uuid);
    set_listed(k, l);
    if (l.active != is_active(k.domain->state)) dirty.insert(l.uuid);
    if (std::any_of(k.domain->vnics.begin(), k.domain->vnics.end(), [this](const Vnic& v) { return leased(v.mac) != v.addresses; })) {
      change(k, [this](Domain& d) {
        for (Vnic& v : d.vnics) v.addresses = leased(v.mac);
      });
    }
    const std::lock_guard lock(mutex);
    if (stop) return Done{};
  }
  for (auto it = known.begin(); it != known.end();) {
    const bool gone = !present.contains(it->first);
    if (gone) infer(EventKind::kUndefined, *it->second.domain), inventory_changed = true;
    it = gone ? known.erase(it) : std::next(it);
  }
  has_inventory = true;
  std::erase_if(inferred, [this](const auto& entry) { return now() - entry.second >= kEventDelay; });
  const std::lock_guard lock(mutex);
  ++refreshes;
  return Done{};
}

Status LibvirtProbe::State::read_stats(bool cpu_time) {
  std::vector<DomainUuid> active;
  for (const auto& [uuid, k] : known) {
    if (is_active(k.domain->state)) active.push_back(uuid);
  }
  const auto stats = connection->stats(active, cpu_time);
  if (!stats) return stats.error();
  const Nanoseconds at = now();
  std::set<DomainUuid> seen;
  for (const DomainStats& s : *stats) {
    seen.insert(s.uuid);
    const auto found = known.find(s.uuid);
    if (found == known.end()) {
      dirty.insert(s.uuid);
      continue;
    }
    apply_state(found->second, s.state, s.reason);
    found->second.numbers.confirmed_boottime = at;
    if (s.cpu_time_ns) found->second.numbers.cpu_time_ns = s.cpu_time_ns;
  }
  for (auto& [uuid, k] : known) {
    if (seen.contains(uuid)) continue;
    if (is_active(k.domain->state)) {
      // An active domain without an answer: gone, or hung by itself. It ages alone until libvirt says which.
      if (connection->bulk_stats()) dirty.insert(uuid);
    } else {
      k.numbers = {std::nullopt, at};  // inactive domains do not change without an event
    }
  }
  return update_dirty();
}

// What a round before left over is asked for anew.
void LibvirtProbe::State::list_ports() {
  ports.clear();
  std::erase_if(answered_slowly, [this](const auto& entry) { return now() >= entry.second; });
  for (const auto& [uuid, k] : known) {
    if (!is_active(k.domain->state) || answered_slowly.contains(uuid)) continue;
    for (const Vnic& v : k.domain->vnics) {
      if (v.type == VnicType::kVhostUser && !v.tap.empty()) ports.push_back({{uuid, v.mac, v.ordinal}, v.tap});
    }
  }
}

// As many as fit into a turn; the rest goes on in the next. A port that fails costs its own reading alone.
Status LibvirtProbe::State::read_ports() {
  const Nanoseconds begin = now();
  while (!ports.empty() && now() - begin < kVhostUserTurn) {
    const VhostUserPort port = std::move(ports.front());
    ports.pop_front();
    const Nanoseconds asked = now();
    const auto stats = connection->interface_stats(port.key.domain, port.device);
    const Nanoseconds answered = now();
    if (!stats && !connection->alive()) return stats.error();
    if (answered - asked >= kSlowAnswer) {
      answered_slowly[port.key.domain] = answered + kSlowDomainEvery * options.vhost_user_interval;
      std::erase_if(ports, [&port](const VhostUserPort& p) { return p.key.domain == port.key.domain; });
    }
    const std::lock_guard lock(mutex);
    ++(stats.ok() ? vhost_user_readings : vhost_user_failures);
    if (stats.ok() && stats->present != 0) {
      LinkReading reading;
      reading.values = stats->values;
      reading.present = stats->present;
      readings[port.key] = {port.key, reading, answered};
    }
    if (stop) break;
  }
  return Done{};
}

void LibvirtProbe::State::publish() {
  auto numbers = std::make_shared<std::vector<DomainNumbers>>();
  numbers->reserve(known.size());
  for (const auto& [uuid, k] : known) numbers->push_back(k.numbers);
  std::shared_ptr<std::vector<std::shared_ptr<const Domain>>> domains;
  if (inventory_changed || view.generation == 0) {
    domains = std::make_shared<std::vector<std::shared_ptr<const Domain>>>();
    domains->reserve(known.size());
    for (const auto& [uuid, k] : known) domains->push_back(k.domain);
  }
  inventory_changed = false;
  const std::lock_guard lock(mutex);
  calls = connection->calls();
  if (domains) {
    view.domains = std::move(domains);
    ++view.generation;
  }
  view.numbers = std::move(numbers);
  view.events.insert(view.events.end(), std::make_move_iterator(new_events.begin()), std::make_move_iterator(new_events.end()));
  new_events.clear();
  settled = true;
  changed.notify_all();
}

}  // namespace vmtraffic
