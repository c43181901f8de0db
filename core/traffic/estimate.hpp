// Estimates from packet samples: what n samples say about all packets, and how far to trust it. Pure.
// Never added to exact counters: their ratio (coverage) is what a reader is given beside them.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/flows.hpp"

namespace vmtraffic {

// What was sampled of one kind of packets. `scale`: how many packets each sample stood for (1: every packet was seen).
struct SampleSums {
  std::uint64_t samples{0};
  double packets{0};         // Σ scale
  double octets{0};          // Σ scale · length
  double length{0};          // Σ length
  double length_squared{0};  // Σ length²

  // `frames` of them at once: their octets together, taken for equally long.
  void add(double octets_of_frames, double scale, std::uint32_t frames = 1) {
    samples += frames;
    packets += scale * frames;
    octets += scale * octets_of_frames;
    length += octets_of_frames;
    length_squared += octets_of_frames * octets_of_frames / frames;
  }
  SampleSums& operator+=(const SampleSums& other) {
    samples += other.samples;
    packets += other.packets;
    octets += other.octets;
    length += other.length;
    length_squared += other.length_squared;
    return *this;
  }
  friend bool operator==(const SampleSums&, const SampleSums&) = default;
};

// Packet sampling theory (Phaal and Panchen, "Packet Sampling Basics"): packets ± 196·√(1/n) %, octets ± 196·√((1 + cv²)/n) % with cv the
// coefficient of variation of the frames' length; both times √(1 − n/N), since n of N packets were seen: at 1 in 1 nothing is uncertain.
inline Estimate estimate_of(const SampleSums& sums) {
  Estimate out{.octets = sums.octets, .packets = sums.packets, .samples = sums.samples};
  if (sums.samples == 0) {
    out.packets_error_95 = out.octets_error_95 = HUGE_VAL;
    return out;
  }
  const auto n = static_cast<double>(sums.samples);
  const double unseen = std::sqrt(std::max(0.0, 1 - n / std::max(n, sums.packets)));
  const double mean = sums.length / n;
  const double variance = std::max(0.0, sums.length_squared / n - mean * mean);
  const double cv_squared = mean > 0 ? variance / (mean * mean) : 0;
  out.packets_error_95 = 1.96 * std::sqrt(1 / n) * unseen;
  out.octets_error_95 = 1.96 * std::sqrt((1 + cv_squared) / n) * unseen;
  return out;
}

}  // namespace vmtraffic
