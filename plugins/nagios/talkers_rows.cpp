#include "plugins/nagios/talkers_rows.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace vmtraffic::nagios {
namespace {

// A row that began a moment ago has seen too little time to divide by.
constexpr double kLeastCovered_s = 1;

double finite_or_zero(double value) { return std::isfinite(value) && value > 0 ? value : 0; }

// Rows of a kind stand in the order of their vNICs: the first of `vnic`, or where it would stand.
template <class VnicOf>
std::size_t first_row(std::size_t count, std::size_t vnic, const VnicOf& vnic_of) {
  std::size_t first = 0;
  while (count > 0) {
    const std::size_t half = count / 2;
    if (vnic_of(first + half) < vnic) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return first;
}

// Collects one VM's vNICs.
class TalkerBuilder {
 public:
  TalkerBuilder(const Snapshot& snapshot, const FlowsInfo& flows, const NamedNetworks& networks, const TalkersOptions& options)
      : snapshot_(snapshot), flows_(flows), networks_(networks), options_(options) {}

  void add(std::size_t vnic) {
    const std::optional<VnicFlowsRow> all = snapshot_.vnic_flows(vnic);
    if (!all) return;
    ever_sampled_ = ever_sampled_ || all->all.rx.total.samples > 0 || all->all.tx.total.samples > 0;
    add(all->all, rx_, tx_);
    std::size_t published = 0;
    const auto conversation_vnic = [this](std::size_t index) { return snapshot_.conversation(index).vnic; };
    for (std::size_t i = first_row(snapshot_.conversation_count(), vnic, conversation_vnic); i < snapshot_.conversation_count(); ++i) {
      const ConversationRow row = snapshot_.conversation(i);
      if (row.vnic != vnic) break;
      if (row.kind == PeerKind::kNone || !is_recent(row.flows)) continue;
      add(row);
      ++published;
    }
    if (all->peers && *all->peers > published) unpublished_ += *all->peers - published;
    if (!options_.rules.any_for_ports()) return;
    const auto service_vnic = [this](std::size_t index) { return snapshot_.service(index).vnic; };
    for (std::size_t i = first_row(snapshot_.service_count(), vnic, service_vnic); i < snapshot_.service_count(); ++i) {
      const ServiceRow row = snapshot_.service(i);
      if (row.vnic != vnic) break;
      if (is_recent(row.flows)) add(row);
    }
  }

  Talker finish(std::size_t domain) {
    Talker talker{.domain = domain, .kind = ever_sampled_ ? TalkerKind::kSampled : TalkerKind::kNeverSampled};
    talker.recently_sampled = rx_.samples() + tx_.samples() > 0;
    talker.unpublished = unpublished_;
    talker.peers = talks_.size() + unpublished_;
    take_services();
    talker.talks = std::move(talks_);
    for (Talk& talk : talker.talks) {
      talk.values = values(talk.rx, talk.tx);
      if (talk.judgement.ruling == Ruling::kForbidden) talk.state = options_.forbidden;
      if (talk.judgement.ruling == Ruling::kUndecided) talk.state = State::kUnknown;
      talker.forbidden += talk.judgement.ruling == Ruling::kForbidden;
    }
    judge_top(talker);
    std::stable_sort(talker.talks.begin(), talker.talks.end(),
                     [](const Talk& a, const Talk& b) { return a.state != b.state ? a.state > b.state : a.largest() > b.largest(); });
    for (const Talk& talk : talker.talks) talker.state = worse(talker.state, talk.state);
    return talker;
  }

 private:
  static bool is_recent(const FlowBothWays& flows) { return flows.rx.recent.samples > 0 || flows.tx.recent.samples > 0; }

  // Over the whole window, also for a row that began in it: as every front end does, so that rows add up.
  void add(const FlowBothWays& flows, SampledSum& rx, SampledSum& tx) const {
    const double covered_s = std::max(kLeastCovered_s, finite_or_zero(flows_.covered_s));
    rx.add(flows.rx.recent, covered_s);
    tx.add(flows.tx.recent, covered_s);
  }

  void add(const ConversationRow& row) {
    PeerName peer{.kind = row.kind, .address = row.address, .network = row.network};
    PeerFacts facts{.kind = row.kind, .address = row.address, .network = row.network};
    if (row.kind == PeerKind::kVnic) {
      const VnicRow vnic = snapshot_.vnic(row.peer_vnic);
      peer.domain = vnic.domain;
      facts.vm = snapshot_.domain(vnic.domain).name;
      facts.addresses = vnic.addresses;
    }
    take(talk_with(peer, row), row, facts);
  }

  void take(Talk& talk, const ConversationRow& row, const PeerFacts& facts) {
    if (talk.service != row.service) talk.service = {};
    if (talk.application != row.application) talk.application = {};
    talk.source = std::min(talk.source, row.source);
    add(row.flows, talk.rx, talk.tx);
    for (const Judgement& judgement : {options_.rules.of_peer(facts, networks_), options_.rules.of_service(row.service)}) {
      if (judgement.ruling > talk.judgement.ruling) talk.judgement = judgement;
      if (judgement.ruling == Ruling::kForbidden) named_services_.push_back(row.service);
    }
  }

  // A forbidden service, with whomever; beside the conversations only where none of these tells with whom.
  void add(const ServiceRow& row) {
    Judgement judgement = options_.rules.of_service(row.service);
    if (judgement.ruling == Ruling::kFine) return;
    const auto same = [&](const Talk& talk) { return talk.service == row.service; };
    auto found = std::find_if(services_.begin(), services_.end(), same);
    if (found == services_.end()) found = services_.insert(found, Talk{.service = row.service, .judgement = std::move(judgement)});
    add(row.flows, found->rx, found->tx);
  }

  void take_services() {
    for (Talk& talk : services_) {
      if (std::find(named_services_.begin(), named_services_.end(), talk.service) == named_services_.end())
        talks_.push_back(std::move(talk));
    }
  }

  Talk& talk_with(const PeerName& peer, const ConversationRow& row) {
    const auto found = std::find_if(talks_.begin(), talks_.end(), [&](const Talk& talk) { return talk.peer == peer; });
    if (found != talks_.end()) return *found;
    talks_.push_back({.peer = peer, .service = row.service, .application = row.application, .source = row.source});
    return talks_.back();
  }

  TalkValue value(const SampledSum& sum, const SampledSum& whole) const {
    const double of = whole.amount(options_.metric);
    const double share = of > 0 ? std::min(100.0, sum.amount(options_.metric) / of * 100) : 0;
    return {.value = options_.share ? share : sum.per_second(options_.metric),
            .error_95 = sum.error_95(options_.metric),
            .samples = sum.samples(),
            .enough = sum.samples() >= options_.min_samples};
  }

  TalkValues values(const SampledSum& rx, const SampledSum& tx) const {
    TalkValues values;
    if (wants_rx(options_.direction)) values[0] = value(rx, rx_);
    if (wants_tx(options_.direction)) values[1] = value(tx, tx_);
    if (options_.direction == Direction::kSum) {
      SampledSum sum = rx, whole = rx_;
      sum.add(tx);
      whole.add(tx_);
      values[2] = value(sum, whole);
    }
    return values;
  }

  // The ranges judge the greatest figure of each direction among those with enough samples; only where none has, another is shown as top.
  void judge_top(Talker& talker) const {
    for (std::size_t i = 0; i < kTalkDirections.size(); ++i) {
      Talk* top = nullptr;
      for (Talk& talk : talker.talks) {
        if (!talk.values[i] || talk.peer.kind == PeerKind::kNone) continue;
        if (top == nullptr || above(*talk.values[i], *top->values[i])) top = &talk;
      }
      if (top == nullptr) continue;
      talker.top[i] = top->values[i];
      if (top->values[i]->enough) top->state = worse(top->state, options_.thresholds.state(top->values[i]->value));
    }
  }

  static bool above(const TalkValue& a, const TalkValue& b) { return a.enough != b.enough ? a.enough : a.value > b.value; }

  const Snapshot& snapshot_;
  const FlowsInfo& flows_;
  const NamedNetworks& networks_;
  const TalkersOptions& options_;
  SampledSum rx_, tx_;  // of the whole VM
  bool ever_sampled_{false};
  std::size_t unpublished_{0};
  std::vector<Talk> talks_, services_;
  std::vector<ServiceKey> named_services_;  // forbidden ones that a conversation tells of
};

Talker make_talker(const Snapshot& snapshot, const FlowsInfo& flows, const NamedNetworks& networks, const DomainRow& domain,
                   const TalkersOptions& options) {
  if (!is_active(domain.state)) return {.domain = domain.index, .kind = TalkerKind::kNotRunning};
  TalkerBuilder builder(snapshot, flows, networks, options);
  for (std::size_t vnic = domain.first_vnic; vnic < domain.first_vnic + domain.vnic_count; ++vnic) builder.add(vnic);
  return builder.finish(domain.index);
}

bool any_recently_sampled(const Snapshot& snapshot) {
  for (std::size_t vnic = 0; vnic < snapshot.vnic_count(); ++vnic) {
    const std::optional<VnicFlowsRow> row = snapshot.vnic_flows(vnic);
    if (row && (row->all.rx.recent.samples > 0 || row->all.tx.recent.samples > 0)) return true;
  }
  return false;
}

void count(Talkers& talkers) {
  for (const Talker& talker : talkers.all) {
    talkers.counts.add(talker.state);
    talkers.not_running += talker.kind == TalkerKind::kNotRunning;
    talkers.never_sampled += talker.kind == TalkerKind::kNeverSampled;
    talkers.recently_sampled = talkers.recently_sampled || talker.recently_sampled;
  }
}

}  // namespace

void SampledSum::Quantity::add(double recent, double error_95, double covered_s) {
  const double sum = finite_or_zero(recent);
  const double bound = sum * finite_or_zero(error_95);
  amount += sum;
  per_second += sum / covered_s;
  bound_squared += bound * bound;
}

void SampledSum::Quantity::add(const Quantity& other) {
  amount += other.amount;
  per_second += other.per_second;
  bound_squared += other.bound_squared;
}

void SampledSum::add(const Estimate& recent, double covered_s) {
  if (recent.samples == 0) return;
  samples_ += recent.samples;
  octets_.add(recent.octets, recent.octets_error_95, covered_s);
  packets_.add(recent.packets, recent.packets_error_95, covered_s);
}

void SampledSum::add(const SampledSum& other) {
  samples_ += other.samples_;
  octets_.add(other.octets_);
  packets_.add(other.packets_);
}

double SampledSum::per_second(Metric metric) const {
  if (metric == Metric::kPackets) return packets_.per_second;
  return octets_.per_second * (metric == Metric::kBits ? 8 : 1);
}

double SampledSum::error_95(Metric metric) const {
  const Quantity& quantity = metric == Metric::kPackets ? packets_ : octets_;
  return quantity.amount > 0 ? std::sqrt(quantity.bound_squared) / quantity.amount : 0;
}

double Talk::largest() const {
  double most = 0;
  for (const std::optional<TalkValue>& value : values) most = std::max(most, value ? value->value : 0);
  return most;
}

Talkers talkers_of(const Snapshot& snapshot, const FlowsInfo& flows, const NamedNetworks& networks, const TalkersOptions& options,
                   const Clock& clock) {
  Talkers talkers;
  talkers.vms = visit_vms(snapshot, options.selection, clock, [&](const DomainRow& domain, bool old) {
    talkers.all.push_back(make_talker(snapshot, flows, networks, domain, options));
    Talker& talker = talkers.all.back();
    if (talker.kind == TalkerKind::kNotRunning) talker.state = state_not_running(options.not_running, old);
    return true;
  });
  if (talkers.all.empty()) explain_nothing(snapshot, options.selection, talkers.vms.missing);
  count(talkers);
  talkers.recently_sampled = talkers.recently_sampled || any_recently_sampled(snapshot);
  std::stable_sort(talkers.all.begin(), talkers.all.end(),
                   [](const Talker& a, const Talker& b) { return a.state != b.state ? a.state > b.state : a.largest() > b.largest(); });
  return talkers;
}

}  // namespace vmtraffic::nagios
