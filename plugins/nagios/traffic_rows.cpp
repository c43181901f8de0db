#include "plugins/nagios/traffic_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "plugins/nagios/fresh_snapshot.hpp"

namespace vmtraffic::nagios {
namespace {

// One direction of a row, added up over its vNICs.
class DirectionSum {
 public:
  void add(double rate, const std::optional<Bandwidth>& bandwidth, Metric metric) {
    value_ += rate;
    ++measured_;
    if (bandwidth && bandwidth->average > 0) {
      limit_ += static_cast<double>(bandwidth->average) * (metric == Metric::kBits ? 8 : 1);
    } else {
      limited_ = false;
    }
  }
  bool measured() const { return measured_ > 0; }

  // The rate, or its percentage when that was asked for and there is something to be a percentage of.
  std::optional<double> value(const TrafficOptions& options) const {
    if (!measured()) return std::nullopt;
    if (!options.percent) return value_;
    if (options.speed) return value_ / (*options.speed / (options.metric == Metric::kBits ? 1 : 8)) * 100;
    if (!limited_) return std::nullopt;
    return value_ / limit_ * 100;
  }

 private:
  double value_{0}, limit_{0};
  std::size_t measured_{0};
  bool limited_{true};
};

bool counts(const Counters& counters, Metric metric) {
  switch (metric) {
    case Metric::kBits:
    case Metric::kOctets:
      return counters.octets.has_value();
    case Metric::kPackets:
      return counters.packets.has_value();
    case Metric::kErrors:
      return counters.errors.has_value();
    case Metric::kDrops:
      break;
  }
  return counters.drops.has_value();
}

// Collects a row's vNICs and then says what the row is.
class RowBuilder {
 public:
  RowBuilder(const Snapshot& snapshot, const TrafficOptions& options) : snapshot_(snapshot), options_(options) {}

  // Makes the vNIC's whole row only when its rates do not say enough: a check goes through a thousand of them.
  void add(std::size_t vnic) {
    ++row_.vnics;
    const WindowRates rates = snapshot_.rates(vnic, options_.window);
    const bool any = rates.covered_s > 0;
    const std::optional<double> rx = any ? rate_of(options_.highest ? rates.rx_highest : rates.rx, options_.metric) : std::nullopt;
    const std::optional<double> tx = any ? rate_of(options_.highest ? rates.tx_highest : rates.tx, options_.metric) : std::nullopt;
    if (!rx && !tx) {
      const VnicRow row = snapshot_.vnic(vnic);
      counted_ = counted_ || counts(row.rx, options_.metric) || counts(row.tx, options_.metric);
      return;
    }
    std::optional<Bandwidth> limit_rx, limit_tx;
    if (options_.percent && !options_.speed) {
      const VnicRow row = snapshot_.vnic(vnic);
      limit_rx = row.bandwidth_rx;
      limit_tx = row.bandwidth_tx;
    }
    if (rx) rx_.add(*rx, limit_rx, options_.metric);
    if (tx) tx_.add(*tx, limit_tx, options_.metric);
    row_.covered_s = row_.vnics_measured == 0 ? rates.covered_s : std::min(row_.covered_s, rates.covered_s);
    ++row_.vnics_measured;
  }

  Row finish(std::size_t domain, std::optional<std::size_t> vnic) {
    row_.domain = domain;
    row_.vnic = vnic;
    take_values();
    if (row_.largest() >= 0) {
      row_.kind = RowKind::kMeasured;
    } else if (row_.vnics == 0) {
      row_.kind = RowKind::kNoVnic;
    } else if (row_.vnics_measured == 0) {
      row_.kind = counted_ ? RowKind::kNoRateYet : RowKind::kNoCounters;
    } else {
      row_.kind = options_.percent && wanted_direction_measured() ? RowKind::kNoLimit : RowKind::kNoCounters;
    }
    return row_;
  }

 private:
  bool wanted_direction_measured() const {
    return (wants_rx(options_.direction) && rx_.measured()) || (wants_tx(options_.direction) && tx_.measured());
  }

  void take_values() {
    if (wants_rx(options_.direction)) row_.rx = rx_.value(options_);
    if (wants_tx(options_.direction)) row_.tx = tx_.value(options_);
    if (options_.direction == Direction::kSum && rx_.measured() && tx_.measured()) row_.sum = *rx_.value(options_) + *tx_.value(options_);
  }

  const Snapshot& snapshot_;
  const TrafficOptions& options_;
  DirectionSum rx_, tx_;
  bool counted_{false};
  Row row_;
};

State judge(const Row& row, const TrafficOptions& options) {
  switch (row.kind) {
    case RowKind::kMeasured: {
      State state = State::kOk;
      for (const std::optional<double>& value : {row.rx, row.tx, row.sum}) {
        if (value) state = worse(state, options.thresholds.state(*value));
      }
      return state;
    }
    case RowKind::kNoCounters:
      return options.no_rate;
    case RowKind::kNotRunning:
    case RowKind::kNoRateYet:
    case RowKind::kNoLimit:
    case RowKind::kNoVnic:
      break;
  }
  return State::kOk;  // does not decide; when nothing else does either, the check as a whole has no rate
}

bool worse_row(const Row& a, const Row& b) {
  if (a.state != b.state) return a.state > b.state;
  const double x = a.largest();
  const double y = b.largest();
  if (x != y) return x > y;
  if (a.domain != b.domain) return a.domain < b.domain;
  return a.vnic < b.vnic;
}

// Keeps the worst rows and counts the others: a check over a thousand VMs names five of them, and memory that is never touched costs no
// page.
class WorstRows {
 public:
  explicit WorstRows(std::size_t limit) : limit_(std::min(limit, kUnlimited)) {}

  void add(const Row& row) {
    tally_.rows.add(row.state);
    tally_.not_running += row.kind == RowKind::kNotRunning;
    tally_.measured += row.kind == RowKind::kMeasured;
    tally_.no_rate_yet += row.kind == RowKind::kNoRateYet;
    tally_.no_speed += row.kind == RowKind::kNoLimit;
    tally_.no_vnic += row.kind == RowKind::kNoVnic;
    if (row.kind == RowKind::kNoLimit && no_speed_.size() <= kMostListed) no_speed_.push_back(row);
    if (trimmed_ && !worse_row(row, rows_[limit_ - 1])) {
      largest_hidden_ = std::max(largest_hidden_, row.largest());
      return;
    }
    rows_.push_back(row);
    if (rows_.size() >= 2 * limit_ + kSlack) trim();
  }

  void finish_into(Rows& result) {
    trim();
    result.shown = std::move(rows_);
    result.largest_hidden = largest_hidden_;
    result.tally = tally_;
    result.no_speed = std::move(no_speed_);
  }

 private:
  static constexpr std::size_t kUnlimited = 1U << 30U;
  static constexpr std::size_t kSlack = 64;

  void trim() {
    const std::size_t kept = std::min(limit_, rows_.size());
    std::partial_sort(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(kept), rows_.end(), worse_row);
    for (std::size_t i = kept; i < rows_.size(); ++i) largest_hidden_ = std::max(largest_hidden_, rows_[i].largest());
    rows_.resize(kept);
    trimmed_ = kept == limit_;  // from here on the first `limit_` are known, whatever is added behind them
  }

  std::size_t limit_;  // at least 1
  bool trimmed_{false};
  std::vector<Row> rows_, no_speed_;
  double largest_hidden_{-1};
  Tally tally_;
};

// Which of a domain's vNICs are wanted by their MACs, remembering which MACs were seen at all.
class VnicFilter {
 public:
  VnicFilter(const Snapshot& snapshot, const std::vector<MacAddress>& macs) : snapshot_(snapshot), macs_(macs), seen_(macs.size(), false) {}

  bool accepts(std::size_t vnic) {
    if (macs_.empty()) return true;
    const MacAddress mac = snapshot_.vnic(vnic).key.mac;
    bool wanted = false;
    for (std::size_t i = 0; i < macs_.size(); ++i) {
      if (macs_[i] != mac) continue;
      seen_[i] = true;
      wanted = true;
    }
    return wanted;
  }
  // True when it only lets some vNICs through, so that a domain without any of these is not looked at.
  bool filters() const { return !macs_.empty(); }

  void add_unseen(std::vector<std::string>& missing) const {
    for (std::size_t i = 0; i < macs_.size(); ++i) {
      if (!seen_[i]) missing.push_back(macs_[i].text());
    }
  }

 private:
  const Snapshot& snapshot_;
  const std::vector<MacAddress>& macs_;
  std::vector<bool> seen_;
};

// Calls `add` for each row of a domain.
template <class Add>
void make_rows(const Snapshot& snapshot, const DomainRow& domain, const TrafficOptions& options, VnicFilter& filter, const Add& add) {
  const bool active = is_active(domain.state);
  const bool each = options.per_vnic && active;  // a domain that does not run is one row, whatever a row is
  RowBuilder whole(snapshot, options);
  std::size_t accepted = 0;
  for (std::size_t vnic = domain.first_vnic; vnic < domain.first_vnic + domain.vnic_count; ++vnic) {
    if (!filter.accepts(vnic)) continue;
    ++accepted;
    if (each) {
      RowBuilder one(snapshot, options);
      one.add(vnic);
      add(one.finish(domain.index, vnic));
    } else if (active) {
      whole.add(vnic);
    }
  }
  if (accepted == 0 ? filter.filters() : each) return;
  add(active ? whole.finish(domain.index, std::nullopt) : Row{.domain = domain.index, .kind = RowKind::kNotRunning});
}

}  // namespace

double Row::largest() const { return std::max({rx.value_or(-1), tx.value_or(-1), sum.value_or(-1)}); }

std::size_t rows_shown(const TrafficOptions& options) {
  const bool all = options.perfdata == PerfdataScope::kAll || options.common.verbosity > 0;
  return all ? std::numeric_limits<std::size_t>::max() : std::max<std::size_t>(options.top, 1);
}

Rows traffic_rows(const Snapshot& snapshot, const TrafficOptions& options, const Clock& clock) {
  Rows result;
  WorstRows worst(rows_shown(options));
  VnicFilter filter(snapshot, options.selection.macs);
  result.vms = visit_vms(snapshot, options.selection, clock, [&](const DomainRow& domain, bool old) {
    bool any = false;
    make_rows(snapshot, domain, options, filter, [&](Row row) {
      row.state = row.kind == RowKind::kNotRunning ? state_not_running(options.not_running, old) : judge(row, options);
      worst.add(row);
      any = true;
    });
    return any;
  });
  filter.add_unseen(result.vms.missing.macs);
  worst.finish_into(result);
  if (result.tally.rows.all == 0) explain_nothing(snapshot, options.selection, result.vms.missing);
  return result;
}

}  // namespace vmtraffic::nagios
