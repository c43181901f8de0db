// Places that many want, of a bounded number. Nobody has more than are free, so that one who wants them all leaves room for the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vmtraffic {

class FairPlaces {
 public:
  explicit FairPlaces(std::size_t most) : most_(most) {}

  // False: there is no place for this owner now. Owners are small numbers: there is memory for each up to the largest.
  bool take(std::uint32_t owner) {
    if (owner >= of_owner_.size()) of_owner_.resize(owner + std::size_t{1});
    if (of_owner_[owner] >= most_ - taken_) return false;
    ++taken_;
    ++of_owner_[owner];
    return true;
  }
  // Of a place that was taken.
  void give_back(std::uint32_t owner) {
    --taken_;
    --of_owner_[owner];
  }
  std::size_t taken() const { return taken_; }

 private:
  std::size_t most_, taken_{0};
  std::vector<std::size_t> of_owner_;
};

}  // namespace vmtraffic
