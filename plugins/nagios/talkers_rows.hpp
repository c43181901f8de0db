// With whom each VM talks: its peers, worst and greatest first, out of the sampled flows. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/snapshot.hpp"
#include "plugins/nagios/talkers_options.hpp"
#include "plugins/nagios/vm_check.hpp"

namespace vmtraffic::nagios {

// The recent samples of one direction, over one or several rows of a snapshot.
class SampledSum {
 public:
  void add(const Estimate& recent, double covered_s);
  void add(const SampledSum& other);

  double amount(Metric metric) const { return metric == Metric::kPackets ? packets_.amount : octets_.amount; }  // bits as octets
  double per_second(Metric metric) const;
  double error_95(Metric metric) const;  // as a share of the estimate
  std::uint64_t samples() const { return samples_; }

 private:
  struct Quantity {
    double amount{0}, per_second{0}, bound_squared{0};  // the 95 % bound of `amount`: independent errors add up as squares
    void add(double recent, double error_95, double covered_s);
    void add(const Quantity& other);
  };
  Quantity octets_, packets_;
  std::uint64_t samples_{0};
};

// A figure of a peer, in the metric's unit or in percent.
struct TalkValue {
  double value{0};
  double error_95{0};  // a share of the value
  std::uint64_t samples{0};
  bool enough{false};  // samples for a range to judge by
};

// The figures in the directions that were asked for: rx, tx, sum.
using TalkValues = std::array<std::optional<TalkValue>, 3>;
inline constexpr std::array<std::string_view, 3> kTalkDirections{"rx", "tx", "sum"};

// The other end, or with kNone a service of the VM with whomever.
struct PeerName {
  PeerKind kind{PeerKind::kNone};
  std::size_t domain{0};       // kVnic
  IpAddress address{};         // kAddress
  std::string_view network{};  // kNetwork
  friend bool operator==(const PeerName&, const PeerName&) = default;
};

struct Talk {
  PeerName peer{};
  ServiceKey service{};                     // what most of it is; none: mixed, or neither TCP nor UDP
  std::string_view application{};           // likewise, where the collector tells; the snapshot's
  FlowSource source{FlowSource::kUnknown};  // of several conversations the least exact one's
  SampledSum rx{}, tx{};                    // recent
  TalkValues values{};
  Judgement judgement{};
  State state{State::kOk};

  double largest() const;
};

enum class TalkerKind {
  kSampled,       // perhaps with no peer of late
  kNeverSampled,  // runs, and no sample was ever of it
  kNotRunning,
};

// A VM.
struct Talker {
  std::size_t domain{0};
  TalkerKind kind{TalkerKind::kSampled};
  std::vector<Talk> talks{};   // of the recent window: the worst first, then the greatest
  TalkValues top{};            // of its top peer, in each direction
  std::size_t peers{0};        // all that the collector keeps
  std::size_t unpublished{0};  // those of them of which it does not tell who they are
  std::size_t forbidden{0};
  bool recently_sampled{false};
  State state{State::kOk};

  double largest() const { return talks.empty() ? 0 : talks.front().largest(); }
};

struct Talkers {
  std::vector<Talker> all;  // of the selected VMs, the worst first, then those with the greatest peers
  StateCounts counts{};
  std::size_t not_running{0}, never_sampled{0};
  bool recently_sampled{false};  // any VM of the host
  SelectedVms vms;
};

// `flows`, `networks`: the snapshot's.
Talkers talkers_of(const Snapshot& snapshot, const FlowsInfo& flows, const NamedNetworks& networks, const TalkersOptions& options,
                   const Clock& clock);

}  // namespace vmtraffic::nagios
