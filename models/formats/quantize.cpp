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

}  // namespace tilewright::models
