// The golden inputs of core/wire: one packet for each protocol and tunnel, one record for each sFlow structure, datagrams around them. Unit
// tests, the truncation test, the comparison with tshark and the fuzz targets' corpora all go by these lists.
#pragma once

#include <string>
#include <vector>

#include "tests/unit/wire_bytes.hpp"

namespace vmtraffic::wire_test {

struct GoldenPacket {
  std::string name;
  Bytes octets;
  std::size_t wire_length{0};
};
std::vector<GoldenPacket> golden_packets();

enum class RecordKind { kFlow, kCounter };

struct GoldenRecord {
  RecordKind kind;
  std::uint32_t format;
  std::string variant;  // to tell records of one format apart
  Bytes body;
};
std::vector<GoldenRecord> golden_records();

struct GoldenDatagram {
  std::string name;
  Bytes octets;
};
std::vector<GoldenDatagram> golden_datagrams();

}  // namespace vmtraffic::wire_test
