// The process around a check: arguments, the time-out, one write, the exit code. Whatever happens inside, Nagios gets a line and a state.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "core/clock.hpp"
#include "plugins/nagios/command_line.hpp"
#include "plugins/nagios/result.hpp"

namespace vmtraffic::nagios {

// After `common.timeout_s` seconds the process says so and ends with the state that the user chose, whatever it waits for.
void arm_timeout(CheckName name, const CommonOptions& common);

// Writes the output and gives the exit code.
int finish(const Outcome& outcome);

// For what no check should throw: out of memory, a bug.
Outcome failed(CheckName name, const char* what);

// What parsing a check's command line gives: its options, or what to print instead of checking.
template <class Options>
using Parsed = std::variant<Options, Outcome>;

// The whole check as a function, for tests and for main().
template <class Options>
Outcome run_check(const std::vector<std::string>& arguments, const Clock& clock, Parsed<Options> (*parse)(const std::vector<std::string>&),
                  Outcome (*check)(const Options&, const Clock&)) {
  const Parsed<Options> parsed = parse(arguments);
  if (const Outcome* outcome = std::get_if<Outcome>(&parsed)) return *outcome;
  return check(std::get<Options>(parsed), clock);
}

template <class Options>
int check_process(CheckName name, int argc, char** argv, Parsed<Options> (*parse)(const std::vector<std::string>&),
                  Outcome (*check)(const Options&, const Clock&)) {
  try {
    const Parsed<Options> parsed = parse(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
    if (const Outcome* outcome = std::get_if<Outcome>(&parsed)) return finish(*outcome);
    const Options& options = std::get<Options>(parsed);
    arm_timeout(name, options.common);
    return finish(check(options, system_clock()));
  } catch (const std::exception& error) {
    return finish(failed(name, error.what()));
  }
}

}  // namespace vmtraffic::nagios
