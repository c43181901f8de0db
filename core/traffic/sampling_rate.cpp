#include "core/traffic/sampling_rate.hpp"

#include <algorithm>

namespace vmtraffic {
namespace {

// Samples that overtake one another are fewer apart. A pool that went back further began anew.
constexpr std::uint64_t kReordered = 1024;

}  // namespace

double SamplingRate::take(std::uint32_t pool, std::uint32_t stated_rate) {
  const std::uint32_t forward = pool - last_pool_;
  const bool is_back = forward >= 1U << 31 && last_pool_ - pool > kReordered * std::max(1U, stated_rate);
  // A stated rate that changed makes the past say nothing about now.
  if (!began_ || is_back || stated_rate != stated_) {
    *this = {};
    began_ = true;
    stated_ = stated_rate;
    last_pool_ = pool;
    received_ = 1;
    older_ = newer_ = {0, 1};
  } else {
    ++received_;
    if (forward < (1u << 31)) {
      pool_ += forward;
      last_pool_ = pool;
    }
    if (received_ - newer_.received >= kBlock) {
      older_ = newer_;
      newer_ = {pool_, received_};
    }
  }
  const double stated = std::max(1.0, static_cast<double>(stated_));
  const auto samples = static_cast<double>(received_ - older_.received);
  const auto packets = static_cast<double>(pool_ - older_.pool);
  // A pool that stands still (an agent that does not keep one) leaves the stated rate.
  const double prior = samples >= 2 * kPrior && packets > 0 ? 0 : kPrior;
  rate_ = packets > 0 ? std::max(1.0, (packets + prior * stated) / (samples + prior)) : stated;
  return rate_;
}

}  // namespace vmtraffic
