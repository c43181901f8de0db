// Where complaints go. The host decides: collectd's log, syslog, standard error.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/types.hpp"

namespace vmtraffic {

enum class LogLevel { kError, kWarning, kNotice, kInfo, kDebug };

// Called from any of our threads. The text is one printable line.
using Log = std::function<void(LogLevel, std::string_view)>;

// What goes wrong at every interval is said once, again when it is something else, and seldom while it lasts. Not for use by two threads.
class Complaints {
 public:
  static constexpr Nanoseconds kRepeat = 3600 * kSecond;   // the same again
  static constexpr Nanoseconds kNewReason = 60 * kSecond;  // something else of one subject, so that two in turn do not fill the log

  // True when `text` is to be said now of `subject`, one of a few fixed words.
  bool due(std::string_view subject, std::string_view text, Nanoseconds now) {
    const auto [at, is_new] = said_.try_emplace(std::string(subject), Said{std::string(text), now});
    if (is_new) return true;
    if (now - at->second.at < (at->second.text == text ? kRepeat : kNewReason)) return false;
    at->second = {std::string(text), now};
    return true;
  }
  // True when something had been said: it is over.
  bool over(std::string_view subject) {
    const auto found = said_.find(subject);
    if (found == said_.end()) return false;
    said_.erase(found);
    return true;
  }

 private:
  struct Said {
    std::string text;
    Nanoseconds at;
  };
  std::map<std::string, Said, std::less<>> said_;
};

}  // namespace vmtraffic
