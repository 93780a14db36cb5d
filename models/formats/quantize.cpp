// SPDX-License-Identifier: Apache-2.0
#include "models/formats/quantize.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace tilewright::models {

namespace {

constexpr std::uint8_t e8m0_nan = 0xff;

void require_group(std::size_t group) {
    if (group == 0) throw std::invalid_argument("a group of 0 elements; allowed: at least 1");
}

}  // namespace

QuantizedGroups quantize_groups(std::span<const float> values, const NumberFormat& format,
                                const GroupScaling& scaling) {
    const GroupEncoder encoder(format, scaling);
    QuantizedGroups result;
    result.codes.resize(values.size());
    result.scales.resize(encoder.groups(values.size()));
    const auto counts = encoder.encode(values, result.codes, result.scales);
    result.nan_count = counts.nan_count;
    result.infinite_count = counts.infinite_count;
    if (scaling.rule != ScaleRule::mx) return result;
    for (const auto scale : result.scales) {
        const auto code = std::isnan(scale) ? e8m0_nan : std::ilogb(scale) + e8m0_bias;
        result.scale_codes.push_back(static_cast<std::uint8_t>(code));
    }
    return result;
}

std::vector<float> dequantize_groups(const QuantizedGroups& quantized, const NumberFormat& format,
                                     std::size_t group) {
    require_group(group);
    const auto values = decode_table(format);
    std::vector<float> result;
    result.reserve(quantized.codes.size());
    for (std::size_t i = 0; i < quantized.codes.size(); ++i) {
        const auto scale = static_cast<double>(quantized.scales[i / group]);
        result.push_back(static_cast<float>(values[quantized.codes[i]] * scale));
    }
    return result;
}

DualGroups quantize_dual(std::span<const float> values, std::size_t group, TieRule ties) {
    require_group(group);
    const Codec negative(number_format("e1m2"), {ties, Overflow::saturate, IntegerRange::full});
    const Codec positive(number_format("e2m1"), {ties, Overflow::saturate, IntegerRange::full});
    const auto nonzero = [](float scale) { return scale == 0 ? 1 : scale; };
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
        result.negative_scales.push_back(absmax_scale(-lowest, largest_value(negative.format())));
        result.positive_scales.push_back(absmax_scale(highest, largest_value(positive.format())));
        for (std::size_t i = 0; i < part.size(); ++i) {
            if (std::isnan(part[i])) {
                ++result.nan_count;
                continue;
            }
            const auto code =
                part[i] < 0 ? negative.encode(part[i] / nonzero(result.negative_scales.back()))
                            : positive.encode(std::abs(part[i]) / nonzero(result.positive_scales.back()));
            result.codes[start + i] = static_cast<std::uint8_t>(*code);
        }
    }
    return result;
}

std::vector<float> dequantize_dual(const DualGroups& quantized, std::size_t group) {
    require_group(group);
    const auto negative = decode_table(number_format("e1m2"));
    const auto positive = decode_table(number_format("e2m1"));
    std::vector<float> result;
    result.reserve(quantized.codes.size());
    for (std::size_t i = 0; i < quantized.codes.size(); ++i) {
        const auto code = quantized.codes[i];
        const bool is_negative = (code & 8U) != 0;
        const auto& scales = is_negative ? quantized.negative_scales : quantized.positive_scales;
        const auto value = is_negative ? negative[code] : positive[code];
        result.push_back(static_cast<float>(value * static_cast<double>(scales[i / group])));
    }
    return result;
}

}  // namespace tilewright::models
