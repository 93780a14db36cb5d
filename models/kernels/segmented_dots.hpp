// SPDX-License-Identifier: Apache-2.0
// Exact dot products of small integers as grouped_dot.hpp has them, for many rows of inputs and many outputs
// at once: several times as fast where a matrix meets many inputs, as in a convolution. Outputs lie side by
// side in vectors, and a weight that has been loaded meets several rows.
//
// Products and sums are binary32 numbers; below 2^24 all of them are exact, so their order does not matter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tilewright::models {

// The longest segment whose sum is exact whatever the operands: 2^24 / 128^2.
constexpr std::size_t longest_exact_segment = 1024;

class SegmentedDots {
  public:
    static constexpr std::size_t rows_at_once = 8;

    // `weights` [outputs, inputs]; inputs are summed in segments of `segment`, the last one may be shorter.
    // Throws std::invalid_argument for other than whole rows, and for a segment of 0 or more than
    // longest_exact_segment.
    SegmentedDots(std::span<const std::int8_t> weights, std::size_t outputs, std::size_t segment);

    // Of up to rows_at_once rows of inputs, one behind the other: sums [rows_at_once, segments, stride],
    // output n in column n. Throws std::invalid_argument for other sizes.
    void sums(std::span<const std::int8_t> inputs, std::span<float> sums) const;

    std::size_t inputs() const { return inputs_; }
    std::size_t outputs() const { return outputs_; }
    std::size_t segments() const { return (inputs_ + segment_ - 1) / segment_; }
    std::size_t stride() const { return (outputs_ + block - 1) / block * block; }

  private:
    static constexpr std::size_t block = 16;  // outputs side by side

    std::size_t outputs_;
    std::size_t inputs_;
    std::size_t segment_;
    std::vector<float> weights_;  // by block of outputs: [inputs, block]
};

}  // namespace tilewright::models
