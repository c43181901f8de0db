// vmtraffic-agentx: three threads' worth of duties. The main one watches the snapshot and waits for signals, one is net-snmp's, and the
// embedded collector has its own. Only finished models cross over to net-snmp's thread, so no request ever waits.
//
// Exit status: 0 done, 1 it could not be done, 2 wrong options or configuration, after which no service manager need try again.
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <mutex>
#include <thread>

#include "core/collector.hpp"
#include "core/daemon.hpp"
#include "plugins/snmp-subagent/agentx.hpp"
#include "plugins/snmp-subagent/options.hpp"
#include "plugins/snmp-subagent/watcher.hpp"

namespace vmtraffic::snmp {
namespace {

using std::chrono::milliseconds;

constexpr const char* kProgram = "vmtraffic-agentx";
constexpr int kMisused = 2;
constexpr unsigned kStopLimit_s = 5;  // the two below together are shorter: this is for the case that they are wrong
constexpr milliseconds kLookInterval{500};
constexpr milliseconds kAgentStopLimit{1500};  // a master that hangs holds net-snmp for longer; then we leave without its farewell
constexpr milliseconds kCollectorStopLimit{2000};

// The one thing that passes between threads.
class Shelf {
 public:
  void put(std::shared_ptr<const Model> model) {
    const std::lock_guard lock(mutex_);
    model_.swap(model);
  }
  std::shared_ptr<const Model> get() const {
    const std::lock_guard lock(mutex_);
    return model_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Model> model_ = std::make_shared<Model>();
};

// SIGTERM and SIGINT as a descriptor; blocked in every thread that starts later.
int block_signals() {
  std::signal(SIGHUP, SIG_IGN);  // the configuration is read at the start
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool told_to_stop(int signals) {
  pollfd descriptor{signals, POLLIN, 0};
  return ::poll(&descriptor, 1, static_cast<int>(kLookInterval.count())) > 0;
}

int run(const Settings& settings) {
  const Log log = stderr_log(kProgram, settings.verbose);
  const Clock clock = system_clock();
  const int signals = block_signals();
  Shelf shelf;
  Agent agent({settings.socket, settings.vmtraffic_root, log, clock, [&shelf] { return shelf.get(); }});

  std::unique_ptr<Collector> collector;
  if (!settings.follow_only) {
    collector = std::make_unique<Collector>(Collector::Options{settings.config, kProgram, log, clock});
    if (const Status started = collector->start(); !started) {
      log(LogLevel::kError, started.error().text);
      return EXIT_FAILURE;
    }
  }
  Watcher watcher({settings.config.runtime_directory, settings.config.state_directory, log, clock,
                   [&collector] { return collector != nullptr && collector->collecting(); }});
  shelf.put(watcher.look());

  std::packaged_task<void()> serving([&agent] { agent.run(); });
  std::future<void> served = serving.get_future();
  std::thread thread(std::move(serving));
  while (!told_to_stop(signals) && served.wait_for(milliseconds(0)) != std::future_status::ready) shelf.put(watcher.look());

  ::alarm(kStopLimit_s);
  agent.stop();
  const bool ended = served.wait_for(kAgentStopLimit) == std::future_status::ready;
  if (collector) collector->stop(kCollectorStopLimit);
  if (!ended) {
    log(LogLevel::kNotice, "the master agent does not answer our farewell; leaving without");
    std::fflush(nullptr);
    ::_exit(EXIT_SUCCESS);  // net-snmp's thread still uses what the destructors would take away
  }
  thread.join();
  try {
    served.get();
  } catch (const std::exception& error) {
    log(LogLevel::kError, error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace vmtraffic::snmp

int main(int count, char** words) {
  using namespace vmtraffic::snmp;
  vmtraffic::begin_daemon();
  const auto settings = read_settings(count, words);
  if (!settings) {
    fmt::print(stderr, "{}: {}\n", kProgram, settings.error().text);
    return kMisused;
  }
  if (const auto* answered = std::get_if<Answered>(&*settings)) {
    fmt::print("{}", answered->text);
    return EXIT_SUCCESS;
  }
  try {
    return run(std::get<Settings>(*settings));
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", kProgram, error.what());
    return EXIT_FAILURE;
  }
}
