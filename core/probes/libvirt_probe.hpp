// The libvirt probe: one connection, one thread that may hang as long as libvirtd does, and a mailbox from which the collector takes what
// is known without ever waiting. Keeps the inventory by events, with a full refresh behind them; a failed listing leaves what was known and
// lets it age.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/bounded_thread.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/probes/probe.hpp"
#include "core/snapshot/writer.hpp"
#include "core/traffic/counter_delta.hpp"
#include "core/traffic/inventory.hpp"

namespace vmtraffic {

struct LibvirtProbeOptions {
  std::string uri;
  Nanoseconds interval{10 * kSecond};          // of statistics
  Nanoseconds refresh_interval{60 * kSecond};  // of full refreshes
  // Of readings of vhost-user vNICs' counters. The kernel has no link of theirs, so libvirt must tell, which forks an ovs-vsctl for each.
  Nanoseconds vhost_user_interval{60 * kSecond};
  // What another collector knew of this connection's domains: what differs from it at the first listing is told as events.
  std::vector<Domain> seed;
  Log log;
  Clock clock;
};

// One vNIC's counters as libvirt told them at `taken`. A domain that hangs, or whose counters cannot be read, has none and delays nobody's
// but its own: the others are handed over one by one.
struct VnicReading {
  VnicKey key;
  LinkReading reading;
  Nanoseconds taken{0};
  friend bool operator==(const VnicReading&, const VnicReading&) = default;
};

// What is known of one connection's domains at one moment. The pointers are to values that no longer change.
struct LibvirtView {
  std::uint64_t generation{0};                                                // changes whenever `domains` does; 0: nothing was ever listed
  std::shared_ptr<const std::vector<std::shared_ptr<const Domain>>> domains;  // sorted by UUID
  std::shared_ptr<const std::vector<DomainNumbers>> numbers;                  // one per domain
  std::vector<Event> events;                                                  // since the last take(), unnumbered
  std::vector<VnicReading> readings;                                          // since the last take(), the last of each vNIC, sorted by key
  ProbeHealth health;
};

class LibvirtProbe : public Probe {
 public:
  explicit LibvirtProbe(LibvirtProbeOptions options);
  ~LibvirtProbe() override;

  void start() override;
  void request_stop() noexcept override;
  void join(std::chrono::milliseconds limit) noexcept override;  // it may hang in libvirt

  // Never blocks on libvirt.
  LibvirtView take();
  bool settled() const override;  // once the first listing succeeded or failed
  ProbeHealth health() const override;

 private:
  struct State;
  std::shared_ptr<State> state_;
  BoundedThread thread_;
};

}  // namespace vmtraffic
