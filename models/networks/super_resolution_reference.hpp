// SPDX-License-Identifier: Apache-2.0
// Binary super-resolution (super_resolution.hpp) in float64: what quantized results are measured against. The
// network is trained with binary convolutions, so the reference has them too; all else is not rounded.
//
//   x0 = head(image); x = x0 through all units; x = upsampled(x + x0); image = tail(x)
//
//   unit       a = average of x over all pixels; (s, g) = fc2(relu(fc1(a)))
//              y = x + scale conv(sign(x + s)) sigmoid(v x + b) sigmoid(g)
//              in the first unit of a block y becomes 0.1 y where it is negative
//   sign, conv sign(0) = +1; weights are the signs of real ones, `scale` the mean of their magnitudes over an
//              output's taps and inputs (XNOR-Net, Rastegari et al., ECCV 2016)
//   upsampled  a convolution to four times the channels and a pixel shuffle, for every doubling
//
// Zeros stand around every image, also around those of signs.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/kernels/binary_convolution.hpp"
#include "models/kernels/feature_map.hpp"
#include "models/networks/super_resolution.hpp"

namespace tilewright::models {

// Of the leaky ReLU. SRResNet and EDSR do not have one, EBSR does not say: this project's choice.
inline constexpr double leaky_relu_slope = 0.1;

struct ConvolutionWeights {
    std::vector<float> weights;  // [outputs, 3, 3, inputs]
    std::vector<float> bias;     // [outputs]
};

// C is the channels, H the hidden width of the branch.
struct SuperResolutionUnitWeights {
    std::vector<float> fc1;  // [H, C]
    std::vector<float> fc1_bias;
    std::vector<float> fc2;  // [2 C, H]: shifts, then gains
    std::vector<float> fc2_bias;
    std::vector<float> spatial;       // [C]
    std::vector<float> spatial_bias;  // [1]
    std::vector<float> convolution;   // [C, 3, 3, C], before they are made signs
};

struct SuperResolutionWeights {
    ConvolutionWeights head;  // from colors to C
    std::vector<SuperResolutionUnitWeights> units;
    std::vector<ConvolutionWeights> upsample;  // from C to 4 C, one a doubling
    ConvolutionWeights tail;                   // from C to colors
};

// Throws std::invalid_argument for sizes that make no network, and when a tensor does not have its size or is
// not there.
void check_super_resolution(const SuperResolutionConfig& config, const SuperResolutionWeights& weights);

// Throws std::invalid_argument when an image is not whole pixels of the network's colors, and for a NaN.
template <typename Number>
void check_super_resolution_image(const SuperResolutionConfig& config, const FeatureMap<Number>& image) {
    if (!image.whole() || image.channels != config.colors) {
        throw std::invalid_argument("the image of a super-resolution network is not whole pixels of " +
                                    std::to_string(config.colors) + " colors");
    }
    if (std::any_of(image.values.begin(), image.values.end(), [](auto value) { return std::isnan(value); })) {
        throw std::invalid_argument("the image of a super-resolution network has what is not a number");
    }
}

// The mean magnitude of each output's weights.
std::vector<double> binary_weight_scales(const std::vector<float>& weights, std::int64_t outputs);

// What the network's parts made, and what the units saw, in their order.
struct SuperResolutionProbe {
    std::vector<double> head;
    std::vector<double> units;              // behind the last one
    std::vector<SignMap> signs;             // that each convolved
    std::vector<double> root_mean_squares;  // of what each put out
};

// One unit; `first_of_block` says whether a leaky ReLU follows.
FeatureMap<double> super_resolution_unit(const SuperResolutionUnitWeights& weights,
                                         const FeatureMap<double>& x, bool first_of_block,
                                         SuperResolutionProbe* probe = nullptr);

// `image` [height, width, colors] in; [scale height, scale width, colors] out. Throws std::invalid_argument
// for sizes that do not fit, and for a NaN.
FeatureMap<double> super_resolve(const SuperResolutionConfig& config, const SuperResolutionWeights& weights,
                                 const FeatureMap<double>& image, SuperResolutionProbe* probe = nullptr);

}  // namespace tilewright::models
