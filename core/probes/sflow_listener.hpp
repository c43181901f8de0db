// The sFlow probe: receives datagrams (UDP, both versions of IP) on one or several threads, each with an intake of its own, and hands over
// what they say at each tick.
//
// Several threads share a port by SO_REUSEPORT, and the kernel gives a sender's datagrams always to the same one, so that everything that
// an agent says is in one place. A thread holds its intake's lock for one batch of datagrams; a tick for as long as it copies the rows out.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/bounded_thread.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/probes/probe.hpp"
#include "core/traffic/sflow_intake.hpp"
#include "core/traffic/sflow_view.hpp"

namespace vmtraffic {

struct SflowListenerOptions {
  std::vector<IpAddress> listen;
  std::uint16_t port{6343};
  std::vector<IpNetwork> allow;  // senders
  std::uint32_t threads{1};
  std::uint32_t receive_buffer_kib{8192};
  std::uint32_t top{10};
  std::chrono::milliseconds retry{5000};  // of an address that was refused
  SflowIntakeOptions intake;
  Log log;
  Clock clock;
};

class SflowListener : public Probe {
 public:
  explicit SflowListener(SflowListenerOptions options);
  ~SflowListener() override;

  void start() override;
  void request_stop() noexcept override;
  void join(std::chrono::milliseconds limit) noexcept override;
  bool settled() const override;  // once each socket is open or was refused
  ProbeHealth health() const override;

  // Rows as the ledger of exact counters has them: the inventory's vNICs in order, and the ifIndex of each one's link (0: none).
  void set_inventory(const Inventory& inventory, std::span<const std::uint32_t> if_indexes);
  // `captured`: as for sflow_view().
  SflowView tick(Nanoseconds now, std::span<const VnicTotals> totals, const FlowLedger* captured = nullptr);
  // By the inventory's rows: addresses that each vNIC was seen to use.
  std::vector<std::vector<std::string>> learnt_addresses() const;

 private:
  struct Shard;
  struct State;
  std::shared_ptr<State> state_;
  std::vector<BoundedThread> threads_;
};

}  // namespace vmtraffic
