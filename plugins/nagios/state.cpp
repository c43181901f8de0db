#include "plugins/nagios/state.hpp"

#include <algorithm>
#include <array>

namespace vmtraffic::nagios {
namespace {

constexpr std::array kStates{State::kOk, State::kUnknown, State::kWarning, State::kCritical};

bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

int exit_code(State state) {
  switch (state) {
    case State::kOk:
      return 0;
    case State::kWarning:
      return 1;
    case State::kCritical:
      return 2;
    case State::kUnknown:
      break;
  }
  return 3;
}

std::string_view name_of(State state) {
  switch (state) {
    case State::kOk:
      return "OK";
    case State::kWarning:
      return "WARNING";
    case State::kCritical:
      return "CRITICAL";
    case State::kUnknown:
      break;
  }
  return "UNKNOWN";
}

std::optional<State> parse_state(std::string_view text) {
  const auto found = std::find_if(kStates.begin(), kStates.end(), [&](State state) { return same_letters(text, name_of(state)); });
  if (found == kStates.end()) return std::nullopt;
  return *found;
}

}  // namespace vmtraffic::nagios
