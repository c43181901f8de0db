#include "core/probes/capture_probe.hpp"

#include <fmt/format.h>
#include <net/if.h>
#include <re2/re2.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <ctime>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "core/probes/capture_filter.hpp"
#include "core/probes/cpu_budget.hpp"
#include "core/probes/packet_ring.hpp"
#include "core/text.hpp"
#include "core/traffic/flow_share.hpp"
#include "core/traffic/performance_view.hpp"
#include "core/traffic/recent_growth.hpp"

namespace vmtraffic {
namespace {

constexpr std::size_t kBatch = 256;
constexpr const char* kNothingSelected =
    "no running VM has a link that [capture] selects: see its all, vms and tags, and whether their vNICs have links on this host";
constexpr std::chrono::milliseconds kLook{200};   // how often the thread looks for what it was not woken for
constexpr Nanoseconds kPortsEvery = 2 * kSecond;  // links that mirror may come and go

// What a link of ours is.
enum class LinkKind : std::uint8_t {
  kNone,     // not ours
  kTap,      // what the host receives there the guest sent
  kMacvtap,  // the other way round
  kMirror,   // packets of others
};

struct CapturedLink {
  std::uint32_t if_index{0};
  LinkKind kind{LinkKind::kNone};
  friend bool operator==(const CapturedLink&, const CapturedLink&) = default;
};

Nanoseconds thread_cpu() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<Nanoseconds>(t.tv_sec) * kSecond + t.tv_nsec;
}

struct PortState {
  std::uint32_t if_index{0};  // 0: there is none
  bool up{false};
};

PortState state_of(const std::string& name) {
  PortState out{.if_index = if_nametoindex(name.c_str())};
  if (out.if_index == 0) return out;
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  out.up = socket >= 0 && ioctl(socket, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) != 0;
  if (socket >= 0) close(socket);
  return out;
}

}  // namespace

struct CaptureProbe::State {
  explicit State(CaptureProbeOptions o)
      : options(std::move(o)), intake(options.intake), lost(options.intake.limits.period), budget(options.cpu_percent / 100.0) {
    for (const std::string& pattern : options.vms) patterns.push_back(std::make_unique<re2::RE2>(pattern, re2::RE2::Quiet));
    health.name = "capture";
    health.message = "not capturing yet";
    health.since_boottime = options.clock.boottime();
  }

  const CaptureProbeOptions options;
  std::vector<std::unique_ptr<re2::RE2>> patterns;
  std::atomic<bool> stop{false};

  mutable std::mutex packets;  // of the intake
  CaptureIntake intake;

  mutable std::mutex mutex;        // of what follows
  std::vector<CapturedLink> taps;  // that the inventory has, sorted
  bool nothing_selected{false};    // VMs run, of none a link is captured, and no mirror is asked for
  bool links_changed{true};
  ProbeHealth health;
  bool settled{false};
  std::string no_applications;           // why they are not told; empty: they are, or nobody asked for them
  std::string refused;                   // why the ring is not open; empty: it is
  std::vector<std::string> port_faults;  // links that mirror
  RecentGrowth<1> lost;
  double lost_lately{0};
  KeptFlows kept;
  SpreadTime ticks;
  Complaints complaints;

  std::atomic<std::uint64_t> received{0}, dropped{0}, frozen{0};  // of all rings since the start
  std::atomic<std::uint64_t> elsewhere{0}, filters{0}, failures{0};

  // ---- the thread's own
  PacketRing::Stats counted;        // of the present ring, in the counters above
  std::vector<CapturedLink> links;  // sorted; taps and links that mirror
  FilterProgram expression;
  Nanoseconds ports_read{0};
  std::vector<std::uint32_t> mirrors;
  bool detecting{false};
  const std::uint32_t share_key{std::random_device()()};  // tenants must not know it
  KeptFlows kept_now;
  Nanoseconds until_filtered{0};
  CpuBudget budget;

  bool is_selected(const Domain& domain) const;
  void run_guarded() noexcept;
  void run();
  void capture(PacketRing& ring);
  void count(PacketRing& ring);
  Status apply_links(PacketRing& ring);
  void read_ports(PacketRing& ring, Nanoseconds now);
  void take(std::span<CapturedPacket> batch);
  LinkKind kind_of(std::uint32_t if_index) const;
  void keep_to_budget(Nanoseconds now);
  void detect_applications();
  void judge();
  void refuse(const std::string& why);
};

bool CaptureProbe::State::is_selected(const Domain& domain) const {
  if (options.all) return true;
  if (std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) { return re2::RE2::PartialMatch(domain.name, *p); })) return true;
  return std::any_of(options.tags.begin(), options.tags.end(), [&](const auto& wanted) {
    return std::any_of(domain.tags.begin(), domain.tags.end(),
                       [&](const auto& tag) { return tag.first == wanted.first && tag.second == wanted.second; });
  });
}

LinkKind CaptureProbe::State::kind_of(std::uint32_t if_index) const {
  const auto at =
      std::lower_bound(links.begin(), links.end(), if_index, [](const CapturedLink& l, std::uint32_t i) { return l.if_index < i; });
  return at != links.end() && at->if_index == if_index ? at->kind : LinkKind::kNone;
}

// Packets of a link that is no longer ours may still be in the ring, and a coarse filter lets some of others' in.
void CaptureProbe::State::take(std::span<CapturedPacket> batch) {
  const Nanoseconds now = options.clock.boottime();
  std::uint32_t last = 0;
  LinkKind kind = LinkKind::kNone;
  std::size_t ours = 0;
  for (CapturedPacket& packet : batch) {
    if (packet.if_index != last) {
      last = packet.if_index;
      kind = kind_of(last);
    }
    if (kind == LinkKind::kNone) {
      ++elsewhere;
      continue;
    }
    const bool decides = packet.octets.size() >= kShareDecides || packet.octets.size() == packet.wire_length;
    if (now < until_filtered && decides && !flow_is_kept(packet.octets, kept_now, share_key)) continue;
    if (kind == LinkKind::kMacvtap) packet.heading = turned(packet.heading);
    if (kind == LinkKind::kMirror) packet.heading = Heading::kUnknown;
    batch[ours++] = packet;
  }
  const std::lock_guard lock(packets);
  intake.take(batch.first(ours), {&now, 1});
}

void CaptureProbe::State::read_ports(PacketRing& ring, Nanoseconds now) {
  if (options.ports.empty() || (ports_read != 0 && now - ports_read < kPortsEvery)) return;
  ports_read = now;
  std::vector<std::uint32_t> found;
  std::vector<std::string> faults;
  for (const std::string& name : options.ports) {
    const PortState link = state_of(name);
    if (link.if_index == 0) {
      faults.push_back(fmt::format("there is no link {} (capture.ports)", printable(name)));
      continue;
    }
    if (!link.up)
      faults.push_back(fmt::format("the link {} (capture.ports) is down: 'ip link set {} up'", printable(name), printable(name)));
    if (std::find(mirrors.begin(), mirrors.end(), link.if_index) == mirrors.end()) {
      const Status set = ring.set_promiscuous(link.if_index);
      if (!set && set.error().code != ErrorCode::kMissing)  // else it went away just now
        faults.push_back(fmt::format("the link {} (capture.ports) is not captured: {}", printable(name), set.error().text));
      if (!set) continue;
    }
    found.push_back(link.if_index);
  }
  const std::lock_guard lock(mutex);
  port_faults = std::move(faults);
  if (found == mirrors) return;
  mirrors = std::move(found);
  links_changed = true;
}

Status CaptureProbe::State::apply_links(PacketRing& ring) {
  CaptureFilterOptions filter{.expression = expression, .snapshot_length = options.snapshot_octets};
  filter.if_indexes.emplace();
  std::vector<CapturedLink> next;
  {
    const std::lock_guard lock(mutex);
    if (!std::exchange(links_changed, false)) return Done{};
    next = taps;
    filter.kept_flows = kept;
    filter.share_key = share_key;
  }
  // A port that is a selected vNIC's link as well is that vNIC's.
  const std::size_t own = next.size();
  for (const std::uint32_t mirror : mirrors) {
    const auto end = next.begin() + static_cast<std::ptrdiff_t>(own);
    if (std::none_of(next.begin(), end, [&](const CapturedLink& l) { return l.if_index == mirror; }))
      next.push_back({mirror, LinkKind::kMirror});
  }
  std::sort(next.begin(), next.end(), [](const CapturedLink& a, const CapturedLink& b) { return a.if_index < b.if_index; });
  for (const CapturedLink& link : next) filter.if_indexes->push_back(link.if_index);
  links = std::move(next);
  const auto installed = install_filter(ring, std::move(filter));
  if (!installed) return installed.error();
  ++filters;
  return Done{};
}

// More than its share: the kernel leaves out whole flows.
void CaptureProbe::State::keep_to_budget(Nanoseconds now) {
  if (!budget.is_due(now)) return;
  KeptFlows next;
  {
    const std::lock_guard lock(mutex);
    next = budget.kept_flows(now, thread_cpu() + ticks.used(now), intake.taken());  // the intake's packets are this thread's
    if (next == kept) return;
    kept = next;
    links_changed = true;
  }
  // What waits in the ring was let in by the filter before, and more of it than the share says.
  kept_now = next;
  until_filtered = now + kSecond;
  const std::lock_guard lock(packets);
  intake.set_kept_flows(next, now);
}

// A ring's own counters end with it.
void CaptureProbe::State::count(PacketRing& ring) {
  const PacketRing::Stats stats = ring.stats();
  received += stats.received - counted.received;
  dropped += stats.dropped - counted.dropped;
  frozen += stats.frozen - counted.frozen;
  counted = stats;
}

void CaptureProbe::State::capture(PacketRing& ring) {
  std::array<CapturedPacket, kBatch> batch;
  Nanoseconds last_count = 0;
  while (!stop) {
    const Nanoseconds now = options.clock.boottime();
    read_ports(ring, now);
    keep_to_budget(now);
    if (const Status applied = apply_links(ring); !applied) {
      refuse(applied.error().text);
      return;
    }
    if (now - last_count >= kSecond) {
      last_count = now;
      count(ring);
    }
    if (!ring.wait(kLook)) continue;
    // A flood must not keep us from what is above.
    for (int batches = 0; batches < 64; ++batches) {
      const std::size_t count = ring.next(batch);
      if (count == 0) break;
      take(std::span(batch).first(count));
    }
  }
}

// Without them all else goes on.
void CaptureProbe::State::detect_applications() {
  if (!options.applications || detecting) return;
  auto detector = ApplicationDetector::make(*options.applications);
  {
    const std::lock_guard lock(mutex);
    no_applications = detector ? "" : detector.error().text;
  }
  if (!detector) return;
  const std::lock_guard lock(packets);
  intake.detect_applications(std::move(detector).value());
  detecting = true;
}

void CaptureProbe::State::run() {
  detect_applications();
  auto ring = PacketRing::open({.size_mib = options.ring_mib});
  if (!ring) return refuse(ring.error().text);
  auto compiled = compile_expression(options.filter);
  if (!compiled) return refuse(compiled.error().text);
  expression = std::move(compiled).value();
  counted = {};
  const auto count_the_rest = [this](PacketRing* ending) { count(*ending); };
  const std::unique_ptr<PacketRing, decltype(count_the_rest)> to_the_end(&*ring, count_the_rest);
  ports_read = 0;
  mirrors.clear();
  {
    const std::lock_guard lock(mutex);
    links_changed = true;
    refused.clear();
  }
  if (const Status applied = apply_links(*ring); !applied) return refuse(applied.error().text);
  judge();
  capture(*ring);
}

void CaptureProbe::State::refuse(const std::string& why) {
  {
    const std::lock_guard lock(mutex);
    refused = why;
  }
  judge();
}

void CaptureProbe::State::judge() {
  const std::lock_guard lock(mutex);
  std::vector<std::string> faults = port_faults;
  if (!no_applications.empty()) faults.push_back("no applications: " + no_applications);
  if (nothing_selected) faults.emplace_back(kNothingSelected);
  if (!refused.empty()) faults.insert(faults.begin(), refused);
  if (lost_lately > 0)
    faults.push_back(
        fmt::format("the kernel dropped {:.0f} captured packets lately: set a larger 'ring', fewer links or a cpu_percent under [capture]",
                    lost_lately));
  const HealthState now = !refused.empty() ? HealthState::kDown : faults.empty() ? HealthState::kUp : HealthState::kDegraded;
  const Nanoseconds moment = options.clock.boottime();
  if (now != health.state) health.since_boottime = moment;
  const HealthState before = std::exchange(health.state, now);
  health.message = fmt::format("{}", fmt::join(faults, "; "));
  if (now != HealthState::kDown) health.last_ok_boottime = moment;
  settled = true;
  if (!options.log) return;
  if (!refused.empty() && complaints.due("ring", refused, moment)) options.log(LogLevel::kWarning, "capture: " + refused);
  if (!no_applications.empty() && complaints.due("applications", no_applications, moment))
    options.log(LogLevel::kWarning, "capture: no applications: " + no_applications);
  if (nothing_selected && complaints.due("selection", "", moment))
    options.log(LogLevel::kWarning, fmt::format("capture: {}", kNothingSelected));
  for (const std::string& fault : port_faults) {
    if (complaints.due("ports", fault, moment)) options.log(LogLevel::kWarning, "capture: " + fault);
  }
  if (lost_lately > 0 && complaints.due("lost", "", moment)) options.log(LogLevel::kWarning, "capture: " + faults.back());
  if (now != HealthState::kDown && (before == HealthState::kDown || before == HealthState::kStarting)) {
    const bool again = complaints.over("ring");
    options.log(LogLevel::kNotice, fmt::format("capture: capturing{}", again ? " again" : ""));
  }
}

// We are a guest in somebody's process: what is thrown here (no memory) must not end it, nor keep its processors busy.
void CaptureProbe::State::run_guarded() noexcept {
  while (!stop) {
    try {
      run();
    } catch (const std::exception& error) {
      ++failures;
      try {
        refuse(fmt::format("a fault, trying again: {}", error.what()));
      } catch (...) {  // not even that: the counter tells
      }
    } catch (...) {
      ++failures;
    }
    for (auto waited = std::chrono::milliseconds(0); !stop && waited < options.retry; waited += kLook)
      usleep(static_cast<useconds_t>(std::chrono::microseconds(std::min(kLook, options.retry)).count()));
  }
}

CaptureProbe::CaptureProbe(CaptureProbeOptions options) : state_(std::make_shared<State>(std::move(options))) {}

CaptureProbe::~CaptureProbe() {
  request_stop();
  join(std::chrono::milliseconds(0));
}

void CaptureProbe::start() {
  thread_ = BoundedThread([state = state_] { state->run_guarded(); });
}

void CaptureProbe::request_stop() noexcept { state_->stop = true; }

void CaptureProbe::join(std::chrono::milliseconds limit) noexcept { thread_.join_for(limit); }

bool CaptureProbe::settled() const {
  const std::lock_guard lock(state_->mutex);
  return state_->settled;
}

ProbeHealth CaptureProbe::health() const {
  ProbeHealth out;
  std::size_t taps = 0;
  KeptFlows kept;
  {
    const std::lock_guard lock(state_->mutex);
    out = state_->health;
    taps = state_->taps.size();
    kept = state_->kept;
  }
  {
    const std::lock_guard lock(state_->packets);
    out.counters = state_->intake.counters();
  }
  out.counters.insert(out.counters.end(), {{"links", taps},
                                           {"ring_received", state_->received},
                                           {"ring_dropped", state_->dropped},
                                           {"ring_full", state_->frozen},
                                           {"packets_elsewhere", state_->elsewhere},
                                           {"filters", state_->filters},
                                           {"failures", state_->failures},
                                           {"kept_flows_ppm", std::uint64_t{kept.data} * 1'000'000 / kAllFlows},
                                           {"kept_control_flows_ppm", std::uint64_t{kept.control} * 1'000'000 / kAllFlows}});
  return out;
}

void CaptureProbe::set_inventory(const Inventory& inventory, std::span<const OwnLink> own) {
  std::vector<std::uint32_t> selected(own.size());
  std::vector<CapturedLink> taps;
  std::size_t row = 0;
  bool any_runs = false;
  for (const Domain& domain : inventory.domains) {
    any_runs = any_runs || (is_active(domain.state) && !domain.vnics.empty());
    const bool is_selected = state_->is_selected(domain);
    for (std::size_t vnic = 0; vnic < domain.vnics.size() && row < own.size(); ++vnic, ++row) {
      if (!is_selected || own[row].if_index == 0) continue;
      selected[row] = own[row].if_index;
      taps.push_back({own[row].if_index, own[row].end == LinkEnd::kGuest ? LinkKind::kMacvtap : LinkKind::kTap});
    }
  }
  std::sort(taps.begin(), taps.end(), [](const CapturedLink& a, const CapturedLink& b) { return a.if_index < b.if_index; });
  {
    const std::lock_guard lock(state_->packets);
    state_->intake.set_inventory(inventory, selected);
  }
  const std::lock_guard lock(state_->mutex);
  state_->nothing_selected = any_runs && taps.empty() && state_->options.ports.empty();
  if (taps == state_->taps) return;
  state_->taps = std::move(taps);
  state_->links_changed = true;
}

PerformanceRows CaptureProbe::tick(Nanoseconds now, std::span<const VnicTotals> totals,
                                   const std::function<void(const FlowLedger&)>& look) {
  PerformanceRows out;
  Nanoseconds cpu = 0;
  {
    const std::lock_guard lock(state_->packets);
    const Nanoseconds begin = thread_cpu();
    state_->intake.tick(now, totals);
    cpu = thread_cpu() - begin;  // what follows is as long whatever share of the flows is kept
    look(state_->intake.ledger());
    out = performance_rows(state_->intake, now, state_->options.top);
  }
  bool judged = false;
  {
    const std::lock_guard lock(state_->mutex);
    state_->ticks.add(state_->options.clock.boottime(), cpu);
    const std::array readings{static_cast<double>(state_->dropped.load())};
    state_->lost.tick(now, readings);
    state_->lost_lately = state_->lost.of(readings)[0];
    out.kept_share = static_cast<double>(std::min(state_->kept.data, state_->kept.control)) / kAllFlows;
    judged = state_->settled;
  }
  if (judged) state_->judge();
  return out;
}

std::vector<std::vector<std::string>> CaptureProbe::learnt_addresses() const {
  const std::lock_guard lock(state_->packets);
  std::vector<std::vector<std::string>> out(state_->intake.ledger().row_count());
  for (std::size_t row = 0; row < out.size(); ++row) {
    for (const IpAddress& address : state_->intake.ledger().learnt_addresses(row)) out[row].push_back(address.text());
  }
  return out;
}

}  // namespace vmtraffic
