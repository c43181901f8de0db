#include "plugins/standalone/text_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <numeric>

namespace vmtraffic::standalone {
namespace {

constexpr std::size_t kNarrowestName = 8;

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// The first characters of valid UTF-8, with "…" as the last when something was cut.
std::string cut(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) return text;
  std::size_t at = 0;
  for (std::size_t kept = 0; kept + 1 < width; ++kept) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  }
  return text.substr(0, at) + "…";
}

bool sensible(const std::optional<double>& rate) { return rate && std::isfinite(*rate) && *rate >= 0; }

std::string scaled(double value, std::string_view unit) {
  constexpr std::array<std::string_view, 5> kPrefixes{"", "k", "M", "G", "T"};
  std::size_t prefix = 0;
  while (value >= 999.5 && prefix + 1 < kPrefixes.size()) {
    value /= 1000;
    ++prefix;
  }
  return fmt::format("{} {}{}", number(value), kPrefixes[prefix], unit);
}

std::vector<std::size_t> widths_of(const std::vector<Column>& columns, const std::vector<Cells>& rows) {
  std::vector<std::size_t> widths;
  widths.reserve(columns.size());
  for (const Column& column : columns) widths.push_back(column.title.size());
  for (const Cells& cells : rows) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], width_of(cells[i]));
  }
  return widths;
}

std::string line_of(const std::vector<Column>& columns, const std::vector<std::size_t>& widths, const Cells& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths[i] - std::min(widths[i], width_of(cells[i])), ' ');
    line += i == 0 ? "" : "  ";
    line += columns[i].right ? padding + cells[i] : cells[i] + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  line += '\n';
  return line;
}

}  // namespace

double seconds(Nanoseconds time) { return static_cast<double>(time) / kSecond; }

std::string number(double value) {
  std::string text = fmt::format("{:.{}f}", value, value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
  if (text.find('.') != std::string::npos) text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string bits(const std::optional<double>& octets_per_second) {
  if (!sensible(octets_per_second)) return std::string(kAbsent);
  return scaled(*octets_per_second * 8, "bit/s");
}

std::string octets(double count) { return sensible(count) ? scaled(count, "B") : std::string(kAbsent); }

std::string percent(double share) { return std::isfinite(share) ? fmt::format("{:.0f} %", share * 100) : std::string(kAbsent); }

std::string per_second(const std::optional<double>& rate) { return sensible(rate) ? number(*rate) : std::string(kAbsent); }

std::string total(const std::optional<std::uint64_t>& value) { return value ? fmt::format("{}", *value) : std::string(kAbsent); }

// rx and tx of something that is mostly zero, in one column.
std::string both(const std::optional<std::uint64_t>& rx, const std::optional<std::uint64_t>& tx) {
  return rx || tx ? fmt::format("{}/{}", total(rx), total(tx)) : std::string(kAbsent);
}

std::string duration(Nanoseconds time) {
  const double s = seconds(std::max<Nanoseconds>(0, time));
  if (s < 180) return fmt::format("{:.0f} s", s);
  if (s < 180.0 * 60) return fmt::format("{:.0f} min", std::floor(s / 60));
  if (s < 72.0 * 3600) return fmt::format("{:.0f} h", std::floor(s / 3600));
  return fmt::format("{:.0f} days", std::floor(s / 86400));
}

std::string utc(Nanoseconds walltime) {
  const std::time_t time = walltime / kSecond;
  std::tm parts{};
  if (gmtime_r(&time, &parts) == nullptr) return "at an unknown time";
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                     parts.tm_min, parts.tm_sec);
}

std::string lines_of(const std::vector<Column>& columns, std::vector<Cells> rows, std::size_t width) {
  std::vector<std::size_t> widths = widths_of(columns, rows);
  const std::size_t all = std::accumulate(widths.begin(), widths.end(), 2 * (widths.size() - 1));
  if (width != 0 && all > width) {
    // The first column is the one that can be as long as its tenant likes.
    const std::size_t excess = all - width;
    widths[0] = std::max(kNarrowestName, widths[0] > excess ? widths[0] - excess : 0);
    for (Cells& cells : rows) cells[0] = cut(cells[0], widths[0]);
  }
  Cells titles;
  for (const Column& column : columns) titles.emplace_back(column.title);
  std::string text = line_of(columns, widths, titles);
  for (const Cells& cells : rows) text += line_of(columns, widths, cells);
  return text;
}

}  // namespace vmtraffic::standalone
