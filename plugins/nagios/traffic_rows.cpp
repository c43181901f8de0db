#include "plugins/nagios/traffic_rows.hpp"

#include <fmt/format.h>

#include <algorithm>

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

  void add(const VnicRow& vnic) {
    ++row_.vnics;
    counted_ = counted_ || counts(vnic.rx, options_.metric) || counts(vnic.tx, options_.metric);
    const WindowRates rates = snapshot_.rates(vnic.index, options_.window);
    if (!(rates.covered_s > 0)) return;
    const std::optional<double> rx = rate_of(options_.highest ? rates.rx_highest : rates.rx, options_.metric);
    const std::optional<double> tx = rate_of(options_.highest ? rates.tx_highest : rates.tx, options_.metric);
    if (rx) rx_.add(*rx, vnic.bandwidth_rx, options_.metric);
    if (tx) tx_.add(*tx, vnic.bandwidth_tx, options_.metric);
    if (!rx && !tx) return;
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
  bool wants_rx() const { return options_.direction == Direction::kRx || options_.direction == Direction::kBoth; }
  bool wants_tx() const { return options_.direction == Direction::kTx || options_.direction == Direction::kBoth; }
  bool wanted_direction_measured() const { return (wants_rx() && rx_.measured()) || (wants_tx() && tx_.measured()); }

  void take_values() {
    if (wants_rx()) row_.rx = rx_.value(options_);
    if (wants_tx()) row_.tx = tx_.value(options_);
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
      return options.not_running;
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

// Rows of a domain that runs.
void add_active(const Snapshot& snapshot, const DomainRow& domain, const TrafficOptions& options, std::vector<bool>& macs_found,
                std::vector<Row>& rows) {
  const std::vector<MacAddress>& macs = options.selection.macs;
  RowBuilder whole(snapshot, options);
  std::size_t accepted = 0;
  for (std::size_t index = domain.first_vnic; index < domain.first_vnic + domain.vnic_count; ++index) {
    const VnicRow vnic = snapshot.vnic(index);
    if (!options.selection.accepts(vnic.key.mac)) continue;
    for (std::size_t i = 0; i < macs.size(); ++i) macs_found[i] = macs_found[i] || macs[i] == vnic.key.mac;
    ++accepted;
    if (options.per_vnic) {
      RowBuilder one(snapshot, options);
      one.add(vnic);
      rows.push_back(one.finish(domain.index, index));
    } else {
      whole.add(vnic);
    }
  }
  const bool filtered_out = accepted == 0 && !macs.empty();
  if ((!options.per_vnic || accepted == 0) && !filtered_out) rows.push_back(whole.finish(domain.index, std::nullopt));
}

// A domain that does not run is one row, whatever a row is, unless none of its vNICs is wanted.
void add_inactive(const Snapshot& snapshot, const DomainRow& domain, const TrafficOptions& options, std::vector<bool>& macs_found,
                  std::vector<Row>& rows) {
  const std::vector<MacAddress>& macs = options.selection.macs;
  bool wanted = macs.empty();
  for (std::size_t index = domain.first_vnic; index < domain.first_vnic + domain.vnic_count && !macs.empty(); ++index) {
    const MacAddress mac = snapshot.vnic(index).key.mac;
    for (std::size_t i = 0; i < macs.size(); ++i) {
      if (macs[i] != mac) continue;
      macs_found[i] = true;
      wanted = true;
    }
  }
  if (wanted) rows.push_back({.domain = domain.index, .kind = RowKind::kNotRunning});
}

}  // namespace

double Row::largest() const { return std::max({rx.value_or(-1), tx.value_or(-1), sum.value_or(-1)}); }

bool names_are_old(Nanoseconds age, Nanoseconds interval) {
  constexpr Nanoseconds kLeast = 30 * kSecond;
  return age > std::max(kLeast, kStaleAfterIntervals * interval);
}

Rows traffic_rows(const Snapshot& snapshot, const TrafficOptions& options, const Clock& clock) {
  Rows result;
  result.rows.reserve(options.per_vnic ? snapshot.vnic_count() + snapshot.domain_count() : snapshot.domain_count());
  std::vector<bool> macs_found(options.selection.macs.size(), false);
  const Nanoseconds now = clock.boottime();
  const Nanoseconds interval = snapshot.info().interval;

  const auto add_domain = [&](const DomainRow& domain) {
    const std::size_t first = result.rows.size();
    if (is_active(domain.state)) {
      add_active(snapshot, domain, options, macs_found, result.rows);
    } else {
      add_inactive(snapshot, domain, options, macs_found, result.rows);
    }
    if (first == result.rows.size()) return;
    const bool old = domain.confirmed_boottime && names_are_old(now - *domain.confirmed_boottime, interval);
    if (old) result.oldest_names = std::max(result.oldest_names.value_or(0), now - *domain.confirmed_boottime);
    for (std::size_t i = first; i < result.rows.size(); ++i) {
      Row& row = result.rows[i];
      row.state = judge(row, options);
      // That it does not run is what libvirt said, and that was long ago: it says nothing about now.
      if (old && row.kind == RowKind::kNotRunning) row.state = worse(row.state, State::kUnknown);
    }
  };
  result.missing = visit_selected(snapshot, options.selection, add_domain);
  for (std::size_t i = 0; i < macs_found.size(); ++i) {
    if (!macs_found[i]) result.missing.push_back("vNIC " + options.selection.macs[i].text());
  }
  if (result.rows.empty() && result.missing.empty() && options.selection.selects_anything()) {
    result.missing.emplace_back("any VM that is selected");
  }
  std::sort(result.rows.begin(), result.rows.end(), worse_row);
  return result;
}

}  // namespace vmtraffic::nagios
