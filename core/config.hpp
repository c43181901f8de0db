// /etc/vmtraffic/vmtraffic.toml: what a collector does, whichever front end embeds it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/address.hpp"
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

// The sFlow probe. On as soon as the file has the section.
struct SflowConfig {
  bool enabled{false};
  std::vector<IpAddress> listen;  // where datagrams are received; loopback of both versions by default
  std::uint16_t port{6343};
  std::vector<IpNetwork> allow;         // who may send; loopback by default
  std::vector<IpNetwork> agents;        // agents that are listened to, by the address that they name; empty: any that may send
  std::vector<IpNetwork> local_agents;  // agents whose ifIndexes are those of this host's links; empty: those that send from this host
  std::uint32_t threads{1};             // that receive; 1 to 16
  std::uint32_t receive_buffer_kib{8192};
  double window_s{60};                                      // what `recent` covers at least
  std::uint32_t top{10};                                    // conversations and services of each vNIC that are published
  std::uint32_t conversations{65'536};                      // that are kept for this host, and a sixteenth of them for each other one
  std::vector<std::pair<std::string, IpNetwork>> networks;  // named, in the order of the file
  std::vector<std::uint16_t> vxlan_ports{4789}, geneve_ports{6081};
  SflowConfig();
  friend bool operator==(const SflowConfig&, const SflowConfig&) = default;
};

// The capture probe: packets at the links of selected vNICs. On as soon as the file selects some.
struct CaptureConfig {
  bool enabled{false};
  bool all{false};                                          // every vNIC that has a link
  std::vector<std::string> vms;                             // or those of domains whose name one of these regular expressions (RE2) finds
  std::vector<std::pair<std::string, std::string>> tags;    // or that have one of these
  std::vector<std::string> ports;                           // and links that mirror the packets of others, by name
  std::uint32_t ring_mib{64};                               // of the kernel's memory for packets on their way, of all links together
  bool applications{false};                                 // what flows carry is told, by nDPI
  bool server_names{false};                                 // and for which server a client asked
  std::uint32_t snapshot_octets{128};                       // of each packet, from the Ethernet header on
  std::string filter;                                       // pcap-filter(7); empty: all packets
  std::uint32_t cpu_percent{0};                             // of one core: with more to do whole flows are left out; 0: no limit
  std::uint32_t flows{65'536};                              // at once
  std::uint32_t conversations{65'536};                      // that are kept
  double window_s{60};                                      // what recent figures cover at least
  std::uint32_t top{10};                                    // conversations, services and peers of each vNIC that are published
  std::vector<std::pair<std::string, IpNetwork>> networks;  // named, in the order of the file
  std::vector<std::uint16_t> vxlan_ports{4789}, geneve_ports{6081};
  friend bool operator==(const CaptureConfig&, const CaptureConfig&) = default;
};

struct Config {
  double interval_s{10};  // 1 to 3600
  std::string host;       // empty: this machine's host name
  std::filesystem::path runtime_directory{kDefaultRuntimeDirectory};
  std::filesystem::path state_directory{kDefaultStateDirectory};
  LibvirtConfig libvirt;
  SflowConfig sflow;
  CaptureConfig capture;
  friend bool operator==(const Config&, const Config&) = default;
};

// Reads a file. An error names file, line, key and what would be accepted.
Result<Config> load_config(const std::filesystem::path& file);

// The file if it exists, else the defaults. For the default path only: a file that the user named must exist.
Result<Config> load_config_or_defaults(const std::filesystem::path& file);

// The same for text in memory; `origin` stands in messages where the file's name would.
Result<Config> parse_config(std::string_view text, std::string_view origin);

}  // namespace vmtraffic
