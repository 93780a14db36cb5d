// SPDX-License-Identifier: Apache-2.0
#include "models/formats/dual_format.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "models/formats/group_scale.hpp"

namespace tilewright::models {

namespace {

void check(std::size_t group, const DualFormat& format) {
    if (group == 0) throw std::invalid_argument("a group of 0 elements; allowed: at least 1");
    if (format.negative.bits != format.positive.bits || format.negative.bits > 8) {
        throw std::invalid_argument("a dual format of " + std::string(format.negative.name) + " and " +
                                    std::string(format.positive.name) +
                                    "; allowed: formats of the same width, up to 8 bits");
    }
}

// The largest magnitude of a negative value: two's complement has one more of them than of positive ones.
double largest_negative(const NumberFormat& format) {
    if (format.family == FormatFamily::integer)
        return std::ldexp(1.0, format.bits - 1 - format.fraction_bits);
    return largest_value(format);
}

float divisor(float scale) {
    return scale == 0 ? 1 : scale;
}

}  // namespace

DualFormat dual_fp4() {
    return {number_format("e1m2"), number_format("e2m1")};
}

DualFormat dual_fp6() {
    return {number_format("int6"), number_format("e2m3")};
}

DualGroups quantize_dual(std::span<const float> values, std::size_t group, const DualFormat& format,
                         TieRule ties) {
    check(group, format);
    const Codec negative(format.negative, {ties, Overflow::saturate, IntegerRange::full});
    const Codec positive(format.positive, {ties, Overflow::saturate, IntegerRange::full});
    DualGroups result;
    result.codes.resize(values.size());
    for (std::size_t start = 0; start < values.size(); start += std::min(group, values.size() - start)) {
        const auto part = values.subspan(start, std::min(group, values.size() - start));
        float lowest = 0;
        float highest = 0;
        for (const auto value : part) {
            if (!std::isfinite(value)) continue;
            lowest = std::min(lowest, value);
            highest = std::max(highest, value);
        }
        const auto negative_scale = absmax_scale(-lowest, largest_negative(format.negative));
        const auto positive_scale = absmax_scale(highest, largest_value(format.positive));
        result.negative_scales.push_back(negative_scale);
        result.positive_scales.push_back(positive_scale);
        for (std::size_t i = 0; i < part.size(); ++i) {
            if (std::isnan(part[i])) {
                ++result.nan_count;
                continue;
            }
            const auto code = part[i] < 0 ? negative.encode(part[i] / divisor(negative_scale))
                                          : positive.encode(std::abs(part[i]) / divisor(positive_scale));
            result.codes[start + i] = static_cast<std::uint8_t>(*code);
        }
    }
    return result;
}

std::vector<float> dequantize_dual(const DualGroups& quantized, std::size_t group, const DualFormat& format) {
    check(group, format);
    const auto negative = decode_table(format.negative);
    const auto positive = decode_table(format.positive);
    const auto sign = 1U << (format.negative.bits - 1);
    std::vector<float> result;
    result.reserve(quantized.codes.size());
    for (std::size_t i = 0; i < quantized.codes.size(); ++i) {
        const auto code = quantized.codes[i];
        const bool is_negative = (code & sign) != 0;
        const auto& scales = is_negative ? quantized.negative_scales : quantized.positive_scales;
        const auto value = is_negative ? negative[code] : positive[code];
        result.push_back(static_cast<float>(value * static_cast<double>(scales[i / group])));
    }
    return result;
}

}  // namespace tilewright::models
