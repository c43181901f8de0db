// What a check says: SERVICE STATE: text | perfdata, then lines of long text. One place for the format and its limits.
//
// Whatever went in, the outcome is one line of text without '|', perfdata of whole labels, and no more octets than asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "plugins/nagios/state.hpp"
#include "plugins/nagios/threshold.hpp"

namespace vmtraffic::nagios {

// NRPE v3 and v4 carry 64 KiB, packet head included; v2 carries 1,024 octets, and Nagios Core itself keeps 8,192.
inline constexpr std::size_t kDefaultMaxOutput = 65'000;
inline constexpr std::size_t kLeastMaxOutput = 200;

// The units that perfdata knows and we need. Rates have none: there is no unit "per second", and Icinga drops what it does not know.
enum class Unit { kNone, kSeconds, kMilliseconds, kPercent, kCount };

struct PerfValue {
  std::string label;  // made with label_part()
  std::variant<double, std::uint64_t> value;
  Unit unit{Unit::kNone};
  Thresholds thresholds{};
  std::optional<double> min{}, max{};
  friend bool operator==(const PerfValue&, const PerfValue&) = default;
};

// "'label'=value[UOM];warn;crit;min;max" without empty fields at its end.
std::string text_of(const PerfValue& value);

struct CheckResult {
  State state{State::kUnknown};
  std::string text;                      // foreign parts made with text_name() or line_of()
  std::vector<PerfValue> perfdata{};     // the most important first: what does not fit is left out from the end
  std::vector<std::string> long_text{};  // one line each, likewise
};

// The whole output with its last newline, at most `max_output` octets. Perfdata that does not fit is said to be missing.
std::string render(std::string_view service, const CheckResult& result, std::size_t max_output);

// A name as it stands in text: as it is when it is plain, else in double quotes with everything escaped that could pass for something else.
// Two names that differ never look the same.
std::string text_name(std::string_view name);

// Foreign text that is a sentence rather than a name: one line without '|'.
std::string line_of(std::string_view text);

// "web1, db1": names as messages list them, after the first kMostListed only "…". A list for a person, who can ask for the rest.
inline constexpr std::size_t kMostListed = 5;
std::string listed(const std::vector<std::string>& texts);

// A name as part of a perfdata label. Quotes, '=', '|', ';', "::" (Icinga's sign of check_multi), controls and the characters of `also` are
// escaped. Two names that differ never give the same.
std::string label_part(std::string_view name, std::string_view also = "");

// What a process leaves behind: its one state and all it prints.
struct Outcome {
  State state{State::kUnknown};
  std::string output;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

}  // namespace vmtraffic::nagios
