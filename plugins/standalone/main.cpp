// vmtraffic-collect: the collector alone, and a snapshot as table or JSON.
//
// Exit status: 0 done, 1 it could not be done (no snapshot, a directory that others may write), 2 wrong options or configuration.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <string_view>

#include "core/collector.hpp"
#include "core/config.hpp"
#include "core/daemon.hpp"
#include "core/read_capture.hpp"
#include "core/replay.hpp"
#include "core/snapshot.hpp"
#include "core/text.hpp"
#include "plugins/standalone/flow_table.hpp"
#include "plugins/standalone/json.hpp"
#include "plugins/standalone/options.hpp"
#include "plugins/standalone/recording_table.hpp"
#include "plugins/standalone/table.hpp"

namespace vmtraffic::standalone {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kMisused = 2;
constexpr unsigned kStopLimit_s = 5;  // stop() has its own, shorter one: this is for the case that it is wrong

bool put(std::string_view text) { return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0; }

int complain(int status, std::string_view text) {
  fmt::print(stderr, "vmtraffic-collect: {}\n", text);
  return status;
}

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::string shown(const Snapshot& snapshot, const Options& options) {
  const Clock clock = system_clock();
  return options.json ? render_json(snapshot, clock) : render_table(snapshot, clock, {terminal_width(), options.window});
}

// What a person is told besides the snapshot: who holds the lease of a stale one.
std::string holder_sentence(const std::filesystem::path& directory) {
  const std::optional<LeaseHolder> holder = lease_holder(directory);
  if (!holder) return "";
  return fmt::format("The lease is held by pid {} ({}){}.\n", holder->pid, holder->command, holder->stopped ? ", which is stopped" : "");
}

Result<Config> configuration(const Options& options) {
  // Whoever says where the snapshot is needs no right to read the configuration to look at it.
  if ((options.mode == Mode::kReplay || options.mode == Mode::kRead) && !options.config) {
    // A recording says nothing about this host, and its configuration nothing about the recording, where it cannot be read.
    Result<Config> loaded = load_config_or_defaults(kDefaultConfigFile);
    return !loaded && loaded.error().code == ErrorCode::kDenied ? Result<Config>(Config{}) : loaded;
  }
  const bool only_looks = options.mode == Mode::kPrint || options.mode == Mode::kWatch || options.mode == Mode::kHosts;
  Config config;
  if (!(only_looks && options.runtime_directory && !options.config)) {
    Result<Config> loaded = options.config ? load_config(*options.config) : load_config_or_defaults(kDefaultConfigFile);
    if (!loaded) return loaded;
    config = std::move(loaded).value();
  }
  if (options.runtime_directory) config.runtime_directory = *options.runtime_directory;
  return config;
}

// Where the snapshot is that was asked for.
Result<std::filesystem::path> place_of(const Config& config, const Options& options) {
  if (options.host.empty()) return config.runtime_directory;
  return find_host(config.runtime_directory, options.host);
}

int print(const Config& config, const Options& options) {
  const Result<std::filesystem::path> place = place_of(config, options);
  if (!place) return complain(kFailed, place.error().text);
  const Result<Snapshot> snapshot = read_snapshot(*place);
  if (!snapshot) return complain(kFailed, snapshot.error().text);
  std::string text = shown(*snapshot, options);
  if (!options.json && snapshot->stale(system_clock())) text += "\n" + holder_sentence(config.runtime_directory);
  return put(text) ? kDone : kFailed;
}

int hosts(const Config& config, const Options& options) {
  Result<Snapshot> index = read_snapshot(hosts_directory(config.runtime_directory), kPartHosts);
  const Clock clock = system_clock();
  // The index comes with the first host. Until then the host's own snapshot, which names none, says whether there is a collector.
  if (!index && index.error().code == ErrorCode::kMissing) index = read_snapshot(config.runtime_directory, kPartHosts);
  if (!index) return complain(kFailed, index.error().text);
  return put(options.json ? render_hosts_json(*index, clock) : render_hosts(*index, clock)) ? kDone : kFailed;
}

int once(const Config& config, const Options& options) {
  const Result<std::vector<std::byte>> bytes = sample_once(config, stderr_log("vmtraffic-collect", options.verbose));
  if (!bytes) return complain(kFailed, bytes.error().text);
  const Result<Snapshot> snapshot = Snapshot::parse(*bytes);
  if (!snapshot) return complain(kFailed, snapshot.error().text);
  return put(shown(*snapshot, options)) ? kDone : kFailed;
}

int replay(const Config& config, const Options& options) {
  ReplayOptions what{
      .recording = options.recording, .inventory = options.inventory, .port = options.sflow_port.value_or(config.sflow.port)};
  if (what.port == 0) what.port.reset();
  const Result<Replay> replayed =
      options.mode == Mode::kRead ? read_capture(config, {options.recording, options.inventory}) : replay_sflow(config, what);
  if (!replayed) return complain(kFailed, replayed.error().text);
  const Result<Snapshot> snapshot = Snapshot::parse(replayed->snapshot);
  if (!snapshot) return complain(kFailed, snapshot.error().text);
  const bool done =
      put(options.json ? render_json(*snapshot, clock_of_recording(*snapshot)) : render_recording(*snapshot, terminal_width()));
  if (replayed->fault) return complain(kFailed, replayed->fault->text);
  return done ? kDone : kFailed;
}

sigset_t blocked(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

int watch(const Config& config, const Options& options) {
  // At once, also while a reader that does not read holds up our writing. There is nothing to be tidied up.
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { _exit(kDone); });
  const Result<std::filesystem::path> place = place_of(config, options);
  if (!place) return complain(kFailed, place.error().text);
  SnapshotReader reader(*place);
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  for (;;) {
    const Result<std::shared_ptr<const Snapshot>> snapshot = reader.poll();
    std::string text = terminal ? "\x1B[H\x1B[2J" : "";
    text += snapshot ? shown(**snapshot, options) : fmt::format("{}\n", snapshot.error().text);
    if (!terminal) text += "\n";
    if (!put(text)) return kFailed;
    const Nanoseconds interval = snapshot ? std::max((*snapshot)->info().interval, kSecond) : kSecond;
    const timespec wait{static_cast<std::time_t>(interval / kSecond), static_cast<long>(interval % kSecond)};
    nanosleep(&wait, nullptr);
  }
}

int collect(const Config& config, const Options& options) {
  // Before any thread is started, so that all inherit it and the signal waits for us.
  const sigset_t ends = blocked({SIGINT, SIGTERM, SIGHUP});
  const Log log = stderr_log("vmtraffic-collect", options.verbose);
  Collector collector({.config = config, .program = "vmtraffic-collect", .log = log, .wants_precedence = true});
  if (const Status started = collector.start(); !started) {
    log(LogLevel::kError, started.error().text);
    return kFailed;
  }
  int signal = 0;
  while (sigwait(&ends, &signal) != 0 || signal == SIGHUP) {
    if (signal == SIGHUP) log(LogLevel::kNotice, "SIGHUP changes nothing: the configuration is read at the start");
  }
  alarm(kStopLimit_s);
  log(LogLevel::kNotice, fmt::format("stopping at signal {}", signal));
  collector.stop();
  // A thread that hangs in libvirt may be left behind: no destructor of ours or of a library may pull the floor from under it.
  std::quick_exit(kDone);
}

int run(const Options& options) {
  const Result<Config> config = configuration(options);
  if (!config) return complain(kMisused, config.error().text);
  switch (options.mode) {
    case Mode::kPrint:
      return print(*config, options);
    case Mode::kOnce:
      return once(*config, options);
    case Mode::kWatch:
      return watch(*config, options);
    case Mode::kHosts:
      return hosts(*config, options);
    case Mode::kReplay:
    case Mode::kRead:
      return replay(*config, options);
    case Mode::kCollect:
      break;
  }
  return collect(*config, options);
}

}  // namespace
}  // namespace vmtraffic::standalone

int main(int argc, char** argv) {
  using namespace vmtraffic::standalone;
  vmtraffic::begin_daemon();
  try {
    const auto parsed = parse_options({argv + (argc > 0 ? 1 : 0), argv + argc});
    if (const auto* farewell = std::get_if<Farewell>(&parsed)) {
      if (farewell->status == kDone) return put(farewell->text) ? kDone : kFailed;
      std::fputs(farewell->text.c_str(), stderr);
      return farewell->status;
    }
    return run(std::get<Options>(parsed));
  } catch (const std::exception& error) {
    return complain(kFailed, error.what());
  }
}
