#include "core/probes/sflow_listener.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "core/probes/sflow_socket.hpp"
#include "core/traffic/recent_growth.hpp"

namespace vmtraffic {
namespace {

constexpr int kLook_ms = 200;                            // how often a thread looks for what it was not woken for
constexpr Nanoseconds kAdmissionPeriod = 60 * kSecond;   // at least: an idle agent sends its counters alone, every 20 or 30 seconds
constexpr Nanoseconds kOwnAddressesLast = 60 * kSecond;  // the host's addresses change seldom

// Totals of all threads, of which only the growth is published.
struct Totals {
  double packets{0}, unattributed{0};
  enum Refusal : std::uint8_t { kAgents, kDataSources, kHosts, kGuests, kRefusalCount };
  using Refused = RecentGrowth<kRefusalCount>;
  Refused::Readings refused{};
  // Datagrams: those that were let in, and those that `allow` and `agents` did not.
  enum Admission : std::uint8_t { kAccepted, kSenders, kStrangeAgents, kAdmissionCount };
  using Admitted = RecentGrowth<kAdmissionCount>;
  double accepted{0};
  SflowDenials senders, strange_agents;

  Admitted::Readings admitted() const { return {accepted, static_cast<double>(senders.count), static_cast<double>(strange_agents.count)}; }

  void add(const SflowIntake& intake, const SflowDenials& denied) {
    accepted += static_cast<double>(intake.accepted());
    senders += denied;
    strange_agents += intake.agents_denied();
    packets += intake.ledger().counts().packets;
    unattributed += intake.ledger().counts().unattributed_packets;
    const SflowRefusals r = intake.refused();
    refused[kAgents] += static_cast<double>(r.agents);
    refused[kDataSources] += static_cast<double>(r.data_sources);
    refused[kHosts] += static_cast<double>(r.hosts);
    refused[kGuests] += static_cast<double>(r.guests);
  }
};

// What there was no room for, and what to do; empty: there was for all.
std::string complaint_of(const Totals::Refused::Readings& refused, const SflowIntakeOptions& options) {
  std::vector<std::string> what;
  if (refused[Totals::kAgents] > 0) what.push_back(fmt::format("more than {} agents", options.max_agents));
  if (refused[Totals::kDataSources] > 0)
    what.push_back(
        fmt::format("more than {} data sources, or {} of one agent", options.max_data_sources, options.max_data_sources_per_agent));
  if (refused[Totals::kHosts] > 0) what.push_back(fmt::format("more than {} hosts", options.max_hosts));
  if (refused[Totals::kGuests] > 0)
    what.push_back(
        fmt::format("more than {} vNICs of other hosts, or more VMs or ports than are kept of one", options.max_described_vnics));
  if (what.empty()) return {};
  return fmt::format(
      "{} send to one thread, and what is beyond is not counted: name those that matter in 'allow' or 'agents' under [sflow], or set more "
      "'threads'",
      fmt::join(what, ", "));
}

// Why nothing that comes is listened to; empty: something is, or nothing comes. Where the right ones are heard, strangers are only counted.
std::string denial_of(const Totals::Admitted::Readings& lately, const Totals& totals) {
  if (lately[Totals::kAccepted] > 0) return {};
  const auto refused = [](double count) { return fmt::format("{} datagram{} refused", count, count == 1 ? " was" : "s were"); };
  std::vector<std::string> what;
  if (lately[Totals::kSenders] > 0)
    what.push_back(
        fmt::format("{}: {}, the last sender, is not in sflow.allow", refused(lately[Totals::kSenders]), totals.senders.last.text()));
  if (lately[Totals::kStrangeAgents] > 0)
    what.push_back(
        fmt::format("{}: the agent {} is not in sflow.agents", refused(lately[Totals::kStrangeAgents]), totals.strange_agents.last.text()));
  return fmt::format("{}", fmt::join(what, "; "));
}

}  // namespace

// One thread's own.
struct SflowListener::Shard {
  explicit Shard(const SflowIntakeOptions& options) : intake(options) {}

  std::mutex mutex;  // of the intake and of who was denied
  SflowIntake intake;
  SflowDenials denied;  // by `allow`

  struct Socket {
    int fd{-1};
    std::uint32_t dropped{0};      // by the kernel, as told last
    std::optional<Error> refused;  // why it is not open
  };
  std::vector<Socket> sockets;  // one for each address to listen on
  std::vector<IpAddress> own;   // this host's addresses
  Nanoseconds own_read{0};
  std::atomic<std::uint64_t> kernel_drops{0}, oversized{0}, failures{0}, received{0};

  ~Shard() {
    for (const Socket& s : sockets) {
      if (s.fd >= 0) close(s.fd);
    }
  }
};

struct SflowListener::State {
  explicit State(SflowListenerOptions o)
      : options(std::move(o)),
        wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        unattributed(options.intake.limits.period),
        turned_away(options.intake.limits.period),
        admitted(std::max(options.intake.limits.period, kAdmissionPeriod)) {
    for (std::uint32_t i = 0; i < options.threads; ++i) {
      shards.push_back(std::make_unique<Shard>(options.intake));
      shards.back()->sockets.resize(options.listen.size());
    }
    health.name = "sflow";
    health.message = "not listening yet";
    health.since_boottime = options.clock.boottime();
  }
  ~State() {
    if (wake >= 0) close(wake);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  const SflowListenerOptions options;
  const int wake;
  std::atomic<bool> stop{false};
  std::vector<std::unique_ptr<Shard>> shards;
  mutable std::mutex mutex;  // of what follows
  ProbeHealth health;
  bool settled{false};
  std::optional<std::uint32_t> buffer;  // octets: the smallest of the sockets'
  bool listening{false};                // wherever it is to
  UnattributedShare unattributed;
  Totals::Refused turned_away;
  std::string no_room;  // see complaint_of()
  Totals::Admitted admitted;
  std::string denied;  // see denial_of()
  Complaints complaints;

  void run_guarded(Shard& shard, bool leads) noexcept;
  void run(Shard& shard, bool leads);
  void complain(Shard& shard, const char* fault) noexcept;
  void open_sockets();
  void judge();
  void judge_buffer();
  void take(Nanoseconds now, const Totals& totals);
  void read_own_addresses(Shard& shard) const;
  bool sent_here(const Shard& shard, const IpAddress& sender) const;
  void receive(Shard& shard, Shard::Socket& socket, DatagramBatch& batch);
};

// The first thread opens the sockets of all, in order: the kernel numbers those of a port as they come.
void SflowListener::State::open_sockets() {
  for (std::size_t a = 0; a < options.listen.size(); ++a) {
    if (shards[0]->sockets[a].fd >= 0) continue;
    const IpAddress& address = options.listen[a];
    std::vector<int> opened;
    std::optional<Error> refused;
    for (std::uint32_t t = 0; t < options.threads && !refused; ++t) {
      const auto fd = open_sflow_socket(address, options.port, options.threads, options.receive_buffer_kib);
      if (fd.ok()) {
        opened.push_back(*fd);
      } else {
        refused = fd.error();
      }
    }
    if (refused) {
      for (const int fd : opened) close(fd);
      opened.clear();
    } else if (options.threads > 1) {
      steer_by_sender(opened[0], address, options.threads);
    }
    const std::lock_guard lock(mutex);
    for (std::uint32_t t = 0; t < options.threads; ++t) {
      shards[t]->sockets[a].refused = refused;
      if (opened.empty()) continue;
      shards[t]->sockets[a].fd = opened[t];
      const std::uint32_t octets = receive_buffer(opened[t]);
      buffer = std::min(buffer.value_or(octets), octets);
    }
  }
  judge();
  judge_buffer();
}

// Less than was asked for costs datagrams when many come at once, and nothing else would say so.
void SflowListener::State::judge_buffer() {
  constexpr std::uint32_t kKib = 1024;
  const std::lock_guard lock(mutex);
  if (!buffer || (*buffer + kKib - 1) / kKib >= options.receive_buffer_kib || !options.log) return;
  const std::string fault = fmt::format(
      "the kernel lets a socket hold {} KiB instead of the {} of 'receive_buffer' under [sflow]: set net.core.rmem_max={} with sysctl, or "
      "give "
      "the service CAP_NET_ADMIN (AmbientCapabilities= in its unit)",
      *buffer / kKib, options.receive_buffer_kib, std::uint64_t{options.receive_buffer_kib} * kKib);
  if (complaints.due("buffer", fault, options.clock.boottime())) options.log(LogLevel::kWarning, "sFlow: " + fault);
}

void SflowListener::State::take(Nanoseconds now, const Totals& totals) {
  {
    const std::lock_guard lock(mutex);
    unattributed.tick(now, totals.packets, totals.unattributed);
    turned_away.tick(now, totals.refused);
    no_room = complaint_of(turned_away.of(totals.refused), options.intake);
    admitted.tick(now, totals.admitted());
    denied = denial_of(admitted.of(totals.admitted()), totals);
    if (!settled) return;
  }
  judge();
}

// Which addresses are open, whether there was room for all that came, and whether anything was let in, makes the probe's health.
void SflowListener::State::judge() {
  const std::lock_guard lock(mutex);
  std::size_t open = 0;
  std::string first;
  for (std::size_t a = 0; a < options.listen.size(); ++a) {
    const Shard::Socket& socket = shards[0]->sockets[a];
    if (socket.fd >= 0) ++open;
    // A host without IPv6 has no ::1, and nobody misses it while the other loopback is listened on.
    const bool missed = !options.listen[a].is_loopback() || options.listen.size() == 1;
    if (socket.refused && first.empty() && (missed || socket.refused->code != ErrorCode::kUnavailable)) first = socket.refused->text;
  }
  std::vector<std::string> faults{first, no_room, denied};
  std::erase(faults, "");
  const std::string fault = fmt::format("{}", fmt::join(faults, "; "));
  const HealthState now = open == 0 ? HealthState::kDown : fault.empty() ? HealthState::kUp : HealthState::kDegraded;
  const Nanoseconds moment = options.clock.boottime();
  if (now != health.state) health.since_boottime = moment;
  const bool listened = std::exchange(listening, first.empty() && open > 0);
  health.state = now;
  health.message = fault;
  if (now != HealthState::kDown) health.last_ok_boottime = moment;
  settled = true;
  if (!options.log) return;
  if (!first.empty() && complaints.due("listen", first, moment)) options.log(LogLevel::kWarning, "sFlow: " + first);
  if (!no_room.empty() && complaints.due("no room", no_room, moment)) options.log(LogLevel::kWarning, "sFlow: " + no_room);
  // The count and the sender are others each time: of that it is said that it is so.
  if (!denied.empty() && complaints.due("denied", "", moment)) options.log(LogLevel::kWarning, "sFlow: " + denied);
  if (listening && !listened) {
    const bool again = complaints.over("listen");
    options.log(LogLevel::kNotice, fmt::format("sFlow: listening on UDP port {}{}", options.port, again ? " again" : ""));
  }
}

void SflowListener::State::read_own_addresses(Shard& shard) const {
  const Nanoseconds now = options.clock.boottime();
  if (shard.own_read != 0 && now - shard.own_read < kOwnAddressesLast) return;
  shard.own_read = now;
  shard.own = own_addresses();
}

bool SflowListener::State::sent_here(const Shard& shard, const IpAddress& sender) const {
  return sender.is_loopback() || std::find(shard.own.begin(), shard.own.end(), sender) != shard.own.end();
}

void SflowListener::State::receive(Shard& shard, Shard::Socket& socket, DatagramBatch& batch) {
  // A flood on one socket must not keep us from the others, nor from being told to stop.
  constexpr int kBatches = 16;
  for (int b = 0; b < kBatches; ++b) {
    const std::uint32_t before = socket.dropped;
    const int count = batch.receive(socket.fd, socket.dropped);
    shard.kernel_drops += socket.dropped - before;
    if (count < 0) ++shard.failures;
    if (count <= 0) return;
    const Nanoseconds now = options.clock.boottime();
    const std::lock_guard lock(shard.mutex);
    shard.received += static_cast<std::uint64_t>(count);  // under the lock: who has read it finds them taken in
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      const DatagramBatch::Received datagram = batch[i];
      const bool allowed =
          std::any_of(options.allow.begin(), options.allow.end(), [&](const IpNetwork& n) { return n.contains(datagram.sender); });
      if (!allowed) {
        shard.denied.add(datagram.sender, now);
      } else if (datagram.oversized) {
        ++shard.oversized;
      } else {
        shard.intake.take(datagram.octets, datagram.sender, sent_here(shard, datagram.sender), now);
      }
    }
    if (static_cast<std::size_t>(count) < DatagramBatch::kSize) return;
  }
}

void SflowListener::State::run(Shard& shard, bool leads) {
  auto batch = std::make_unique<DatagramBatch>();
  std::vector<pollfd> waiting;
  auto next_open = std::chrono::steady_clock::now();
  while (!stop) {
    if (leads && std::chrono::steady_clock::now() >= next_open) {
      open_sockets();
      next_open = std::chrono::steady_clock::now() + options.retry;
    }
    read_own_addresses(shard);
    waiting.assign(1, {wake, POLLIN, 0});
    {
      const std::lock_guard lock(mutex);
      for (const Shard::Socket& s : shard.sockets) waiting.push_back({s.fd, POLLIN, 0});  // one that is not open has -1: left out
    }
    // Those that follow see at the next round what the first has opened.
    const auto look = std::min<std::chrono::milliseconds::rep>(kLook_ms, options.retry.count());
    if (poll(waiting.data(), waiting.size(), static_cast<int>(look)) <= 0) continue;
    for (std::size_t s = 0; s < shard.sockets.size(); ++s) {
      if (waiting[s + 1].fd >= 0 && waiting[s + 1].revents != 0) receive(shard, shard.sockets[s], *batch);
    }
  }
}

// We are a guest in somebody's process: what is thrown here (no memory) must not end it, nor keep its processors busy.
void SflowListener::State::run_guarded(Shard& shard, bool leads) noexcept {
  while (!stop) {
    try {
      run(shard, leads);
    } catch (const std::exception& error) {
      complain(shard, error.what());
    } catch (...) {
      complain(shard, "something that is no exception was thrown");
    }
  }
}

void SflowListener::State::complain(Shard& shard, const char* fault) noexcept {
  ++shard.failures;
  try {
    const std::lock_guard lock(mutex);
    if (options.log && complaints.due("exception", fault, options.clock.boottime()))
      options.log(LogLevel::kError, fmt::format("sFlow: a fault, going on: {}", fault));
  } catch (...) {
    // What made the one fault may well make this one: it is counted.
  }
  pollfd waiting{wake, POLLIN, 0};
  poll(&waiting, 1, kLook_ms);
}

SflowListener::SflowListener(SflowListenerOptions options) : state_(std::make_shared<State>(std::move(options))) {}

SflowListener::~SflowListener() { request_stop(); }

void SflowListener::start() {
  for (std::size_t i = 0; i < state_->shards.size(); ++i) {
    threads_.emplace_back([state = state_, i] { state->run_guarded(*state->shards[i], i == 0); });
  }
}

void SflowListener::request_stop() noexcept {
  state_->stop = true;
  const std::uint64_t one = 1;
  if (write(state_->wake, &one, sizeof(one)) < 0) return;  // full: it wakes already
}

void SflowListener::join(std::chrono::milliseconds limit) noexcept {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (BoundedThread& thread : threads_) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    thread.join_for(std::max(left, std::chrono::milliseconds(0)));
  }
}

bool SflowListener::settled() const {
  const std::lock_guard lock(state_->mutex);
  return state_->settled;
}

ProbeHealth SflowListener::health() const {
  ProbeHealth out;
  {
    const std::lock_guard lock(state_->mutex);
    out = state_->health;
  }
  std::vector<std::pair<std::string, std::uint64_t>> sum;
  Totals totals;
  std::uint64_t kernel_drops = 0, oversized = 0, failures = 0, received = 0;
  for (const auto& shard : state_->shards) {
    const std::lock_guard lock(shard->mutex);
    auto counters = shard->intake.counters();
    for (std::size_t i = 0; i < sum.size(); ++i) counters[i].second += sum[i].second;
    sum = std::move(counters);
    totals.add(shard->intake, shard->denied);
    kernel_drops += shard->kernel_drops;
    oversized += shard->oversized;
    failures += shard->failures;
    received += shard->received;
  }
  out.counters = {{"received", received},
                  {"kernel_drops", kernel_drops},
                  {"senders_denied", totals.senders.count},
                  {"oversized", oversized},
                  {"failures", failures}};
  out.counters.insert(out.counters.end(), sum.begin(), sum.end());
  const std::lock_guard lock(state_->mutex);
  if (state_->buffer) out.counters.emplace_back("receive_buffer_bytes", *state_->buffer);
  if (const auto ppm = state_->unattributed.ppm(totals.packets, totals.unattributed)) out.counters.emplace_back("unattributed_ppm", *ppm);
  return out;
}

void SflowListener::set_inventory(const Inventory& inventory, std::span<const std::uint32_t> if_indexes) {
  for (const auto& shard : state_->shards) {
    const std::lock_guard lock(shard->mutex);
    shard->intake.set_inventory(inventory, if_indexes);
  }
}

SflowView SflowListener::tick(Nanoseconds now, std::span<const VnicTotals> totals, const FlowLedger* captured) {
  Totals sums;
  SflowView view;
  {
    std::vector<std::unique_lock<std::mutex>> locks;  // always in this order
    std::vector<const SflowIntake*> intakes;
    for (const auto& shard : state_->shards) {
      locks.emplace_back(shard->mutex);
      shard->intake.tick(now, totals);
      intakes.push_back(&shard->intake);
      sums.add(shard->intake, shard->denied);
    }
    view = sflow_view(intakes, totals, now, state_->options.top, captured);
  }
  state_->take(now, sums);
  return view;
}

std::vector<std::vector<std::string>> SflowListener::learnt_addresses() const {
  std::vector<std::vector<std::string>> out;
  for (const auto& shard : state_->shards) {
    const std::lock_guard lock(shard->mutex);
    const FlowLedger& ledger = shard->intake.ledger();
    if (out.size() < ledger.row_count()) out.resize(ledger.row_count());
    for (std::size_t row = 0; row < ledger.row_count(); ++row) {
      for (const IpAddress& address : ledger.learnt_addresses(row)) out[row].push_back(address.text());
    }
  }
  return out;
}

}  // namespace vmtraffic
