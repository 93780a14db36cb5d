// SPDX-License-Identifier: Apache-2.0
// Several low-bit products in one DSP block, computed as the hardware does: one 27 x 18 bit multiplication, a
// 48-bit accumulator, and a correction when the fields are read.
//
// A negative field borrows one from the field above it. The borrow is visible as the bit just below the upper
// field, so adding that bit undoes it (AMD WP486 for two INT8 products). This holds while no field's sum
// leaves its width, which bounds the number of products that may be accumulated before the fields are read:
// the `depth` constants.
#pragma once

#include <array>
#include <cstdint>

namespace tilewright::models {

// Accumulates the products of one DSP block. 48 bits wide, wraps.
class DspAccumulator {
  public:
    // P += a * b. Throws std::out_of_range when an operand does not fit its port: `wide` 27 bits, `narrow` 18
    // bits, two's complement.
    void multiply_add(std::int64_t wide, std::int64_t narrow);

    std::int64_t value() const { return value_; }  // 48 bits, sign-extended

    // Bits first ... first + width - 1, sign-extended, plus the bit below `first` (none for first = 0).
    std::int64_t corrected_field(int first, int width) const;

  private:
    std::int64_t value_ = 0;
};

// Two INT8 products with a common factor: P += (upper * 2^18 + lower) * common.
class Int8PairAccumulator {
  public:
    static constexpr int field_bits = 18;
    static constexpr int depth = 7;  // 7 * 128^2 < 2^17

    void add(int upper, int lower, int common);  // each -128 ... 127, else std::out_of_range
    std::int64_t upper() const { return dsp_.corrected_field(field_bits, 48 - field_bits); }
    std::int64_t lower() const { return dsp_.corrected_field(0, field_bits); }

  private:
    DspAccumulator dsp_;
};

// All four products of two and two small integers: P += (b1 * 2^22 + b0) * (a1 * 2^11 + a0).
class FourProductAccumulator {
  public:
    static constexpr int field_bits = 11;
    static constexpr int int4_depth = 15;  // int4 x int4: 15 * 64 < 2^10
    static constexpr int uint4_depth = 8;  // uint4 x int4: 8 * 15 * 8 < 2^10
    static constexpr int e2m1_depth = 7;   // e2m1 x e2m1 in units of 0.5: 7 * 12^2 < 2^10

    // Each -15 ... 15, else std::out_of_range.
    void add(std::array<int, 2> a, std::array<int, 2> b);

    // a0 b0, a1 b0, a0 b1, a1 b1.
    std::array<std::int64_t, 4> products() const;

  private:
    DspAccumulator dsp_;
};

// The operand of an e2m1 code in units of 0.5: -12 ... 12. Throws std::out_of_range for a code above 15.
int e2m1_operand(std::uint32_t code);

}  // namespace tilewright::models
