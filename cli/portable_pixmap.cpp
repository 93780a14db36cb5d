// SPDX-License-Identifier: Apache-2.0
#include "cli/portable_pixmap.hpp"

#include "models/kernels/image_bytes.hpp"

namespace tilewright::cli {

std::string pixmap_bytes(std::int64_t height, std::int64_t width,
                         const std::function<double(std::int64_t, std::int64_t, std::int64_t)>& color) {
    auto bytes = "P6\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n";
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
            for (std::int64_t c = 0; c < 3; ++c) {
                bytes += static_cast<char>(models::byte_of_color(static_cast<float>(color(c, y, x))));
            }
        }
    }
    return bytes;
}

}  // namespace tilewright::cli
