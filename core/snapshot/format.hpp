// The snapshot file: a directory of parts, each a FlatBuffer with a checksum of its own, so that a reader verifies only what it needs
// and a writer reuses a part's octets as long as they stay the same. Integers in the host's order (the file never leaves the host).
//
//   0        8       12      16          24          40        48
//   +--------+-------+-------+-----------+-----------+---------+------------------------+----------
//   | magic  | major | parts | file size | reserved  | xxh3    | parts × PartEntry      | part octets …, each at a multiple of 16
//   +--------+-------+-------+-----------+-----------+---------+------------------------+----------
//
// `xxh3` covers the file's first 40 octets and the entries; an entry's `xxh3` covers its part, padding included: no octet is uncovered.
// Unknown part kinds are skipped, so an older reader reads a newer file; `major` changes only when even that cannot work.
#pragma once

#include <cstdint>

namespace vmtraffic {

inline constexpr std::uint64_t kSnapshotMagic = 0x0A31'5450'4E53'4D56;  // "VMSNPT1\n"
inline constexpr std::uint32_t kSnapshotMajor = 1;
inline constexpr std::uint32_t kSnapshotMaxParts = 64;
inline constexpr std::size_t kPartAlignment = 16;

enum class PartKind : std::uint32_t {
  kHeader = 1,
  kInventory = 2,
  kNumbers = 3,
  kHealth = 4,
  kEvents = 5,
  kTags = 6,
  kFlows = 7,
  kAgents = 8,
  kHosts = 9,
  kPerformance = 10
};

struct FileHead {
  std::uint64_t magic;
  std::uint32_t major;
  std::uint32_t part_count;
  std::uint64_t file_size;
  std::uint64_t reserved[2];
  std::uint64_t xxh3;
};
static_assert(sizeof(FileHead) == 48 && sizeof(FileHead) % kPartAlignment == 0);

struct PartEntry {
  std::uint32_t kind;
  std::uint32_t reserved;
  std::uint64_t offset;  // from the file's start
  std::uint64_t size;
  std::uint64_t xxh3;
};
static_assert(sizeof(PartEntry) == 32 && sizeof(PartEntry) % kPartAlignment == 0);

}  // namespace vmtraffic
