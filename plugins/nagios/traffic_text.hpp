// check_vm_traffic's rows as text and as perfdata. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/snapshot.hpp"
#include "plugins/nagios/result.hpp"
#include "plugins/nagios/traffic_rows.hpp"
#include "plugins/nagios/vm_names.hpp"

namespace vmtraffic::nagios {

class TrafficText {
 public:
  // `names`: those of all domains.
  TrafficText(const Snapshot& snapshot, const TrafficOptions& options, std::vector<std::string_view> names);

  // "web1 rx 12.3 Mbit/s, tx 1.2 Mbit/s" or "db2 is shut off", with what else is to be known of it. `covered`: always say over how many
  // seconds.
  std::string sentence(const Row& row, bool covered) const;
  // "no speed is known for web1, db1", and what to do: `rows` as in Rows::no_speed.
  std::string no_speed(const std::vector<Row>& rows) const;
  std::string human(double value) const;  // in the unit that was asked for

  void add_perfdata(const Row& row, std::vector<PerfValue>& perfdata) const;

 private:
  std::string text_of_name(const Row& row) const;
  void add_totals(const Row& row, const std::string& domain_label, std::vector<PerfValue>& perfdata) const;

  const Snapshot& snapshot_;
  const TrafficOptions& options_;
  VmNames names_;
};

double window_seconds(Window window, Nanoseconds interval);

}  // namespace vmtraffic::nagios
