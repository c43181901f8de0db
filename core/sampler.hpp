// The sampler: the probes and the ledger together, without lease and file. One call of sample() is one tick: it takes what the libvirt
// probes know, reads all link counters, takes what the sFlow probe heard, and gives the snapshot's parts. Used by the collector (each
// interval) and by sample_once().
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/analysis/windows.hpp"
#include "core/clock.hpp"
#include "core/config.hpp"
#include "core/log.hpp"
#include "core/probes/capture_probe.hpp"
#include "core/probes/libvirt_probe.hpp"
#include "core/probes/link_counters.hpp"
#include "core/probes/neighbours.hpp"
#include "core/probes/sflow_listener.hpp"
#include "core/snapshot.hpp"
#include "core/snapshot/host_files.hpp"
#include "core/snapshot/writer.hpp"
#include "core/traffic/capture_intake.hpp"
#include "core/traffic/event_ring.hpp"
#include "core/traffic/ledger.hpp"

namespace vmtraffic {

// Everything that goes on from tick to tick, and over a hand-over: followers keep it too, from the snapshots they read.
struct History {
  explicit History(Nanoseconds interval) : windows(interval) {}
  Inventory inventory;
  std::vector<DomainNumbers> domain_numbers;
  Ledger ledger;
  Windows windows;
  EventRing events;
  std::uint64_t sequence{0};
  std::uint64_t inventory_generation{0};

  // Takes over a snapshot that another collector of this boot published. Cheap when it is the one seen last. False, and nothing is taken,
  // when its rows are not as a collector writes them: each once, in order, with their numbers.
  bool follow(const Snapshot& snapshot);
  void set_inventory(Inventory next);

 private:
  bool following_{false};
  std::string followed_writer_;
};

// What [sflow] says about whose samples count, and for what.
SflowIntakeOptions intake_options(const SflowConfig& config);
// What [capture] says about what is kept.
CaptureIntakeOptions capture_intake_options(const CaptureConfig& config);
// Whether it wants applications to be told, and how.
std::optional<ApplicationOptions> application_options(const CaptureConfig& config);

class Sampler {
 public:
  struct Options {
    Config config;
    std::string program;
    Log log;
    Clock clock;
  };
  // Starts one probe per libvirt connection, seeded with the history's inventory, and the sFlow and the capture probe where the
  // configuration has them.
  Sampler(Options options, History& history);
  ~Sampler();  // request_stop() and no waiting

  // True once every connection has listed its domains or failed to.
  bool settled() const;
  // One tick. The parts are valid until the next. `own_health` stands first among the probes'.
  EncodedSnapshot sample(const ProbeHealth& own_health);
  // The other hosts, as of the last tick. The parts are valid until the next.
  const std::vector<HostSnapshot>& hosts() const { return host_snapshots_; }
  void stop(std::chrono::milliseconds limit) noexcept;

 private:
  Nanoseconds vhost_user_interval() const;
  void take_views();
  void rebuild_inventory(const std::vector<LibvirtView>& views);
  bool read_neighbours();
  bool learn_addresses();
  void assemble_domain_numbers(const std::vector<LibvirtView>& views);
  void read_links(Nanoseconds now);
  void watch_links();
  void take_vhost_user_readings(Nanoseconds now);
  std::vector<Probe*> probes() const;
  void take_flows(Nanoseconds now);
  SnapshotHeader header(Nanoseconds now) const;
  struct Host;
  void take_hosts(std::vector<HostView>& views, Nanoseconds now);
  void take_host(Host& host, HostView& view, Nanoseconds now);
  std::vector<ProbeHealth> health_of(const std::vector<LibvirtView>& views, const ProbeHealth& own) const;

  Options options_;
  Nanoseconds interval_;
  History& history_;
  std::vector<std::unique_ptr<LibvirtProbe>> libvirt_;
  std::unique_ptr<SflowListener> sflow_;   // null: not configured
  std::unique_ptr<CaptureProbe> capture_;  // null: not configured
  std::vector<OwnLink> flow_links_;        // that they were given, by row
  std::uint64_t flow_generation_{~std::uint64_t{0}};
  std::map<VnicKey, std::vector<std::string>> learnt_;  // addresses
  std::map<IpAddress, std::unique_ptr<Host>> hosts_;    // by their agents' addresses
  std::vector<HostSnapshot> host_snapshots_;
  std::vector<std::uint64_t> generations_;
  std::vector<LibvirtView> views_;
  Nanoseconds started_;
  Neighbours neighbours_;
  AddressesByMac addresses_;        // of the last dump that succeeded; before one, what the history knew
  Nanoseconds next_neighbours_{0};  // boot time
  bool neighbours_failed_{false};
  std::unique_ptr<LinkCounters> links_;
  ProbeHealth link_health_;
  std::vector<LinkReading> readings_;
  std::vector<std::uint32_t> vhost_user_rows_;  // of active domains
  bool watched_{false};
  bool first_tick_{true};
  std::uint64_t events_revision_{~std::uint64_t{0}};
  std::uint64_t encoded_generation_{~std::uint64_t{0}};
  EncodedPart inventory_part_, tags_part_, numbers_part_, health_part_, events_part_, flows_part_, agents_part_, performance_part_;
};

}  // namespace vmtraffic
