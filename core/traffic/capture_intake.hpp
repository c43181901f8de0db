// Captured packets in; flows, latencies and losses of each vNIC out. Pure: packets and times come in as parameters. One intake per
// capturing thread.
//
// Packets are counted in a table of flows, one for each conversation of two ports at each place of capture. At each tick what a flow
// counted goes into a FlowLedger like samples do, so that volumes, protocols, services and conversations are the same rows whoever saw the
// packets. At a vNIC's own tap only that vNIC is accounted for: a packet between two local VMs passes two taps, and is one's tx and the
// other's rx.
//
// In steady state take() allocates nothing. The table of flows is bounded and keeps the heavy ones (see HeavyTable); a flow that has to
// make room is counted out first.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/dpi/application_detector.hpp"
#include "core/traffic/captured_packet.hpp"
#include "core/traffic/flow_ledger.hpp"
#include "core/traffic/flow_share.hpp"
#include "core/traffic/heavy_table.hpp"
#include "core/traffic/tcp_connection.hpp"
#include "core/traffic/vnic_performance.hpp"
#include "core/traffic/volume_calibration.hpp"
#include "core/wire/packet.hpp"

namespace vmtraffic {

struct CaptureIntakeOptions {
  std::vector<NamedNetwork> networks{};
  std::vector<std::uint16_t> vxlan_ports{4789}, geneve_ports{6081};
  FlowLedger::Limits limits{};
  std::uint32_t flows{65'536};
  std::uint32_t gaps{65'536};  // ranges of octets that are missing, of all connections
  std::uint32_t services_per_vnic{16};
  std::uint32_t peers{1024};            // whose latencies are kept apart
  bool limited{true};                   // a share of the flows may be all that is kept
  bool filtered{false};                 // packets are left out that the exact counters have: they are no measure of a share of the flows
  Nanoseconds idle{300 * kSecond};      // a flow that is silent so long is forgotten
  Nanoseconds unanswered{5 * kSecond};  // a question that nobody answered so long
  Nanoseconds undecided{10 * kSecond};  // a flow that is silent so long has the application that it can be guessed to have
};

class CaptureIntake {
 public:
  explicit CaptureIntake(CaptureIntakeOptions options);
  ~CaptureIntake();

  // From now on the applications of flows that begin are told. What was counted of a flow at ticks before its application was known is of
  // the application "Unknown".
  void detect_applications(std::unique_ptr<ApplicationDetector> detector) { detector_ = std::move(detector); }

  // One packet. `now`: the clock of tick().
  void take(const CapturedPacket& packet, Nanoseconds now) { take({&packet, 1}, {&now, 1}); }
  // Several, in their order: what is known of their flows is fetched from memory for some of them at once. As many times as packets, or one
  // for all of them.
  void take(std::span<const CapturedPacket> packets, std::span<const Nanoseconds> times);

  void set_inventory(const Inventory& inventory, std::span<const std::uint32_t> if_indexes);
  // To be called at each tick, with the exact counters in the inventory's rows.
  void tick(Nanoseconds now, std::span<const VnicTotals> totals);
  // At a recording's end, where nothing comes any more, before the last tick: nobody waits for an answer any longer.
  void end(Nanoseconds now);

  // From now on packets are those of these flows alone (core/traffic/flow_share.hpp), and volumes are scaled by it.
  void set_kept_flows(const KeptFlows& kept, Nanoseconds now);
  PacketsTaken taken() const { return taken_packets_; }

  const FlowLedger& ledger() const { return ledger_; }
  // By the inventory's rows.
  const VnicPerformance& performance(std::size_t row) const { return *performance_[ledger_.number(row)]; }
  // visit(PeerKey, PeerLatency)
  template <class Visit>
  void for_each_peer(Visit&& visit) const {
    peers_.for_each(visit);
  }
  std::size_t flow_count() const { return flows_.size(); }
  // For the snapshot's health.
  std::vector<std::pair<std::string, std::uint64_t>> counters() const;

 private:
  // Two ends at one place of capture, the lower address and port first.
  struct FlowKey {
    IpAddress::Halves low{}, high{};
    std::uint16_t low_port{0}, high_port{0};
    std::uint8_t protocol{0};
    std::uint8_t version{0};  // of IP; 0: none, and the ports' place is the EtherType's
    std::uint8_t guest{0};    // at a tap: which end the vNIC is, 0 or 1; else kNobody
    bool control{false};      // flow_is_control(): a packet's ends alone do not say so of its fragments, or behind more headers
    std::uint16_t vlan{0};
    std::uint32_t place{0};                                       // ifIndex
    std::uint32_t vni{0};                                         // of the tunnel whose inner packet it is, plus 1
    friend bool operator==(const FlowKey& a, const FlowKey& b) {  // number by number: arrays are compared by a call
      return a.low[0] == b.low[0] && a.low[1] == b.low[1] && a.high[0] == b.high[0] && a.high[1] == b.high[1] && a.low_port == b.low_port &&
             a.high_port == b.high_port && a.protocol == b.protocol && a.version == b.version && a.guest == b.guest &&
             a.control == b.control && a.vlan == b.vlan && a.place == b.place && a.vni == b.vni;
    }
    std::uint64_t mixed() const;
    template <class H>
    friend H AbslHashValue(H h, const FlowKey& k) {
      return H::combine(std::move(h), k.mixed());
    }
  };
  struct Volume {
    std::uint64_t octets{0};
    std::uint32_t frames{0};
  };
  // Questions that wait for their answers: DNS queries by their id, echo requests by their sequence. A DNS query that finds no place is not
  // counted.
  struct Questions {
    struct Asked {
      Nanoseconds time{0};  // 0: nothing
      std::uint16_t id{0};
      std::uint8_t from{0};   // which end
      std::uint8_t known{0};  // ends whose vNIC was known then, as bits: whose query it counts as
    };
    std::array<Asked, 4> asked{};
    std::uint8_t next{0};
    bool dns{false};
  };
  struct Flow {
    // What each packet touches, together.
    std::array<Volume, 2> volume;  // sent by each end, since it was counted out last
    Nanoseconds last{0};
    std::array<std::uint32_t, 2> vnic{kNoVnic, kNoVnic};  // the ends' numbers
    std::uint64_t epoch{0};                               // of the ledger that knew them
    std::array<MacAddress, 2> mac{};
    std::uint32_t application{SampledPacket::kNotLookedFor};  // until there is a verdict
    bool dirty{false};                                        // its place is in dirty_
    std::variant<std::monostate, TcpConnection, Questions> state;
    // The rest.
    std::array<std::uint32_t, 2> peer_hint{};
    std::array<std::uint32_t, 2> segments{};  // counted out
    // Of what each end sent, what was counted out while not all flows were kept: all of it, and in the ledger's last two periods.
    struct Told {
      Seen::Flow::Sums all;
      std::array<float, 2> previous{}, current{};  // octets, packets
    };
    std::array<Told, 2> told;
    std::uint32_t period{0};  // the ledger's, of `current`
    ApplicationFlow detection;
    Nanoseconds looked_into{0};  // by the detector, last
    std::unique_ptr<std::string> server_name;
  };

  struct Passing;  // one packet under way
  void decode(Passing& p);
  void name_flow(Passing& p);
  void find_flow(Passing& p, Nanoseconds now);
  void account(Passing& p, Nanoseconds now);
  static void read_key(Passing& p);
  void begin_anew(Flow& flow);
  void find_owners(const Passing& p, Flow& flow, Nanoseconds now);
  void look_into(const Passing& p, Flow& flow, Nanoseconds now);
  void know(Flow& flow, Application application);
  void guess(Flow& flow);
  bool shows_no_more(const Flow& flow, Nanoseconds now) const;
  void tcp(const Passing& p, Flow& flow);
  void dns(const Passing& p, Flow& flow);
  void echo(const Passing& p, Flow& flow);
  void unreachable(const Passing& p, const Flow& flow);
  void refuse(const Passing& p);
  void ask(Flow& flow, std::uint8_t from, std::uint16_t id, Nanoseconds time, bool is_dns);
  Nanoseconds answer(Flow& flow, std::uint16_t id, Nanoseconds time);
  void round_trip(const FlowKey& key, Flow& flow, std::uint8_t side, Nanoseconds rtt);
  void events(const FlowKey& key, Flow& flow, std::uint8_t from);
  void response(const FlowKey& key, Flow& flow, std::uint8_t from, Nanoseconds time);
  template <class Apply>
  void each_loss(const Flow& flow, std::uint8_t sender, Apply&& apply, std::uint8_t ends = 3);
  VnicPerformance* performance_of(std::uint32_t vnic) { return vnic < performance_.size() ? performance_[vnic].get() : nullptr; }
  void follow_sender(const Passing& p, Flow& flow, Nanoseconds now);
  double share_of(const FlowKey& key) const;
  double scale_and_note(const FlowKey& key, const Flow& flow, std::uint8_t from, double octets);
  void count_out(const FlowKey& key, Flow& flow, Nanoseconds now);
  bool waits(Flow& flow, Nanoseconds now, bool all);
  void forget(const FlowKey& key, Flow& flow, Nanoseconds now);
  void count_out_all(Nanoseconds now, bool all);

  CaptureIntakeOptions options_;
  PacketFormat format_;
  FlowLedger ledger_;
  std::unique_ptr<ApplicationDetector> detector_;  // goes after the flows
  std::vector<Passing> passing_, coming_;
  HeavyTable<FlowKey, Flow> flows_;
  std::vector<std::uint32_t> dirty_;  // places of flows that have something to count out
  TcpGaps gaps_;
  TcpEvents events_;
  HeavyTable<PeerKey, PeerLatency> peers_;
  std::vector<std::unique_ptr<VnicPerformance>> performance_;  // by the ledger's numbers
  struct {
    double data{1}, control{1};
  } kept_share_;
  PacketsTaken taken_packets_;
  VolumeCalibration calibration_;
  Nanoseconds aged_{0}, room_made_{0};
  Nanoseconds recent_since_{0};
  Nanoseconds walltime_{0}, taken_{0};  // of the last packet, by the two clocks
  struct Counts {
    std::uint64_t packets{0}, octets{0}, malformed{0}, truncated{0}, flows_idle{0}, round_trips{0};
  } counts_;
};

}  // namespace vmtraffic
