#include "plugins/nagios/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "core/text.hpp"

namespace vmtraffic::nagios {
namespace {

constexpr std::size_t kLongestTimeout_s = 3600;

std::string first_flag(const std::string& flags) { return flags.substr(0, flags.find(',')); }

std::string last_flag(const std::string& flags) { return flags.substr(flags.find_last_of(',') + 1); }

std::optional<std::size_t> parse_count(std::string_view text) {
  std::size_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || rest != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

CommandLine::CommandLine(CheckName name, const HelpText& help, CommonOptions& common)
    : name_(name),
      help_(help),
      // CLI11 writes "Usage:" right below; a line of its own looks better.
      app_(std::make_unique<CLI::App>(fmt::format("{}\n", help.description), std::string(name.program))) {
  app_->set_help_flag("-h,--help", "Show this help");
  app_->set_version_flag("-V,--version", fmt::format("{} (vmtraffic) {}", name.program, VMTRAFFIC_VERSION), "Show the version");
  app_->get_formatter()->column_width(34);
  app_->footer(fmt::format("{}\n\nExamples:\n{}", help.footer, help.examples));
  app_->option_defaults()->disable_flag_override();
  app_->add_flag("-v,--verbose", common.verbosity, "Add lines of detail");
  add_text(
      "--runtime-directory",
      [&common](const std::string& text) -> std::optional<std::string> {
        if (text.empty()) return "the directory's name is empty";
        common.runtime_directory = text;
        return std::nullopt;
      },
      "DIR", fmt::format("Where the snapshot is (default {})", kDefaultRuntimeDirectory));
  add_text(
      "-t,--timeout",
      [&common](const std::string& text) -> std::optional<std::string> {
        const std::optional<std::size_t> seconds = parse_count(text);
        if (!seconds || *seconds == 0 || *seconds > kLongestTimeout_s) {
          return fmt::format("\"{}\" is no time-out; right would be whole seconds from 1 to {}", printable(text, "|\""), kLongestTimeout_s);
        }
        common.timeout_s = static_cast<unsigned>(*seconds);
        return std::nullopt;
      },
      "SECONDS", "Give up after this time (default 10)");
  add_state("--timeout-state", common.timeout_state, "What giving up is worth (default critical)");
  add_count("--max-output", common.max_output, kLeastMaxOutput, 1'000'000'000,
            fmt::format("Octets of output at most (default {}); NRPE v2 carries 1023, Nagios Core itself 8191", kDefaultMaxOutput));
}

CommandLine::~CommandLine() = default;

void CommandLine::add_text(const std::string& flags, const Take& take, const std::string& metavar, const std::string& help) {
  app_->add_option_function<std::string>(
          flags,
          [take, flag = last_flag(flags)](const std::string& text) {
            if (const std::optional<std::string> wrong = take(text)) throw CLI::ValidationError(flag, *wrong);
          },
          help)
      ->type_name(metavar)
      ->take_last();
}

void CommandLine::add_texts(const std::string& flags, const Take& take, const std::string& metavar, const std::string& help) {
  app_->add_option_function<std::vector<std::string>>(
          flags,
          [take, flag = last_flag(flags)](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              if (const std::optional<std::string> wrong = take(text)) throw CLI::ValidationError(flag, *wrong);
            }
          },
          help)
      ->type_name(metavar)
      ->allow_extra_args(false);  // one value for each time it is given, whatever follows; and "[a,b]" is no list
}

void CommandLine::add_range(const std::string& flags, std::optional<Range>& target, const std::string& help, NumberParser number_parser) {
  add_text(
      flags,
      [this, &target, number_parser, flag = first_flag(flags)](const std::string& text) -> std::optional<std::string> {
        const Result<Range> range = parse_range(text, number_parser);
        if (!range) {
          std::string number = text;
          std::erase(number, '%');
          // What is left is a range, so it can be shown as it is.
          if (number == text || !parse_range(number, number_parser)) return range.error().text;
          if (help_.percent_use.empty()) return fmt::format("leave out the %: {} {}", flag, number);
          return fmt::format("percent: use {} {} {}", help_.percent_use, flag, number);
        }
        target = *range;
        return std::nullopt;
      },
      "RANGE", help);
}

void CommandLine::add_state(const std::string& flags, State& target, const std::string& help) {
  add_text(
      flags,
      [&target](const std::string& text) -> std::optional<std::string> {
        const std::optional<State> state = parse_state(text);
        if (!state) return fmt::format("\"{}\" is no state; right would be {}", printable(text, "|\""), kStateWords);
        target = *state;
        return std::nullopt;
      },
      "STATE", help);
}

void CommandLine::add_count(const std::string& flags, std::size_t& target, std::size_t least, std::size_t most, const std::string& help) {
  add_text(
      flags,
      [&target, least, most](const std::string& text) -> std::optional<std::string> {
        const std::optional<std::size_t> count = parse_count(text);
        if (!count || *count < least || *count > most) {
          return fmt::format("\"{}\" does not do; right would be a whole number from {} to {}", printable(text, "|\""), least, most);
        }
        target = *count;
        return std::nullopt;
      },
      "N", help);
}

void CommandLine::add_flag(const std::string& flags, bool& target, const std::string& help) { app_->add_flag(flags, target, help); }

std::optional<Outcome> CommandLine::parse(const std::vector<std::string>& arguments) {
  try {
    app_->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    return Outcome{State::kUnknown, app_->help()};
  } catch (const CLI::CallForVersion& version) {
    return Outcome{State::kUnknown, std::string(version.what()) + "\n"};
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extras = app_->remaining();
    return mistake(fmt::format("{} is no option of {}; --help lists them", text_name(extras.empty() ? "" : extras.front()), name_.program));
  } catch (const CLI::ValidationError& error) {
    return mistake(error.what());  // ours, escaped where it was made
  } catch (const CLI::ArgumentMismatch& error) {
    return mistake(mismatch(error.what()));
  } catch (const CLI::Error& error) {
    return mistake(fmt::format("{}; --help lists the options", line_of(error.what())));
  }
}

// "a RANGE, e.g. 800M", "vm or vnic": a '|' would end the text.
std::string CommandLine::wanted(const std::string& metavar) const {
  if (metavar == "RANGE") return fmt::format("a RANGE, e.g. {}", help_.range_example);
  if (metavar == "N") return "a number N";
  if (metavar.find_first_of("|=") != std::string::npos || metavar.ends_with('S')) {  // words, a form, or a plural
    std::string words = metavar;
    for (std::size_t at = words.find('|'); at != std::string::npos; at = words.find('|')) words.replace(at, 1, " or ");
    return words;
  }
  return "a " + metavar;
}

// CLI11 has only one kind of error for it and keeps the option's name in the text: "--warning: 1 required RANGE missing".
std::string CommandLine::mismatch(const std::string& what) const {
  const std::string flag = what.substr(0, what.find(": "));
  const CLI::Option* option = app_->get_option_no_throw(flag);
  if (option == nullptr || !what.ends_with(" missing")) return fmt::format("{}; --help lists the options", line_of(what));
  return fmt::format("{} wants {}", flag, wanted(option->get_type_name()));
}

Outcome CommandLine::mistake(const std::string& sentence) const {
  return {State::kUnknown, render(name_.service, {.state = State::kUnknown, .text = sentence}, kDefaultMaxOutput)};
}

}  // namespace vmtraffic::nagios
