#include "plugins/standalone/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <system_error>
#include <utility>

#include "core/config.hpp"
#include "core/text.hpp"

namespace vmtraffic::standalone {
namespace {

constexpr const char* kDescription =
    "The collector of VM traffic alone, as a daemon in the foreground; or, with one of --once, --print, --json, --watch, --hosts, "
    "--sflow-read\nand --read, what it sees.\n"
    "Directions are the guest's: rx is what it received.\n";  // CLI11 writes "Usage:" right below: an empty line between

constexpr const char* kExamples =
    "Examples:\n"
    "  vmtraffic-collect --once\n"
    "  vmtraffic-collect --watch --window 1m\n"
    "  vmtraffic-collect --sflow-read recorded.pcap --inventory vms.toml\n"
    "  vmtraffic-collect --read tap.pcapng";

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
  std::string config, runtime_directory, host, recording, packets, inventory, sflow_port, window{"interval"};
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
  app.add_flag("--json", options.json, "Show the present snapshot, or with --once, --hosts, --sflow-read or --read that, as JSON");
  app.add_flag("--watch", words.watch, "Show the table again each interval until Ctrl-C");
  app.add_option("--host", words.host, "Another host's snapshot, by its name or its sFlow agent's address")->type_name("NAME");
  app.add_flag("--hosts", words.hosts, "List the other hosts that sFlow agents describe");
  app.add_option("--sflow-read", words.recording, "Show what a recording (pcap, pcapng) of sFlow datagrams says")->type_name("FILE");
  app.add_option("--read", words.packets, "Show what a recording (pcap, pcapng) of a VM's packets says")->type_name("FILE");
  app.add_option("--inventory", words.inventory, "The recording's VMs: a snapshot file or TOML with [[domain]] and [[domain.vnic]]")
      ->type_name("FILE");
  app.add_option("--sflow-port", words.sflow_port, "The recording's UDP port, instead of the configuration's")->type_name("PORT|any");
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

// 0: any.
std::optional<std::uint16_t> parse_port(const std::string& text) {
  if (text == "any") return std::uint16_t{0};
  unsigned port = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (fault != std::errc{} || end != text.data() + text.size() || port < 1 || port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

Mode mode_of(const Words& words, const Options& options) {
  if (words.once) return Mode::kOnce;
  if (words.watch) return Mode::kWatch;
  if (words.hosts) return Mode::kHosts;
  if (!words.recording.empty()) return Mode::kReplay;
  if (!words.packets.empty()) return Mode::kRead;
  return words.print || options.json || !words.host.empty() ? Mode::kPrint : Mode::kCollect;
}

// Nothing where the options go together.
std::string contradiction(const CLI::App& app, const Words& words, const Options& options) {
  const auto given = [&](const char* option) { return app.count(option) > 0; };
  if (words.once + words.print + words.watch + words.hosts + given("--sflow-read") + given("--read") > 1)
    return "only one of --once, --print, --watch, --hosts, --sflow-read and --read can be done at a time";
  if (words.watch && options.json) return "--watch shows a table; --json goes with --once, --print, --hosts, --sflow-read or --read";
  for (const auto& [option, word] : {std::pair("--host", &words.host), std::pair("--sflow-read", &words.recording),
                                     std::pair("--read", &words.packets), std::pair("--inventory", &words.inventory)}) {
    if (given(option) && word->empty()) return fmt::format("{} wants a {}", option, app.get_option(option)->get_type_name());
  }
  const bool replays = options.mode == Mode::kReplay;
  const bool reads = replays || options.mode == Mode::kRead;
  if (given("--host") && (words.once || words.hosts || reads)) return "--host goes with --print, --json or --watch";
  if (!reads && given("--inventory")) return "--inventory goes with --sflow-read or --read";
  if (!replays && given("--sflow-port")) return "--sflow-port goes with --sflow-read";
  // A look that was meant would otherwise become a second collector, which waits for the lease.
  if (given("--window") && (options.mode == Mode::kCollect || options.mode == Mode::kHosts || reads))
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
  if (app.count("--sflow-port") > 0) {
    options.sflow_port = parse_port(words.sflow_port);
    if (!options.sflow_port)
      return mistake(
          fmt::format("--sflow-port: \"{}\" is not known; right would be 1 to 65535, or any", printable(words.sflow_port, "\"")));
  }
  options.window = *window;
  options.recording = options.mode == Mode::kRead ? words.packets : words.recording;
  if (app.count("--inventory") > 0) options.inventory = words.inventory;
  options.host = words.host;
  if (app.count("--config") > 0) options.config = words.config;
  if (app.count("--runtime-directory") > 0) options.runtime_directory = words.runtime_directory;
  return options;
}

}  // namespace vmtraffic::standalone
