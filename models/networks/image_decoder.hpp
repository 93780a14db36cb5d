// SPDX-License-Identifier: Apache-2.0
// The decoder of VAR's VQVAE in float64: from the sum of all scales' codes to pixels.
//
//   z = post_quant_conv(f); h = mid.block_2(mid.attn_1(mid.block_1(conv_in(z))))
//   from the last level to the first: blocks, each followed by attention where the level has it, then, but
//   for the first level, every pixel doubled and convolved image = clamp(conv_out(silu(norm_out(h))), -1, 1),
//   then from [-1, 1] to [0, 1]
//
//   block      shortcut(x) + conv2(silu(norm2(conv1(silu(norm1(x))))))
//   attention  x + proj(softmax(q k / sqrt(C)) v) over all pixels, q, k, v 1 x 1 convolutions of norm(x)
//
// Norms are over 32 groups of channels. Sizes, levels and blocks are those of the tensors, which have the
// names of the authors' checkpoints (models/basic_vae.py, models/vqvae.py).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/networks/image_map.hpp"

namespace tilewright::models {

struct NamedTensor {
    std::vector<std::int64_t> shape;
    std::vector<float> values;
};
using NamedTensors = std::map<std::string, NamedTensor>;

class ImageDecoder {
  public:
    // `tensors`: post_quant_conv.* and decoder.*. Throws std::invalid_argument when one is missing or has
    // another number of axes than it must have.
    explicit ImageDecoder(NamedTensors tensors);

    // [3, height, width] in [0, 1]; sides are those of `sum` doubled once a level but the last.
    ImageMap decode(const ImageMap& sum) const;

  private:
    const NamedTensor& tensor(const std::string& name) const;
    bool has(const std::string& name) const { return tensors_.count(name) > 0; }
    Convolution convolution(const std::string& name) const;
    ImageMap norm(const std::string& name, const ImageMap& map) const;
    ImageMap block(const std::string& name, const ImageMap& map) const;
    ImageMap attention(const std::string& name, const ImageMap& map) const;

    NamedTensors tensors_;
    int levels_ = 0;
};

}  // namespace tilewright::models
