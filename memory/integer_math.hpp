// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace tilewright::memory {

// a / b rounded up, for a >= 0 and b > 0.
constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}

// The smallest whole number that is not below.
inline std::int64_t round_up(double value) {
    return static_cast<std::int64_t>(std::ceil(value));
}

// Division by one that is known early, exact for numbers >= 0; of numbers below, up() is at most one too
// high. Widths and rows are nearly always powers of two, for which it is a shift.
class Divisor {
  public:
    constexpr explicit Divisor(std::int64_t value)
        : value_(value),
          shift_(std::has_single_bit(static_cast<std::uint64_t>(value))
                     ? std::countr_zero(static_cast<std::uint64_t>(value))
                     : -1) {}

    constexpr std::int64_t value() const { return value_; }
    constexpr std::int64_t down(std::int64_t number) const {
        return shift_ >= 0 ? number >> shift_ : number / value_;
    }
    constexpr std::int64_t up(std::int64_t number) const { return down(number + value_ - 1); }

  private:
    std::int64_t value_;
    int shift_;
};

}  // namespace tilewright::memory
