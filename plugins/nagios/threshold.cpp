#include "plugins/nagios/threshold.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "core/text.hpp"

namespace vmtraffic::nagios {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What the number's last letter multiplies by; 1 for a digit.
double multiplier(char last) {
  switch (last) {
    case 'k':
    case 'K':
      return 1e3;
    case 'M':
      return 1e6;
    case 'G':
      return 1e9;
    case 'T':
      return 1e12;
    default:
      return 1;
  }
}

std::size_t take_digits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
  text.remove_prefix(count);
  return count;
}

Error wrong(std::string_view range, std::string_view why) {
  return {ErrorCode::kInvalid,
          fmt::format("\"{}\" is no range: {}; right would be e.g. 10, 10:, ~:10, 10:20 or @10:20", printable(range, "|\""), why)};
}

}  // namespace

std::optional<double> parse_plain_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  // strtod would also take blanks, exponents, hex, "inf" and ".5"; an operator who writes one of these made a slip.
  std::string_view rest = text.starts_with('-') ? text.substr(1) : text;
  const std::size_t whole_digits = take_digits(rest);
  if (whole_digits == 0) return std::nullopt;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    if (take_digits(rest) == 0) return std::nullopt;
  }
  if (!rest.empty()) return std::nullopt;
  // Not from_chars: in libstdc++ 12 it pulls in libm, and each library that a check loads shows in its time. No check sets a locale.
  const double value = std::strtod(std::string(text).c_str(), nullptr);
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<double> parse_number(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const double factor = multiplier(text.back());
  if (factor > 1) text.remove_suffix(1);
  const std::optional<double> value = parse_plain_number(text);
  if (!value || !std::isfinite(*value * factor)) return std::nullopt;
  return *value * factor;
}

std::string plain_number(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

bool Range::alerts(double value) const {
  const bool within = start <= value && value <= end;  // never for NaN, which therefore alerts outside and not inside
  return within == inside;
}

std::string Range::text() const {
  std::string text = inside ? "@" : "";
  if (start != 0 || end == kInfinity) text += (start == -kInfinity ? "~" : plain_number(start, 6)) + ":";
  if (end != kInfinity) text += plain_number(end, 6);
  return text;
}

Result<Range> parse_range(std::string_view text, NumberParser parse) {
  const std::string_view whole = text;
  Range range;
  if (text.starts_with('@')) {
    range.inside = true;
    text.remove_prefix(1);
  }
  if (text.empty()) return wrong(whole, "there is no number");
  const std::size_t colon = text.find(':');
  const std::string_view start = colon == std::string_view::npos ? std::string_view{} : text.substr(0, colon);
  const std::string_view end = colon == std::string_view::npos ? text : text.substr(colon + 1);
  if (start.empty() && end.empty()) return wrong(whole, "it has neither a start nor an end");

  if (start == "~") {
    range.start = -kInfinity;
  } else if (!start.empty()) {
    const std::optional<double> number = parse(start);
    if (!number) return wrong(whole, fmt::format("its start \"{}\" is no number", printable(start, "|\"")));
    range.start = *number;
  }
  if (!end.empty()) {
    const std::optional<double> number = parse(end);
    if (!number && colon == std::string_view::npos) return wrong(whole, "it is no number");
    if (!number) return wrong(whole, fmt::format("its end \"{}\" is no number", printable(end, "|\"")));
    range.end = *number;
  }
  if (range.start > range.end) {
    return wrong(whole, fmt::format("its start {} is above its end {}", plain_number(range.start, 6), plain_number(range.end, 6)));
  }
  return range;
}

State Thresholds::state(double value) const {
  if (critical && critical->alerts(value)) return State::kCritical;
  if (warning && warning->alerts(value)) return State::kWarning;
  return State::kOk;
}

}  // namespace vmtraffic::nagios
