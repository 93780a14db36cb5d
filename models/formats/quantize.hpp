// SPDX-License-Identifier: Apache-2.0
// Tensors to codes and scales: a scale for every group of consecutive elements.
//
// A group is a run of consecutive elements: the whole tensor (group = size), a token or an output channel
// (group = row length), or a part of a row. For scales along columns, transpose first. How scales and codes
// are found stands in group_scale.hpp and group_encoder.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "models/formats/group_encoder.hpp"

namespace tilewright::models {

// `elements` codes and a scale per group.
struct QuantizedGroups {
    std::vector<float> scales;
    std::vector<std::uint8_t> scale_codes;  // E8M0, with ScaleRule::mx only; 0xff for the scale NaN
    std::vector<std::uint16_t> codes;
    std::size_t nan_count = 0;
    std::size_t infinite_count = 0;
};

// Throws std::invalid_argument for a group of 0 elements, a format of more than 16 bits or e8m0.
QuantizedGroups quantize_groups(std::span<const float> values, const NumberFormat& format,
                                const GroupScaling& scaling);

// Code times scale, rounded to f32.
std::vector<float> dequantize_groups(const QuantizedGroups& quantized, const NumberFormat& format,
                                     std::size_t group);

}  // namespace tilewright::models
