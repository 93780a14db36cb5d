// SPDX-License-Identifier: Apache-2.0
// 3x3 convolutions of signs by weights that are signs: one XNOR and one count of ones for 64 products.
//
// Bit 1 is +1 and bit 0 is -1. The channels of a pixel, or of a weight's tap, are packed from the lowest bit
// of a 64-bit word up; what the last word has left over is 0 and never counted. No bit stands for the zeros
// around an image, so taps outside it are left out by a mask:
//
//   dot = 2 popcount(xnor & mask) - popcount(mask)
//
// which is the sum of the products over the taps inside the image, an exact integer. sign(0) = +1, also of
// -0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "models/kernels/feature_map.hpp"

namespace tilewright::models {

// 64-bit words of the signs of `channels` values.
constexpr std::int64_t sign_words(std::int64_t channels) {
    return (channels + 63) / 64;
}

// The signs of rows of `row` values, each row from a new word on. Throws std::invalid_argument for a NaN, and
// for values that are not whole rows.
std::vector<std::uint64_t> pack_signs(std::span<const float> values, std::int64_t row);
std::vector<std::uint64_t> pack_signs(std::span<const double> values, std::int64_t row);

// The signs of a feature map, to be filled pixel by pixel; -1 until then.
class SignMap {
  public:
    // Throws std::invalid_argument without a pixel or a channel.
    SignMap(const ImageSize& size, std::int64_t channels);

    // The signs of a pixel's channels. Throws std::invalid_argument for a NaN, and for another number of
    // values.
    void set_pixel(std::int64_t y, std::int64_t x, std::span<const float> values);
    void set_pixel(std::int64_t y, std::int64_t x, std::span<const double> values);

    std::span<const std::uint64_t> pixel(std::int64_t y, std::int64_t x) const {
        return std::span(bits_).subspan(size_.index(y, x) * words_, words_);
    }
    const ImageSize& size() const { return size_; }
    std::int64_t channels() const { return channels_; }

    // Signs that differ between two maps of equal sizes.
    std::int64_t differences(const SignMap& other) const;

  private:
    template <typename Number>
    void pack_pixel(std::int64_t y, std::int64_t x, std::span<const Number> values);

    ImageSize size_;
    std::int64_t channels_;
    std::size_t words_;
    std::vector<std::uint64_t> bits_;
};

class BinaryConvolution {
  public:
    // `weights` [outputs, 3, 3, inputs], packed by taps: pack_signs(weights, inputs). Throws
    // std::invalid_argument for another number of words.
    BinaryConvolution(std::int64_t outputs, std::int64_t inputs, std::vector<std::uint64_t> weights);

    // Outputs [first, first + dots.size()) of one pixel. Throws std::invalid_argument for signs of other
    // channels, and for a pixel or outputs that are not there.
    void pixel(const SignMap& signs, std::int64_t y, std::int64_t x, std::span<std::int32_t> dots,
               std::int64_t first = 0) const;
    // All outputs of some rows, [rows, width, outputs]; they read the signs of one row more on either side.
    std::vector<std::int32_t> rows(const SignMap& signs, const RowRange& range) const;

    std::int64_t outputs() const { return outputs_; }
    std::int64_t inputs() const { return inputs_; }
    std::span<const std::uint64_t> weights() const { return weights_; }

  private:
    std::int64_t outputs_;
    std::int64_t inputs_;
    std::size_t words_;  // of a tap
    std::vector<std::uint64_t> weights_;
};

}  // namespace tilewright::models
