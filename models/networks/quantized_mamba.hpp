// SPDX-License-Identifier: Apache-2.0
// The forward pass of a quantized Mamba network, whole tensors at a time: the kernel that a tiled execution
// must equal in every bit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/kernels/quantized_linear.hpp"
#include "models/networks/block_taps.hpp"
#include "models/networks/mamba_operators.hpp"
#include "models/networks/mamba_preparation.hpp"

namespace tilewright::models {

// The arithmetic of one recipe on one network.
class QuantizedMamba {
  public:
    // `accumulator_bits`: of the matrix unit, see QuantizedLinear.
    QuantizedMamba(const MambaConfig& config, const Recipe& recipe, int accumulator_bits = 64);

    const MambaConfig& config() const { return config_; }
    const Recipe& recipe() const { return recipe_; }
    const MambaOperators& operators() const { return operators_; }
    const QuantizedLinear& in_proj() const { return in_proj_; }
    const QuantizedLinear& out_proj() const { return out_proj_; }

    // One token through one block: `residual` [d_model] becomes the block's output and `state` moves on.
    // `taps`, if given, gets every operator's output.
    void block(const QuantizedMambaBlock& weights, std::span<double> residual, QuantizedBlockState& state,
               BlockTaps* taps = nullptr) const;

    // A token's row of the embedding, in the residual's format.
    std::vector<double> embed(const QuantizedMambaEnds& ends, std::int64_t token) const;
    // Logits of one token, [vocabulary].
    std::vector<double> logits(const QuantizedMambaEnds& ends, std::span<const double> residual) const;

    // The residual stream in the reference's basis: rotated back where the recipe rotates it.
    std::vector<double> unrotated(std::span<const double> residual) const;
    // And the other way: what enters a block, in the residual's format.
    std::vector<double> rotated(std::span<const double> residual) const;

  private:
    std::vector<double> select(const QuantizedMambaBlock& weights, std::span<const double> x) const;
    std::vector<double> scan(const QuantizedMambaBlock& weights, const Elements& convolved,
                             std::span<const double> dt_raw, QuantizedBlockState& state,
                             BlockTaps* taps) const;

    MambaConfig config_;
    Recipe recipe_;
    MambaOperators operators_;
    QuantizedLinear in_proj_;
    QuantizedLinear out_proj_;
    std::vector<QuantizedLinear> dt_proj_;  // Mamba1
};

}  // namespace tilewright::models
