// Where an SR-IOV virtual function's counters are. sysfs tells which physical function it belongs to and its number there:
//
//   /sys/bus/pci/devices/0000:03:10.1/physfn → ../0000:03:00.0
//   /sys/bus/pci/devices/0000:03:10.1/physfn/virtfn3 → ../0000:03:10.1       number 3
//   /sys/bus/pci/devices/0000:03:10.1/physfn/net/{ens1f0,…}                  the physical function's links
//
// With the card as a switch ("switchdev"), each function has a representor: a link of the host with port name "pf0vf3" (or "c1pf0vf3") on
// the switch of the physical function's own port "p0". Its counters are exact and come with everybody's, turned. Otherwise the physical
// function answers for it (IFLA_VF_STATS). Tested with recorded messages and a made-up sysfs; no such hardware was at hand.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "core/probes/link_table.hpp"
#include "core/traffic/inventory.hpp"

namespace vmtraffic {

struct VirtualFunction {
  std::uint32_t number{0};                // among its physical function's
  std::uint32_t physical_function{0};     // the PCI function of the physical one: which port of the card
  std::vector<std::string> parent_links;  // names of links that hang on the physical function, sorted
  friend bool operator==(const VirtualFunction&, const VirtualFunction&) = default;
};

// Where to read a function's counters: exactly one of the two is set.
struct FunctionPlace {
  std::uint32_t representor{0};  // this link's counters, seen from the host's end
  std::uint32_t parent{0};       // this link's IFLA_VF_STATS
  friend bool operator==(const FunctionPlace&, const FunctionPlace&) = default;
};

// Nothing when the address is no virtual function (any more).
inline std::optional<VirtualFunction> find_virtual_function(const std::filesystem::path& sysfs, const PciAddress& address) {
  std::error_code error;
  const std::string name = address.text();
  const std::filesystem::path parent = sysfs / "bus/pci/devices" / name / "physfn";
  const std::string parent_name = std::filesystem::read_symlink(parent, error).filename().string();
  if (error || parent_name.empty()) return std::nullopt;

  VirtualFunction function;
  const char last = parent_name.back();
  if (last >= '0' && last <= '7') function.physical_function = static_cast<std::uint32_t>(last - '0');
  bool numbered = false;
  for (std::filesystem::directory_iterator entry(parent, error), end; !error && entry != end; entry.increment(error)) {
    const std::string file = entry->path().filename().string();
    if (!file.starts_with("virtfn") || file.size() == 6 || file.size() > 6 + 5) continue;
    if (file.find_first_not_of("0123456789", 6) != std::string::npos) continue;
    std::error_code unreadable;
    if (std::filesystem::read_symlink(entry->path(), unreadable).filename() != name) continue;
    function.number = static_cast<std::uint32_t>(std::stoul(file.substr(6)));
    numbered = true;
    break;
  }
  if (!numbered) return std::nullopt;
  for (std::filesystem::directory_iterator entry(parent / "net", error), end; !error && entry != end; entry.increment(error)) {
    function.parent_links.push_back(entry->path().filename().string());
  }
  std::sort(function.parent_links.begin(), function.parent_links.end());
  return function;
}

inline std::optional<FunctionPlace> place_of(const VirtualFunction& function, const LinkTable& links) {
  // In switchdev mode the representors hang on the physical function as well: the parent is the one that represents nobody.
  const Link* parent = nullptr;
  std::uint32_t parent_index = 0;
  for (const std::string& name : function.parent_links) {
    const auto if_index = links.index_of(name);
    const Link* link = if_index ? links.find(*if_index) : nullptr;
    if (link == nullptr || link->port_name.find("vf") != std::string::npos || link->port_name.find("sf") != std::string::npos) continue;
    parent = link;
    parent_index = *if_index;
    break;
  }
  if (parent == nullptr) return std::nullopt;
  if (!parent->switch_id.empty()) {
    const std::string port = parent->port_name.size() > 1 && parent->port_name.front() == 'p' ? parent->port_name.substr(1)
                                                                                              : std::to_string(function.physical_function);
    const std::string name = "pf" + port + "vf" + std::to_string(function.number);
    for (const std::string& with_controller : {name, "c1" + name, "c0" + name}) {
      if (const auto representor = links.port_of_switch(parent->switch_id, with_controller))
        return FunctionPlace{.representor = *representor, .parent = 0};
    }
  }
  return FunctionPlace{.representor = 0, .parent = parent_index};
}

}  // namespace vmtraffic
