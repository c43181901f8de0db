// A frame as a capture delivers it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/traffic/captured_packet.hpp"
#include "tests/unit/wire_bytes.hpp"

namespace vmtraffic::flow_test {

// The frame must outlive it. Of a longer one the first `snapshot` octets are there.
inline CapturedPacket captured(const wire_test::Bytes& frame, Nanoseconds when, std::uint32_t link, Heading heading,
                               std::size_t snapshot = 65'536) {
  const Octets octets = frame.octets();
  return {.octets = octets.first(std::min(octets.size(), snapshot)),
          .wire_length = static_cast<std::uint32_t>(octets.size()),
          .walltime = when,
          .if_index = link,
          .heading = heading};
}

}  // namespace vmtraffic::flow_test
