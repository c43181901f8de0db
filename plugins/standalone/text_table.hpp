// Cells into aligned lines, and numbers into cells. Widths count characters, not columns of a terminal (a wide character shifts its row).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.hpp"

namespace vmtraffic::standalone {

inline constexpr std::string_view kAbsent = "-";

struct Column {
  std::string_view title;
  bool right{false};
};
using Cells = std::vector<std::string>;

// A line of titles, then a line of each row. The first column is shortened to fit into `width` characters; 0: as wide as it gets.
std::string lines_of(const std::vector<Column>& columns, std::vector<Cells> rows, std::size_t width);

// Three digits at least, no zeros behind the point: "0.25", "12.5", "1250".
std::string number(double value);
// kAbsent for what is no rate: absent, negative, not finite.
std::string bits(const std::optional<double>& octets_per_second);  // "1.25 Mbit/s"
std::string octets(double count);                                  // "1.25 MB"
std::string per_second(const std::optional<double>& rate);
std::string total(const std::optional<std::uint64_t>& value);
// rx and tx of something that is mostly zero, in one column.
std::string both(const std::optional<std::uint64_t>& rx, const std::optional<std::uint64_t>& tx);
std::string percent(double share);  // "98 %"; kAbsent where not finite

double seconds(Nanoseconds time);
std::string duration(Nanoseconds time);  // "12 s", "66 min", "3 h", "4 days"; never negative
std::string utc(Nanoseconds walltime);   // "2023-11-14 22:13:20 UTC"

}  // namespace vmtraffic::standalone
