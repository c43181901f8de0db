// /etc/vmtraffic/vmtraffic.toml: what a collector does, whichever front end embeds it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/types.hpp"

namespace vmtraffic {

inline constexpr const char* kDefaultConfigFile = "/etc/vmtraffic/vmtraffic.toml";
inline constexpr const char* kDefaultRuntimeDirectory = "/run/vmtraffic";
inline constexpr const char* kDefaultStateDirectory = "/var/lib/vmtraffic";

struct LibvirtConfig {
  std::vector<std::string> uris{"qemu:///system"};
  double refresh_interval_s{60};     // full refresh behind the events
  double vhost_user_interval_s{60};  // readings of vhost-user vNICs, which only libvirt counts; at least Config::interval_s and 10
  friend bool operator==(const LibvirtConfig&, const LibvirtConfig&) = default;
};

struct Config {
  double interval_s{10};  // 1 to 3600
  std::string host;       // empty: this machine's host name
  std::filesystem::path runtime_directory{kDefaultRuntimeDirectory};
  std::filesystem::path state_directory{kDefaultStateDirectory};
  LibvirtConfig libvirt;
  friend bool operator==(const Config&, const Config&) = default;
};

// Reads a file. An error names file, line, key and what would be accepted.
Result<Config> load_config(const std::filesystem::path& file);

// The file if it exists, else the defaults. For the default path only: a file that the user named must exist.
Result<Config> load_config_or_defaults(const std::filesystem::path& file);

// The same for text in memory; `origin` stands in messages where the file's name would.
Result<Config> parse_config(std::string_view text, std::string_view origin);

}  // namespace vmtraffic
