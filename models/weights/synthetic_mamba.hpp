// SPDX-License-Identifier: Apache-2.0
// Seeded weights and activations of a Mamba network that no checkpoint is needed for, with what makes real
// ones hard to quantize. The same on every platform. Layers are drawn one by one: layer i does not depend on
// how many there are, so one full-width block is a network of one layer, with a small vocabulary.
//
// What is drawn, per tensor, and why:
//   linear weights     Student t with six degrees of freedom (heavy tails, kurtosis about 6), times a
//   log-normal
//                      scale per output and per input channel, over sqrt(inputs). Assumption: trained weights
//                      have tails beyond the Gaussian and channels of unequal size.
//   in_proj, x and z   a few output channels several times larger, so that their products (silu(z) y) are
//                      outliers that come and go with the token: "scattered outliers" (LightMamba, arXiv
//                      2502.15260, section on quantization), which channel scales cannot follow. The sizes
//                      are chosen so that 4-bit rounding of the out_proj input, plain against rotated, loses
//                      about what LightMamba reports (errors of 19.5 and 13.1, or 3.5 dB).
//   dt_bias            softplus^-1 of a log-uniform 0.001 ... 0.1, A_log = ln of a uniform 1 ... 16 (Mamba1:
//   ln
//                      1 ... d_state along the state), D around 1, dt_proj uniform within dt_rank^-1/2,
//                      convolution uniform within width^-1/2: the initialisation of the public state-spaces
//                      code (mamba_ssm, modules mamba2.py and mamba_simple.py), from which training moves
//                      them little (assumption: 10 % jitter on A_log and D).
//   norms              log-normal around 1, a few channels several times larger (assumption).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/weights/mamba_weights.hpp"

namespace tilewright::models {

class SyntheticMamba : public MambaWeights {
  public:
    // Draws the weights of all `config.layers` layers and `config.vocabulary` embeddings (about 3 ns an
    // element). `storage` is f32 or bf16 (the same numbers, rounded to nearest even). Throws
    // std::invalid_argument for other storage, sizes that contradict each other and tensors of more than 2^40
    // elements.
    explicit SyntheticMamba(const MambaConfig& config, std::uint64_t seed = 1,
                            ElementType storage = ElementType::f32);

    const MambaConfig& config() const override { return config_; }
    // Throws std::out_of_range.
    const TensorView& tensor(const std::string& name) const override;
    const std::map<std::string, TensorView>& tensors() const { return tensors_; }

  private:
    MambaConfig config_;
    std::unique_ptr<std::byte[], void (*)(void*)> memory_;
    std::map<std::string, TensorView> tensors_;
};

// What enters a block: a residual stream of `tokens` tokens, [tokens, d_model], f32 numbers. Student t times
// a log-normal scale per channel; one channel in 640, and at least one, is 30 times larger at every token
// (the residual outliers of trained language models), and at each token about one in 500 more, at channels of
// that token's own (LightMamba's scattered outliers). Throws std::invalid_argument for tokens < 0 or no
// channels.
std::vector<double> synthetic_residual(const MambaConfig& config, std::int64_t tokens,
                                       std::uint64_t seed = 1);

}  // namespace tilewright::models
