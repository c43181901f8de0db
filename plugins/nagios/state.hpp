// The four answers a check can give, in the one order in which every check here compares them: OK < UNKNOWN < WARNING < CRITICAL.
// So a problem that was seen is never hidden by something that could not be looked at, and neither is ever OK.
#pragma once

#include <optional>
#include <string_view>

namespace vmtraffic::nagios {

enum class State { kOk, kUnknown, kWarning, kCritical };

constexpr State worse(State a, State b) { return a < b ? b : a; }

// What Nagios reads from the process: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
int exit_code(State state);

std::string_view name_of(State state);  // "OK", "UNKNOWN", "WARNING", "CRITICAL"

// A state's name in any case of letters.
std::optional<State> parse_state(std::string_view text);
inline constexpr std::string_view kStateWords = "ok, warning, critical or unknown";

}  // namespace vmtraffic::nagios
