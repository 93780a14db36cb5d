// SPDX-License-Identifier: Apache-2.0
// Binary super-resolution under a recipe, bit for bit. fl is a rounding to binary32; map() a rounding to the
// recipe's format of feature maps, nearest, ties as the recipe says, overflow to the largest finite value
// (fp32 changes nothing). Operations are rounded where they are written, sums run in increasing order from 0,
// exp is that of binary64.
//
//   convolutions that are not binary   fl(sum + bias) on quantized pixels (quantized_convolution.hpp)
//   image                              binary32, as it comes: k / 255 in [0, 1], rounded by no map()
//   x0 = map(head(image))
//
//   every unit, of pixels p, channels c and outputs o:
//     a[c] = fl((sum over p in raster order of x[p, c], in binary64) / pixels)
//     h = max(linear_float(fc1, a), 0)         transformer_operators.hpp
//     s, g = linear_float(fc2, h)              first and second half
//     gain[c] = fl(1 / (1 + exp(-g[c])))       in binary64, rounded once
//     factor[p] = fl(1 / (1 + exp(-fl(sum of spatial[c] x[p, c] + bias))))
//     sign[p, c] = fl(x[p, c] + s[c]) >= 0     also for -0
//     d[p, o] = the exact integer of binary_convolution.hpp
//     scale[o] = fl(mean magnitude of the weights, in binary64)
//     y = fl(x[p, o] + fl(fl(fl(d scale[o]) factor[p]) gain[o]))
//     y = y < 0 ? fl(fl(0.1) y) : y            in the first unit of a block
//     x[p, o] = map(y)
//
//   x = map(fl(x + x0)) behind the units
//   x = map(shuffle(upsample.S(x))) for every doubling
//   output = tail(x), binary32, rounded by no map()
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/kernels/group_quantizer.hpp"
#include "models/kernels/quantized_convolution.hpp"
#include "models/networks/quantized_binary_unit.hpp"
#include "models/networks/super_resolution.hpp"
#include "models/recipes/super_resolution_recipe.hpp"

namespace tilewright::models {

class QuantizedSuperResolution {
  public:
    // Throws std::invalid_argument for tensors that do not have their sizes, for groups that do not divide a
    // pixel's channels or a row of weights, for dual formats, and for feature maps without a sign.
    QuantizedSuperResolution(const SuperResolutionConfig& config, const SuperResolutionWeights& weights,
                             const SuperResolutionRecipe& recipe);

    // [height, width, colors] to [scale height, scale width, colors]. `seen`, if any, gets what every unit
    // convolved. Throws std::invalid_argument for sizes that do not fit, and for a NaN.
    FeatureMap<float> run(const FeatureMap<float>& image, std::vector<SignMap>* seen = nullptr) const;

    // The pieces. map(), in place; throws std::invalid_argument for a NaN.
    void round(std::span<float> values) const;
    // How values that have been rounded are packed into bytes.
    const GroupQuantizer& feature_map() const { return feature_map_; }

    // x0, and what becomes of it and of x behind the units.
    FeatureMap<float> head_map(const FeatureMap<float>& image) const;
    FeatureMap<float> enlarged(const FeatureMap<float>& x, const FeatureMap<float>& x0) const;
    // Rows of x0, [rows, width, channels], and map(shuffle(rows of a doubling)), [2 rows, 2 width, channels];
    // the convolution is this network's, or one with_weights() of its own.
    std::vector<float> head_rows(const QuantizedConvolution& head, const QuantizedMap& image,
                                 const RowRange& range) const;
    std::vector<float> doubled_rows(const QuantizedConvolution& stage, const QuantizedMap& map,
                                    const RowRange& range) const;
    // map(fl(x + x0)) of pixels.
    std::vector<float> sum(std::span<const float> x, std::span<const float> x0) const;

    // What is known of a whole input of a unit.
    ChannelFactors factors(const QuantizedBinaryUnit& unit, const FeatureMap<float>& x) const;
    SignMap signs(const FeatureMap<float>& x, std::span<const float> shifts) const;
    // Rows of a unit's output, [rows, width, channels]. They read the same rows of the input `x`, and the
    // signs of one row more on either side.
    std::vector<float> unit_rows(const QuantizedBinaryUnit& unit, std::span<const float> gains,
                                 const SignMap& signs, const FeatureMap<float>& x,
                                 const RowRange& range) const;
    // The same of pixels side by side, from their factors and the convolution's `dots`, [pixels, channels].
    std::vector<float> rescaled(const QuantizedBinaryUnit& unit, std::span<const float> gains,
                                std::span<const float> factors, std::span<const std::int32_t> dots,
                                std::span<const float> pixels) const;
    FeatureMap<float> unit(const QuantizedBinaryUnit& unit, const FeatureMap<float>& x,
                           std::vector<SignMap>* seen = nullptr) const;

    const QuantizedConvolution& head() const { return head_; }
    const std::vector<QuantizedBinaryUnit>& units() const { return units_; }
    const std::vector<QuantizedConvolution>& upsample() const { return upsample_; }
    const QuantizedConvolution& tail() const { return tail_; }

  private:
    SuperResolutionConfig config_;
    GroupQuantizer feature_map_;
    QuantizedConvolution head_;
    std::vector<QuantizedBinaryUnit> units_;
    std::vector<QuantizedConvolution> upsample_;
    QuantizedConvolution tail_;
};

}  // namespace tilewright::models
