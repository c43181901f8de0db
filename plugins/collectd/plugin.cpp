// The C boundary: collectd's callbacks. What they do is decided in options, feed and values.
//
// collectd reads its configuration, forks, calls init, then read from one of its threads, and shutdown when those have ended. A fault of
// ours never ends collectd: the configuration callback always succeeds, and init fails instead, so that only this plugin is missing.
#include <chrono>
#include <exception>
#include <memory>
#include <thread>

#include "core/collector.hpp"
#include "plugins/collectd/boundary.hpp"
#include "plugins/collectd/options.hpp"

namespace vmtraffic::collectd {
namespace {

constexpr const char* kName = "vmtraffic";

// Much shorter than any collector's interval: a look costs one stat().
constexpr cdtime_t kPollInterval = cdtime_t{1} << 29U;  // half a second

constexpr std::chrono::milliseconds kBetweenBatches{1};

unsigned needed_parts(const Mapping& mapping) {
  unsigned parts = kPartInventory | kPartTags | kPartNumbers | kPartEvents;
  if (mapping.interfaces && mapping.flows) parts |= kPartFlows;
  if (mapping.interfaces && mapping.latency) parts |= kPartPerformance;
  return parts;
}

Feed::Settings feed_settings(const Options& options, const Config& config) {
  return {.mapping = options.mapping,
          .persistent_notification = options.persistent_notification,
          .directory = config.runtime_directory,
          .patience = static_cast<Nanoseconds>((kStaleAfterIntervals * config.interval_s + 2) * 1e9),
          .clock = system_clock(),
          .lease_holder = [directory = config.runtime_directory] { return lease_holder(directory); }};
}

// Reads the present snapshot and sends it, and those of other hosts; collects too, if nobody else on this host does.
class Plugin {
 public:
  Plugin(const Options& options, const Config& config)
      : reader_(config.runtime_directory, needed_parts(options.mapping)),
        feed_(feed_settings(options, config)),
        others_({.feed = feed_settings(options, config), .hosts = options.hosts, .parts = needed_parts(options.mapping)}),
        collector_({.config = config, .program = "collectd", .log = log_line}) {}

  Status start() { return collector_.start(); }
  void read() {
    const auto look = reader_.poll();
    deliver(feed_.poll(look, send));
    deliver(others_.poll(look, send));
  }

 private:
  static void send(const std::vector<ValueList>& batch) {
    dispatch(batch);
    // Lets collectd's writers drain their queue, which holds a copy of every list and of its metadata: megabytes for a thousand domains.
    std::this_thread::sleep_for(kBetweenBatches);
  }
  static void deliver(const Delivery& delivery) {
    for (const LogLine& line : delivery.log) log_line(line.level, line.text);
    for (const Notification& notification : delivery.notifications) dispatch(notification);
  }

  SnapshotReader reader_;
  Feed feed_;
  OtherHosts others_;
  Collector collector_;
};

// What lives from the configuration to shutdown. Never destroyed: a collector's thread that hangs may outlive even main().
struct State {
  Options options;
  Remarks remarks;
  std::unique_ptr<Plugin> plugin;
};
State& state() {
  static auto* const the_state = new State;
  return *the_state;
}

// Nothing is thrown into C.
template <class Call>
int guard(const char* where, int failure, Call call) noexcept {
  try {
    return call();
  } catch (const std::exception& error) {
    log_line(LogLevel::kError, where);
    log_line(LogLevel::kError, error.what());
  } catch (...) {
    log_line(LogLevel::kError, where);
  }
  return failure;
}

int refuse(const std::vector<std::string>& faults) {
  for (const std::string& fault : faults) log_line(LogLevel::kError, fault);
  log_line(LogLevel::kError, "not started; collectd goes on without it");
  return -1;
}

int start() {
  Options& options = state().options;
  options.mapping.naming.hostname = hostname_g;
  if (!state().remarks.faults.empty()) return refuse({});
  auto loaded = options.config_file_named ? load_config(options.config_file) : load_config_or_defaults(options.config_file);
  if (!loaded.ok()) return refuse({loaded.error().text});
  Config config = std::move(loaded).value();
  if (options.runtime_directory) config.runtime_directory = *options.runtime_directory;
  if (const auto faults = contradictions(options, config, plugin_is_loaded("virt")); !faults.empty()) return refuse(faults);

  auto plugin = std::make_unique<Plugin>(options, config);
  if (const Status started = plugin->start(); !started.ok()) return refuse({started.error().text});
  state().plugin = std::move(plugin);
  return 0;
}

}  // namespace
}  // namespace vmtraffic::collectd

using vmtraffic::collectd::guard;
using vmtraffic::collectd::state;

extern "C" {

static int vmtraffic_read(user_data_t* /*unused*/) noexcept {
  // 0 whatever happens: after a failure collectd would double our interval.
  return guard("a read failed", 0, [] {
    if (state().plugin) state().plugin->read();
    return 0;
  });
}

static int vmtraffic_config(oconfig_item_t* block) noexcept {
  return guard("the configuration was not read to its end", 0, [block] {
    vmtraffic::collectd::Remarks remarks;
    state().remarks.faults.emplace_back("the block was not read to its end");  // stands if what follows throws
    read_block(vmtraffic::collectd::to_items(*block), state().options, remarks);
    state().remarks.faults.pop_back();
    for (const auto& fault : remarks.faults) vmtraffic::collectd::log_line(vmtraffic::LogLevel::kError, fault);
    for (const auto& notice : remarks.notices) vmtraffic::collectd::log_line(vmtraffic::LogLevel::kNotice, notice);
    auto& all = state().remarks.faults;
    all.insert(all.end(), remarks.faults.begin(), remarks.faults.end());
    return 0;
  });
}

static int vmtraffic_init() noexcept {
  return guard("the start failed", -1, [] {
    if (const int status = vmtraffic::collectd::start(); status != 0) return status;
    return plugin_register_complex_read(nullptr, vmtraffic::collectd::kName, vmtraffic_read, vmtraffic::collectd::kPollInterval, nullptr);
  });
}

static int vmtraffic_shutdown() noexcept {
  return guard("the stop failed", -1, [] {
    state().plugin.reset();  // the collector stops in bounded time, whatever libvirtd does
    return 0;
  });
}

void module_register(void) {
  plugin_register_complex_config(vmtraffic::collectd::kName, vmtraffic_config);
  plugin_register_init(vmtraffic::collectd::kName, vmtraffic_init);
  plugin_register_shutdown(vmtraffic::collectd::kName, vmtraffic_shutdown);
}
}
