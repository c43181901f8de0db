// A bounded table that keeps what is heavy, whatever a scan does. Pure.
//
// Entries have a weight: how often they were touched lately (age() halves it). They stand in classes by the weight's bit width, each a
// queue. A full table makes room at the light end: the oldest entry of the lightest class. A scan that invents a million keys so evicts its
// own entries, one after the other. So that under a scan a new heavy key can still prove itself, the lightest class is let grow to an
// eighth of the table before it gives up its own.
//
//   touch       O(1), allocates only while the table grows to its capacity
//   age, fade   O(size); age also drops what was not touched for as long as its weight lasts
//
// Where many entries are touched in no order, what takes time is to wait for memory. So a key is looked for by a small index of hashes and
// places, the queues' links stand apart from keys and values, and who knows the next keys beforehand can have them fetched:
// prefetch_place() of each hash, then prefetch_entry(), then touch().
#pragma once

#include <absl/hash/hash.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace vmtraffic {

// Places by hashes: a table of eight octets each, half of it empty at least, where a place stands at its hash's slot or next behind it.
class PlaceIndex {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  // The first place with this hash of which is(place) says that it is the one; kNone: there is none.
  template <class Is>
  std::uint32_t find(std::uint64_t hash, Is&& is) const {
    if (slots_.empty()) return kNone;
    const std::uint32_t mark = mark_of(hash);
    for (std::size_t at = home(mark);; at = next(at)) {
      const Slot& slot = slots_[at];
      if (slot.place == kNone) return kNone;
      if (slot.mark == mark && is(slot.place)) return slot.place;
    }
  }
  void insert(std::uint64_t hash, std::uint32_t place) {
    if (2 * (size_ + 1) > slots_.size()) grow(std::max<std::size_t>(kLeast, 2 * slots_.size()));
    put({mark_of(hash), place});
    ++size_;
  }
  // There must be one.
  void erase(std::uint64_t hash, std::uint32_t place) {
    std::size_t at = home(mark_of(hash));
    while (slots_[at].place != place) at = next(at);
    // What stands behind it and could not stand where it wanted to moves up.
    for (std::size_t behind = next(at); slots_[behind].place != kNone; behind = next(behind)) {
      const std::size_t wanted = home(slots_[behind].mark);
      if (((behind - wanted) & (slots_.size() - 1)) < ((behind - at) & (slots_.size() - 1))) continue;
      slots_[at] = slots_[behind];
      at = behind;
    }
    slots_[at] = {};
    --size_;
  }
  void reserve(std::size_t count) { grow(std::bit_ceil(2 * std::max(count, kLeast))); }
  void prefetch(std::uint64_t hash) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[home(mark_of(hash))]);
  }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kLeast = 8;
  struct Slot {
    std::uint32_t mark{0};
    std::uint32_t place{kNone};
  };
  // Its upper half: the lower one is not always well mixed.
  static std::uint32_t mark_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  std::size_t home(std::uint32_t mark) const { return mark & (slots_.size() - 1); }
  std::size_t next(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }
  void put(Slot slot) {
    std::size_t at = home(slot.mark);
    while (slots_[at].place != kNone) at = next(at);
    slots_[at] = slot;
  }
  void grow(std::size_t size) {
    if (size <= slots_.size()) return;
    const std::vector<Slot> before = std::exchange(slots_, std::vector<Slot>(size));
    for (const Slot& slot : before) {
      if (slot.place != kNone) put(slot);
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_{0};
};

template <class Key, class Value>
class HeavyTable {
 public:
  explicit HeavyTable(std::uint32_t capacity) : capacity_(capacity == 0 ? 1 : capacity) {}

  // Where a key was found last: packets of a conversation come one after the other, and then nothing need be looked up.
  using Hint = std::uint32_t;

  static std::uint64_t hash_of(const Key& key) { return absl::Hash<Key>{}(key); }

  // The value of `key`, which begins as Value{} when there was no such entry. Valid until the next call. evict(key, value) is told of the
  // entry that had to make room. `hint` is the caller's to keep from one call to the next; any number will do. The entry's weight grows by
  // `times`, which is not 0.
  template <class Evict>
  Value& touch(const Key& key, Hint& hint, std::uint32_t times, Evict&& evict) {
    if (is_there(key, hint)) return again(hint, times);
    return touch_unhinted(key, hash_of(key), hint, times, evict);
  }
  // The same, of a key whose hash_of() is known and led to the hint by prefetch_entry(), after which nothing was taken out but to make
  // room.
  template <class Evict>
  Value& touch_hashed(const Key& key, std::uint64_t hash, Hint& hint, Evict&& evict) {
    if (is_there(key, hint)) return again(hint, 1);
    return touch_unhinted(key, hash, hint, 1, evict);
  }
  Value& touch(const Key& key, Hint& hint, std::uint32_t times = 1) {
    return touch(key, hint, times, [](const Key&, const Value&) {});
  }
  Value& touch(const Key& key) {
    Hint none = kNone;
    return touch(key, none);
  }

  // The entry that a hint of touch() leads to, as long as it is there.
  const Key& key_at(Hint hint) const { return entries_[hint].key; }
  Value& value_at(Hint hint) { return entries_[hint].value; }
  bool is_at(Hint hint) const { return hint < links_.size() && links_[hint].previous != kFree; }
  // Among the first to make room from now on.
  void demote(Hint hint) {
    unlink(hint, class_of(links_[hint].weight));
    links_[hint].weight = 0;
    append(hint, class_of(0));
  }

  const Value* find(const Key& key) const {
    const std::uint32_t at = place_of(key, hash_of(key));
    return at == kNone ? nullptr : &entries_[at].value;
  }

  // Where this hash is looked for.
  void prefetch_place(std::uint64_t hash) const { index_.prefetch(hash); }
  // The entry that it most likely leads to, which will do as a hint.
  Hint prefetch_entry(std::uint64_t hash) const {
    const std::uint32_t at = index_.find(hash, [](std::uint32_t) { return true; });
    if (at == kNone) return kNone;
    constexpr std::size_t kLine = 64;
    const auto* octets = reinterpret_cast<const char*>(&entries_[at]);
    for (std::size_t offset = 0; offset < sizeof(Entry); offset += kLine) __builtin_prefetch(octets + offset, 1);
    __builtin_prefetch(&links_[at], 1);
    return at;
  }
  Value* find(const Key& key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

  // Halves all weights, calls visit(key, value) for each entry that stays, and drop(key, value) for those that were not touched since
  // their weight had gone.
  template <class Visit, class Drop>
  void age(Visit&& visit, Drop&& drop) {
    halve([&](std::uint32_t at) {
      Entry& entry = entries_[at];
      const bool stays = links_[at].weight != 0;
      if (stays) {
        visit(std::as_const(entry.key), entry.value);
      } else {
        drop(std::as_const(entry.key), entry.value);
      }
      return stays;
    });
  }

  // Halves all weights and keeps all entries.
  void fade() {
    halve([](std::uint32_t) { return true; });
  }

  // Takes out whatever `gone` says of, by key and value.
  template <class Gone>
  void remove_if(Gone&& gone) {
    for (std::size_t c = 0; c < kClasses; ++c) {
      for (std::uint32_t at = queues_[c].first, next = kNone; at != kNone; at = next) {
        next = links_[at].next;
        if (!gone(std::as_const(entries_[at].key), entries_[at].value)) continue;
        unlink(at, c);
        release(at);
      }
    }
  }

  // Heaviest classes first.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t c = kClasses; c-- > 0;) {
      for (std::uint32_t at = queues_[c].first; at != kNone; at = links_[at].next) visit(entries_[at].key, entries_[at].value);
    }
  }

  template <class Visit>
  void for_each_value(Visit&& visit) {
    for (std::uint32_t at = 0; at < entries_.size(); ++at) {
      if (is_at(at)) visit(entries_[at].value);
    }
  }

  // Room for more from now on; never for less.
  void grow(std::uint32_t capacity) { capacity_ = std::max(capacity_, capacity); }
  // Allocates all of it now. What is not used of it costs addresses, but hardly any memory.
  void reserve() {
    entries_.reserve(capacity_);
    ask_for_huge_pages(entries_.data(), capacity_ * sizeof(Entry));
    links_.reserve(capacity_);
    index_.reserve(capacity_);
  }

  std::size_t size() const { return index_.size(); }
  std::uint32_t capacity() const { return capacity_; }
  std::uint64_t evictions() const { return evictions_; }

 private:
  static constexpr std::uint32_t kNone = PlaceIndex::kNone;
  static constexpr std::uint32_t kFree = kNone - 1;  // as `previous`: the entry is nobody's
  static constexpr std::size_t kClasses = 33;        // bit widths of a weight
  static constexpr std::size_t kLight = 2;           // classes of the weights 0 and 1

  struct Entry {
    Key key{};
    Value value{};
  };
  struct Link {
    std::uint32_t weight{0};
    std::uint32_t previous{kNone}, next{kNone};
  };
  struct Queue {
    std::uint32_t first{kNone}, last{kNone}, size{0};
  };

  static std::size_t class_of(std::uint32_t weight) { return static_cast<std::size_t>(std::bit_width(weight)); }

  // Else each entry that is touched is in a page that the processor has to look for. Without them all works as well.
  static void ask_for_huge_pages(void* memory, std::size_t octets) {
    constexpr std::size_t kPage = std::size_t{1} << 21;
    if (std::align(kPage, kPage, memory, octets) != nullptr) (void)madvise(memory, octets / kPage * kPage, MADV_HUGEPAGE);
  }

  std::uint32_t place_of(const Key& key, std::uint64_t hash) const {
    return index_.find(hash, [&](std::uint32_t at) { return entries_[at].key == key; });
  }
  bool is_there(const Key& key, Hint hint) const { return is_at(hint) && entries_[hint].key == key; }

  template <class Evict>
  Value& touch_unhinted(const Key& key, std::uint64_t hash, Hint& hint, std::uint32_t times, Evict&& evict) {
    hint = place_of(key, hash);
    if (hint != kNone) return again(hint, times);
    std::uint32_t at = static_cast<std::uint32_t>(entries_.size());
    if (!free_.empty()) {
      at = free_.back();
      free_.pop_back();
    } else if (at < capacity_) {
      entries_.emplace_back();
      links_.emplace_back();
    } else {
      at = victim();
      Entry& old = entries_[at];
      evict(std::as_const(old.key), old.value);
      ++evictions_;
      unlink(at, class_of(links_[at].weight));
      index_.erase(hash_of(old.key), at);
      old.value = Value{};
    }
    entries_[at].key = key;
    links_[at].weight = times;
    append(at, class_of(times));
    index_.insert(hash, at);
    hint = at;
    return entries_[at].value;
  }

  Value& again(std::uint32_t at, std::uint32_t times) {
    constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
    const std::uint32_t before = links_[at].weight, weight = before + std::min(times, kMost - before);
    // std::bit_width() is a few instructions, and most weights are of their class for long.
    if (class_of(weight) != class_of(before)) {
      unlink(at, class_of(before));
      append(at, class_of(weight));
    }
    links_[at].weight = weight;
    return entries_[at].value;
  }

  // Halves the weights of the entries of which stays(place) says so, and takes out the others.
  template <class Stays>
  void halve(Stays&& stays) {
    const auto before = queues_;
    queues_ = {};
    for (const Queue& queue : before) {
      for (std::uint32_t at = queue.first, next = kNone; at != kNone; at = next) {
        Link& link = links_[at];
        next = link.next;
        if (!stays(at)) {
          release(at);
          continue;
        }
        link.weight /= 2;
        append(at, class_of(link.weight));
      }
    }
  }

  void release(std::uint32_t at) {
    index_.erase(hash_of(entries_[at].key), at);
    entries_[at].value = Value{};
    links_[at].previous = kFree;
    free_.push_back(at);
  }

  void append(std::uint32_t at, std::size_t to) {
    Queue& queue = queues_[to];
    links_[at].previous = queue.last;
    links_[at].next = kNone;
    (queue.last == kNone ? queue.first : links_[queue.last].next) = at;
    queue.last = at;
    ++queue.size;
  }

  void unlink(std::uint32_t at, std::size_t from) {
    Queue& queue = queues_[from];
    const Link& link = links_[at];
    (link.previous == kNone ? queue.first : links_[link.previous].next) = link.next;
    (link.next == kNone ? queue.last : links_[link.next].previous) = link.previous;
    --queue.size;
  }

  std::uint32_t victim() {
    std::uint32_t light = 0;
    for (std::size_t c = 0; c < kLight; ++c) light += queues_[c].size;
    // The light end grows to its share at the cost of the least of the others, and then not before it has lost half of it: whoever rises
    // out of it has until then to rise further.
    if (light <= capacity_ / 16) growing_ = true;
    if (light >= capacity_ / 8) growing_ = false;
    if (growing_) {
      for (std::size_t c = kLight; c < kClasses; ++c) {
        if (queues_[c].first != kNone) return queues_[c].first;
      }
    }
    for (const Queue& queue : queues_) {
      if (queue.first != kNone) return queue.first;
    }
    return 0;
  }

  std::uint32_t capacity_;
  std::vector<Entry> entries_;
  std::vector<Link> links_;  // of the same places
  std::vector<std::uint32_t> free_;
  PlaceIndex index_;
  std::array<Queue, kClasses> queues_{};
  std::uint64_t evictions_{0};
  bool growing_{false};
};

}  // namespace vmtraffic
