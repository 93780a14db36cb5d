// SPDX-License-Identifier: Apache-2.0
// Quantizations for tests, in a line.
#pragma once

#include <cstdint>

#include "models/recipes/recipe.hpp"

namespace tilewright::test {

inline models::Quantization quantization(const char* format, std::int64_t group, models::ScaleKind kind,
                                         int bits, int least = -127) {
    models::Quantization result;
    result.format = models::number_format(format);
    result.group_size = group;
    result.scale_kind = kind;
    result.scale_bits = bits;
    result.scale_exponent_min = least;
    return result;
}

}  // namespace tilewright::test
