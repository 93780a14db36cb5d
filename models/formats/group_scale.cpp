// SPDX-License-Identifier: Apache-2.0
#include "models/formats/group_scale.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "models/formats/power_of_two.hpp"

namespace tilewright::models {

float f32_power_of_two(int exponent) {
    constexpr int least_normal = -126;
    if (exponent < least_normal) return std::bit_cast<float>(1U << (exponent + 149));
    return std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23);
}

float absmax_scale(float absmax, double largest) {
    if (absmax == 0) return 0;
    return std::max(absmax / static_cast<float>(largest), std::numeric_limits<float>::denorm_min());
}

float power_of_two_scale(float absmax, double largest) {
    if (absmax == 0) return 0;
    return f32_power_of_two(std::clamp(covering_exponent(absmax, largest), -149, 127));
}

int mx_scale_exponent(const NumberFormat& format, float absmax, MxScaleMode mode) {
    return mx_scale_exponent(format, largest_value(format), absmax, mode);
}

int mx_scale_exponent(const NumberFormat& format, double largest, float absmax, MxScaleMode mode) {
    const auto amount = take_apart(absmax);
    auto exponent = amount.exponent - take_apart(largest).exponent;
    switch (mode) {
        case MxScaleMode::floor:
            break;
        case MxScaleMode::ceil:
            if (amount.significand != 1) ++exponent;
            break;
        case MxScaleMode::even: {
            // Half a unit of the last mantissa bit is added; a carry reaches the exponent. In mxint8 and the
            // integers the bits behind the leading one are the mantissa.
            const auto mantissa_bits =
                format.mantissa_bits - (format.family == FormatFamily::integer ? 1 : 0);
            if (amount.significand + std::ldexp(0.5, -mantissa_bits) >= 2) ++exponent;
            break;
        }
        case MxScaleMode::rceil:
            exponent = covering_exponent(absmax, largest);
            break;
    }
    return std::clamp(exponent, -e8m0_bias, e8m0_bias);
}

}  // namespace tilewright::models
