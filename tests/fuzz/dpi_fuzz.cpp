// Sequences of packets of a few flows to a detector: whatever is sent, however it is cut, nothing outside is read, every flow ends, and
// what a verdict says is bounded and printable.
//
// The input: pieces of | what 1 | length 2 | octets |, the length cut to what is there: a packet from its IP header on. Of `what`:
//   0x03 the flow   0x04 the flow is dropped before it   0x08 it is given up after it
//   0xF0 how much longer the packet was on the wire, in 100 octets
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "core/dpi/application_detector.hpp"
#include "core/wire/byte_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace vmtraffic;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(std::string_view text, std::size_t limit) {
  require(text.size() <= limit && std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; }));
}

void check(const Application& application) {
  require(!application.name.empty() && !application.category.empty());
  require((application.id == 0) == (application == Application{}));
  check(application.name, kMaxApplicationName), check(application.category, kMaxApplicationName);
  check(application.server_name, kMaxServerName);
}

ApplicationDetector& detector() {
  // One for all inputs: to make it takes longer than most of them.
  static const std::unique_ptr<ApplicationDetector> made = [] {
    auto result = ApplicationDetector::make({.packets_per_flow = 8, .flows = 6, .server_names = true});
    require(result.ok());
    return std::move(*result);
  }();
  return *made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ApplicationDetector& all = detector();
  ByteReader reader(Octets(reinterpret_cast<const std::byte*>(data), size));
  std::array<ApplicationFlow, 4> flows;
  Nanoseconds now = 1000 * kSecond;
  while (reader.remaining() >= 3) {
    const std::uint8_t what = reader.u8();
    const std::size_t length = reader.u16();
    const Octets packet = reader.take(std::min(length, reader.remaining()));
    const std::vector<std::byte> copy(packet.begin(), packet.end());  // of its own, so that the sanitizer sees its end
    ApplicationFlow& flow = flows[what & 3];
    if ((what & 4) != 0) flow.reset();
    const DetectionStep step = all.inspect(flow, copy, copy.size() + std::size_t{what >> 4 & 0xFU} * 100, now += kSecond / 1000);
    require(step.detection != Detection::kFinal || flow == nullptr);
    require(step.detection == Detection::kFinal || step.application == Application{});
    check(step.application);
    if ((what & 8) != 0) check(all.give_up(flow));
    require(all.in_detection() <= 3);
  }
  for (ApplicationFlow& flow : flows) check(all.give_up(flow));
  require(all.in_detection() == 0);
  const ApplicationCounters& c = all.counters();
  require(c.by_content + c.guessed + c.unknown <= c.flows && c.flows <= c.packets);
  return 0;
}
