// SPDX-License-Identifier: Apache-2.0
// The residual path of VAR's vector quantizer: from the codes of a scale to what the next scale starts from.
//
//   f += phi(up(codebook[codes]))     up: bicubic to the last scale's size; phi(h) = h / 2 + conv3x3(h) / 2
//   the next scale's map              f, averaged down to the next scale's size ("area")
//
// There are fewer convolutions than scales: a scale takes the one whose place among them is nearest to its
// own among the scales (the authors' PhiPartiallyShared, models/quant.py).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/networks/image_map.hpp"

namespace tilewright::models {

struct VectorQuantizerWeights {
    std::int64_t codes = 0;
    std::int64_t width = 0;
    std::vector<float> codebook;   // [codes, width]
    std::vector<Convolution> phi;  // 3 x 3, width x width
};

class VectorQuantizer {
  public:
    // Throws std::invalid_argument when the weights do not fit each other.
    VectorQuantizer(VectorQuantizerWeights weights, std::vector<std::int64_t> scales);

    void begin();
    // Adds a scale's codes, row by row of the image; scales come in order. Throws std::out_of_range for a
    // code that is not in the codebook, std::invalid_argument for a wrong number of them.
    void add(std::span<const std::int64_t> codes);
    // The input of the next scale, [tokens, width]; empty behind the last.
    std::vector<double> next_map() const;
    // What the decoder starts from.
    const ImageMap& sum() const { return sum_; }

    // Which convolution a scale takes.
    std::size_t phi_of(std::size_t scale) const;

  private:
    VectorQuantizerWeights weights_;
    std::vector<std::int64_t> scales_;
    ImageMap sum_;
    std::size_t scale_ = 0;
};

}  // namespace tilewright::models
