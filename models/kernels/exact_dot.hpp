// SPDX-License-Identifier: Apache-2.0
// Dot products of codes as a wide enough accumulator computes them: every product is an integer in units of
// the product's least significant bit, and their sum neither rounds nor overflows. Narrower accumulators are
// modelled too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "models/formats/codec.hpp"
#include "models/kernels/exact_number.hpp"

namespace tilewright::models {

// Products of two formats: integers of up to `maximum`, times 2^lsb_exponent.
struct ProductFormat {
    int lsb_exponent = 0;
    int magnitude_bits = 0;
    WideInteger maximum;
};

// Finite codes only. Symmetric integers are what quantize_groups() makes; a full range adds the code
// -2^(b-1).
ProductFormat product_format(const NumberFormat& a, const NumberFormat& b,
                             IntegerRange range = IntegerRange::symmetric);

// Width of the narrowest two's complement accumulator that holds every sum of `terms` products, in units of
// the product's least significant bit: 1 + the bits of terms * maximum. Throws std::invalid_argument for
// terms < 0.
int accumulator_bits(const NumberFormat& a, const NumberFormat& b, std::int64_t terms,
                     IntegerRange range = IntegerRange::symmetric);

// True when an accumulator of `bits` cannot overflow, whatever the codes.
bool accumulator_suffices(const NumberFormat& a, const NumberFormat& b, std::int64_t terms, int bits,
                          IntegerRange range = IntegerRange::symmetric);

enum class AccumulatorOverflow {
    wrap,     // modulo 2^bits: the final sum is right if it fits, whatever happened on the way
    saturate  // every addition stops at the largest or smallest sum: the order of the terms matters
};

struct NarrowSum {
    ExactNumber value;
    std::size_t overflows = 0;  // additions whose result did not fit
};

// Dot products of two formats of up to 16 bits. Codes are below 2^bits of their format.
class ExactDot {
  public:
    // Throws std::invalid_argument for a format of more than 16 bits.
    ExactDot(const NumberFormat& a, const NumberFormat& b);

    // Throws std::invalid_argument for different lengths, std::out_of_range for a code that is too wide.
    ExactNumber dot(std::span<const std::uint16_t> a, std::span<const std::uint16_t> b) const;

    // As dot(), term after term through an accumulator of `bits` (2 to 120) bits. Throws also when a product
    // has more than 120 bits or a code is not finite.
    NarrowSum accumulate(std::span<const std::uint16_t> a, std::span<const std::uint16_t> b, int bits,
                         AccumulatorOverflow overflow) const;

  private:
    // One operand: its codes as integers in units of the format, where those fit.
    struct Operand {
        NumberFormat format;
        std::vector<std::int64_t> units;  // empty when they need more than 62 bits
        std::vector<bool> special;        // empty when all codes are finite

        explicit Operand(const NumberFormat& of);
        bool finite(std::span<const std::uint16_t> codes) const;
    };

    void check(std::span<const std::uint16_t> a, std::span<const std::uint16_t> b) const;
    bool finite(std::span<const std::uint16_t> a, std::span<const std::uint16_t> b) const;
    ExactNumber wide_dot(std::span<const std::uint16_t> a, std::span<const std::uint16_t> b) const;
    Int128 narrow_dot(std::span<const std::uint16_t> a, std::span<const std::uint16_t> b) const;

    Operand a_;
    Operand b_;
    ProductFormat product_;
};

}  // namespace tilewright::models
