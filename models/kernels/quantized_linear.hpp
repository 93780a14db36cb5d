// SPDX-License-Identifier: Apache-2.0
// Linear layers on quantized operands, bit for bit as a matrix unit computes them, and in pieces: any cut of
// the inputs into tiles gives the same bits.
//
// Inputs are summed in segments that share their scales. Inside a segment products are integers in units of
// both formats and their sum is exact (modulo 2^accumulator_bits, if the accumulator is narrower than it has
// to be). Across segments, in increasing order of the inputs:
//
//   floating_scales   sum = fl(sum + fl(fl(segment) * fl(scale_a * scale_w))), fl: round to binary32
//   shifts            both scales are powers of two, or sums of two: shift and add, exact, again modulo
//                     2^accumulator_bits of the smallest product
//   unscaled          formats without scales: one segment, an accumulator wide enough for any sum, rounded to
//                     binary32 at the end
//   wide_range        formats without scales whose range is too wide for that (bf16): products and sums in
//                     binary64, rounded to binary32 at the end
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "models/formats/codec.hpp"
#include "models/kernels/group_quantizer.hpp"
#include "models/kernels/quantized_matrix.hpp"
#include "models/kernels/segmented_dots.hpp"
#include "models/recipes/recipe.hpp"

namespace tilewright::models {

__extension__ using Int128 = __int128;

// Bits of an accumulator in which no sum of the networks wraps.
inline constexpr int exact_accumulator = 64;

// The running sum of one output.
struct LinearSum {
    Int128 exact = 0;  // shifts, unscaled
    float rounded = 0;
    double wide = 0;
};

class QuantizedLinear {
  public:
    // `inputs`: inputs of the layer, a multiple of both group sizes.
    QuantizedLinear(const Quantization& weights, const Quantization& activations, std::int64_t inputs,
                    int accumulator_bits, TieRule ties);

    // A token's inputs, rounded.
    QuantizedRow quantize_input(std::span<const double> values) const;

    // Adds inputs [begin, begin + count) of one output to `sum`. `weights` and `weight_scales` begin at
    // `begin` (scales: at the group that holds it); begin and count are multiples of segment(), or of
    // anything for unscaled formats. Calls for one output come in increasing order of `begin`.
    void accumulate(LinearSum& sum, const QuantizedRow& input, std::int64_t begin, std::int64_t count,
                    std::span<const std::int8_t> weight_units, std::span<const std::uint16_t> weight_codes,
                    std::span<const double> weight_scales) const;

    // The output: exact for shifts, a binary32 number otherwise. `scale_base` is the weights'.
    double finish(const LinearSum& sum, int scale_base) const;

    // All outputs for one token.
    std::vector<double> apply(const QuantizedMatrix& matrix, std::span<const double> values) const;
    std::vector<double> apply(const QuantizedMatrix& matrix, const QuantizedRow& input) const;

    // A matrix laid out for many rows of inputs at once, and what that gives: [inputs.size(), outputs], the
    // bits of apply(), for up to SegmentedDots::rows_at_once rows. Nothing for formats that do not allow it:
    // it takes units of 8 bits, and floating-point scales of segments of up to longest_exact_segment.
    struct ManyRows {
        SegmentedDots dots;
        std::vector<double> scales;  // of weights, [segments, outputs]
        double unit = 1;             // of the sums
    };
    std::optional<ManyRows> for_many_rows(const QuantizedMatrix& matrix) const;
    std::vector<double> apply(const ManyRows& matrix, std::span<const QuantizedRow> inputs) const;

    // Elements whose product sum shares its scales; 0 for unscaled formats.
    std::int64_t segment() const { return segment_; }
    // Width at which no sum of codes can overflow: of a segment with floating-point scales, else of the
    // whole.
    int required_accumulator_bits() const { return required_bits_; }

  private:
    enum class Mode { floating_scales, shifts, unscaled, wide_range };

    Int128 dot(const QuantizedRow& input, std::int64_t begin, std::int64_t count,
               std::span<const std::int8_t> weight_units, std::span<const std::uint16_t> weight_codes) const;
    double wide_product(const QuantizedRow& input, std::size_t from,
                        std::span<const std::int8_t> weight_units,
                        std::span<const std::uint16_t> weight_codes, std::size_t at) const;
    Int128 wrap(Int128 sum) const;

    Quantization weights_;
    Quantization activations_;
    GroupQuantizer input_quantizer_;
    UnitTable weight_units_;
    UnitTable activation_units_;
    std::vector<double> weight_values_;  // wide_range
    std::vector<double> activation_values_;
    std::int64_t inputs_;
    int accumulator_bits_;
    Mode mode_ = Mode::unscaled;
    std::int64_t segment_ = 0;
    int product_exponent_ = 0;  // exponent of the product of both formats' smallest steps
    int least_exponent_ = 0;    // shifts: exponent of the sum's lowest bit
    int required_bits_ = 0;
};

}  // namespace tilewright::models
