// vmtraffic-collect's command line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/types.hpp"

namespace vmtraffic::standalone {

enum class Mode {
  kCollect,  // the daemon
  kOnce,     // samples twice and shows that
  kPrint,    // shows the present snapshot
  kWatch,    // shows it again and again
  kHosts,    // lists the other hosts
  kReplay,   // shows what a recording of sFlow says
  kRead,     // shows what a recording of packets says
};

struct Options {
  Mode mode{Mode::kCollect};
  bool json{false};
  std::optional<std::filesystem::path> config;             // nothing: the default file, if it exists
  std::optional<std::filesystem::path> runtime_directory;  // instead of the configuration's
  std::string host;                                        // whose snapshot; empty: this host's
  std::filesystem::path recording;                         // kReplay, kRead
  std::optional<std::filesystem::path> inventory;          // of the recording's VMs
  std::optional<std::uint16_t> sflow_port;                 // instead of the configuration's; 0: any
  Window window{Window::kInterval};
  bool verbose{false};
};

// What to print instead of doing anything, and the exit status: 0 help and version, 2 a mistake (which goes to standard error).
struct Farewell {
  int status{0};
  std::string text;
};

std::variant<Options, Farewell> parse_options(const std::vector<std::string>& arguments);

}  // namespace vmtraffic::standalone
