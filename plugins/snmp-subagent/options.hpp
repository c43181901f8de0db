// vmtraffic-agentx's command line, and what it makes of it.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "core/config.hpp"
#include "core/result.hpp"
#include "plugins/snmp-subagent/cell.hpp"

namespace vmtraffic::snmp {

struct Settings {
  Config config;  // the file's, with the directories of the command line
  std::string socket;
  Oid vmtraffic_root;
  bool follow_only{false};
  bool verbose{false};
};

// --help and --version: text for standard output, and nothing more to do.
struct Answered {
  std::string text;
};

// Reads the command line and the configuration file. An error says in one sentence what is wrong.
Result<std::variant<Settings, Answered>> read_settings(int count, const char* const* words);

}  // namespace vmtraffic::snmp
