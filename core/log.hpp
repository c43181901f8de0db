// Where complaints go. The host decides: collectd's log, syslog, standard error.
#pragma once

#include <functional>
#include <string_view>

namespace vmtraffic {

enum class LogLevel { kError, kWarning, kNotice, kInfo, kDebug };

// Called from any of our threads. The text is one printable line.
using Log = std::function<void(LogLevel, std::string_view)>;

}  // namespace vmtraffic
