// One line of collectd's configuration as a plain value (oconfig_item_t without collectd), and how to read its arguments.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.hpp"

namespace vmtraffic::collectd {

using OptionValue = std::variant<std::string, double, bool>;

struct OptionItem {
  std::string key;
  std::vector<OptionValue> values;
  bool block{false};  // written as <Key …> … </Key>
};

// As one would write it: `HostnameFormat "name"`, printable.
std::string to_text(const OptionItem& item);

// Readers of an item's arguments. An error's text says what would be right, without the place.
Result<std::string> read_string(const OptionItem& item);  // exactly one, quoted
Result<bool> read_boolean(const OptionItem& item);        // true/yes/on or false/no/off, quoted or not
Result<double> read_number(const OptionItem& item, double lowest, double highest);
// Any number of words, in one string or several: collectd hands simple options such as virt's over joined.
std::vector<std::string> read_words(const OptionItem& item);

bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace vmtraffic::collectd
