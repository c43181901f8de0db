// A bounded table that keeps what is heavy, whatever a scan does. Pure.
//
// Entries have a weight: how often they were touched lately (age() halves it). They stand in classes by the weight's bit width, each a
// queue. A full table makes room at the light end: the oldest entry of the lightest class. A scan that invents a million keys so evicts its
// own entries, one after the other. So that under a scan a new heavy key can still prove itself, the lightest class is let grow to an
// eighth of the table before it gives up its own.
//
//   touch       O(1), allocates only while the table grows to its capacity
//   age         O(size), also drops what was not touched for as long as its weight lasts
#pragma once

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace vmtraffic {

template <class Key, class Value>
class HeavyTable {
 public:
  explicit HeavyTable(std::uint32_t capacity) : capacity_(capacity == 0 ? 1 : capacity) {}

  // Where a key was found last: packets of a conversation come one after the other, and then nothing need be looked up.
  using Hint = std::uint32_t;

  // The value of `key`, which begins as Value{} when there was no such entry. Valid until the next call. evict(key, value) is told of the
  // entry that had to make room. `hint` is the caller's to keep from one call to the next; any number will do. The entry's weight grows by
  // `times`, which is not 0.
  template <class Evict>
  Value& touch(const Key& key, Hint& hint, std::uint32_t times, Evict&& evict) {
    if (hint < entries_.size() && entries_[hint].previous != kFree && entries_[hint].key == key) return again(hint, times);
    const auto found = index_.find(key);
    if (found != index_.end()) return again(hint = found->second, times);
    std::uint32_t at = static_cast<std::uint32_t>(entries_.size());
    if (!free_.empty()) {
      at = free_.back();
      free_.pop_back();
    } else if (at < capacity_) {
      entries_.emplace_back();
    } else {
      at = victim();
      Entry& old = entries_[at];
      evict(std::as_const(old.key), old.value);
      ++evictions_;
      unlink(at, class_of(old.weight));
      index_.erase(old.key);
    }
    entries_[at].key = key;
    entries_[at].value = Value{};
    entries_[at].weight = times;
    append(at, class_of(times));
    index_.emplace(key, at);
    hint = at;
    return entries_[at].value;
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
  bool is_at(Hint hint) const { return hint < entries_.size() && entries_[hint].previous != kFree; }
  // Among the first to make room from now on.
  void demote(Hint hint) {
    unlink(hint, class_of(entries_[hint].weight));
    entries_[hint].weight = 0;
    append(hint, class_of(0));
  }

  const Value* find(const Key& key) const {
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : &entries_[found->second].value;
  }

  // Halves all weights, calls visit(key, value) for each entry that stays, and drop(key, value) for those that were not touched since
  // their weight had gone.
  template <class Visit, class Drop>
  void age(Visit&& visit, Drop&& drop) {
    const auto before = queues_;
    queues_ = {};
    for (const Queue& queue : before) {
      for (std::uint32_t at = queue.first, next = kNone; at != kNone; at = next) {
        Entry& entry = entries_[at];
        next = entry.next;
        if (entry.weight == 0) {
          drop(std::as_const(entry.key), entry.value);
          index_.erase(entry.key);
          release(at);
          continue;
        }
        entry.weight /= 2;
        append(at, class_of(entry.weight));
        visit(std::as_const(entry.key), entry.value);
      }
    }
  }

  // Takes out whatever `gone` says of, by key and value.
  template <class Gone>
  void remove_if(Gone&& gone) {
    for (std::size_t c = 0; c < kClasses; ++c) {
      for (std::uint32_t at = queues_[c].first, next = kNone; at != kNone; at = next) {
        next = entries_[at].next;
        if (!gone(std::as_const(entries_[at].key), entries_[at].value)) continue;
        unlink(at, c);
        index_.erase(entries_[at].key);
        release(at);
      }
    }
  }

  // Heaviest classes first.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t c = kClasses; c-- > 0;) {
      for (std::uint32_t at = queues_[c].first; at != kNone; at = entries_[at].next) visit(entries_[at].key, entries_[at].value);
    }
  }

  template <class Visit>
  void for_each_value(Visit&& visit) {
    for (Entry& entry : entries_) {
      if (entry.previous != kFree) visit(entry.value);
    }
  }

  // Room for more from now on; never for less.
  void grow(std::uint32_t capacity) { capacity_ = std::max(capacity_, capacity); }

  std::size_t size() const { return index_.size(); }
  std::uint32_t capacity() const { return capacity_; }
  std::uint64_t evictions() const { return evictions_; }

 private:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::uint32_t kFree = kNone - 1;  // as `previous`: the entry is nobody's
  static constexpr std::size_t kClasses = 33;        // bit widths of a weight
  static constexpr std::size_t kLight = 2;           // classes of the weights 0 and 1

  struct Entry {
    Key key{};
    Value value{};
    std::uint32_t weight{0};
    std::uint32_t previous{kNone}, next{kNone};
  };
  struct Queue {
    std::uint32_t first{kNone}, last{kNone}, size{0};
  };

  static std::size_t class_of(std::uint32_t weight) { return static_cast<std::size_t>(std::bit_width(weight)); }

  Value& again(std::uint32_t at, std::uint32_t times) {
    Entry& entry = entries_[at];
    if (times != 1) {
      const std::uint32_t weight = entry.weight + std::min(times, ~entry.weight);
      if (class_of(weight) != class_of(entry.weight)) {
        unlink(at, class_of(entry.weight));
        append(at, class_of(weight));
      }
      entry.weight = weight;
      return entry.value;
    }
    // A new class begins at a power of two; std::has_single_bit() counts all bits, by a call where the CPU is not known to do it.
    if (entry.weight != std::numeric_limits<std::uint32_t>::max() && (entry.weight & (entry.weight + 1)) == 0) {
      unlink(at, class_of(entry.weight));
      append(at, class_of(++entry.weight));
    } else if (entry.weight != std::numeric_limits<std::uint32_t>::max()) {
      ++entry.weight;
    }
    return entry.value;
  }

  void release(std::uint32_t at) {
    entries_[at].value = Value{};
    entries_[at].previous = kFree;
    free_.push_back(at);
  }

  void append(std::uint32_t at, std::size_t to) {
    Queue& queue = queues_[to];
    entries_[at].previous = queue.last;
    entries_[at].next = kNone;
    (queue.last == kNone ? queue.first : entries_[queue.last].next) = at;
    queue.last = at;
    ++queue.size;
  }

  void unlink(std::uint32_t at, std::size_t from) {
    Queue& queue = queues_[from];
    const Entry& entry = entries_[at];
    (entry.previous == kNone ? queue.first : entries_[entry.previous].next) = entry.next;
    (entry.next == kNone ? queue.last : entries_[entry.next].previous) = entry.previous;
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
  std::vector<std::uint32_t> free_;
  absl::flat_hash_map<Key, std::uint32_t> index_;
  std::array<Queue, kClasses> queues_{};
  std::uint64_t evictions_{0};
  bool growing_{false};
};

}  // namespace vmtraffic
