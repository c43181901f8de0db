#include "plugins/collectd/option_item.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "core/text.hpp"

namespace vmtraffic::collectd {
namespace {

constexpr std::size_t kMaxShownOctets = 200;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string plain(const OptionValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  return std::get<bool>(value) ? "true" : "false";
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string to_text(const OptionItem& item) {
  std::string out = printable(item.key);
  for (const OptionValue& value : item.values) {
    const bool quoted = std::holds_alternative<std::string>(value);
    out += quoted ? fmt::format(" \"{}\"", printable(plain(value))) : " " + plain(value);
  }
  return shortened(out, kMaxShownOctets);
}

Result<std::string> read_string(const OptionItem& item) {
  if (item.values.size() != 1) return Error{ErrorCode::kInvalid, "takes one argument"};
  const auto* text = std::get_if<std::string>(&item.values.front());
  if (text == nullptr) return Error{ErrorCode::kInvalid, "takes text: put it in quotes"};
  return *text;
}

Result<bool> read_boolean(const OptionItem& item) {
  if (item.values.size() == 1) {
    if (const auto* given = std::get_if<bool>(&item.values.front())) return *given;
    const std::string text = plain(item.values.front());
    for (const char* word : {"true", "yes", "on"}) {
      if (equal_ignoring_case(text, word)) return true;
    }
    for (const char* word : {"false", "no", "off"}) {
      if (equal_ignoring_case(text, word)) return false;
    }
  }
  return Error{ErrorCode::kInvalid, "takes true or false"};
}

Result<double> read_number(const OptionItem& item, double lowest, double highest) {
  if (item.values.size() == 1) {
    const std::string text = plain(item.values.front());
    double number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed == std::errc{} && end == text.data() + text.size() && number >= lowest && number <= highest) return number;
  }
  return Error{ErrorCode::kInvalid, fmt::format("takes a number from {} to {}", lowest, highest)};
}

std::vector<std::string> read_words(const OptionItem& item) {
  std::vector<std::string> words;
  for (const OptionValue& value : item.values) {
    std::istringstream stream(plain(value));
    for (std::string word; stream >> word;) words.push_back(word);
  }
  return words;
}

}  // namespace vmtraffic::collectd
