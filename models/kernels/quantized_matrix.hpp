// SPDX-License-Identifier: Apache-2.0
// Quantized operands of linear layers: weight matrices and rows of inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "models/formats/codec.hpp"
#include "models/recipes/recipe.hpp"

namespace tilewright::models {

// Codes of a format as integers in units of its smallest step.
class UnitTable {
  public:
    // Throws std::invalid_argument for formats of more than 16 bits.
    explicit UnitTable(const NumberFormat& format);

    std::int64_t operator[](std::uint16_t code) const { return units_[code]; }
    // Whether all units fit 8 bits.
    bool narrow() const { return narrow_; }
    // Whether they fit 64 bits; where they do not, the table is empty.
    bool fits() const { return !units_.empty(); }

  private:
    std::vector<std::int64_t> units_;
    bool narrow_ = true;
};

// A token's inputs: units where those of the format fit 8 bits, else codes.
struct QuantizedRow {
    std::vector<std::int8_t> units;    // of narrow formats
    std::vector<std::uint16_t> codes;  // of the others
    std::vector<double> scales;        // by group; empty without scales
};

// [outputs, inputs] weights. Scales also as the bit fields in which they are stored.
struct QuantizedMatrix {
    std::int64_t outputs = 0;
    std::int64_t inputs = 0;
    std::vector<std::int8_t> units;
    std::vector<std::uint16_t> codes;
    std::vector<double> scales;  // by row and group, without 2^scale_base
    std::vector<std::uint32_t> scale_fields;
    int scale_base = 0;  // sums of two powers: the exponent that both fields count down from

    std::int64_t groups_of_row(std::int64_t group) const { return group == 0 ? 0 : inputs / group; }
};

// Rounds a matrix to the format and scales of a recipe, rows at a time. A weight becomes the code nearest to
// weight / scale, a quotient of binary32 numbers; `group_size` must divide the inputs.
class MatrixQuantizer {
  public:
    // `largest_weight`: the largest magnitude of all weights to come, which sums of two powers take their
    // base from; others ignore it.
    MatrixQuantizer(std::int64_t outputs, std::int64_t inputs, const Quantization& quantization, TieRule ties,
                    float largest_weight);
    ~MatrixQuantizer();

    // The next rows. Throws std::invalid_argument for a NaN or an infinity.
    void add(std::span<const float> rows);
    // The matrix, once all rows have been added.
    QuantizedMatrix take() { return std::move(matrix_); }

  private:
    struct Rules;
    void encode(std::span<const float> rows, std::size_t group, std::span<const float> divisors);

    Quantization quantization_;
    std::unique_ptr<Rules> rules_;
    QuantizedMatrix matrix_;
    std::size_t done_ = 0;
};

// A whole matrix. For sums of two powers each group takes the sum nearest to absmax over the largest value.
QuantizedMatrix quantize_matrix(std::span<const float> weights, std::int64_t outputs, std::int64_t inputs,
                                const Quantization& quantization, TieRule ties);

// The weight that code and scale stand for; [outputs, inputs] in float64.
std::vector<double> dequantize_matrix(const QuantizedMatrix& matrix, const Quantization& quantization);

// The value of a stored scale, without the base.
double decode_scale(const Quantization& quantization, std::uint32_t field);

}  // namespace tilewright::models
