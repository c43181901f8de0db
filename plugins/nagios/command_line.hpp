// The options that all checks share, and what becomes of a mistake in any of them: one sentence that names the option and says
// what would be right, and UNKNOWN.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.hpp"
#include "plugins/nagios/result.hpp"
#include "plugins/nagios/state.hpp"
#include "plugins/nagios/threshold.hpp"

namespace CLI {
class App;
}

namespace vmtraffic::nagios {

struct CommonOptions {
  std::filesystem::path runtime_directory{kDefaultRuntimeDirectory};
  std::string host;  // another one's snapshot, by name or agent's address; empty: this host's
  unsigned timeout_s{10};
  State timeout_state{State::kCritical};
  int verbosity{0};
  std::size_t max_output{kDefaultMaxOutput};
};

// What a check is called: its program and the word its output begins with.
struct CheckName {
  std::string_view program;  // "check_vm_traffic"
  std::string_view service;  // "VM_TRAFFIC"
};

// What --help and mistakes say that is the check's own.
struct HelpText {
  std::string_view description, footer;
  std::string_view examples;       // whole commands, one a line
  std::string_view range_example;  // "800M"
  std::string_view percent_use;    // the options with which a range is in percent; empty where there are none
};

class CommandLine {
 public:
  CommandLine(CheckName name, const HelpText& help, CommonOptions& common);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // Options whose text becomes a value at once. The targets must outlive parse().
  void add_range(const std::string& flags, std::optional<Range>& target, const std::string& help, NumberParser number = parse_number);
  void add_state(const std::string& flags, State& target, const std::string& help);
  void add_count(const std::string& flags, std::size_t& target, std::size_t least, std::size_t most, const std::string& help);
  void add_flag(const std::string& flags, bool& target, const std::string& help);
  // `take` is called with the option's text and returns a sentence when it is wrong. Given again, the last one counts; add_texts: each
  // does.
  using Take = std::function<std::optional<std::string>(const std::string&)>;
  void add_text(const std::string& flags, const Take& take, const std::string& metavar, const std::string& help);
  void add_texts(const std::string& flags, const Take& take, const std::string& metavar, const std::string& help);

  // Nothing: go on. Otherwise what to print and to end with: help, version, or a mistake.
  std::optional<Outcome> parse(const std::vector<std::string>& arguments);
  Outcome mistake(const std::string& sentence) const;

 private:
  std::string wanted(const std::string& metavar) const;
  std::string mismatch(const std::string& what) const;

  CheckName name_;
  HelpText help_;
  std::unique_ptr<CLI::App> app_;
};

}  // namespace vmtraffic::nagios
