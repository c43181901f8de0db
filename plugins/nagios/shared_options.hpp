// Options that several checks have: which VMs, of which host, which direction, and how much perfdata.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/text.hpp"
#include "plugins/nagios/command_line.hpp"
#include "plugins/nagios/selection.hpp"

namespace vmtraffic::nagios {

enum class Direction { kRx, kTx, kBoth, kSum };
enum class PerfdataScope { kAll, kTop, kNone };

constexpr bool wants_rx(Direction direction) { return direction == Direction::kRx || direction == Direction::kBoth; }
constexpr bool wants_tx(Direction direction) { return direction == Direction::kTx || direction == Direction::kBoth; }

inline constexpr std::array<std::pair<std::string_view, Direction>, 4> kDirections{
    {{"rx", Direction::kRx}, {"tx", Direction::kTx}, {"both", Direction::kBoth}, {"sum", Direction::kSum}}};
inline constexpr std::array<std::pair<std::string_view, PerfdataScope>, 3> kScopes{
    {{"all", PerfdataScope::kAll}, {"top", PerfdataScope::kTop}, {"none", PerfdataScope::kNone}}};

// An option that takes one of a few words.
template <class Value, std::size_t N>
CommandLine::Take one_of(Value& target, const std::array<std::pair<std::string_view, Value>, N>& words) {
  return [&target, words](const std::string& text) -> std::optional<std::string> {
    std::string known;
    for (std::size_t i = 0; i < N; ++i) {
      if (text == words[i].first) {
        target = words[i].second;
        return std::nullopt;
      }
      known += fmt::format("{}{}", i == 0 ? "" : i + 1 == N ? " or " : ", ", words[i].first);
    }
    return fmt::format("\"{}\" is not known; right would be {}", printable(text, "|\""), known);
  };
}

// --name, --regex, --uuid and --tag.
void add_vm_selection(CommandLine& line, Selection& selection);

// --missing and --not-running.
void add_absence(CommandLine& line, State& missing, State& not_running);

// --host: another host's snapshot instead of this one's.
void add_host(CommandLine& line, CommonOptions& common);

}  // namespace vmtraffic::nagios
