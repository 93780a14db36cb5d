// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace tilewright::cli {

// The bytes of a binary portable pixmap (.ppm), eight bits a color. `color(c, y, x)` is kept within 0 and 1.
std::string pixmap_bytes(std::int64_t height, std::int64_t width,
                         const std::function<double(std::int64_t, std::int64_t, std::int64_t)>& color);

}  // namespace tilewright::cli
