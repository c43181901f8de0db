// Thresholds as every Nagios user writes them (monitoring plugins' guidelines, "Threshold and ranges"):
//
//   10       alert below 0 or above 10        ~:10    alert above 10 (~ is minus infinity)
//   10:      alert below 10                   10:20   alert outside 10 to 20
//   :10      the same as 10                   @10:20  alert inside 10 to 20, the ends included
//
// Ends belong to the range. One addition: a number may carry k, M, G or T (powers of 1,000), since rates have many digits,
// or be of a check's own unit. This is the only place that knows the grammar.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "plugins/nagios/state.hpp"

namespace vmtraffic::nagios {

struct Range {
  double start{0};
  double end{std::numeric_limits<double>::infinity()};
  bool inside{false};  // alert inside rather than outside

  bool alerts(double value) const;
  std::string text() const;  // in the plain grammar, without k, M, G, T: what perfdata carries
  friend bool operator==(const Range&, const Range&) = default;
};

// How a range's numbers are written.
using NumberParser = std::optional<double> (*)(std::string_view);
// A decimal number such as "1.5", "-3", "10M": digits, perhaps a fraction, perhaps k, M, G or T. Nothing else: no blanks, exponents, hex.
std::optional<double> parse_number(std::string_view text);
// The same without k, M, G and T: of a share they are a slip.
std::optional<double> parse_plain_number(std::string_view text);

// kInvalid with a sentence that says what is wrong with the range and what would be right.
Result<Range> parse_range(std::string_view text, NumberParser parse = parse_number);

struct Thresholds {
  std::optional<Range> warning, critical;
  State state(double value) const;  // kOk, kWarning or kCritical
  friend bool operator==(const Thresholds&, const Thresholds&) = default;
};

// The shortest decimal notation without an exponent, at most `decimals` of them: perfdata knows no exponents.
std::string plain_number(double value, int decimals = 3);

}  // namespace vmtraffic::nagios
