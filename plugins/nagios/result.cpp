#include "plugins/nagios/result.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.hpp"

namespace vmtraffic::nagios {
namespace {

constexpr std::size_t kMaxLabelPart = 128;  // octets of a name in a label: one VM's name must not take all room

std::string_view text_of(Unit unit) {
  switch (unit) {
    case Unit::kSeconds:
      return "s";
    case Unit::kMilliseconds:
      return "ms";
    case Unit::kPercent:
      return "%";
    case Unit::kCount:
      return "c";
    case Unit::kNone:
      break;
  }
  return "";
}

// The last line of defence: nothing above should let these through, and if it does the format still holds.
void keep_to_one_line(std::string& text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '|' || (c >= 0 && c < ' ') || c == '\x7F'; }, '?');
}

bool plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '+' ||
         c == '@';
}

// Perfdata within `room`, and how many values of it.
struct FittedPerfdata {
  std::string text;
  std::size_t count{0};
};

FittedPerfdata fit_perfdata(const std::vector<PerfValue>& values, std::size_t room) {
  FittedPerfdata fitted;
  for (const PerfValue& value : values) {
    const std::string item = text_of(value);
    const std::size_t need = item.size() + (fitted.count == 0 ? 3 : 1);  // " | " before the first, a blank before the others
    if (need > room) continue;                                           // a VM with a long name does not take the others' room
    room -= need;
    fitted.text += fitted.count == 0 ? " | " : " ";
    fitted.text += item;
    ++fitted.count;
  }
  return fitted;
}

}  // namespace

std::string text_of(const PerfValue& value) {
  std::string text = fmt::format("'{}'=", value.label);
  if (const auto* count = std::get_if<std::uint64_t>(&value.value)) {
    text += fmt::format("{}", *count);
  } else {
    text += plain_number(std::get<double>(value.value));
  }
  text += text_of(value.unit);
  const auto& [warning, critical] = value.thresholds;
  text += fmt::format(";{};{};{};{}", warning ? warning->text() : "", critical ? critical->text() : "",
                      value.min ? plain_number(*value.min) : "", value.max ? plain_number(*value.max) : "");
  text.erase(text.find_last_not_of(';') + 1);
  return text;
}

std::string render(std::string_view service, const CheckResult& result, std::size_t max_output) {
  const std::size_t limit = std::max(max_output, kLeastMaxOutput) - 1;  // the last newline
  std::string output = fmt::format("{} {}: {}", service, name_of(result.state), result.text);
  keep_to_one_line(output);
  output = shortened(output, limit);

  FittedPerfdata perfdata = fit_perfdata(result.perfdata, limit - output.size());
  if (perfdata.count < result.perfdata.size()) {
    const auto note = [&](std::size_t count) { return fmt::format(" [{} of {} perfdata values fit]", count, result.perfdata.size()); };
    const std::size_t reserve = note(result.perfdata.size()).size();
    if (output.size() + reserve <= limit) {
      perfdata = fit_perfdata(result.perfdata, limit - output.size() - reserve);
      output += note(perfdata.count);
    }
  }
  output += perfdata.text;

  for (std::string line : result.long_text) {
    keep_to_one_line(line);
    if (output.size() + 1 + line.size() > limit) break;
    output += '\n';
    output += line;
  }
  output += "\n";
  return output;
}

std::string text_name(std::string_view name) {
  if (!name.empty() && std::all_of(name.begin(), name.end(), plain)) return std::string(name);
  return fmt::format("\"{}\"", printable(name, "|\""));
}

std::string line_of(std::string_view text) { return printable(text, "|"); }

std::string listed(const std::vector<std::string>& texts) {
  std::string list;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) list += ", ";
    if (i == kMostListed) return list + "…";
    list += texts[i];
  }
  return list;
}

std::string label_part(std::string_view name, std::string_view also) {
  const std::string safe = printable(name, fmt::format("'\"=|;{}", also));
  std::string label;
  label.reserve(safe.size());
  for (const char c : safe) {
    if (c == ':' && label.ends_with(':')) {
      label += "\\x3A";
    } else {
      label += c;
    }
  }
  return fitted(std::move(label), kMaxLabelPart);
}

}  // namespace vmtraffic::nagios
