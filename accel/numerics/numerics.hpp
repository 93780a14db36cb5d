// SPDX-License-Identifier: Apache-2.0
// What a recipe does to the numbers: every operator of one full-width block, quantized, against float64.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "accel/design/design.hpp"
#include "models/networks/block_taps.hpp"
#include "models/weights/synthetic_mamba.hpp"

namespace tilewright::accel {

struct Numerics {
    std::string data;  // what was computed on, in words
    // In the order of computation (models/networks/block_taps.hpp); the last is the block's output.
    std::vector<models::OperatorError> operators;
    std::int64_t tokens = 0;  // that went through the block; pixels of an image
    std::uint64_t seed = 0;
    std::optional<double> peak_signal_to_noise_db;  // of an image whose largest value is 1
    std::optional<double> differing_signs;          // part of all signs that were convolved
    int accumulator_bits = 0;           // of Mamba the matrix unit's; otherwise as many as required
    int required_accumulator_bits = 0;  // at which no sum can overflow
};

// All that the numbers depend on: network, recipe and the matrix unit's accumulator. Designs for which this
// is equal have equal numerics, whatever their mapping.
std::string numerics_key(const Design& design);

// The part of it that is the network's, of Mamba.
std::string network_key(const models::MambaConfig& network);

// What recipes of Mamba are measured on: one block of a network with synthetic weights and inputs, and what
// it makes of them in binary64. Any number of threads may measure at once.
class NumericsSubject {
  public:
    NumericsSubject(const models::MambaConfig& network, std::int64_t tokens, std::uint64_t seed);

    // See measure_numerics(); the design's network must be the subject's.
    Numerics measure(const Design& design) const;

  private:
    models::MambaConfig config_;
    std::int64_t tokens_;
    std::uint64_t seed_;
    models::SyntheticMamba weights_;
    std::vector<double> stream_;
    std::vector<models::BlockTaps> expected_;
};

inline constexpr std::int64_t numerics_tokens = 4;
inline constexpr std::uint64_t numerics_seed = 1;

// Of Mamba: seeded synthetic weights and activations (models/weights/synthetic_mamba.hpp), `tokens` of them
// one after the other through one block. Errors add up along the block: each operator gets what the quantized
// ones before it made. Of VAR: a block of 128 channels, or as many as the recipe needs, over five scales of a
// synthetic image that calibration has not seen (models/networks/var_ablation.hpp); of GPT-BigCode: one of
// two heads over a text; of both the last is what the block adds to the residual stream. Of super-resolution:
// the image that comes out of a synthetic network. `tokens` is for Mamba alone.
Numerics measure_numerics(const Design& design, std::int64_t tokens = numerics_tokens,
                          std::uint64_t seed = numerics_seed);

}  // namespace tilewright::accel
