// The <Plugin vmtraffic> block: which domains and vNICs are reported, and under which names. What is collected stands in vmtraffic.toml,
// because any front end may be the one that collects.
//
// Options that collectd's virt plugin has too mean here what they mean there. Those that cannot apply are accepted with a notice, so that
// a block can be carried over as it is.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/config.hpp"
#include "plugins/collectd/option_item.hpp"
#include "plugins/collectd/other_hosts.hpp"
#include "plugins/collectd/values.hpp"

namespace vmtraffic::collectd {

struct Options {
  std::filesystem::path config_file{kDefaultConfigFile};
  bool config_file_named{false};  // then it must exist
  std::optional<std::filesystem::path> runtime_directory;
  Mapping mapping;
  HostSelection hosts;
  bool persistent_notification{false};
};

// What is to be logged of a configuration. Each line names the option and what would be right.
struct Remarks {
  std::vector<std::string> faults;   // the plugin does not start
  std::vector<std::string> notices;  // it does
  friend bool operator==(const Remarks&, const Remarks&) = default;
};

// Takes one block into `options`; a configuration may have several.
void read_block(const std::vector<OptionItem>& block, Options& options, Remarks& remarks);

// What only shows once everything is read: the faults of the whole.
std::vector<std::string> contradictions(const Options& options, const Config& config, bool virt_is_loaded);

}  // namespace vmtraffic::collectd
