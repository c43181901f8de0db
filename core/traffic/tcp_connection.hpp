// One TCP connection as it passes a tap: round trips of both sides, response times, and what became of each segment. Pure: segments in,
// events out; nothing is allocated.
//
// The tap lies between the two ends, so whatever goes towards an end and comes back from there measures that end's side alone.
//
//   round trip   a segment with data, SYN or FIN begins a measurement, one at a time in each direction; the acknowledgement that covers it
//                ends it. A pure acknowledgement begins none: what answers it waits for the application. With timestamps (RFC 7323) the
//                echo tells which copy of a segment arrived; without, a retransmission spoils the measurement (Karn's rule).
//   response     from the last octet of a request to the first octet of its response; a request or response that was sent again spoils it.
//   a range that is sent again
//                acknowledged already, or reported as a duplicate (D-SACK, RFC 2883): spurious
//                seen before: lost after the tap
//                not seen before, a gap: lost before the tap, unless it came too early for anybody to have missed it: reordered
//   a gap that is acknowledged without being filled: the capture missed it.
//   a gap that there was no room for: what is sent again below its end, and is not acknowledged, is called nothing, as it may be the first
//                that was seen of it.
//
// What a tap cannot tell: segments that are lost before it while nothing follows them leave no gap, so their second copy is taken for the
// first. A copy that the network made counts as one that the sender made, as spurious where the receiver reports it.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/fair_places.hpp"
#include "core/types.hpp"
#include "core/wire/packet.hpp"

namespace vmtraffic {

// What one segment told. `kinds` says which of the others mean something.
struct TcpEvents {
  enum Kind : std::uint32_t {
    kRoundTrip = 1u << 0,     // rtt, of the side of the segment's sender
    kHandshake = 1u << 1,     // it is of a handshake
    kResponse = 1u << 2,      // response: the segment's sender answered a request
    kLostBefore = 1u << 3,    // lost_before: sent by this segment's sender
    kReordered = 1u << 4,     // reordered: sent by this segment's sender
    kSpurious = 1u << 5,      // spurious: sent by this segment's sender
    kDuplicated = 1u << 6,    // duplicated: of what the other end sent again, it says that it had it
    kUnseen = 1u << 7,        // unseen: sent by the other end
    kDuplicateAck = 1u << 8,  // one
    kZeroWindow = 1u << 9,    // this segment's sender closed its window
    kReset = 1u << 10,
    kRefused = 1u << 11,   // this segment refuses the other end's connection
    kAccepted = 1u << 12,  // this segment accepts it
  };
  std::uint32_t kinds{0};
  Nanoseconds rtt, response;
  std::uint32_t lost_before, reordered, spurious, duplicated, unseen;  // segments

  void clear() { kinds = 0; }
  bool has(Kind kind) const { return (kinds & kind) != 0; }
  void count(Kind kind, std::uint32_t& what, std::uint32_t n) {
    what = (has(kind) ? what : 0) + n;
    kinds |= kind;
  }
};

// What a connection is told of one segment. Lengths are those on the wire.
struct TcpSegment {
  const Tcp& tcp;
  std::uint32_t payload;   // octets
  Octets snapshot;         // where the options lie
  Nanoseconds time;        // not 0
  std::uint32_t owner{0};  // whose gaps it opens: a small number
};

// Ranges that the tap has not seen, of all connections: they are rare, so they stand apart, and there is a bound on them, and one sender
// of holes leaves room for the others.
class TcpGaps {
 public:
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;
  struct Gap {
    std::uint32_t begin{0}, end{0};
    std::uint32_t tsval{0};     // of the segment that opened it
    std::uint32_t next{kNone};  // the one above it, of the same sender
    std::uint32_t owner{0};
    Nanoseconds opened{0};
    Nanoseconds complained{0};  // when the receiver was first seen to miss it; 0: never
  };
  explicit TcpGaps(std::uint32_t most) : places_(most) {}

  std::uint32_t take(const Gap& gap);  // kNone: there are no more for its owner
  void give_back(std::uint32_t at) {
    places_.give_back(gaps_[at].owner);
    gaps_[at].next = free_;
    free_ = at;
  }
  Gap& operator[](std::uint32_t at) { return gaps_[at]; }
  std::uint64_t refused() const { return refused_; }

 private:
  std::vector<Gap> gaps_;
  FairPlaces places_;
  std::uint32_t free_{kNone};
  std::uint64_t refused_{0};
};

class TcpConnection {
 public:
  // `from`: which end sent it, 0 or 1, each always named alike. Events are added to what was cleared.
  void take(const TcpSegment& segment, std::uint8_t from, TcpGaps& gaps, TcpEvents& events);
  // Segments of this end that were sent again and, for a second, not reported as duplicates: lost after the tap. Each is given once. A SYN
  // that nothing answers is no loss, however often it is sent: who knows whether somebody is there.
  std::uint32_t settle(std::uint8_t end, Nanoseconds now);
  bool unsettled() const { return halves_[0].again > 0 || halves_[1].again > 0; }
  void release(TcpGaps& gaps);  // before it goes

  // The end that opened the connection, where its SYN was seen; else the one that is not on the lower port. kNobody: nothing was seen.
  static constexpr std::uint8_t kNobody = 2;
  static constexpr std::uint8_t other(std::uint8_t end) { return end == 0 ? 1 : 0; }
  std::uint8_t client() const { return client_; }
  bool closed() const { return closed_; }
  // A SYN that nothing has answered yet, and may still.
  bool opening() const { return opening_ == Opening::kWaits; }
  // Nobody will. The same SYN sent again opens no other connection; it may be accepted after all.
  void give_up() {
    if (!opening()) return;
    opening_ = Opening::kGivenUp;
    closed_ = std::exchange(halves_[client_].again, 0) == 0;  // who has sent it again goes on
  }
  // Somebody on the way, or this end's peer, says that the SYN of this sequence number will not arrive. False: there is none that waits.
  bool refuse(std::uint8_t from, std::uint32_t seq) {
    if (!opening() || from != client_ || halves_[from].next != seq + 1) return false;
    give_up();
    return true;
  }
  // Segments with data, on the wire, modulo 2^32.
  std::uint32_t segments(std::uint8_t end) const { return halves_[end].segments; }

 private:
  // What one end sends, and what the other says of it.
  struct Half {
    std::uint32_t next{0};            // one past the highest octet that was seen
    std::uint32_t acked{0};           // by the other end
    std::uint16_t window{0}, mss{0};  // that it announced
    bool seen{false}, is_acked{false}, window_known{false}, finished{false};
    bool rtt_timestamp{false}, rtt_handshake{false};
    std::uint8_t gap_count{0};
    bool is_vague{false};  // there was no room for a gap: below `vague_end` nobody knows what was seen
    std::uint32_t rtt_end{0}, rtt_tsval{0};
    std::uint32_t vague_end{0};
    Nanoseconds rtt_begun{0};       // 0: nothing is measured
    std::uint32_t least_rtt_us{0};  // of the side of this half's sender; 0: not known
    std::uint32_t segments{0};
    std::uint32_t again{0};  // segments sent again and not settled, within these
    std::uint32_t again_begin{0}, again_end{0};
    std::uint32_t spurious_begin{0}, spurious_end{0};  // the last that were known for such at once: their report settles nothing
    std::uint32_t first_gap{TcpGaps::kNone};
    Nanoseconds again_at{0};
  };
  struct Options;
  struct Step;  // one segment under way

  static Options read_options(const TcpSegment& segment);
  void open(Step& step);
  void acknowledge(Step& step);
  void end_round_trip(Step& step);
  void advance_ack(Step& step, std::uint32_t ack);
  void send(Step& step, std::uint32_t length);
  void send_again(Step& step, std::uint32_t begin, std::uint32_t end);
  void begin_round_trip(Step& step, std::uint32_t end);
  void turn(Step& step);
  static void add_gap(Step& step, std::uint32_t begin, std::uint32_t end);
  static std::uint32_t take_gap(Step& step, TcpGaps::Gap gap);
  bool fill_gap(Step& step, std::uint32_t begin, std::uint32_t end);
  static bool overtaken(const Step& step, const TcpGaps::Gap& gap);
  std::uint32_t segments_of(std::uint32_t octets) const;

  std::array<Half, 2> halves_;
  Nanoseconds asked_{0};  // when the last octet of a request passed; 0: nobody waits for a response
  std::uint8_t client_{kNobody};
  enum class Opening : std::uint8_t { kNot, kWaits, kGivenUp } opening_{Opening::kNot};
  bool closed_{false}, timestamps_{false};
};

}  // namespace vmtraffic
