#include "plugins/standalone/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "core/config.hpp"
#include "core/text.hpp"

namespace vmtraffic::standalone {
namespace {

constexpr const char* kDescription =
    "The collector of VM traffic alone, as a daemon in the foreground; or, with one of --once, --print, --json, --watch and --hosts, what "
    "it\nsees.\n"
    "Directions are the guest's: rx is what it received.\n";  // CLI11 writes "Usage:" right below: an empty line between

constexpr const char* kExamples =
    "Examples:\n"
    "  vmtraffic-collect --once\n"
    "  vmtraffic-collect --watch --window 1m";

Farewell mistake(const std::string& sentence) { return {2, fmt::format("vmtraffic-collect: {}\n", sentence)}; }

// CLI11 has only one kind of error for it and keeps the option's name in the text: "--config: 1 required FILE missing".
std::string mismatch(const CLI::App& app, const std::string& what) {
  const std::string flag = what.substr(0, what.find(": "));
  const CLI::Option* option = app.get_option_no_throw(flag);
  if (option == nullptr || !what.ends_with(" missing")) return fmt::format("{}; --help lists the options", printable(what));
  const std::string metavar = option->get_type_name();
  return fmt::format("{} wants {}{}", flag, metavar.find('|') == std::string::npos ? "a " : "", metavar);
}

struct Words {
  bool once{false}, print{false}, watch{false}, hosts{false};
  std::string config, runtime_directory, host, window{"interval"};
};

std::optional<Window> parse_window(const std::string& text) {
  for (const Window window : {Window::kInterval, Window::kMinute, Window::kFiveMinutes}) {
    if (text == name_of(window)) return window;
  }
  return std::nullopt;
}

void define(CLI::App& app, Words& words, Options& options) {
  app.set_help_flag("-h,--help", "Show this help");
  app.set_version_flag("-V,--version", "vmtraffic-collect (vmtraffic) " VMTRAFFIC_VERSION, "Show the version");
  app.get_formatter()->column_width(34);
  app.footer(kExamples);
  app.option_defaults()->disable_flag_override();
  app.add_flag("--once", words.once, "Sample twice, a second apart, and show the table; needs no running collector");
  app.add_flag("--print", words.print, "Show the present snapshot as a table");
  app.add_flag("--json", options.json, "Show the present snapshot, or with --once or --hosts that, as JSON");
  app.add_flag("--watch", words.watch, "Show the table again each interval until Ctrl-C");
  app.add_option("--host", words.host, "Another host's snapshot, by its name or its sFlow agent's address")->type_name("NAME");
  app.add_flag("--hosts", words.hosts, "List the other hosts that sFlow agents describe");
  app.add_option("--window", words.window, "Rates over the last interval, 1m or 5m (default interval)")->type_name("interval|1m|5m");
  app.add_option("--config", words.config, fmt::format("The configuration (default {})", kDefaultConfigFile))->type_name("FILE");
  app.add_option("--runtime-directory", words.runtime_directory, "Where snapshot and lease are, instead of the configuration's")
      ->type_name("DIR");
  app.add_flag("-v,--verbose", options.verbose, "Log more");
}

// What to say instead, where the arguments are none of ours.
std::optional<Farewell> parse(CLI::App& app, const std::vector<std::string>& arguments) {
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return Farewell{0, app.help()};
  } catch (const CLI::CallForVersion& version) {
    return Farewell{0, fmt::format("{}\n", version.what())};
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extras = app.remaining();
    return mistake(fmt::format("\"{}\" is no option; --help lists them", printable(extras.empty() ? "" : extras.front(), "\"")));
  } catch (const CLI::ArgumentMismatch& error) {
    return mistake(mismatch(app, error.what()));
  } catch (const CLI::Error& error) {
    return mistake(fmt::format("{}; --help lists the options", printable(error.what())));
  }
  return std::nullopt;
}

Mode mode_of(const Words& words, const Options& options) {
  if (words.once) return Mode::kOnce;
  if (words.watch) return Mode::kWatch;
  if (words.hosts) return Mode::kHosts;
  return words.print || options.json || !words.host.empty() ? Mode::kPrint : Mode::kCollect;
}

// Nothing where the options go together.
std::string contradiction(const CLI::App& app, const Words& words, const Options& options) {
  if (words.once + words.print + words.watch + words.hosts > 1)
    return "only one of --once, --print, --watch and --hosts can be done at a time";
  if (words.watch && options.json) return "--watch shows a table; --json goes with --once, --print or --hosts";
  if (app.count("--host") > 0 && (words.once || words.hosts)) return "--host goes with --print, --json or --watch";
  if (app.count("--host") > 0 && words.host.empty()) return "--host wants a NAME";
  // A look that was meant would otherwise become a second collector, which waits for the lease.
  if (app.count("--window") > 0 && (options.mode == Mode::kCollect || options.mode == Mode::kHosts))
    return "--window goes with --once, --print, --json or --watch";
  return "";
}

}  // namespace

std::variant<Options, Farewell> parse_options(const std::vector<std::string>& arguments) {
  Options options;
  Words words;
  CLI::App app(kDescription, "vmtraffic-collect");
  define(app, words, options);
  if (auto farewell = parse(app, arguments)) return *std::move(farewell);
  options.mode = mode_of(words, options);
  if (const std::string wrong = contradiction(app, words, options); !wrong.empty()) return mistake(wrong);
  const std::optional<Window> window = parse_window(words.window);
  if (!window)
    return mistake(fmt::format("--window: \"{}\" is not known; right would be interval, 1m or 5m", printable(words.window, "\"")));
  options.window = *window;
  options.host = words.host;
  if (app.count("--config") > 0) options.config = words.config;
  if (app.count("--runtime-directory") > 0) options.runtime_directory = words.runtime_directory;
  return options;
}

}  // namespace vmtraffic::standalone
