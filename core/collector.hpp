// The collector: libvirt and link counters in, a snapshot file out, once per interval. A library object, so that any long-lived
// front end can be the one per host: who holds the lease collects, the others follow and take over.
// Who has the precedence is handed the lease by whoever collects without.
//
// A front end reads snapshots with SnapshotReader, whether its own collector or another's wrote them.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/bounded_thread.hpp"
#include "core/clock.hpp"
#include "core/config.hpp"
#include "core/log.hpp"
#include "core/result.hpp"

namespace vmtraffic {

class Collector {
 public:
  struct Options {
    Config config;
    std::string program;  // who embeds it: "collectd", "vmtraffic-agentx", "vmtraffic-collect"
    Log log;
    Clock clock = system_clock();
    bool wants_precedence{false};
  };
  explicit Collector(Options options);
  ~Collector();  // stop() with its default limit
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // Starts our threads and returns at once; never waits for libvirtd. Fails only for what waiting cannot mend
  // (a runtime directory that others may write). Call after the host has forked.
  Status start();

  // Stops in bounded time whatever libvirtd does: a thread that hangs in an open libvirt call is left behind, holding nothing of ours.
  void stop(std::chrono::milliseconds limit = std::chrono::seconds(2)) noexcept;

  // True while this object holds the lease and publishes.
  bool collecting() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
  BoundedThread thread_;
};

// Samples twice, `gap` apart, without lease or file, and gives the snapshot's octets (for Snapshot::parse). Waits at most `patience` for
// libvirt's inventory; what did not answer by then is marked in the snapshot's health.
Result<std::vector<std::byte>> sample_once(const Config& config, const Log& log, std::chrono::milliseconds gap = std::chrono::seconds(1),
                                           std::chrono::milliseconds patience = std::chrono::seconds(10));

}  // namespace vmtraffic
