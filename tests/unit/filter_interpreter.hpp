// Runs a classic BPF program as the kernel does, with what the kernel knows of a packet beside its octets.
#pragma once

#include <linux/filter.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "core/probes/capture_filter.hpp"
#include "core/wire/byte_reader.hpp"

namespace vmtraffic::filter_test {

struct PacketFacts {
  std::uint32_t if_index{1};
  std::optional<std::uint16_t> vlan_tci{};  // taken out of the frame
  std::uint32_t packet_type{0};
};

class Interpreter {
 public:
  explicit Interpreter(const FilterProgram& program) : program_(program) {}

  // Octets that are kept, 0: none. Throws std::logic_error where the kernel would not take the program.
  std::uint32_t run(Octets frame, const PacketFacts& facts = {}) {
    frame_ = frame;
    facts_ = facts;
    a_ = x_ = 0;
    failed_ = false;
    steps_ = 0;
    for (std::size_t at = 0;;) {
      const FilterInstruction& i = program_.at(at);  // std::out_of_range is a std::logic_error
      ++at, ++steps_;
      switch (i.code & 0x07) {
        case BPF_LD:
          a_ = load(i);
          break;
        case BPF_LDX:
          x_ = BPF_MODE(i.code) == BPF_MSH ? (packet(i.k, 1) & 0x0F) * 4 : load(i);
          break;
        case BPF_ST:
          memory_.at(i.k) = a_;
          break;
        case BPF_STX:
          memory_.at(i.k) = x_;
          break;
        case BPF_ALU:
          calculate(i);
          break;
        case BPF_JMP:
          at += BPF_OP(i.code) == BPF_JA ? i.k : holds(i) ? i.jt : i.jf;
          break;
        case BPF_RET:
          return BPF_RVAL(i.code) == BPF_A ? a_ : i.k;
        default:
          (i.code & 0xF8) == BPF_TAX ? x_ = a_ : a_ = x_;
      }
      if (failed_) return 0;
    }
  }
  std::size_t steps() const { return steps_; }  // of the last run

 private:
  std::uint32_t packet(std::uint64_t offset, std::size_t size) {
    if (offset + size > frame_.size()) {
      failed_ = true;
      return 0;
    }
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | std::to_integer<std::uint32_t>(frame_[offset + i]);
    return value;
  }

  std::uint32_t extension(std::uint32_t number) const {
    switch (number) {
      case SKF_AD_IFINDEX:
        return facts_.if_index;
      case SKF_AD_PKTTYPE:
        return facts_.packet_type;
      case SKF_AD_VLAN_TAG:
        return facts_.vlan_tci.value_or(0);
      case SKF_AD_VLAN_TAG_PRESENT:
        return facts_.vlan_tci ? 1 : 0;
      default:
        throw std::logic_error("an extension that these tests do not know");
    }
  }

  std::uint32_t load(const FilterInstruction& i) {
    const std::size_t size = BPF_SIZE(i.code) == BPF_W ? 4 : BPF_SIZE(i.code) == BPF_H ? 2 : 1;
    const auto extensions = static_cast<std::uint32_t>(SKF_AD_OFF);
    switch (BPF_MODE(i.code)) {
      case BPF_IMM:
        return i.k;
      case BPF_MEM:
        return memory_.at(i.k);
      case BPF_LEN:
        return static_cast<std::uint32_t>(frame_.size());
      case BPF_ABS:
        return i.k >= extensions ? extension(i.k - extensions) : packet(i.k, size);
      case BPF_IND:
        return packet(std::uint64_t{x_} + i.k, size);
      default:
        throw std::logic_error("a load that does not exist");
    }
  }

  void calculate(const FilterInstruction& i) {
    const std::uint32_t operand = BPF_SRC(i.code) == BPF_X ? x_ : i.k;
    switch (BPF_OP(i.code)) {
      case BPF_ADD:
        a_ += operand;
        break;
      case BPF_SUB:
        a_ -= operand;
        break;
      case BPF_MUL:
        a_ *= operand;
        break;
      case BPF_OR:
        a_ |= operand;
        break;
      case BPF_AND:
        a_ &= operand;
        break;
      case BPF_XOR:
        a_ ^= operand;
        break;
      case BPF_LSH:
        a_ <<= operand;
        break;
      case BPF_RSH:
        a_ >>= operand;
        break;
      default:
        throw std::logic_error("an operation that these tests do not know");
    }
  }

  bool holds(const FilterInstruction& i) const {
    const std::uint32_t operand = BPF_SRC(i.code) == BPF_X ? x_ : i.k;
    switch (BPF_OP(i.code)) {
      case BPF_JEQ:
        return a_ == operand;
      case BPF_JGT:
        return a_ > operand;
      case BPF_JGE:
        return a_ >= operand;
      case BPF_JSET:
        return (a_ & operand) != 0;
      default:
        throw std::logic_error("a jump that does not exist");
    }
  }

  const FilterProgram& program_;
  Octets frame_;
  PacketFacts facts_;
  std::uint32_t a_{0}, x_{0};
  std::array<std::uint32_t, BPF_MEMWORDS> memory_{};
  bool failed_{false};
  std::size_t steps_{0};
};

}  // namespace vmtraffic::filter_test
