// SPDX-License-Identifier: Apache-2.0
// Tensors to codes and scales: a scale for every group of consecutive elements.
//
// A group is a run of consecutive elements: the whole tensor (group = size), a token or an output channel
// (group = row length), or a part of a row. For scales along columns, transpose first.
//
//   absmax        scale = absmax / largest value, in f32
//   power_of_two  scale = 2^ceil(log2(absmax / largest value)): nothing clips
//   mx            scale = 2^(floor(log2 absmax) - floor(log2 largest value)) as an E8M0 code (OCP
//   Microscaling
//                 Formats v1.0, section 6.3): what lies above the largest value saturates
//
// The element x becomes the code nearest to x / scale, a quotient rounded to f32 (exact for powers of two as
// long as it is not subnormal). Integers use -(2^(b-1) - 1) ... 2^(b-1) - 1. Overflow saturates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "models/formats/codec.hpp"

namespace tilewright::models {

enum class ScaleRule { absmax, power_of_two, mx };

// How an MX scale follows from the largest magnitude of its block.
enum class MxScaleMode {
    floor,  // floor(log2 absmax) - emax
    ceil,   // ceil(log2 absmax) - emax
    even,   // as floor, of absmax rounded half up to the mantissa of the format
    rceil   // ceil(log2(absmax / largest value)): nothing clips
};

struct GroupScaling {
    std::size_t group = 32;  // elements that share a scale; the last group may be shorter
    ScaleRule rule = ScaleRule::absmax;
    MxScaleMode mx_mode = MxScaleMode::floor;
    TieRule ties = TieRule::to_even;
};

// `elements` codes and a scale per group. Infinity saturates and NaN becomes the format's NaN, or 0 where it
// has none; neither takes part in an absmax or power-of-two scale. An MX block with either has the scale NaN
// (code 0xff) and codes 0. Both are counted. A group of zeros has scale 0, with mx the code 0 (2^-127).
struct QuantizedGroups {
    std::vector<float> scales;
    std::vector<std::uint8_t> scale_codes;  // E8M0, with ScaleRule::mx only
    std::vector<std::uint16_t> codes;
    std::size_t nan_count = 0;
    std::size_t infinite_count = 0;
};

// The exponent of the scale of an MX block whose largest magnitude is `absmax` (finite, above 0), within -127
// ... 127.
int mx_scale_exponent(const NumberFormat& format, float absmax, MxScaleMode mode);

// Throws std::invalid_argument for a group of 0 elements, a format of more than 16 bits or e8m0.
QuantizedGroups quantize_groups(std::span<const float> values, const NumberFormat& format,
                                const GroupScaling& scaling);

// Code times scale, rounded to f32.
std::vector<float> dequantize_groups(const QuantizedGroups& quantized, const NumberFormat& format,
                                     std::size_t group);

// FPQVAR's dual format for skewed activations: a code is a sign and three magnitude bits; negative elements
// are e1m2 and positive ones e2m1, each with an absmax scale of its own per group. Zero is positive.
struct DualGroups {
    std::vector<float> negative_scales;
    std::vector<float> positive_scales;
    std::vector<std::uint8_t> codes;
    std::size_t nan_count = 0;  // NaN becomes code 0; infinity saturates
};

// Throws std::invalid_argument for a group of 0 elements.
DualGroups quantize_dual(std::span<const float> values, std::size_t group, TieRule ties = TieRule::half_up);

std::vector<float> dequantize_dual(const DualGroups& quantized, std::size_t group);

}  // namespace tilewright::models
