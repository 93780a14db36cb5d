// SPDX-License-Identifier: Apache-2.0
// 3x3 convolutions on quantized operands, bit for bit, a QuantizedLinear over nine pixels side by side.
//
// A pixel's channels are rounded once, with scales of their own, whichever taps read them; a row of inputs
// is tap by tap (down, then across), the channels of a tap side by side, as in a row of weights [outputs,
// 3, 3, inputs]. Pixels outside the image are zeros. With fl a rounding to binary32:
//
//   y = fl(sum + bias)    sum as QuantizedLinear has it: segments in increasing order of the 9 inputs
//                         elements; the bias is added to the finished sum
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "models/kernels/feature_map.hpp"
#include "models/kernels/quantized_linear.hpp"
#include "models/kernels/quantized_matrix.hpp"
#include "models/recipes/recipe.hpp"

namespace tilewright::models {

// The pixels of a feature map, each rounded alone.
struct QuantizedMap {
    ImageSize size;
    std::vector<QuantizedRow> pixels;
};

class QuantizedConvolution {
  public:
    // `weights` [outputs, 3, 3, inputs]. Throws std::invalid_argument for tensors that do not have their
    // sizes, for weights that are not finite, and for groups that do not divide a pixel's channels or a row
    // of weights.
    QuantizedConvolution(std::int64_t outputs, std::int64_t inputs, std::span<const float> weights,
                         std::vector<float> bias, const Quantization& weight_quantization,
                         const Quantization& input_quantization, TieRule ties);

    // A convolution of the same formats with other weights. Throws std::invalid_argument for other sizes.
    QuantizedConvolution with_weights(QuantizedMatrix matrix, std::vector<float> bias) const;

    // Throws std::invalid_argument for a NaN.
    QuantizedRow quantize_pixel(std::span<const float> channels) const;
    QuantizedMap quantize(const FeatureMap<float>& map) const;

    // What the nine taps of an output pixel read.
    QuantizedRow taps(const QuantizedMap& map, std::int64_t y, std::int64_t x) const;

    // All outputs of some rows, [rows, width, outputs]; they read the pixels of one row more on either side,
    // and no others.
    std::vector<float> rows(const QuantizedMap& map, const RowRange& range) const;

    std::int64_t outputs() const { return matrix_.outputs; }
    std::int64_t inputs() const { return inputs_; }
    const QuantizedMatrix& matrix() const { return matrix_; }  // [outputs, 9 inputs]
    const QuantizedLinear& linear() const { return linear_; }
    std::span<const float> bias() const { return bias_; }

  private:
    void fill_taps(QuantizedRow& row, const QuantizedMap& map, std::int64_t y, std::int64_t x) const;
    std::vector<double> sums(std::span<const QuantizedRow> rows) const;

    std::int64_t inputs_;
    QuantizedLinear linear_;
    QuantizedMatrix matrix_;
    std::vector<float> bias_;
    std::optional<QuantizedLinear::ManyRows> many_rows_;
    QuantizedRow outside_;  // a pixel of zeros
};

}  // namespace tilewright::models
