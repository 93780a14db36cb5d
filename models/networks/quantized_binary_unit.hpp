// SPDX-License-Identifier: Apache-2.0
// A unit of binary super-resolution, bit for bit, in the pieces that a tiled simulation needs: what is known
// of the whole image, of a pixel, and of what its nine taps give. quantized_super_resolution.hpp says what is
// rounded and in which order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/kernels/binary_convolution.hpp"
#include "models/networks/super_resolution_reference.hpp"

namespace tilewright::models {

// C is the channels, H the hidden width of the branch.
struct QuantizedBinaryUnit {
    std::vector<float> fc1, fc1_bias;  // [H, C]
    std::vector<float> fc2, fc2_bias;  // [2 C, H]
    std::vector<float> spatial;        // [C]
    std::vector<float> spatial_bias;   // [1]
    BinaryConvolution convolution;
    std::vector<float> scales;  // [C], the mean magnitudes of the weights, rounded to binary32
    bool first_of_block = false;
};

// Throws std::invalid_argument for weights of the convolution that are not numbers.
QuantizedBinaryUnit prepare_binary_unit(const SuperResolutionUnitWeights& weights, bool first_of_block);

// Sums of a map's channels, in binary64.
class ChannelAverage {
  public:
    explicit ChannelAverage(std::int64_t channels) : sums_(static_cast<std::size_t>(channels)) {}

    // Whole pixels, in raster order over all calls. Throws std::invalid_argument for parts of a pixel.
    void add(std::span<const float> pixels);
    // sum / pixels so far, divided in binary64 and rounded to binary32.
    std::vector<float> averages() const;

  private:
    std::vector<double> sums_;
    std::int64_t pixels_ = 0;
};

// By channel.
struct ChannelFactors {
    std::vector<float> shifts;
    std::vector<float> gains;  // behind the sigmoid
};
ChannelFactors channel_factors(const QuantizedBinaryUnit& unit, std::span<const float> averages);

// What that is made of: relu(fc1), [H]; fc2, [2 C], shifts and then what becomes the gains; and the gains.
std::vector<float> channel_hidden(const QuantizedBinaryUnit& unit, std::span<const float> averages);
std::vector<float> channel_branch(const QuantizedBinaryUnit& unit, std::span<const float> hidden);
ChannelFactors branch_factors(std::span<const float> branch);

// The factor of all channels of a pixel of the unit's input, and those of pixels side by side.
float pixel_factor(const QuantizedBinaryUnit& unit, std::span<const float> pixel);
std::vector<float> pixel_factors(const QuantizedBinaryUnit& unit, std::span<const float> pixels);

// The signs of a pixel of the unit's input, into their place in the map. Throws std::invalid_argument for a
// NaN.
void set_shifted_signs(SignMap& signs, std::int64_t y, std::int64_t x, std::span<const float> pixel,
                       std::span<const float> shifts);

// `pixel` of the unit's input becomes that of its output, before rounding to the format of feature maps.
// `dots` are the convolution's.
void rescale_and_add(const QuantizedBinaryUnit& unit, std::span<const float> gains, float factor,
                     std::span<const std::int32_t> dots, std::span<float> pixel);

}  // namespace tilewright::models
