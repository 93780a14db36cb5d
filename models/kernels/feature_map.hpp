// SPDX-License-Identifier: Apache-2.0
// Feature maps, the channels of a pixel side by side, and the taps of 3x3 convolutions over them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace tilewright::models {

constexpr std::int64_t convolution_side = 3;
constexpr std::int64_t convolution_taps = convolution_side * convolution_side;

// In pixels.
struct ImageSize {
    std::int64_t height = 0;
    std::int64_t width = 0;

    std::int64_t pixels() const { return height * width; }
    std::size_t index(std::int64_t y, std::int64_t x) const {
        return static_cast<std::size_t>(y * width + x);
    }
    friend bool operator==(const ImageSize&, const ImageSize&) = default;
};

// Rows [begin, end) of an image.
struct RowRange {
    std::int64_t begin = 0;
    std::int64_t end = 0;

    std::int64_t count() const { return end - begin; }
    bool within(const ImageSize& size) const { return 0 <= begin && begin <= end && end <= size.height; }
};

// [height, width, channels].
template <typename Number>
struct FeatureMap {
    ImageSize size;
    std::int64_t channels = 0;
    std::vector<Number> values;

    FeatureMap() = default;
    FeatureMap(const ImageSize& image, std::int64_t depth)
        : size(image), channels(depth), values(static_cast<std::size_t>(image.pixels() * depth)) {}
    FeatureMap(const ImageSize& image, std::int64_t depth, std::vector<Number> numbers)
        : size(image), channels(depth), values(std::move(numbers)) {}

    // Whether there is a pixel, a channel, and a value for each.
    bool whole() const {
        return size.height > 0 && size.width > 0 && channels > 0 &&
               values.size() == static_cast<std::size_t>(size.pixels() * channels);
    }
    std::span<Number> pixel(std::int64_t y, std::int64_t x) {
        return std::span(values).subspan(size.index(y, x) * depth(), depth());
    }
    std::span<const Number> pixel(std::int64_t y, std::int64_t x) const {
        return std::span(values).subspan(size.index(y, x) * depth(), depth());
    }
    std::span<Number> rows(const RowRange& range) {
        return std::span(values).subspan(size.index(range.begin, 0) * depth(),
                                         static_cast<std::size_t>(range.count() * size.width) * depth());
    }
    std::span<const Number> rows(const RowRange& range) const {
        return std::span(values).subspan(size.index(range.begin, 0) * depth(),
                                         static_cast<std::size_t>(range.count() * size.width) * depth());
    }

  private:
    std::size_t depth() const { return static_cast<std::size_t>(channels); }
};

// Calls visit(tap, y, x) for the pixels around (centre_y, centre_x) that are in the image, taps in the order
// of the weights [outputs, 3, 3, inputs]. The others are the padding.
template <typename Visit>
void for_each_tap_inside(const ImageSize& image, std::int64_t centre_y, std::int64_t centre_x, Visit visit) {
    for (std::int64_t tap = 0; tap < convolution_taps; ++tap) {
        const auto y = centre_y + tap / convolution_side - convolution_side / 2;
        const auto x = centre_x + tap % convolution_side - convolution_side / 2;
        if (y < 0 || y >= image.height || x < 0 || x >= image.width) continue;
        visit(static_cast<std::size_t>(tap), y, x);
    }
}

// What a doubling of the image makes of `pixels`, whole rows [rows, width, 4 channels]: [2 rows, 2 width,
// channels], where channel c of pixel (2 y + dy, 2 x + dx) is channel 4 c + 2 dy + dx of pixel (y, x), as in
// PyTorch's PixelShuffle.
template <typename Number>
std::vector<Number> pixel_shuffle(std::span<const Number> pixels, std::int64_t width, std::int64_t channels) {
    const auto depth = static_cast<std::size_t>(channels);
    const auto row = 2 * static_cast<std::size_t>(width) * depth;  // of the result
    std::vector<Number> result(pixels.size());
    for (std::size_t begin = 0; begin < result.size(); begin += 2 * row) {
        for (std::size_t x = 0; x < row; x += 2 * depth) {
            const auto* const from = pixels.data() + begin + 2 * x;
            auto* const to = result.data() + begin + x;
            for (std::size_t c = 0; c < depth; ++c) {
                to[c] = from[4 * c];
                to[depth + c] = from[4 * c + 1];
                to[row + c] = from[4 * c + 2];
                to[row + depth + c] = from[4 * c + 3];
            }
        }
    }
    return result;
}

}  // namespace tilewright::models
