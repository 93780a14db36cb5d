// SPDX-License-Identifier: Apache-2.0
// Linear layers whose inputs have a dual format (models/formats/dual_format.hpp): the inputs of a segment
// that are negative have one scale and the others another, so there are two partial sums a segment.
//
// In increasing order of the segments, each sum exact in integers and each fl a rounding to binary32:
//
//   sum = fl(sum + fl(fl(N) * fl(n * w)))    N: products of the negative inputs, n: their scale
//   sum = fl(sum + fl(fl(P) * fl(p * w)))    P: products of the others, p: their scale; w: the weights'
//
// The result does not depend on how the inputs are cut into tiles of whole segments.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/formats/dual_format.hpp"
#include "models/kernels/quantized_linear.hpp"

namespace tilewright::models {

// A token's inputs, split by sign; each row has zeros where the other has numbers. Both are in units of the
// positive format: a difference of the formats' smallest steps is part of the negative scales.
struct DualRow {
    QuantizedRow negative;
    QuantizedRow positive;
};

class DualLinear {
  public:
    // Groups of `group` inputs share their two binary32 scales; `inputs` is a multiple of it and of the
    // weights' group. The weights have floating-point scales or none, and a format whose steps fit 62 bits.
    // Throws std::invalid_argument for others, and for inputs whose steps do not fit 8 bits.
    DualLinear(const Quantization& weights, const DualFormat& format, std::int64_t group, std::int64_t inputs,
               TieRule ties);

    DualRow quantize_input(std::span<const double> values) const;

    // As QuantizedLinear::accumulate().
    void accumulate(LinearSum& sum, const DualRow& input, std::int64_t begin, std::int64_t count,
                    std::span<const std::int8_t> weight_units, std::span<const std::uint16_t> weight_codes,
                    std::span<const double> weight_scales) const;
    double finish(const LinearSum& sum, int scale_base) const { return linear_.finish(sum, scale_base); }

    // All outputs for one token.
    std::vector<double> apply(const QuantizedMatrix& matrix, std::span<const double> values) const;

    std::int64_t segment() const { return linear_.segment(); }
    // Of either of the two sums; see QuantizedLinear.
    int required_accumulator_bits() const { return linear_.required_accumulator_bits(); }

  private:
    Quantization weights_;
    DualFormat format_;
    std::int64_t group_;
    std::int64_t inputs_;
    TieRule ties_;
    UnitTable negative_units_;
    UnitTable positive_units_;
    double negative_step_;    // of the negative format, in steps of the positive one
    QuantizedLinear linear_;  // with inputs of the positive format
};

}  // namespace tilewright::models
