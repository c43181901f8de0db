#include "core/traffic/tcp_connection.hpp"

#include <algorithm>
#include <utility>

namespace vmtraffic {
namespace {

constexpr Nanoseconds kMicrosecond = 1000, kMillisecond = 1'000'000;

// Nobody's window is wider: a segment that lies further ahead begins anew.
constexpr std::int32_t kWidestWindow = 1 << 30;

// The shortest time after which a sender that was told nothing sends again (RFC 6298 asks for 1 s, Linux waits 200 ms, its loss probe
// less).
constexpr Nanoseconds kUntold = 100 * kMillisecond;
// Between the first word of a gap and its filling, where the way to the sender is not known: as tshark has it.
constexpr Nanoseconds kReordering = 3 * kMillisecond;

constexpr Nanoseconds kSettled = kSecond;
constexpr std::uint8_t kMostGaps = 64;  // of one sender

// What a segment of offload is cut to where no MSS was seen: Ethernet's with timestamps. No frame on a wire is longer than a jumbo frame.
constexpr std::uint32_t kUsualMss = 1448, kJumbo = 9216, kTimestampOctets = 12, kLeastMss = 88;

std::int32_t distance(std::uint32_t from, std::uint32_t to) { return static_cast<std::int32_t>(to - from); }

std::uint32_t u32_at(Octets octets, std::size_t at) { return ByteReader(octets.subspan(at, 4)).u32(); }

}  // namespace

std::uint32_t TcpGaps::take(const Gap& gap) {
  if (!places_.take(gap.owner)) {
    ++refused_;
    return kNone;
  }
  if (free_ == kNone) {
    try {
      gaps_.push_back(gap);
    } catch (...) {
      places_.give_back(gap.owner);
      throw;
    }
    return static_cast<std::uint32_t>(gaps_.size() - 1);
  }
  const std::uint32_t at = free_;
  free_ = gaps_[at].next;
  gaps_[at] = gap;
  return at;
}

struct TcpConnection::Options {
  bool timestamps{false}, selective{false}, duplicate{false};
  std::uint32_t value{0}, echo{0};
  std::uint16_t mss{0};
  SackBlock block{};  // the first
};

struct TcpConnection::Step {
  const TcpSegment& segment;
  const Options options;
  Half& sender;    // of this segment
  Half& receiver;  // what the other end sends
  TcpGaps& gaps;
  TcpEvents& events;
  const std::uint8_t from;
  bool has(TcpFlag flag) const { return segment.tcp.has(flag); }
};

TcpConnection::Options TcpConnection::read_options(const TcpSegment& segment) {
  const Octets octets = segment.tcp.options.of(segment.snapshot);
  if (octets.empty()) return {};
  // All that most segments have: padding, padding, timestamps.
  if (octets.size() == 12 && u32_at(octets, 0) == 0x0101'080A)
    return {.timestamps = true, .value = u32_at(octets, 4), .echo = u32_at(octets, 8)};
  const TcpOptions read = tcp_options(segment.snapshot, segment.tcp);
  Options out;
  if (read.timestamps) {
    out.timestamps = true;
    out.value = read.timestamps->value;
    out.echo = read.timestamps->echo_reply;
  }
  out.mss = read.mss.value_or(0);
  if (read.sack.empty()) return out;
  out.selective = true;
  out.block = read.sack[0];
  const bool is_acked = distance(out.block.right, segment.tcp.ack) >= 0;
  const bool is_within =
      read.sack.size() > 1 && distance(read.sack[1].left, out.block.left) >= 0 && distance(out.block.right, read.sack[1].right) >= 0;
  out.duplicate = is_acked || is_within;
  return out;
}

std::uint32_t TcpConnection::segments_of(std::uint32_t octets) const {
  const std::uint32_t announced = std::min<std::uint32_t>(halves_[0].mss, halves_[1].mss);
  if (announced < kLeastMss) return octets <= kJumbo ? 1 : (octets + kUsualMss - 1) / kUsualMss;
  const std::uint32_t mss = announced - (timestamps_ ? kTimestampOctets : 0);
  return std::max<std::uint32_t>(1, (octets + mss - 1) / mss);
}

void TcpConnection::take(const TcpSegment& segment, std::uint8_t from, TcpGaps& gaps, TcpEvents& events) {
  Step step{segment, read_options(segment), halves_[from], halves_[other(from)], gaps, events, from};
  if (step.has(kTcpRst)) {
    if (opening() && from != client_) {
      events.kinds |= TcpEvents::kRefused;
    } else if (!closed_ && opening_ != Opening::kGivenUp) {
      events.kinds |= TcpEvents::kReset;
    }
    opening_ = Opening::kNot;
    closed_ = true;
    return;
  }
  if (step.has(kTcpSyn)) open(step);
  if (opening_ != Opening::kNot && from != client_) {  // it goes on, so somebody accepted it unseen
    opening_ = Opening::kNot;
    closed_ = false;
  }
  if (client_ == kNobody) client_ = segment.tcp.src_port < segment.tcp.dst_port ? other(from) : from;
  if (step.options.timestamps) timestamps_ = true;
  if (step.has(kTcpAck)) acknowledge(step);
  const std::uint32_t length = segment.payload + (step.has(kTcpSyn) ? 1 : 0) + (step.has(kTcpFin) ? 1 : 0);
  if (segment.payload > 0) step.sender.segments += segments_of(segment.payload);
  if (length > 0) send(step, length);
  if (step.has(kTcpFin)) {
    step.sender.finished = true;
    closed_ = closed_ || step.receiver.finished;
  }
}

void TcpConnection::open(Step& step) {
  if (step.options.mss != 0) step.sender.mss = step.options.mss;
  if (step.has(kTcpAck)) {
    if (opening_ != Opening::kNot && step.from != client_) {
      step.events.kinds |= TcpEvents::kAccepted;
      closed_ = false;
    }
    opening_ = Opening::kNot;
    client_ = other(step.from);
    return;
  }
  const bool again = opening_ != Opening::kNot && step.sender.seen && step.segment.tcp.seq + 1 == step.sender.next;
  if (!again) {
    release(step.gaps);
    const std::uint32_t counted[] = {halves_[0].segments, halves_[1].segments};
    const std::uint16_t mss = step.sender.mss;
    halves_ = {};
    for (const std::size_t end : {0U, 1U}) halves_[end].segments = counted[end];
    step.sender.mss = mss;
    asked_ = 0;
    timestamps_ = false;
    opening_ = Opening::kWaits;
  }
  closed_ = false;
  client_ = step.from;
}

// ---- what the other end sent, and this one has

void TcpConnection::acknowledge(Step& step) {
  Half& other = step.receiver;
  const Tcp& tcp = step.segment.tcp;
  const bool known =
      distance(other.spurious_begin, step.options.block.left) >= 0 && distance(step.options.block.right, other.spurious_end) >= 0;
  if (step.options.duplicate && other.again > 0 && !known && distance(other.again_begin, step.options.block.left) >= 0 &&
      distance(step.options.block.right, other.again_end) >= 0) {
    const std::uint32_t n = std::min(other.again, segments_of(step.options.block.right - step.options.block.left));
    other.again -= n;
    step.events.count(TcpEvents::kDuplicated, step.events.duplicated, n);
  }
  end_round_trip(step);
  const bool pure = step.segment.payload == 0 && !step.has(kTcpSyn) && !step.has(kTcpFin);
  const bool repeats = pure && other.is_acked && tcp.ack == other.acked && other.seen && distance(tcp.ack, other.next) > 0;
  if (repeats && step.sender.window_known && tcp.window == step.sender.window) step.events.kinds |= TcpEvents::kDuplicateAck;
  if (repeats || step.options.selective) {
    for (std::uint32_t at = other.first_gap; at != TcpGaps::kNone; at = step.gaps[at].next) {
      TcpGaps::Gap& gap = step.gaps[at];
      if (distance(gap.begin, tcp.ack) > 0) continue;
      const bool misses = step.options.selective ? distance(gap.end, step.options.block.right) > 0 : gap.begin == tcp.ack;
      if (misses && gap.complained == 0) gap.complained = step.segment.time;
    }
  }
  if (!step.has(kTcpSyn) && tcp.window == 0 && step.sender.window_known && step.sender.window != 0)
    step.events.kinds |= TcpEvents::kZeroWindow;
  step.sender.window = tcp.window;
  step.sender.window_known = true;
  if (!other.is_acked || distance(other.acked, tcp.ack) > 0) advance_ack(step, tcp.ack);
}

void TcpConnection::end_round_trip(Step& step) {
  Half& other = step.receiver;
  if (other.rtt_begun == 0 || distance(other.rtt_end, step.segment.tcp.ack) < 0) return;
  const Nanoseconds rtt = step.segment.time - other.rtt_begun;
  other.rtt_begun = 0;
  // The echo is that of the segment which moved the receiver's edge: one that was sent later filled a gap, or is another copy.
  if (other.rtt_timestamp && step.options.timestamps && distance(other.rtt_tsval, step.options.echo) > 0) return;
  if (rtt < 0) return;  // the clock was set
  step.events.kinds |= TcpEvents::kRoundTrip | (other.rtt_handshake ? TcpEvents::kHandshake : 0u);
  step.events.rtt = rtt;
  const auto us = static_cast<std::uint32_t>(std::clamp<Nanoseconds>(rtt / kMicrosecond, 1, 0xFFFF'FFFF));
  if (step.sender.least_rtt_us == 0 || us < step.sender.least_rtt_us) step.sender.least_rtt_us = us;
}

void TcpConnection::advance_ack(Step& step, std::uint32_t ack) {
  Half& other = step.receiver;
  other.acked = ack;
  other.is_acked = true;
  if (other.is_vague && distance(other.vague_end, ack) >= 0) other.is_vague = false;
  std::uint32_t unseen = 0;
  while (other.first_gap != TcpGaps::kNone && distance(step.gaps[other.first_gap].begin, ack) > 0) {
    TcpGaps::Gap& gap = step.gaps[other.first_gap];
    if (distance(gap.end, ack) < 0) {
      unseen += segments_of(ack - gap.begin);
      gap.begin = ack;
      break;
    }
    unseen += segments_of(gap.end - gap.begin);
    const std::uint32_t next = gap.next;
    step.gaps.give_back(other.first_gap);
    other.first_gap = next;
    --other.gap_count;
  }
  if (other.seen && distance(other.next, ack) > 0) {
    if (distance(other.next, ack) < kWidestWindow) unseen += segments_of(ack - other.next);
    other.next = ack;
  }
  if (unseen > 0) step.events.count(TcpEvents::kUnseen, step.events.unseen, unseen);
}

// ---- what this end sends

void TcpConnection::send(Step& step, std::uint32_t length) {
  Half& h = step.sender;
  const std::uint32_t begin = step.segment.tcp.seq, end = begin + length;
  const std::int32_t ahead = h.seen ? distance(h.next, begin) : 0;
  h.seen = true;
  if (ahead < 0) {
    const bool is_probe = length == 1 && distance(end, h.next) == 0 && h.is_acked && h.acked == h.next && step.segment.payload == 1;
    if (is_probe) return;  // keep-alive: an octet that everybody knows
    if (distance(end, h.next) >= 0) return send_again(step, begin, end);
    send_again(step, begin, h.next);
    h.next = end;  // what is new in it says nothing of time: the rest of it is older
    return;
  }
  if (ahead >= kWidestWindow) {
    while (h.first_gap != TcpGaps::kNone) {
      const std::uint32_t next = step.gaps[h.first_gap].next;
      step.gaps.give_back(std::exchange(h.first_gap, next));
    }
    h.gap_count = 0;
    h.is_vague = false;
    h.rtt_begun = 0;
    asked_ = 0;
  } else if (ahead > 0) {
    add_gap(step, h.next, begin);
    if (step.from != client_) asked_ = 0;  // the response's first octet is not this one
  }
  h.next = end;
  begin_round_trip(step, end);
  if (step.segment.payload > 0) turn(step);
}

void TcpConnection::begin_round_trip(Step& step, std::uint32_t end) {
  Half& h = step.sender;
  if (h.rtt_begun != 0) return;
  h.rtt_begun = step.segment.time;
  h.rtt_end = end;
  h.rtt_timestamp = step.options.timestamps;
  h.rtt_tsval = step.options.value;
  h.rtt_handshake = step.has(kTcpSyn);
}

void TcpConnection::turn(Step& step) {
  if (step.from == client_) {
    asked_ = step.segment.time;
  } else if (asked_ != 0) {
    const Nanoseconds response = step.segment.time - std::exchange(asked_, 0);
    if (response < 0) return;
    step.events.kinds |= TcpEvents::kResponse;
    step.events.response = response;
  }
}

void TcpConnection::send_again(Step& step, std::uint32_t begin, std::uint32_t end) {
  Half& h = step.sender;
  asked_ = 0;
  if (fill_gap(step, begin, end)) return;
  // Two copies with one timestamp, or without any: whose the acknowledgement is cannot be told.
  if (!h.rtt_timestamp || step.options.value == h.rtt_tsval) h.rtt_begun = 0;
  const std::uint32_t n = segments_of(end - begin);
  if (h.is_acked && distance(end, h.acked) >= 0) {
    if (h.spurious_end != begin) h.spurious_begin = begin;
    h.spurious_end = end;
    return step.events.count(TcpEvents::kSpurious, step.events.spurious, n);
  }
  if (h.is_vague && distance(begin, h.vague_end) > 0) return;
  if (opening_ == Opening::kGivenUp && step.has(kTcpSyn)) return;
  if (h.again == 0 || distance(begin, h.again_begin) > 0) h.again_begin = begin;
  if (h.again == 0 || distance(h.again_end, end) > 0) h.again_end = end;
  h.again += n;
  h.again_at = step.segment.time;
}

// Where there is no room for it, that is remembered.
std::uint32_t TcpConnection::take_gap(Step& step, TcpGaps::Gap gap) {
  Half& h = step.sender;
  gap.owner = step.segment.owner;
  const std::uint32_t at = h.gap_count == kMostGaps ? TcpGaps::kNone : step.gaps.take(gap);
  if (at != TcpGaps::kNone) {
    ++h.gap_count;
  } else if (!h.is_vague || distance(h.vague_end, gap.end) > 0) {
    h.is_vague = true;
    h.vague_end = gap.end;
  }
  return at;
}

void TcpConnection::add_gap(Step& step, std::uint32_t begin, std::uint32_t end) {
  Half& h = step.sender;
  const std::uint32_t at = take_gap(step, {.begin = begin, .end = end, .tsval = step.options.value, .opened = step.segment.time});
  if (at == TcpGaps::kNone) return;
  // Above all others: it begins where everything that was seen ends.
  if (h.first_gap == TcpGaps::kNone) {
    h.first_gap = at;
    return;
  }
  std::uint32_t last = h.first_gap;
  while (step.gaps[last].next != TcpGaps::kNone) last = step.gaps[last].next;
  step.gaps[last].next = at;
}

// A segment that was sent after the one that opened the gap is another copy. So is one that came when its sender could know: once the
// receiver's complaint had time to reach it.
bool TcpConnection::overtaken(const Step& step, const TcpGaps::Gap& gap) {
  const Nanoseconds now = step.segment.time;
  if (step.options.timestamps && step.options.value != gap.tsval) return distance(step.options.value, gap.tsval) > 0;
  if (gap.complained == 0) return now - gap.opened < kUntold;
  const Nanoseconds way = step.sender.least_rtt_us == 0 ? kReordering : step.sender.least_rtt_us * kMicrosecond / 2;  // it varies
  return now - gap.complained < way;
}

bool TcpConnection::fill_gap(Step& step, std::uint32_t begin, std::uint32_t end) {
  Half& h = step.sender;
  std::uint32_t filled = 0;
  bool late = false;
  std::uint32_t before = TcpGaps::kNone;
  for (std::uint32_t at = h.first_gap; at != TcpGaps::kNone;) {
    const TcpGaps::Gap gap = step.gaps[at];
    const std::uint32_t from = distance(gap.begin, begin) > 0 ? begin : gap.begin;
    const std::uint32_t to = distance(gap.end, end) > 0 ? gap.end : end;
    if (distance(from, to) <= 0) {
      before = at;
      at = gap.next;
      continue;
    }
    filled += to - from;
    late = late || !overtaken(step, gap);
    const bool keeps_low = from != gap.begin, keeps_high = to != gap.end;
    if (keeps_low && keeps_high) {
      TcpGaps::Gap above = gap;
      above.begin = to;
      if (const std::uint32_t upper = take_gap(step, above); upper != TcpGaps::kNone) step.gaps[at].next = upper;
    }
    if (keeps_low) {
      step.gaps[at].end = from;
      if (keeps_high) break;
      before = at;
      at = gap.next;
      continue;
    }
    if (keeps_high) {
      step.gaps[at].begin = to;
      break;
    }
    (before == TcpGaps::kNone ? h.first_gap : step.gaps[before].next) = gap.next;
    step.gaps.give_back(at);
    --h.gap_count;
    at = gap.next;
  }
  if (filled == 0) return false;
  const std::uint32_t n = segments_of(filled);
  if (late) {
    step.events.count(TcpEvents::kLostBefore, step.events.lost_before, n);
    // Without timestamps nothing tells that the acknowledgement had to wait for this one.
    if (!h.rtt_timestamp) h.rtt_begun = 0;
  } else {
    step.events.count(TcpEvents::kReordered, step.events.reordered, n);
  }
  return true;
}

std::uint32_t TcpConnection::settle(std::uint8_t end, Nanoseconds now) {
  Half& h = halves_[end];
  if (h.again == 0 || now - h.again_at < kSettled || (opening() && end == client_)) return 0;
  return std::exchange(h.again, 0);
}

void TcpConnection::release(TcpGaps& gaps) {
  for (Half& h : halves_) {
    while (h.first_gap != TcpGaps::kNone) {
      const std::uint32_t next = gaps[h.first_gap].next;
      gaps.give_back(std::exchange(h.first_gap, next));
    }
    h.gap_count = 0;
  }
}

}  // namespace vmtraffic
