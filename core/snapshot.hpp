// A Snapshot: everything a collector knew at one tick, immutable. Front ends read nothing else.
//
// It is a view over one file (see core/snapshot/format.hpp): rows are made when asked for, their strings point into the file and
// live as long as the Snapshot. Domains stand in the order of their UUIDs; vNICs stand in the order of VnicKey, so that
// each domain's are together.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/address.hpp"
#include "core/clock.hpp"
#include "core/flows.hpp"
#include "core/latency.hpp"
#include "core/result.hpp"
#include "core/types.hpp"

namespace vmtraffic {

inline constexpr const char* kSnapshotFileName = "snapshot";
inline constexpr const char* kLeaseFileName = "lease";
inline constexpr const char* kPrecedenceFileName = "precedence";

// Parts of the file, verified only when asked for. A bit set.
enum SnapshotPart : unsigned {
  kPartInventory = 1u << 0,
  kPartNumbers = 1u << 1,
  kPartHealth = 1u << 2,
  kPartEvents = 1u << 3,
  kPartTags = 1u << 4,
  kPartFlows = 1u << 5,  // opens the inventory too
  kPartAgents = 1u << 6,
  kPartHosts = 1u << 7,        // of the index alone
  kPartPerformance = 1u << 8,  // opens the inventory too
  kAllParts = 0x1FFu,
};

struct SnapshotInfo {
  std::string_view host;
  std::string_view boot_id;
  std::uint64_t sequence{0};              // one more at each publication, going on over hand-overs
  Nanoseconds sampled_boottime{0};        // when the counters were read
  Nanoseconds sampled_walltime{0};        // the same for display, ns since 1970
  Nanoseconds interval{0};                // the collector's configured interval
  std::uint64_t inventory_generation{0};  // changes whenever the inventory part does
  std::uint32_t writer_pid{0};
  std::string_view writer_program;  // "collectd", "vmtraffic-agentx", "vmtraffic-collect"
  std::string_view writer_version;
};

struct TagView {
  std::string_view key;  // e.g. "nova.project"
  std::string_view value;
};

struct DomainRow {
  std::size_t index{0};  // its place in the snapshot
  DomainUuid uuid;
  std::string_view name, title;
  std::string_view connection;  // the libvirt URI it was found through
  std::string_view os_type;     // "hvm", "exe", …
  std::string_view hypervisor;  // libvirt's driver, e.g. "QEMU", "LXC"
  DomainState state{DomainState::kNoState};
  std::int32_t state_reason{0};  // libvirt's virDomain*Reason for that state
  std::optional<bool> persistent, autostart;
  std::optional<std::uint32_t> vcpus, vcpus_max;
  std::optional<std::uint64_t> memory_kib, memory_max_kib;  // current and maximum, KiB
  std::optional<std::uint64_t> cpu_time_ns;                 // used since its start
  std::optional<Nanoseconds> confirmed_boottime;            // when libvirt last said that this is so
  std::span<const TagView> tags;                            // sorted by key; empty unless kPartTags was asked for
  std::size_t first_vnic{0}, vnic_count{0};

  std::optional<std::string_view> tag(std::string_view key) const;
};

struct VnicRow {
  std::size_t index{0};
  std::size_t domain{0};  // index of its domain's row
  VnicKey key;
  std::uint32_t number{0};  // its place among its domain's vNICs in the XML, from 0
  VnicType type{VnicType::kOther};
  std::string_view source;                              // bridge, network, parent device or socket
  std::string_view tap;                                 // the host's link while the domain runs; empty otherwise
  std::string_view model;                               // "virtio", …
  std::string_view port_id;                             // Neutron's port, from virtualport's interfaceid
  std::string_view teaming;                             // "persistent" or "transient" in a failover pair; empty otherwise
  std::string_view alias;                               // libvirt's device alias, e.g. "net0"
  std::string_view pci;                                 // the passed-through function, e.g. "0000:03:10.1"; empty otherwise
  LinkState link{LinkState::kUnknown};                  // what the XML tells the guest
  std::optional<Bandwidth> bandwidth_rx, bandwidth_tx;  // guest's direction: <inbound> is what it receives
  std::span<const std::string_view> addresses;          // known IP addresses, as text

  std::optional<std::uint32_t> if_index;              // of the tap, while it exists
  Counters rx, tx;                                    // totals; absent while there is no link
  bool seldom{false};                                 // read more seldom than ticks come (vhost-user),
  bool held{false};                                   // and not for this one: totals and rates are those of the last reading
  std::optional<Nanoseconds> discontinuity_boottime;  // the totals cannot be compared with those before; nothing: never
};

struct HealthCounter {
  std::string_view name;  // e.g. "libvirt_calls", a monotonic count unless its name ends in a unit
  std::uint64_t value{0};
};

struct ProbeHealthRow {
  std::string_view name;  // "collector", "link_counters", "libvirt qemu:///system"
  HealthState state{HealthState::kStarting};
  std::string_view message;       // one sentence; empty while up
  Nanoseconds since_boottime{0};  // when the state last changed
  std::optional<Nanoseconds> last_ok_boottime;
  std::vector<HealthCounter> counters;
};

struct EventRow {
  std::uint64_t sequence{0};  // from 1, without gaps, going on over hand-overs
  Nanoseconds boottime{0};
  Nanoseconds walltime{0};
  EventKind kind{EventKind::kOther};
  DomainUuid uuid;
  std::string_view domain;  // its name at that moment
  std::string_view detail;  // libvirt's reason ("destroyed", "migrated", …), an old name, a MAC
};

// What packet samples say, as a whole. The rows of flows are those of vNICs: their `vnic` is an index of Snapshot::vnic().
struct FlowsInfo {
  double covered_s{0};                                     // what `recent` covers, up to sampled_boottime: between one window and two
  std::uint64_t samples{0};                                // of packets, since the collector's start
  double packets{0}, octets{0};                            // that they stand for
  double unattributed_packets{0}, unattributed_octets{0};  // of those: neither sent nor received by a vNIC

  // The mean over the covered time, also of a row that began in it: so rows add up, and one packet is no burst.
  double per_second(double recent) const { return recent / (covered_s < 1 ? 1.0 : covered_s); }
};

// RTT and losses as an agent's own kernel knows them (sFlow's TCP information), recent.
struct TcpPerformance {
  std::uint64_t samples{0};
  double rtt_us{0}, rtt_variance_us{0}, min_rtt_us{0};        // means of the samples', but the least of their least
  std::uint64_t samples_lossy{0}, samples_retransmitting{0};  // whose connection had lost segments, or sent some again, just then
};

struct VnicFlowsRow {
  FlowBothWays all;
  std::optional<double> coverage_rx, coverage_tx;  // recent octets ÷ what the exact counters say of the same time; 1: all was seen
  AttributedBy rx_by{AttributedBy::kNothing}, tx_by{AttributedBy::kNothing};
  std::optional<std::size_t> rx_agent, tx_agent;  // whose samples: index of Snapshot::agent()
  std::uint64_t foreign_mac{0};                   // samples from its port with another's MAC as source
  std::optional<TcpPerformance> tcp;
  // With how many there is a conversation that has recent samples, of all that are kept: Snapshot::conversation() has the top of them. A
  // network that is named is one. Nothing: an older collector does not tell.
  std::optional<std::uint32_t> peers;
};

struct ProtocolRow {
  std::size_t vnic{0};
  TrafficClass protocol{TrafficClass::kOther};
  FlowBothWays flows;
};

struct ServiceRow {
  std::size_t vnic{0};
  ServiceKey service;
  FlowBothWays flows;
};

// What a capture found a vNIC's packets to carry. The name "Unknown": it was looked for, and not found, or not yet.
struct ApplicationRow {
  std::size_t vnic{0};
  std::string_view name;      // nDPI's: "TLS.Google", "SSH"
  std::string_view category;  // nDPI's: "Web"
  FlowBothWays flows;
};

struct ConversationRow {
  std::size_t vnic{0};
  PeerKind kind{PeerKind::kNone};
  std::size_t peer_vnic{0};      // kVnic: index of Snapshot::vnic()
  IpAddress address;             // kAddress
  std::string_view network;      // kNetwork: its name
  ServiceKey service;            // what most of its samples are of; none: mixed, or neither TCP nor UDP
  std::string_view application;  // likewise; empty: mixed, or not looked for
  std::string_view server_name;  // the last one that a client asked for; empty: none, or not looked for
  FlowSource source{FlowSource::kUnknown};
  FlowBothWays flows;
};

// A network that the configuration names. An address is of the first that holds it: the longest prefixes come first.
struct NamedNetworkRow {
  std::string_view name;
  IpNetwork network;
};

// Packets that an agent reports as dropped. Exact notifications as far as the agent could send them, not estimates.
struct DropRow {
  std::optional<std::size_t> vnic;      // nothing: of no vNIC
  Direction direction{Direction::kRx};  // the packet's, as the guest sees it
  std::string_view reason;              // the trap's, the kernel's or sFlow's name
  std::uint64_t packets{0}, octets{0};  // since `since`
  std::uint64_t recent_packets{0};
  Nanoseconds since{0};
};

// What the capture probe measures, as a whole.
struct PerformanceInfo {
  double covered_s{0};   // what recent losses cover, up to sampled_boottime: between one window and two
  double kept_share{1};  // of all flows, or of control traffic if that is less; less than 1 when the CPU limit was reached: then counts are
                         // those of the flows that were kept
};

// Latencies of a vNIC as a whole, of one of its services, or with one peer.
struct LatencyRow {
  std::size_t vnic{0};
  LatencyKind kind{LatencyKind::kGuestRtt};
  std::optional<ServiceKey> service;  // kServed alone
  std::optional<IpAddress> peer;      // kGuestRtt and kNetworkRtt alone
  LatencyStats interval, five_minutes;
};

// What the guest received and sent. Losses lie on two sides: the guest's are those of what it sent before the tap and of what it received
// after the tap, the network's are the others.
struct LossRow {
  Nanoseconds since{0};             // boot time at which counting began
  LossCounts rx, tx;                // since then
  LossCounts rx_recent, tx_recent;  // over PerformanceInfo::covered_s
};

// An sFlow agent, or one of its sub-agents.
struct AgentRow {
  std::string_view address;  // as it names itself
  std::uint32_t sub_agent{0};
  std::string_view sender;                          // where its last datagram came from
  std::string_view host;                            // as it names its host (hsflowd); empty: it does not
  bool local{false};                                // on this host: its ports are our links
  Nanoseconds first_boottime{0}, last_boottime{0};  // of datagrams
  std::uint32_t uptime_ms{0};
  std::uint64_t datagrams{0}, lost{0}, late{0}, duplicates{0}, restarts{0};
  std::uint64_t samples{0}, samples_lost{0};               // flow samples, by its data sources' sequence numbers
  std::uint64_t counter_samples{0}, discarded_packets{0};  // samples and notifications that came
  std::uint64_t agent_drops{0};                            // packets that it could not sample, as it says itself
  std::uint64_t discard_drops{0};                          // notifications that it could not send
  std::uint32_t data_sources{0};
  double sampling_rate{0};       // packets that one sample stands for, really; 0: none yet
  std::uint32_t stated_rate{0};  // as it says itself
};

// One of the hosts that sFlow agents describe, in the index (see hosts_directory()).
struct HostRow {
  std::string_view name;         // as its agent names it; its address otherwise
  std::string_view address;      // its agent's, which names its snapshot's directory
  Nanoseconds last_boottime{0};  // of its last datagram
  std::uint32_t domains{0}, vnics{0};
};

class Snapshot {
 public:
  // From octets that `keep_alive` owns. Verifies the parts asked for; others answer as if empty.
  static Result<Snapshot> parse(std::span<const std::byte> bytes, unsigned parts, std::shared_ptr<const void> keep_alive);
  // From octets that the snapshot then owns.
  static Result<Snapshot> parse(std::vector<std::byte> bytes, unsigned parts = kAllParts);

  SnapshotInfo info() const;

  std::size_t domain_count() const;
  DomainRow domain(std::size_t index) const;
  std::size_t vnic_count() const;
  VnicRow vnic(std::size_t index) const;
  WindowRates rates(std::size_t vnic_index, Window window) const;
  std::optional<std::size_t> find_domain(const DomainUuid& uuid) const;

  std::size_t health_count() const;
  ProbeHealthRow health(std::size_t index) const;

  // Events still in the ring, oldest first. The sequence of the newest ever published (0: none).
  std::size_t event_count() const;
  EventRow event(std::size_t index) const;
  std::uint64_t last_event_sequence() const;

  // What packet samples say. Nothing: no probe takes samples, or that part was not asked for.
  std::optional<FlowsInfo> flows() const;
  std::optional<VnicFlowsRow> vnic_flows(std::size_t vnic_index) const;
  // Of all vNICs, a vNIC's together and in the order of their recent octets.
  std::size_t protocol_count() const;
  ProtocolRow protocol(std::size_t index) const;
  std::size_t service_count() const;
  ServiceRow service(std::size_t index) const;
  std::size_t application_count() const;
  ApplicationRow application(std::size_t index) const;
  std::size_t conversation_count() const;
  ConversationRow conversation(std::size_t index) const;
  // Names of networks, each once; and the networks themselves, of which several may have one name. An older collector tells names alone.
  std::size_t network_name_count() const;
  std::string_view network_name(std::size_t index) const;
  std::size_t network_count() const;
  NamedNetworkRow network(std::size_t index) const;
  std::size_t drop_count() const;
  DropRow drop(std::size_t index) const;

  // What the capture probe measures. Nothing: it does not run, or that part was not asked for.
  std::optional<PerformanceInfo> performance() const;
  // Of all vNICs, a vNIC's together: as a whole by kind, then its services, then its peers, those with the most measurements first.
  std::size_t latency_count() const;
  LatencyRow latency(std::size_t index) const;
  // Nothing: nothing was captured of it.
  std::optional<LossRow> loss(std::size_t vnic_index) const;

  // Sorted by address and sub-agent.
  std::size_t agent_count() const;
  AgentRow agent(std::size_t index) const;

  // Of the index: sorted by name and address.
  std::size_t host_count() const;
  HostRow host(std::size_t index) const;

  // Age of the sample. Nothing when it is of another boot or lies in the future: then it says nothing about now.
  std::optional<Nanoseconds> age(const Clock& clock) const;
  // Older than kStaleAfterIntervals intervals (and a second of grace), or of another boot.
  bool stale(const Clock& clock) const;

  struct Impl;                                 // holds FlatBuffers' types, which no public header shows
  const Impl& impl() const { return *impl_; }  // for core/snapshot alone

 private:
  explicit Snapshot(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

inline constexpr int kStaleAfterIntervals = 3;

// libvirt confirms names, states and tags every interval while it answers. True for those that it confirmed `age` ago, so long that it is
// worth a word.
bool names_are_old(Nanoseconds age, Nanoseconds interval);

// Reads `directory`/snapshot once. Refuses a file or directory that anyone but the collector's user (the directory's owner) or root
// may write. Errors: kMissing, kDenied, kInsecure, kTruncated, kCorrupt, kForeign, kFuture, kIo; each text names the file and what to do.
Result<Snapshot> read_snapshot(const std::filesystem::path& directory, unsigned parts = kAllParts);

// The other hosts that this collector hears of have a directory each, with a snapshot file like ours, so that whatever reads a runtime
// directory reads theirs: `directory`/hosts/ADDRESS. The index of them is the snapshot file of `directory`/hosts, of which only kPartHosts
// is there.
std::filesystem::path hosts_directory(const std::filesystem::path& directory);
std::filesystem::path host_directory(const std::filesystem::path& directory, std::string_view address);

// The directory of the host of that name or agent's address. Errors: as read_snapshot(), kMissing for a host that the index has not, or
// has twice under that name; the text names those that there are.
Result<std::filesystem::path> find_host(const std::filesystem::path& directory, std::string_view host);

// For long-lived front ends: reads again only when the file was replaced.
class SnapshotReader {
 public:
  explicit SnapshotReader(std::filesystem::path directory, unsigned parts = kAllParts);
  // The present snapshot. The same pointer as before while the file is the same.
  Result<std::shared_ptr<const Snapshot>> poll();

 private:
  std::filesystem::path directory_;
  unsigned parts_;
  std::shared_ptr<const Snapshot> current_;
  struct FileId {
    std::uint64_t device{0}, inode{0}, size{0};
    std::int64_t modified_ns{0};
    friend bool operator==(const FileId&, const FileId&) = default;
  } current_id_;
};

// Who holds the lease of `directory`, told from /proc/locks, so that no right to the lease file is needed.
struct LeaseHolder {
  std::int32_t pid{0};
  std::string command;  // /proc/PID/comm, printable; empty when not to be read
  bool stopped{false};  // the process is stopped (SIGSTOP, a debugger)
};
std::optional<LeaseHolder> lease_holder(const std::filesystem::path& directory);

}  // namespace vmtraffic
