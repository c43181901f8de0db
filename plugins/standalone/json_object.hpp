// JSON text as it grows.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/text.hpp"

namespace vmtraffic::standalone {

// One JSON object as it grows. Values that are objects or arrays themselves come as finished text.
class JsonObject {
 public:
  void add_json(std::string_view key, std::string_view json) {
    text_ += text_.empty() ? "" : ", ";
    text_ += json_string(key);
    text_ += ": ";
    text_ += json;
  }
  void add(std::string_view key, std::string_view value) { add_json(key, json_string(value)); }
  void add(std::string_view key, std::integral auto value) { add_json(key, fmt::format("{}", value)); }  // true and false as well
  void add(std::string_view key, double value) { add_json(key, std::isfinite(value) ? fmt::format("{}", value) : "null"); }
  template <class T>
  void add(std::string_view key, const std::optional<T>& value) {
    if (value) {
      add(key, *value);
    } else {
      add_json(key, "null");
    }
  }
  std::string text() const { return fmt::format("{{{}}}", text_); }

 private:
  std::string text_;
};

// "[" rows "]" with a row a line.
template <class Row>
std::string array_of(std::size_t count, const Row& row) {
  std::string text = "[";
  for (std::size_t index = 0; index < count; ++index) {
    text += index == 0 ? "\n" : ",\n";
    text += row(index);
  }
  text += count == 0 ? "]" : "\n]";
  return text;
}

// The same in one line.
template <class Rows, class Row>
std::string json_list(const Rows& rows, const Row& row) {
  std::string text;
  for (const auto& one : rows) text += (text.empty() ? "" : ", ") + row(one);
  return fmt::format("[{}]", text);
}

}  // namespace vmtraffic::standalone
