#include "plugins/nagios/shared_options.hpp"

namespace vmtraffic::nagios {

void add_vm_selection(CommandLine& line, Selection& selection) {
  line.add_texts(
      "-n,--name",
      [&selection](const std::string& text) -> std::optional<std::string> {
        if (text.empty()) return "a VM's name is not empty; right would be e.g. web1 or /^web/";
        Result<TextMatch> match = TextMatch::parse(text);
        if (!match) return match.error().text;
        selection.names.push_back(std::move(*match));
        return std::nullopt;
      },
      "NAME", "The VM of this name; /PATTERN/ is a regular expression. May be given again");
  line.add_texts(
      "-r,--regex",
      [&selection](const std::string& text) -> std::optional<std::string> {
        Result<TextMatch> match = TextMatch::pattern(text);
        if (!match) return match.error().text;
        selection.names.push_back(std::move(*match));
        return std::nullopt;
      },
      "PATTERN", "VMs whose names match this regular expression (RE2) anywhere");
  line.add_texts(
      "-u,--uuid",
      [&selection](const std::string& text) -> std::optional<std::string> {
        const std::optional<DomainUuid> uuid = DomainUuid::parse(text);
        if (!uuid) return fmt::format("\"{}\" is no UUID; right would be 8-4-4-4-12 hexadecimal digits", printable(text, "|\""));
        selection.uuids.push_back(*uuid);
        return std::nullopt;
      },
      "UUID", "The VM with this UUID");
  line.add_texts(
      "--tag",
      [&selection](const std::string& text) -> std::optional<std::string> {
        Result<TagMatch> match = parse_tag_match(text);
        if (!match) return match.error().text;
        selection.tags.push_back(std::move(*match));
        return std::nullopt;
      },
      "KEY=VALUE", "VMs with this tag, e.g. nova.project=web; VALUE may be /PATTERN/. Several must all match");
}

void add_absence(CommandLine& line, State& missing, State& not_running) {
  line.add_state("--missing", missing, "What a VM that should be there and is not is worth (default unknown)");
  line.add_state("--not-running", not_running, "What a VM that does not run is worth (default ok)");
}

void add_host(CommandLine& line, CommonOptions& common) {
  line.add_text(
      "--host",
      [&common](const std::string& text) -> std::optional<std::string> {
        if (text.empty()) return "a host's name is not empty; right would be a name or an agent's address that this collector knows";
        common.host = text;
        return std::nullopt;
      },
      "HOST", "Another host that sFlow agents describe, by its name or its agent's address (default this one)");
}

}  // namespace vmtraffic::nagios
