#include "core/collector.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "core/probes/libvirt_connection.hpp"
#include "core/sampler.hpp"
#include "core/snapshot/lease.hpp"
#include "core/text.hpp"

namespace vmtraffic {
namespace {

// How long the first tick waits for libvirt's first answer, so that a start does not publish an empty host.
constexpr std::chrono::milliseconds kSettle{2000};
// Intervals in which whoever has the precedence may take the lease that was given up for it.
constexpr int kWaitForHeir = 2;

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

Config with_host(Config config) {
  if (config.host.empty()) config.host = host_name();
  return config;
}

}  // namespace

struct Collector::Impl {
  explicit Impl(Options o) : options(std::move(o)), history(nanoseconds(options.config.interval_s)) {}

  const Options options;
  std::mutex mutex;
  std::condition_variable changed;
  bool stop{false}, collecting{false};

  // ---- the thread's own
  std::optional<Lease> lease, precedence;
  bool yielded{false};  // and nobody was seen to take the lease since
  int waiting{0};       // intervals in which we leave the lease to whom we gave it up for
  std::unique_ptr<Sampler> sampler;
  std::optional<HostFiles> host_files;
  History history;
  std::optional<SnapshotReader> reader;
  ProbeHealth health;
  Complaints complaints;
  std::int32_t announced{0};  // the holder that was named
  std::uint64_t ticks{0}, late_ticks{0}, published{0}, publish_failures{0}, takeovers{0}, exceptions{0};

  void run();
  void step();
  void take_lease();
  void drop_lease();
  void yield_lease();
  void announce_holder();
  void recover(const char* what);
  void follow();
  void tick();
  void publish_hosts(const SnapshotHeader& header);
  bool sleep_until(std::chrono::steady_clock::time_point when);
  void settle();
  void set_health(const Status& published_now);
  void complain(std::string_view subject, LogLevel level, const std::string& text);
  void notify(const std::string& text);
};

Collector::Collector(Options options) {
  options.config = with_host(std::move(options.config));
  impl_ = std::make_shared<Impl>(std::move(options));
}

Collector::~Collector() { stop(); }

Status Collector::start() {
  if (auto s = prepare_runtime_directory(impl_->options.config.runtime_directory); !s) {
    // What only root can prepare does not hinder following: the directory may come later, and then be somebody else's.
    if (s.error().code == ErrorCode::kInsecure || s.error().code == ErrorCode::kInvalid) return s;
    impl_->complain("lease", LogLevel::kWarning, s.error().text);
  }
  try {
    thread_ = BoundedThread([impl = impl_] { impl->run(); });
  } catch (const std::system_error& error) {
    return Error{ErrorCode::kUnavailable, fmt::format("cannot start a thread: {}", error.what())};
  }
  return Done{};
}

void Collector::stop(std::chrono::milliseconds limit) noexcept {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
    impl_->changed.notify_all();
  }
  thread_.join_for(limit);
  stop_libvirt_event_loop();
}

bool Collector::collecting() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->collecting;
}

void Collector::Impl::complain(std::string_view subject, LogLevel level, const std::string& text) {
  if (options.log && complaints.due(subject, text, options.clock.boottime())) options.log(level, text);
}

void Collector::Impl::notify(const std::string& text) {
  if (options.log) options.log(LogLevel::kNotice, text);
}

bool Collector::Impl::sleep_until(std::chrono::steady_clock::time_point when) {
  std::unique_lock lock(mutex);
  return !changed.wait_until(lock, when, [this] { return stop; });
}

void Collector::Impl::run() {
  // A file size limit is an error of publish(), not the end of our host.
  sigset_t limits;
  sigemptyset(&limits);
  sigaddset(&limits, SIGXFSZ);
  pthread_sigmask(SIG_BLOCK, &limits, nullptr);
  const std::chrono::nanoseconds interval(nanoseconds(options.config.interval_s));
  auto next = std::chrono::steady_clock::now();
  health.name = "collector";
  health.since_boottime = options.clock.boottime();
  while (true) {
    // We are a guest in somebody's process: what is thrown here (no memory, no thread to be had) must not end it.
    try {
      step();
    } catch (const std::exception& error) {
      recover(error.what());
    } catch (...) {
      recover("of an unknown kind");
    }
    next += interval;
    const auto now = std::chrono::steady_clock::now();
    if (next <= now) {
      ++late_ticks;
      next = now + interval;
    }
    if (!sleep_until(next)) break;
  }
  if (sampler) sampler->stop(std::chrono::milliseconds(500));
  sampler.reset();
  lease.reset();
  precedence.reset();
}

void Collector::Impl::step() {
  if (options.wants_precedence && (!precedence || !precedence->valid())) {
    precedence.reset();
    // Where it cannot be had, the lease alone decides.
    if (auto got = Lease::acquire(options.config.runtime_directory, kPrecedenceFileName)) precedence = std::move(got).value();
  }
  if (waiting > 0) {
    --waiting;
  } else if (!lease) {
    take_lease();
  }
  if (lease && !lease->valid()) {
    complain("lease", LogLevel::kWarning, "the lease file was removed or replaced: no longer collecting");
    drop_lease();
  }
  if (lease) {
    tick();
    yield_lease();
  } else {
    follow();
  }
}

// Just after a tick: until the other's first one no more time passes than between two of ours.
void Collector::Impl::yield_lease() {
  if (options.wants_precedence || !lease) return;
  if (!precedence_is_held(options.config.runtime_directory)) {
    yielded = false;
    return;
  }
  if (yielded) return;  // in vain: its holder took no lease (it hangs), and somebody has to collect
  yielded = true;
  waiting = kWaitForHeir;
  notify("vmtraffic-collect is there to collect for this host: handing over, and following its snapshot");
  drop_lease();
}

// Begins anew at the next interval. Another collector may be better off, so it gets the lease.
void Collector::Impl::recover(const char* what) {
  ++exceptions;
  precedence.reset();
  drop_lease();
  try {
    complain("exception", LogLevel::kError, fmt::format("a fault, trying again at the next interval: {}", what));
  } catch (...) {  // not even that: the counter tells
  }
}

// Once for each collector that we follow: without a word somebody who starts a second one thinks that it hangs.
void Collector::Impl::announce_holder() {
  const auto holder = lease_holder(options.config.runtime_directory);
  if (!holder || holder->pid == announced || holder->pid == getpid()) return;
  announced = holder->pid;
  notify(fmt::format("{} (pid {}) collects for this host; following its snapshot, and taking over when it {}",
                     holder->command.empty() ? "another process" : printable(holder->command), holder->pid,
                     precedence ? "hands over or ends" : "ends"));
}

void Collector::Impl::take_lease() {
  auto got = Lease::acquire(options.config.runtime_directory);
  if (!got) {
    // The directory may be made later, e.g. by whoever may.
    if (got.error().code == ErrorCode::kMissing) (void)prepare_runtime_directory(options.config.runtime_directory);
    if (got.error().code == ErrorCode::kBusy) {
      yielded = false;
      return announce_holder();
    }
    complain("lease", LogLevel::kWarning, "following only: " + got.error().text);
    return;
  }
  lease = std::move(got).value();
  complaints.over("lease");
  follow();  // the last word of the holder before us
  ++takeovers;
  sampler = std::make_unique<Sampler>(Sampler::Options{options.config, options.program, options.log, options.clock}, history);
  {
    const std::lock_guard lock(mutex);
    collecting = true;
  }
  notify(fmt::format("collecting for this host (lease taken, publishing to {})",
                     printable((options.config.runtime_directory / kSnapshotFileName).string())));
  settle();
}

// With a history there is something to publish at once; without, libvirt gets a moment to tell what there is.
void Collector::Impl::settle() {
  if (!history.inventory.domains.empty()) return;
  const auto deadline = std::chrono::steady_clock::now() + kSettle;
  while (!sampler->settled() && std::chrono::steady_clock::now() < deadline) {
    if (!sleep_until(std::chrono::steady_clock::now() + std::chrono::milliseconds(10))) return;
  }
}

void Collector::Impl::drop_lease() {
  sampler.reset();
  host_files.reset();
  lease.reset();
  const std::lock_guard lock(mutex);
  collecting = false;
}

void Collector::Impl::follow() {
  if (!reader) reader.emplace(options.config.runtime_directory);
  const auto snapshot = reader->poll();
  if (!snapshot) {
    if (snapshot.error().code != ErrorCode::kMissing) complain("snapshot", LogLevel::kWarning, snapshot.error().text);
    return;
  }
  complaints.over("snapshot");
  // Another boot's totals are no beginning for this one's.
  if (!(*snapshot)->age(options.clock)) return;  // nor one from the future
  if (!history.follow(**snapshot)) complain("snapshot", LogLevel::kWarning, "the snapshot contradicts itself and is not taken over");
}

void Collector::Impl::set_health(const Status& published_now) {
  const HealthState state = published_now.ok() ? HealthState::kUp : HealthState::kDegraded;
  if (state != health.state) health.since_boottime = options.clock.boottime();
  health.state = state;
  health.message = published_now.ok() ? "" : published_now.error().text;
  if (published_now.ok()) health.last_ok_boottime = options.clock.boottime();
}

void Collector::Impl::publish_hosts(const SnapshotHeader& header) {
  if (!host_files) host_files.emplace(options.config.runtime_directory);
  const Status done = host_files->publish(sampler->hosts(), header);
  if (done.ok()) {
    complaints.over("hosts");
  } else {
    ++publish_failures;
    complain("hosts", LogLevel::kError, "other hosts' snapshots cannot be published: " + done.error().text);
  }
}

void Collector::Impl::tick() {
  ++ticks;
  if (ticks == 1) set_health(Done{});
  health.counters = {{"ticks", ticks},
                     {"ticks_late", late_ticks},
                     {"published", published},
                     {"publish_failures", publish_failures},
                     {"takeovers", takeovers},
                     {"exceptions", exceptions},
                     {"events_dropped", history.events.dropped()},
                     {"vnics", history.ledger.keys().size()},
                     {"events", history.events.last_sequence()}};
  const EncodedSnapshot snapshot = sampler->sample(health);
  const Status done = publish(options.config.runtime_directory, snapshot);
  publish_hosts(snapshot.header);
  ++(done.ok() ? published : publish_failures);
  set_health(done);
  if (done.ok()) {
    if (complaints.over("publish")) notify("the snapshot is published again");
    return;
  }
  complain("publish", LogLevel::kError, "the snapshot cannot be published: " + done.error().text);
  // Whoever may write there could give out what we publish for his own.
  if (done.error().code == ErrorCode::kInsecure) drop_lease();
}

Result<std::vector<std::byte>> sample_once(const Config& config, const Log& log, std::chrono::milliseconds gap,
                                           std::chrono::milliseconds patience) {
  const Config named = with_host(config);
  History history(nanoseconds(named.interval_s));
  Sampler sampler({named, "vmtraffic-collect", log, system_clock()}, history);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!sampler.settled() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ProbeHealth own;
  own.name = "collector";
  own.state = HealthState::kUp;
  own.since_boottime = system_clock().boottime();
  sampler.sample(own);
  std::this_thread::sleep_for(gap);
  auto bytes = assemble(sampler.sample(own));
  sampler.stop(std::chrono::milliseconds(200));
  stop_libvirt_event_loop();
  return bytes;
}

}  // namespace vmtraffic
