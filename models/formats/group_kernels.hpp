// SPDX-License-Identifier: Apache-2.0
// The loops of quantization over whole tensors, with the fastest instructions that the processor has. All
// choices give the same bits. GroupEncoder is the way to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "models/formats/codec.hpp"

namespace tilewright::models {

// How a non-negative f32 q becomes a code, with what the bits of an f32 say and no table:
//
//   e      the exponent of q, kept within [least, most]; most = least for integers
//   y      q 2^(steps - e), exact: q in units of the step between neighbouring values near it
//   n      y rounded to an integer by the tie rule
//   code   n + (e - least) 2^steps
//
// `steps` are the mantissa bits of a floating-point format, whose subnormals are its numbers of the least
// exponent, so that a carry from n moves on to the next exponent by itself. For integers all have one step.
struct EncodeRule {
    std::uint32_t least_exponent = 0;  // fields of an f32: 2^23 times the biased exponent
    std::uint32_t most_exponent = 0;
    std::uint32_t inverse_step = 0;  // minus the field of e: the f32 2^(steps - e)
    int code_shift = 0;              // a difference of fields, shifted right, is (e - least) 2^steps
    int bits = 0;
    bool twos_complement = false;
    float largest = 0;  // what is larger saturates to it
    TieRule ties = TieRule::to_even;
};

// Nothing for formats whose range is too wide for an f32 step (bf16), and for e8m0.
std::optional<EncodeRule> encode_rule(const NumberFormat& format, TieRule ties);

// magnitudes[g]: the bits of the largest |value| of group g. NaN is larger than infinity.
void group_magnitudes(std::span<const float> values, std::size_t group, std::span<std::uint32_t> magnitudes);

// The codes of value / divisor of its group; NaN becomes any code.
void encode_groups(std::span<const float> values, std::size_t group, std::span<const float> divisors,
                   const EncodeRule& rule, std::span<std::uint16_t> codes);

// As above, as integers in units of the format's smallest step, which must be within -127 ... 127.
void encode_group_units(std::span<const float> values, std::size_t group, std::span<const float> divisors,
                        const EncodeRule& rule, std::span<std::int8_t> units);

}  // namespace tilewright::models
