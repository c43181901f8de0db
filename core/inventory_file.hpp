// Whose vNICs a recording is about, from a file: a snapshot that a collector published, or TOML written by hand.
//
//   [[domain]]
//   name = "web1"
//   uuid = "6695eb01-f6a4-8304-79aa-97f2502e193f"     # without one, its name makes one
//   [[domain.vnic]]
//   mac = "52:54:00:12:34:56"
//   if_index = 12                                     # on the host of the local agents; without one, the MAC alone tells its packets
//   source = "br0"                                    # its bridge or network: where addresses mean something
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/traffic/inventory.hpp"

namespace vmtraffic {

struct InventoryFile {
  Inventory inventory;                    // normalized
  std::vector<std::uint32_t> if_indexes;  // by row; 0: none
  friend bool operator==(const InventoryFile&, const InventoryFile&) = default;
};

// A snapshot file, the directory that has one, or TOML. Errors name the file, and of TOML the line, the key and what would be right.
Result<InventoryFile> load_inventory(const std::filesystem::path& file);

// TOML in memory; `origin` stands in messages where the file's name would.
Result<InventoryFile> parse_inventory(std::string_view text, std::string_view origin);

}  // namespace vmtraffic
