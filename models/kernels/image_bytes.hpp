// SPDX-License-Identifier: Apache-2.0
// Colors of an image as it is stored: a byte k stands for k / 255.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace tilewright::models {

constexpr double color_levels = 255;

// k / 255, rounded to binary32.
inline float color_of_byte(std::uint8_t byte) {
    return static_cast<float>(static_cast<double>(byte) / color_levels);
}

// 255 times a color that is a number, exact, rounded to the nearest integer, ties to even, and kept within 0
// and 255.
inline std::uint8_t byte_of_color(float color) {
    const auto level = std::nearbyint(static_cast<double>(color) * color_levels);
    return static_cast<std::uint8_t>(std::clamp(level, 0.0, color_levels));
}

}  // namespace tilewright::models
