// A recording of many TCP connections at once, as one host's tap would have it: the handshakes of all, and then packets of any of them,
// chosen by a generator that always begins alike. Requests, responses and acknowledgements of a connection come in their order; two packets
// of one hardly ever come together. 128 octets of each packet are kept.
//
//   make_flows FILE FLOWS PACKETS
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace {

constexpr std::uint32_t kSnapshot = 128, kHeaders = 14 + 20 + 32;
constexpr std::uint32_t kRequest = 300, kResponse = 1448;
constexpr std::uint32_t kSpacing_us = 2;
constexpr std::uint8_t kSyn = 0x02, kAck = 0x10, kPushAck = 0x18;

struct Connection {
  std::uint32_t client_seq, server_seq;
  std::uint32_t client_ms, server_ms;  // the timestamps that each sent last
  std::uint8_t step;                   // of kSteps
};

// What happens in a connection, over and over from the fourth on.
struct Step {
  bool from_client;
  std::uint8_t flags;
  std::uint32_t payload;
};
constexpr std::array<Step, 7> kSteps{{{true, kSyn, 0},
                                      {false, kSyn | kAck, 0},
                                      {true, kAck, 0},
                                      {true, kPushAck, kRequest},
                                      {false, kAck, kResponse},
                                      {false, kPushAck, kResponse},
                                      {true, kAck, 0}}};
constexpr std::uint8_t kHandshake = 3;

class Frame {
 public:
  void put16(std::size_t at, std::uint32_t value) { put(at, htons(static_cast<std::uint16_t>(value))); }
  void put32(std::size_t at, std::uint32_t value) { put(at, htonl(value)); }
  void put8(std::size_t at, std::uint8_t value) { octets_.at(at) = value; }
  const std::uint8_t* data() const { return octets_.data(); }

 private:
  template <class T>
  void put(std::size_t at, T value) {
    std::memcpy(octets_.data() + at, &value, sizeof(value));
  }
  std::array<std::uint8_t, kSnapshot> octets_{};
};

// Each guest's client has 50,000 ports, each server is one of 16 guests behind the tap's.
void address(Frame& frame, std::uint32_t flow, bool from_client) {
  const std::uint32_t client = 0xC633'6400 + flow / 50'000, server = 0x0A2C'0001 + flow % 16;
  const std::uint32_t client_mac = 1 + flow / 50'000, server_mac = 0x100 + flow % 16;
  frame.put16(0, 0x5254);
  frame.put32(2, from_client ? server_mac : client_mac);
  frame.put16(6, 0x5254);
  frame.put32(8, from_client ? client_mac : server_mac);
  frame.put32(26, from_client ? client : server);
  frame.put32(30, from_client ? server : client);
  const std::uint32_t port = 10'000 + flow % 50'000;
  frame.put16(34, from_client ? port : 443);
  frame.put16(36, from_client ? 443 : port);
}

void fill(Frame& frame, const Connection& connection, const Step& step, std::uint32_t time_us) {
  frame.put16(12, 0x0800);
  frame.put8(14, 0x45);
  frame.put16(16, 20 + 32 + step.payload);
  frame.put16(20, 0x4000);
  frame.put8(22, 64);
  frame.put8(23, 6);
  frame.put32(38, step.from_client ? connection.client_seq : connection.server_seq);
  frame.put32(42, step.flags == kSyn ? 0 : step.from_client ? connection.server_seq : connection.client_seq);
  frame.put8(46, 8 << 4);
  frame.put8(47, step.flags);
  frame.put16(48, 501);
  frame.put32(54, 0x0101'080A);  // timestamps
  frame.put32(58, time_us / 1000 + 1);
  frame.put32(62, step.from_client ? connection.server_ms : connection.client_ms);
}

std::uint64_t shuffled(std::uint64_t& state) {  // xorshift64*
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545'F491'4F6C'DD1D;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const auto flows = static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10));
  const auto packets = static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10));
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(argv[1], "wb"), std::fclose);
  if (file == nullptr || flows == 0) return 1;
  std::vector<Connection> connections(flows);
  std::uint64_t state = 20'261'122;
  for (Connection& c : connections) c = {static_cast<std::uint32_t>(shuffled(state)), static_cast<std::uint32_t>(shuffled(state)), 0, 0, 0};
  const std::array<std::uint32_t, 6> head{0xA1B2'C3D4, 2 | 4 << 16, 0, 0, kSnapshot, 1};
  bool written = std::fwrite(head.data(), sizeof(head), 1, file.get()) == 1;
  for (std::uint32_t i = 0; i < packets && written; ++i) {
    const std::uint32_t flow = i < flows * kHandshake ? i % flows : static_cast<std::uint32_t>((shuffled(state) >> 32) * flows >> 32);
    Connection& connection = connections[flow];
    const Step& step = kSteps.at(connection.step);
    connection.step = connection.step + 1U < kSteps.size() ? static_cast<std::uint8_t>(connection.step + 1) : kHandshake;
    const std::uint32_t time_us = i * kSpacing_us;
    Frame frame;
    address(frame, flow, step.from_client);
    fill(frame, connection, step, time_us);
    (step.from_client ? connection.client_ms : connection.server_ms) = time_us / 1000 + 1;
    (step.from_client ? connection.client_seq : connection.server_seq) += step.payload + ((step.flags & kSyn) != 0 ? 1 : 0);
    const std::uint32_t length = kHeaders + step.payload;
    const std::array<std::uint32_t, 4> record{1'790'000'000 + time_us / 1'000'000, time_us % 1'000'000, std::min(length, kSnapshot),
                                              length};
    written = std::fwrite(record.data(), sizeof(record), 1, file.get()) == 1 && std::fwrite(frame.data(), record[2], 1, file.get()) == 1;
  }
  return written ? 0 : 1;
}
