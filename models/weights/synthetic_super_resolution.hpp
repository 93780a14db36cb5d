// SPDX-License-Identifier: Apache-2.0
// Seeded weights and images of a binary super-resolution network that no checkpoint is needed for.
//
// All weights are normal numbers, of these deviations, n the inputs of an output:
//
//   head         2 / sqrt(n): an image of values around 1/2, alike in a pixel's nine taps, gives channels of
//                order 1
//   units        1 / sqrt(n), so that the convolution of signs has deviation 0.8 before the factors, which
//                are near 1/2 each: a unit adds about 0.2, and channels stay of order 1 over tens of units
//   branch       fc1 1 / sqrt(n); fc2 and its bias 0.5 / sqrt(n) and 0.5: shifts that split a channel's
//                pixels, gains that differ by channel; the pixels' factor 1 / sqrt(n)
//   upsampler    1 / sqrt(n)
//   tail         0.3 / sqrt(n) around 1/2, for outputs in the range of an image
//   biases       0.1 where not said
//
// These are assumptions, chosen before any result was seen. Such a network enlarges nothing; it carries its
// input through all layers, so what rounding does to it can be measured.
#pragma once

#include <cstdint>

#include "models/kernels/feature_map.hpp"
#include "models/networks/super_resolution_reference.hpp"

namespace tilewright::models {

SuperResolutionWeights synthetic_super_resolution(const SuperResolutionConfig& config,
                                                  std::uint64_t seed = 1);

// Smooth plus edges: every color is interpolated between random values eight pixels apart, and brighter or
// darker by up to 0.3 on one side of each of four random lines that all colors share. [height, width,
// colors], values k / 255 in [0, 1], k an integer, rounded to binary32.
FeatureMap<float> synthetic_image(const ImageSize& size, std::int64_t colors, std::uint64_t seed = 1);

}  // namespace tilewright::models
