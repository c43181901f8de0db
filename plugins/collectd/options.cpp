#include "plugins/collectd/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/text.hpp"

namespace vmtraffic::collectd {
namespace {

constexpr std::string_view kBlock = "<Plugin vmtraffic>";

// One option on its way into Options.
class Reading {
 public:
  Reading(const OptionItem& read, Options& target, Remarks& remarks) : item(read), options(target), remarks_(remarks) {}

  void fault(std::string_view what) { remarks_.faults.push_back(fmt::format("{}: {}: {}", kBlock, to_text(item), what)); }
  void notice(std::string_view what) { remarks_.notices.push_back(fmt::format("{}: {}: {}", kBlock, to_text(item), what)); }

  // The value, or a fault.
  template <class T>
  std::optional<T> take(Result<T> result) {
    if (result.ok()) return std::move(result).value();
    fault(result.error().text);
    return std::nullopt;
  }

  const OptionItem& item;
  Options& options;

 private:
  Remarks& remarks_;
};

void read_connection(Reading& r) {
  // An empty one is libvirt's default for virt, and no restriction here.
  if (const auto uri = r.take(read_string(r.item)); uri && !uri->empty()) r.options.mapping.selection.connections.push_back(*uri);
}

void read_pattern(Reading& r, std::vector<Pattern>& patterns) {
  const auto text = r.take(read_string(r.item));
  if (!text) return;
  auto pattern = Pattern::compile(*text);
  if (pattern.ok()) {
    patterns.push_back(*pattern);
  } else {
    r.fault(fmt::format("takes a POSIX extended regular expression between the slashes: {}", pattern.error().text));
  }
}

void read_domain(Reading& r) { read_pattern(r, r.options.mapping.selection.domains); }

void read_interface_device(Reading& r) {
  const auto text = read_string(r.item);
  const bool regex = text.ok() && text->size() > 2 && text->front() == '/' && text->back() == '/';
  if (text.ok() && !regex && text->find(':') == std::string::npos) {
    r.fault("takes \"domain:device\", where device is the tap, the MAC address or interface-N; or a regular expression between slashes");
  } else {
    read_pattern(r, r.options.mapping.selection.interfaces);
  }
}

void read_flag(Reading& r, bool& flag) {
  if (const auto value = r.take(read_boolean(r.item))) flag = *value;
}

void read_ignore_selected(Reading& r) { read_flag(r, r.options.mapping.selection.ignore_selected); }
void read_persistent_notification(Reading& r) { read_flag(r, r.options.persistent_notification); }
void read_report_interfaces(Reading& r) { read_flag(r, r.options.mapping.interfaces); }

std::optional<NameWord> name_word(std::string_view word) {
  if (equal_ignoring_case(word, "name")) return NameWord::kName;
  if (equal_ignoring_case(word, "uuid")) return NameWord::kUuid;
  if (equal_ignoring_case(word, "hostname")) return NameWord::kHostname;
  if (equal_ignoring_case(word, "metadata")) return NameWord::kMetadata;
  return std::nullopt;
}

void read_name_words(Reading& r, std::size_t most, std::string_view accepted, bool hostname_too, std::vector<NameWord>& target) {
  std::vector<NameWord> words;
  const auto given = read_words(r.item);
  if (given.empty() || given.size() > most) return r.fault(fmt::format("takes one to {} of {}", most, accepted));
  for (const std::string& text : given) {
    const auto word = name_word(text);
    if (!word || (*word == NameWord::kHostname && !hostname_too)) {
      return r.fault(fmt::format("\"{}\" is none of {}", printable(text), accepted));
    }
    words.push_back(*word);
  }
  target = std::move(words);
}

void read_hostname_format(Reading& r) { read_name_words(r, 4, "name, uuid, hostname, metadata", true, r.options.mapping.naming.host); }

void read_instance_format(Reading& r) {
  const auto words = read_words(r.item);
  const bool none = std::any_of(words.begin(), words.end(), [](const auto& word) { return equal_ignoring_case(word, "none"); });
  if (none && words.size() > 1) return r.fault("\"none\" stands alone");
  if (none) {
    r.options.mapping.naming.instance.clear();
  } else {
    read_name_words(r, 3, "none, name, uuid, metadata", false, r.options.mapping.naming.instance);
  }
}

void read_interface_format(Reading& r) {
  const auto words = read_words(r.item);
  auto& format = r.options.mapping.naming.interface;
  if (words.size() == 1 && equal_ignoring_case(words[0], "name")) {
    format = InterfaceFormat::kName;
    r.notice("a tap's name may change at each start of its domain, and the graphs with it; \"address\" stays");
  } else if (words.size() == 1 && equal_ignoring_case(words[0], "address")) {
    format = InterfaceFormat::kAddress;
  } else if (words.size() == 1 && equal_ignoring_case(words[0], "number")) {
    format = InterfaceFormat::kNumber;
  } else {
    r.fault("takes one of name, address, number");
  }
}

// The metadata that the collector reads is Nova's; each known place in it is a tag of the snapshot.
struct MetadataPath {
  std::string_view xpath, tag;
};
constexpr std::array kMetadataPaths{
    MetadataPath{"/instance/name/text()", "nova.instance"},         MetadataPath{"/instance/flavor/@name", "nova.flavor"},
    MetadataPath{"/instance/owner/user/text()", "nova.user"},       MetadataPath{"/instance/owner/user/@uuid", "nova.user_id"},
    MetadataPath{"/instance/owner/project/text()", "nova.project"}, MetadataPath{"/instance/owner/project/@uuid", "nova.project_id"},
};

void read_metadata_xpath(Reading& r) {
  const auto xpath = r.take(read_string(r.item));
  if (!xpath) return;
  std::vector<std::string_view> known;
  for (const MetadataPath& path : kMetadataPaths) {
    known.push_back(path.xpath);
    if (path.xpath != *xpath) continue;
    r.options.mapping.naming.metadata_tag = path.tag;
    return;
  }
  r.fault(fmt::format("not among the places that are collected: {}", fmt::join(known, ", ")));
}

void read_metadata_namespace(Reading& r) {
  const auto name = r.take(read_string(r.item));
  if (!name || *name == "http://openstack.org/xmlns/libvirt/nova/1.0" || *name == "http://openstack.org/xmlns/libvirt/nova/1.1") return;
  r.fault("only OpenStack Nova's metadata are collected: http://openstack.org/xmlns/libvirt/nova/1.1 or …/1.0, whichever a domain has");
}

constexpr std::array kOtherStats{"cpu_util", "disk", "disk_err", "fs_info", "job_stats_background", "job_stats_completed", "memory",
                                 "pcpu",     "perf", "vcpu",     "vcpupin", "disk_physical",        "disk_allocation",     "disk_capacity"};

void read_extra_stats(Reading& r) {
  std::vector<std::string> missing;
  bool state = false;
  for (const std::string& word : read_words(r.item)) {
    const bool other =
        std::any_of(kOtherStats.begin(), kOtherStats.end(), [&](const char* known) { return equal_ignoring_case(word, known); });
    if (equal_ignoring_case(word, "domain_state")) {
      state = true;
    } else if (other) {
      missing.push_back(word);
    } else {
      return r.fault(fmt::format("\"{}\" is none of domain_state, {}", printable(word), fmt::join(kOtherStats, ", ")));
    }
  }
  r.options.mapping.domain_state = state;
  if (!missing.empty()) r.notice(fmt::format("not reported here: {}", fmt::join(missing, ", ")));
}

void read_refresh_interval(Reading& r) {
  if (r.take(read_number(r.item, 0, 1e9))) {
    r.notice(
        "without effect: libvirt's events keep the inventory fresh; the full refresh behind them is refresh_interval under [libvirt] in "
        "vmtraffic.toml");
  }
}

void read_instances(Reading& r) {
  const auto number = r.take(read_number(r.item, 1, 128));
  if (number && *number > 1) r.notice("without effect: one reader serves all domains");
}

void read_block_device(Reading& r) { r.notice("without effect: no block devices are reported here"); }

void read_report_block_devices(Reading& r) {
  if (const auto value = r.take(read_boolean(r.item)); value && *value) read_block_device(r);
}

void read_plugin_name(Reading& r) {
  const auto name = r.take(read_string(r.item));
  if (!name) return;
  const bool good = !name->empty() && name->size() <= 63 && std::all_of(name->begin(), name->end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
  // A '-' would be read as the beginning of the plugin instance.
  if (!good) return r.fault("takes up to 63 letters, digits, '_' and '.'");
  r.options.mapping.naming.plugin = *name;
}

std::optional<std::filesystem::path> read_path(Reading& r) {
  const auto text = r.take(read_string(r.item));
  if (!text) return std::nullopt;
  if (text->empty() || text->front() != '/') {
    r.fault("takes an absolute path");
    return std::nullopt;
  }
  return *text;
}

void read_config_file(Reading& r) {
  if (const auto path = read_path(r)) {
    r.options.config_file = *path;
    r.options.config_file_named = true;
  }
}

void read_runtime_directory(Reading& r) {
  if (const auto path = read_path(r)) r.options.runtime_directory = *path;
}

void read_flows(Reading& r) { read_flag(r, r.options.mapping.flows); }

void read_flow_top(Reading& r) {
  constexpr double kMost = 100;
  const auto number = r.take(read_number(r.item, 0, kMost));
  if (!number) return;
  if (*number != std::floor(*number)) return r.fault("takes a whole number");
  r.options.mapping.flow_top = static_cast<std::size_t>(*number);
}

void read_flow_addresses(Reading& r) { read_flag(r, r.options.mapping.flow_addresses); }

void read_latency(Reading& r) { read_flag(r, r.options.mapping.latency); }

void read_hosts(Reading& r) {
  const auto words = read_words(r.item);
  const auto keyword = std::find_if(words.begin(), words.end(), [](const std::string& word) {
    return equal_ignoring_case(word, "all") || equal_ignoring_case(word, "local");
  });
  HostSelection& hosts = r.options.hosts;
  if (words.empty()) return r.fault("takes \"all\", \"local\", or names or addresses of hosts");
  if (keyword == words.end()) {
    hosts.all = false;
    hosts.names.insert(hosts.names.end(), words.begin(), words.end());
  } else if (words.size() > 1) {
    r.fault(fmt::format("\"{}\" stands alone", printable(*keyword)));
  } else {
    hosts = {.all = equal_ignoring_case(*keyword, "all"), .names = {}};
  }
}

struct Option {
  std::string_view key;
  void (*read)(Reading&);
};
constexpr std::array kOptions{
    Option{"ConfigFile", read_config_file},
    Option{"RuntimeDirectory", read_runtime_directory},
    Option{"PluginName", read_plugin_name},
    Option{"Connection", read_connection},
    Option{"Domain", read_domain},
    Option{"InterfaceDevice", read_interface_device},
    Option{"IgnoreSelected", read_ignore_selected},
    Option{"HostnameFormat", read_hostname_format},
    Option{"PluginInstanceFormat", read_instance_format},
    Option{"InterfaceFormat", read_interface_format},
    Option{"HostnameMetadataNS", read_metadata_namespace},
    Option{"HostnameMetadataXPath", read_metadata_xpath},
    Option{"ReportNetworkInterfaces", read_report_interfaces},
    Option{"ExtraStats", read_extra_stats},
    Option{"PersistentNotification", read_persistent_notification},
    Option{"Flows", read_flows},
    Option{"FlowTop", read_flow_top},
    Option{"FlowAddresses", read_flow_addresses},
    Option{"Latency", read_latency},
    Option{"Hosts", read_hosts},
    Option{"RefreshInterval", read_refresh_interval},
    Option{"Instances", read_instances},
    Option{"BlockDevice", read_block_device},
    Option{"BlockDeviceFormat", read_block_device},
    Option{"BlockDeviceFormatBasename", read_block_device},
    Option{"ReportBlockDevices", read_report_block_devices},
};

// Levenshtein's distance, without case.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (equal_ignoring_case(a.substr(i - 1, 1), b.substr(j - 1, 1)) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

std::string unknown_option(const std::string& key) {
  const Option* nearest = nullptr;
  std::size_t least = 4;
  std::vector<std::string_view> all;
  for (const Option& option : kOptions) {
    all.push_back(option.key);
    if (const std::size_t d = distance(option.key, std::string_view(key).substr(0, 64)); d < least) {
      least = d;
      nearest = &option;
    }
  }
  if (nearest != nullptr) return fmt::format("unknown option; {} is meant?", nearest->key);
  return fmt::format("unknown option; known are {}", fmt::join(all, ", "));
}

bool tells_apart(const std::vector<NameWord>& words) {
  return std::any_of(words.begin(), words.end(), [](NameWord word) { return word != NameWord::kHostname; });
}

}  // namespace

void read_block(const std::vector<OptionItem>& block, Options& options, Remarks& remarks) {
  for (const OptionItem& item : block) {
    Reading reading(item, options, remarks);
    const auto* option =
        std::find_if(kOptions.begin(), kOptions.end(), [&](const Option& known) { return equal_ignoring_case(known.key, item.key); });
    if (option == kOptions.end()) {
      reading.fault(unknown_option(item.key));
    } else if (item.block) {
      reading.fault("is an option, not a block: write it on one line");
    } else {
      option->read(reading);
    }
  }
}

std::vector<std::string> contradictions(const Options& options, const Config& config, bool virt_is_loaded) {
  std::vector<std::string> faults;
  const Naming& naming = options.mapping.naming;
  if (!tells_apart(naming.host) && !tells_apart(naming.instance)) {
    faults.push_back(
        fmt::format("{}: HostnameFormat \"hostname\" gives all domains one name: add PluginInstanceFormat \"name\" or \"uuid\"", kBlock));
  }
  for (const std::string& uri : options.mapping.selection.connections) {
    const auto& uris = config.libvirt.uris;
    if (std::find(uris.begin(), uris.end(), uri) != uris.end()) continue;
    faults.push_back(fmt::format(
        "{}: Connection \"{}\": {} does not collect from it, only from {}: add it to uris under [libvirt] there, or take this line out",
        kBlock, printable(uri), printable(options.config_file.string()), printable(fmt::format("\"{}\"", fmt::join(uris, "\", \"")))));
  }
  if (naming.plugin == "virt" && virt_is_loaded) {
    faults.push_back(
        fmt::format("{}: PluginName \"virt\": collectd's own virt plugin is loaded and writes the same names: "
                    "take out its LoadPlugin, or give another PluginName",
                    kBlock));
  }
  return faults;
}

}  // namespace vmtraffic::collectd
