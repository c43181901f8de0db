#include "core/config.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <re2/re2.h>
#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <sstream>

#include "core/network_name.hpp"
#include "core/probes/capture_filter.hpp"
#include "core/text.hpp"

namespace vmtraffic {
namespace {

constexpr std::size_t kMaxFileSize = std::size_t{1} << 20;

// Open vSwitch refreshes its database every five seconds at best: reading faster would make zeros and bursts of a steady stream.
constexpr double kLeastVhostUserInterval_s = 10;

constexpr std::uint32_t kSnapshotWithServerNames = 1024;

// Where a complaint points to, and the first complaint: one at a time is what an operator can mend.
class Section {
 public:
  Section(const toml::table& table, std::string path, std::string_view origin, std::optional<Error>& error)
      : table_(table), path_(std::move(path)), origin_(origin), error_(error) {}

  void number(std::string_view key, double& out, double least, double most, std::string_view unit) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const auto value = node->value<double>();  // accepts integers too
    if (!node->is_number() || !value || !std::isfinite(*value) || *value < least || *value > most) {
      return complain(*node, key, fmt::format("wants a number from {} to {} ({})", least, most, unit));
    }
    out = *value;
  }

  void text(std::string_view key, std::string& out, std::string_view what) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const auto value = node->value<std::string>();
    if (!node->is_string() || !value || value->find('\0') != std::string::npos)
      return complain(*node, key, fmt::format("wants {} in quotes", what));
    out = *value;
  }

  void directory(std::string_view key, std::filesystem::path& out) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const auto value = node->value<std::string>();
    if (!node->is_string() || !value || !value->starts_with('/') || value->find('\0') != std::string::npos) {
      return complain(*node, key, "wants an absolute path in quotes");
    }
    out = *value;
  }

  void uris(std::string_view key, std::vector<std::string>& out) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    constexpr std::string_view kWant = "wants a list of different libvirt URIs, such as [\"qemu:///system\", \"lxc:///system\"]";
    if (array == nullptr) return complain(*node, key, kWant);
    std::vector<std::string> found;
    for (const toml::node& element : *array) {
      const auto value = element.value<std::string>();
      if (!element.is_string() || !value || !plausible_uri(*value) || std::find(found.begin(), found.end(), *value) != found.end()) {
        return complain(element, key, kWant);
      }
      found.push_back(*value);
    }
    out = std::move(found);
  }

  // A list of which each element is read by `element`, which gives nothing for what it does not like.
  template <class Value, class Read>
  void list(std::string_view key, std::vector<Value>& out, std::string_view want, Read&& element) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) return complain(*node, key, want);
    std::vector<Value> found;
    for (const toml::node& n : *array) {
      const std::optional<Value> value = element(n);
      if (!value) return complain(n, key, want);
      found.push_back(*value);
    }
    out = std::move(found);
  }

  void addresses(std::string_view key, std::vector<IpAddress>& out) {
    list(key, out, "wants a list of IP addresses, such as [\"127.0.0.1\", \"::1\"]", [](const toml::node& n) {
      const auto text = n.is_string() ? n.value<std::string>() : std::nullopt;
      return text ? IpAddress::parse(*text) : std::nullopt;
    });
    if (error_ || !table_.contains(key)) return;
    if (out.empty()) return complain(*table_.get(key), key, "wants at least one IP address");
    // The kernel gives a port once to one address, and a wildcard has all of its version.
    for (std::size_t i = 0; i < out.size(); ++i) {
      const toml::node& node = *table_.get(key)->as_array()->get(i);
      const auto here = out.begin() + static_cast<std::ptrdiff_t>(i);
      if (std::find(out.begin(), here, out[i]) != here) return say(node, key, fmt::format("has {} twice", out[i].text()));
      const auto beside =
          std::find_if(out.begin(), out.end(), [&](const IpAddress& o) { return o.version == out[i].version && o != out[i]; });
      if (is_wildcard(out[i]) && beside != out.end())
        return say(node, key, fmt::format("wants {} alone or not at all: it has {} too", out[i].text(), beside->text()));
    }
  }

  void networks(std::string_view key, std::vector<IpNetwork>& out) { list(key, out, kNetworksWanted, network_of); }

  // The same, where none would mean nobody.
  void some_networks(std::string_view key, std::vector<IpNetwork>& out) {
    networks(key, out);
    if (!error_ && table_.contains(key) && out.empty()) complain(*table_.get(key), key, "wants at least one network");
  }

  void ports(std::string_view key, std::vector<std::uint16_t>& out) {
    list(key, out, "wants a list of UDP ports, such as [4789, 8472]", [](const toml::node& n) -> std::optional<std::uint16_t> {
      const auto value = n.is_integer() ? n.value<std::int64_t>() : std::nullopt;
      if (!value || *value < 1 || *value > 65535) return std::nullopt;
      return static_cast<std::uint16_t>(*value);
    });
  }

  template <class Integer>
  void integer(std::string_view key, Integer& out, std::int64_t least, std::int64_t most, std::string_view what) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const auto value = node->is_integer() ? node->value<std::int64_t>() : std::nullopt;
    if (!value || *value < least || *value > most)
      return complain(*node, key, fmt::format("wants a whole number from {} to {} ({})", least, most, what));
    out = static_cast<Integer>(*value);
  }

  void flag(std::string_view key, bool& out) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    if (!node->is_boolean()) return complain(*node, key, "wants true or false");
    out = *node->value<bool>();
  }

  void texts(std::string_view key, std::vector<std::string>& out, std::string_view want) {
    list(key, out, want, [](const toml::node& n) -> std::optional<std::string> {
      const auto value = n.is_string() ? n.value<std::string>() : std::nullopt;
      return value && !value->empty() && value->find('\0') == std::string::npos ? value : std::nullopt;
    });
  }

  void filter(std::string_view key, std::string& out) {
    text(key, out, "a filter as tcpdump has it");
    if (error_) return;
    if (const Status checked = check_expression(out); !checked)
      say(*table_.get(key), key, fmt::format("is no filter: {}", checked.error().text));
  }

  void patterns(std::string_view key, std::vector<std::string>& out) {
    texts(key, out, "wants a list of regular expressions, such as [\"^web\"]");
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (const re2::RE2 pattern(out[i], re2::RE2::Quiet); !pattern.ok() && !error_)
        say(*table_.get(key)->as_array()->get(i), key,
            fmt::format("has a regular expression that is none: {}", printable(pattern.error())));
    }
  }

  void tags(std::string_view key, std::vector<std::pair<std::string, std::string>>& out) {
    list(key, out, "wants a list of tags, such as [\"nova.project=shop\"]",
         [](const toml::node& n) -> std::optional<std::pair<std::string, std::string>> {
           const auto value = n.is_string() ? n.value<std::string>() : std::nullopt;
           const std::size_t equals = value ? value->find('=') : std::string::npos;
           if (equals == std::string::npos || equals == 0) return std::nullopt;
           return std::pair(value->substr(0, equals), value->substr(equals + 1));
         });
  }

  // Each key a name, each value a network or a list of some.
  void named_networks(std::vector<std::pair<std::string, IpNetwork>>& out) {
    std::vector<std::pair<toml::source_position, std::string>> names;
    for (const auto& [key, node] : table_) names.emplace_back(key.source().begin, std::string(key.str()));
    std::sort(names.begin(), names.end());  // the file's order
    for (const auto& [where, name] : names) {
      const auto before = static_cast<std::ptrdiff_t>(out.size());
      const toml::node& node = *table_.get(name);
      if (const std::string fault = fault_of_name(name); !fault.empty()) {
        known_.push_back(name);
        if (!error_) error_ = at(where.line, fmt::format("{} {}", path_.substr(0, path_.size() - 1), fault));
        return;
      }
      if (node.is_string()) {
        known_.push_back(name);
        const auto one = network_of(node);
        if (!one) return complain(node, name, kNetworksWanted);
        out.emplace_back(name, *one);
      } else {
        std::vector<IpNetwork> found;
        some_networks(name, found);
        for (const IpNetwork& n : found) out.emplace_back(name, n);
      }
      if (error_) return;
      const auto first = out.begin() + before;  // of this name
      for (auto entry = first; entry != out.end(); ++entry) {
        const auto same = std::find_if(out.begin(), first, [&](const auto& other) { return other.second == entry->second; });
        if (same == first) continue;
        return say(node.is_string() ? node : *node.as_array()->get(static_cast<std::size_t>(entry - first)), name,
                   fmt::format("has {}, which is {}{} already", entry->second.text(), path_, printable(same->first)));
      }
    }
  }

  bool faulty() const { return error_.has_value(); }

  std::optional<Section> section(std::string_view key) {
    const toml::node* node = take(key);
    if (node == nullptr) return std::nullopt;
    if (!node->is_table()) {
      complain(*node, key, fmt::format("is a section: write [{}{}]", path_, key));
      return std::nullopt;
    }
    return Section(*node->as_table(), path_ + std::string(key) + ".", origin_, error_);
  }

  // Call last: names the first key that nobody asked for.
  void finish() {
    for (const auto& [key, node] : table_) {
      if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
      std::string accepted;
      for (const std::string& k : known_) accepted += (accepted.empty() ? "" : ", ") + k;
      const toml::source_position at = key.source().begin;
      if (!error_) {
        error_ = Error{ErrorCode::kInvalid, fmt::format("{}:{}: unknown key '{}{}'; known here are: {}", origin_, at.line, path_,
                                                        printable(key.str()), accepted)};
      }
    }
  }

 private:
  static constexpr std::string_view kNetworksWanted =
      "wants a list of networks without host bits, such as [\"10.0.0.0/8\", \"2001:db8::/32\", \"192.0.2.1\"]";

  static std::optional<IpNetwork> network_of(const toml::node& n) {
    const auto text = n.is_string() ? n.value<std::string>() : std::nullopt;
    return text ? IpNetwork::parse(*text) : std::nullopt;
  }

  // Empty: a network may be called that.
  static std::string fault_of_name(std::string_view name) {
    if (name.empty()) return "wants a name for each network, not ''";
    if (!looks_like_address(name) && !name.starts_with(kVmPrefix)) return {};
    return fmt::format("wants a name for each network that check_vm_talkers cannot take for {}, not '{}'",
                       name.starts_with(kVmPrefix) ? "a VM's" : "an address", shortened(printable(name), 80));
  }

  static bool is_wildcard(const IpAddress& address) { return address.octets == decltype(address.octets){}; }

  // driver[+transport]:// and something behind it. libvirt itself judges the rest when it is opened.
  static bool plausible_uri(std::string_view uri) {
    static constexpr std::array<std::string_view, 18> kDrivers{"qemu",   "lxc",       "xen",          "ch",       "bhyve",        "vz",
                                                               "openvz", "parallels", "vbox",         "esx",      "gsx",          "vpx",
                                                               "test",   "hyperv",    "vmwareplayer", "vmwarews", "vmwarefusion", "vmware"};
    const auto colon = uri.find("://");
    if (colon == std::string_view::npos || uri.find('\0') != std::string_view::npos) return false;
    const std::string_view driver = uri.substr(0, std::min(colon, uri.find('+')));
    if (std::find(kDrivers.begin(), kDrivers.end(), driver) == kDrivers.end()) return false;
    return std::all_of(uri.begin(), uri.begin() + static_cast<std::ptrdiff_t>(colon), [](unsigned char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    });
  }

  const toml::node* take(std::string_view key) {
    known_.emplace_back(key);
    return table_.get(key);
  }

  void complain(const toml::node& node, std::string_view key, std::string_view want) {
    if (error_) return;
    std::ostringstream value;
    if (!node.is_table() && !node.is_array()) value << toml::node_view<const toml::node>(&node);
    const std::string given = value.str().empty() ? "" : fmt::format(", not {}", shortened(printable(value.str()), 80));
    say(node, key, fmt::format("{}{}", want, given));
  }

  void say(const toml::node& node, std::string_view key, std::string_view fault) {
    if (!error_) error_ = at(node.source().begin.line, fmt::format("{}{} {}", path_, printable(key), fault));
  }

  Error at(std::uint32_t line, std::string_view fault) const {
    return {ErrorCode::kInvalid, fmt::format("{}:{}: {}", origin_, line, fault)};
  }

  const toml::table& table_;
  std::string path_;
  std::string_view origin_;
  std::optional<Error>& error_;
  std::vector<std::string> known_;
};

void read_libvirt(Section libvirt, Config& config) {
  libvirt.uris("uris", config.libvirt.uris);
  libvirt.number("refresh_interval", config.libvirt.refresh_interval_s, 1, 86400, "seconds");
  libvirt.number("vhost_user_interval", config.libvirt.vhost_user_interval_s, std::max(config.interval_s, kLeastVhostUserInterval_s), 86400,
                 "seconds");
  libvirt.finish();
}

void read_sflow(Section sflow, SflowConfig& config) {
  config.enabled = true;
  sflow.flag("enabled", config.enabled);
  sflow.addresses("listen", config.listen);
  sflow.integer("port", config.port, 1, 65535, "UDP");
  sflow.some_networks("allow", config.allow);
  sflow.networks("agents", config.agents);
  sflow.networks("local_agents", config.local_agents);
  sflow.integer("threads", config.threads, 1, 16, "threads that receive");
  sflow.integer("receive_buffer", config.receive_buffer_kib, 64, 1 << 20, "KiB");
  sflow.number("window", config.window_s, 10, 3600, "seconds");
  sflow.integer("top", config.top, 1, 100, "conversations of a vNIC");
  sflow.integer("conversations", config.conversations, 1024, 1 << 24, "conversations kept");
  sflow.ports("vxlan_ports", config.vxlan_ports);
  sflow.ports("geneve_ports", config.geneve_ports);
  if (auto networks = sflow.section("networks")) networks->named_networks(config.networks);
  sflow.finish();
}

void read_capture_section(Section capture, CaptureConfig& config) {
  config.enabled = true;
  capture.flag("enabled", config.enabled);
  capture.flag("all", config.all);
  capture.patterns("vms", config.vms);
  capture.tags("tags", config.tags);
  capture.texts("ports", config.ports, "wants a list of links' names, such as [\"mirror0\"]");
  capture.integer("ring", config.ring_mib, 1, 64, "MiB");
  capture.flag("applications", config.applications);
  capture.flag("server_names", config.server_names);
  // A name stands behind the headers, some hundred octets on.
  if (config.server_names) config.snapshot_octets = kSnapshotWithServerNames;
  capture.integer("snapshot", config.snapshot_octets, 64, 2048, "octets of each packet");
  capture.filter("filter", config.filter);
  capture.integer("cpu_percent", config.cpu_percent, 0, 100, "percent of one core, 0 for no limit");
  capture.integer("flows", config.flows, 1024, 1 << 24, "flows at once");
  capture.integer("conversations", config.conversations, 1024, 1 << 24, "conversations kept");
  capture.number("window", config.window_s, 10, 3600, "seconds");
  capture.integer("top", config.top, 1, 100, "conversations of a vNIC");
  capture.ports("vxlan_ports", config.vxlan_ports);
  capture.ports("geneve_ports", config.geneve_ports);
  if (auto networks = capture.section("networks")) networks->named_networks(config.networks);
  capture.finish();
}

}  // namespace

SflowConfig::SflowConfig() {
  listen = {*IpAddress::parse("127.0.0.1"), *IpAddress::parse("::1")};
  allow = {*IpNetwork::parse("127.0.0.0/8"), *IpNetwork::parse("::1")};
}

Result<Config> parse_config(std::string_view text, std::string_view origin) {
  const std::string where = printable(origin);
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& e) {
    return Error{ErrorCode::kInvalid, fmt::format("{}:{}: not valid TOML: {}", where, e.source().begin.line, printable(e.description()))};
  }
  Config config;
  std::optional<Error> error;
  Section root(table, "", where, error);
  root.number("interval", config.interval_s, 1, 3600, "seconds");
  root.text("host", config.host, "this host's name");
  root.directory("runtime_directory", config.runtime_directory);
  root.directory("state_directory", config.state_directory);
  if (auto libvirt = root.section("libvirt")) read_libvirt(*std::move(libvirt), config);
  if (auto sflow = root.section("sflow")) read_sflow(*std::move(sflow), config.sflow);
  if (auto capture = root.section("capture")) read_capture_section(*std::move(capture), config.capture);
  root.finish();
  if (error) return *error;
  const CaptureConfig& capture = config.capture;
  if (capture.enabled && !capture.all && capture.vms.empty() && capture.tags.empty() && capture.ports.empty())
    return Error{ErrorCode::kInvalid, fmt::format("{}: [capture] selects nothing: set all = true, or vms, tags or ports", where)};
  if (capture.server_names && !capture.applications)
    return Error{ErrorCode::kInvalid, fmt::format("{}: capture.server_names needs capture.applications = true, whose part it is", where)};
  if (config.libvirt.uris.empty() && !config.sflow.enabled) {
    return Error{ErrorCode::kInvalid, fmt::format("{}: libvirt.uris is empty and {}: {}", where,
                                                  table.contains("sflow") ? "sflow.enabled is false" : "there is no [sflow]",
                                                  capture.enabled ? "[capture] would know no VM" : "nothing would be watched")};
  }
  // The default, where samples are taken more seldom than that.
  config.libvirt.vhost_user_interval_s = std::max(config.libvirt.vhost_user_interval_s, config.interval_s);
  return config;
}

Result<Config> load_config(const std::filesystem::path& file) {
  const std::string name = printable(file.string());
  const auto unreadable = [&name](int code) {
    const ErrorCode kind = code == ENOENT ? ErrorCode::kMissing : code == EACCES ? ErrorCode::kDenied : ErrorCode::kIo;
    return Error{kind, fmt::format("cannot read the configuration {}: {}", name, std::strerror(code))};
  };
  // O_NONBLOCK: a FIFO in its place must not hang us.
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return unreadable(errno);
  const std::unique_ptr<const int, void (*)(const int*)> closing(&fd, [](const int* f) { close(*f); });
  struct stat info {};
  if (fstat(fd, &info) != 0) return unreadable(errno);
  if (S_ISDIR(info.st_mode)) return Error{ErrorCode::kInvalid, fmt::format("{} is a directory, not a configuration file", name)};
  if (!S_ISREG(info.st_mode)) return Error{ErrorCode::kInvalid, fmt::format("{} is not a regular file", name)};
  std::string content;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(errno);
    if (got == 0) break;
    content.append(buffer.data(), static_cast<std::size_t>(got));
    if (content.size() > kMaxFileSize)
      return Error{ErrorCode::kInvalid, fmt::format("{} is larger than 1 MiB: this is no configuration", name)};
  }
  return parse_config(content, file.string());
}

Result<Config> load_config_or_defaults(const std::filesystem::path& file) {
  // A link that leads nowhere is a mistake and not the absence of a configuration.
  std::error_code ignored;
  if (std::filesystem::symlink_status(file, ignored).type() == std::filesystem::file_type::not_found) return Config{};
  return load_config(file);
}

}  // namespace vmtraffic
