// Says once why there is nothing, then seldom, and once that it is over.
#pragma once

#include <optional>
#include <string>

#include "core/types.hpp"

namespace vmtraffic::collectd {

class Complaint {
 public:
  static constexpr Nanoseconds kRepeat = 600 * kSecond;    // the same reason again
  static constexpr Nanoseconds kNewReason = 60 * kSecond;  // another reason, so that two in turn do not fill the log

  // True when this is to be logged now. `reason` is what two complaints have in common, without ages and the like.
  bool due(const std::string& reason, Nanoseconds now);
  // How long it lasted, if anything was logged.
  std::optional<Nanoseconds> over(Nanoseconds now);

 private:
  std::optional<Nanoseconds> since_, logged_;
  std::string reason_;
};

}  // namespace vmtraffic::collectd
