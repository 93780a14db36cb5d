// SPDX-License-Identifier: Apache-2.0
// The scale of a group of numbers, from its largest magnitude.
//
//   absmax        absmax / largest value, in f32
//   power_of_two  2^ceil(log2(absmax / largest value)): the smallest that does not clip
//   mx            2^(floor(log2 absmax) - floor(log2 largest value)) as an E8M0 code (OCP Microscaling
//                 Formats v1.0, section 6.3): what lies above the largest value saturates
#pragma once

#include <cstddef>

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

constexpr int e8m0_bias = 127;

// absmax / largest, never 0 for an absmax above 0; 0 for 0.
float absmax_scale(float absmax, double largest);

// 2^e with the smallest e, within -149 ... 127, for which 2^e largest >= absmax; 0 for 0.
float power_of_two_scale(float absmax, double largest);

// The exponent of the scale of an MX block whose largest magnitude is `absmax` (finite, above 0), within -127
// ... 127.
int mx_scale_exponent(const NumberFormat& format, float absmax, MxScaleMode mode);

// The same for a format whose largest value is known: `largest`, for many blocks.
int mx_scale_exponent(const NumberFormat& format, double largest, float absmax, MxScaleMode mode);

// 2^exponent for -149 <= exponent <= 127.
float f32_power_of_two(int exponent);

}  // namespace tilewright::models
