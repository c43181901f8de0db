#include "plugins/snmp-subagent/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "core/text.hpp"
#include "plugins/snmp-subagent/tables.hpp"

namespace vmtraffic::snmp {
namespace {

// Room for the longest of our names below the root: 1.4.1.2, a probe's number and a counter's name of 64 octets. As long are
// 1.10.1.5, a vNIC's two numbers, a direction and a reason of 62 octets.
constexpr std::size_t kMaxRootLength = kMaxOidLength - (4 + 1 + 64);

struct CommandLine {
  std::string config_file, runtime_directory, state_directory, socket;
  std::string root{kVmtrafficMibRoot};
  bool follow_only{false}, foreground{false}, verbose{false};
};

constexpr const char* kExamples =
    "Examples:\n"
    "  vmtraffic-agentx --follow-only\n"
    "  vmtraffic-agentx --agentx-socket tcp:localhost:705 --verbose";

// CLI11 has only one kind of error for it and keeps the option's name in the text: "--config: 1 required FILE missing".
std::string mismatch(const CLI::App& app, const std::string& what) {
  const std::string flag = what.substr(0, what.find(": "));
  const CLI::Option* option = app.get_option_no_throw(flag);
  if (option == nullptr || !what.ends_with(" missing")) return fmt::format("{}; --help lists the options", printable(what));
  const std::string metavar = option->get_type_name();
  const bool vowel = metavar.find_first_of("AO") == 0;  // ADDRESS, OID
  return fmt::format("{} wants {} {}", flag, vowel ? "an" : "a", metavar);
}

void describe(CLI::App& app, CommandLine& line) {
  app.option_defaults()->disable_flag_override();
  app.add_option("--config", line.config_file, "What the collector does; default " + std::string(kDefaultConfigFile) + " if it exists")
      ->type_name("FILE");
  app.add_option("--runtime-directory", line.runtime_directory,
                 "Where the snapshot and the lease are, instead of what the configuration says")
      ->type_name("DIRECTORY");
  app.add_option("--state-directory", line.state_directory, "Where the SNMP indexes are kept, instead of what the configuration says")
      ->type_name("DIRECTORY");
  app.add_option("--agentx-socket", line.socket,
                 "The master agent's address, as /var/agentx/master or tcp:localhost:705; default net-snmp's own")
      ->type_name("ADDRESS");
  app.add_option("--root", line.root, "Where VMTRAFFIC-MIB is registered")->type_name("OID")->capture_default_str();
  app.add_flag("--follow-only", line.follow_only, "Never collect: serve what another collector publishes");
  app.add_flag("--foreground", line.foreground, "Accepted for service files; there is no other mode");
  app.add_flag("--verbose", line.verbose, "Log details too");
  app.set_help_flag("-h,--help", "Show this help");
  app.set_version_flag("-V,--version", "vmtraffic-agentx (vmtraffic) " VMTRAFFIC_VERSION, "Show the version");
  app.footer(kExamples);
}

Result<Oid> read_root(const std::string& text) {
  auto root = parse_oid(text);
  // Two sub-identifiers are the least that a name on the wire has, and the first is 0, 1 or 2.
  if (!root || root->size() < 3 || root->size() > kMaxRootLength || root->front() > 2) {
    return Error{ErrorCode::kInvalid, fmt::format("--root {}: give an object identifier in numbers with 3 to {} parts, as {}",
                                                  printable(text), kMaxRootLength, kVmtrafficMibRoot)};
  }
  const Oid vm_mib = *parse_oid(kVmMibRoot);
  const std::size_t common = std::min(vm_mib.size(), root->size());
  if (std::equal(root->begin(), root->begin() + static_cast<std::ptrdiff_t>(common), vm_mib.begin())) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("--root {}: that is where VM-MIB stands ({}); choose a place of your own", printable(text), kVmMibRoot)};
  }
  return *std::move(root);
}

}  // namespace

Result<std::variant<Settings, Answered>> read_settings(int count, const char* const* words) {
  CLI::App app{"Serves the traffic of this host's virtual machines by SNMP: an AgentX subagent with VM-MIB and VMTRAFFIC-MIB.\n",
               "vmtraffic-agentx"};
  CommandLine line;
  describe(app, line);
  try {
    app.parse(count, words);
  } catch (const CLI::CallForHelp&) {
    return std::variant<Settings, Answered>(Answered{app.help()});
  } catch (const CLI::CallForVersion& version) {
    return std::variant<Settings, Answered>(Answered{std::string(version.what()) + "\n"});
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extras = app.remaining();
    return Error{ErrorCode::kInvalid,
                 fmt::format("\"{}\" is no option; --help lists them", printable(extras.empty() ? "" : extras.front(), "\""))};
  } catch (const CLI::ArgumentMismatch& error) {
    return Error{ErrorCode::kInvalid, mismatch(app, error.what())};
  } catch (const CLI::Error& error) {
    return Error{ErrorCode::kInvalid, fmt::format("{}; --help lists the options", printable(error.what()))};
  }

  auto root = read_root(line.root);
  if (!root) return root.error();
  Result<Config> config = line.config_file.empty() ? load_config_or_defaults(kDefaultConfigFile) : load_config(line.config_file);
  if (!config) return config.error();
  Settings settings{std::move(*config), line.socket, std::move(*root), line.follow_only, line.verbose};
  if (!line.runtime_directory.empty()) settings.config.runtime_directory = line.runtime_directory;
  if (!line.state_directory.empty()) settings.config.state_directory = line.state_directory;
  return std::variant<Settings, Answered>(std::move(settings));
}

}  // namespace vmtraffic::snmp
