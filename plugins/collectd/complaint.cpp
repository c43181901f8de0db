#include "plugins/collectd/complaint.hpp"

namespace vmtraffic::collectd {

bool Complaint::due(const std::string& reason, Nanoseconds now) {
  if (!since_) since_ = now;
  if (logged_ && now - *logged_ < (reason == reason_ ? kRepeat : kNewReason)) return false;
  logged_ = now;
  reason_ = reason;
  return true;
}

std::optional<Nanoseconds> Complaint::over(Nanoseconds now) {
  const auto lasted = logged_ ? std::optional(now - *since_) : std::nullopt;
  *this = {};
  return lasted;
}

}  // namespace vmtraffic::collectd
