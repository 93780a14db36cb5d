// SPDX-License-Identifier: Apache-2.0
#include "accel/functional/mamba2_functional_run.hpp"

#include <map>
#include <memory>
#include <span>
#include <utility>

#include "accel/functional/functional_error.hpp"
#include "accel/simulation/accelerator.hpp"
#include "models/index.hpp"
#include "models/networks/mamba_preparation.hpp"
#include "models/weights/synthetic_mamba.hpp"

namespace tilewright::accel {

namespace {

using models::index;

void compare_all(FunctionalOutcome& outcome, const std::string& what, std::span<const double> kernel,
                 std::span<const double> simulated) {
    compare(outcome, kernel, simulated, [&](std::size_t i) { return what + " " + std::to_string(i); });
}

// The untiled kernels on the same data, block by block.
class Mamba2KernelRun {
  public:
    Mamba2KernelRun(const Design& design, const models::QuantizedMamba& network,
                    const MambaInstance& instance)
        : network_(network), instance_(instance), width_(index(design.network.d_model)) {
        residual_ = instance.residual;
        for (std::int64_t t = 0; instance.ends && t < design.workload.tokens; ++t) {
            const auto row = network.embed(*instance.ends, t);
            residual_.insert(residual_.end(), row.begin(), row.end());
        }
    }

    // Computes block `layer` if it is the next one; blocks may be asked for again.
    void advance(int layer, const models::QuantizedMambaBlock& weights) {
        if (layer != static_cast<int>(states_.size())) return;
        auto state = instance_.state(layer);
        for (std::size_t at = 0; at < residual_.size(); at += width_) {
            network_.block(weights, std::span(residual_).subspan(at, width_), state);
        }
        const auto& operators = network_.operators();
        states_.push_back({operators.element().pack(state.window),
                           operators.state().pack(state.hidden.values, state.hidden.exponents)});
    }

    const std::vector<double>& residual() const { return residual_; }
    models::QuantizedBlockState state(int layer) const {
        const auto& operators = network_.operators();
        auto state = operators.initial_state();
        const auto& packed = states_.at(static_cast<std::size_t>(layer));
        state.window = operators.element().unpack(packed.window, state.window.size());
        state.hidden.values =
            operators.state().unpack(packed.hidden, state.hidden.values.size(), state.hidden.exponents);
        return state;
    }

  private:
    // As in memory: 64 blocks of a large network are many numbers.
    struct PackedState {
        std::vector<std::byte> window;
        std::vector<std::byte> hidden;
    };
    const models::QuantizedMamba& network_;
    const MambaInstance& instance_;
    std::size_t width_;
    std::vector<double> residual_;
    std::vector<PackedState> states_;
};

}  // namespace

FunctionalOutcome run_mamba2_functional(const Design& design, const TileProgram& program,
                                        const models::QuantizedMamba& network, const MambaInstance& instance,
                                        Observer* observer) {
    FunctionalOutcome outcome;
    Mamba2KernelRun kernel(design, network, instance);
    // Blocks are prepared once, for both: when the program asks for one, the kernels compute it too.
    auto shared = instance;
    shared.block = [&](int layer) {
        auto weights = instance.block(layer);
        kernel.advance(layer, *weights);
        return weights;
    };
    Mamba2Executor executor(design, program, network, shared);
    outcome.activity = simulate(design, program, observer, &executor);

    const auto tokens = design.workload.tokens;
    const auto width = index(design.network.d_model);
    const auto& residual = kernel.residual();
    for (int layer = 0; layer < design.network.layers; ++layer) {
        const auto stored = executor.stored_state(layer);
        const auto state = kernel.state(layer);
        const auto tag = "block " + std::to_string(layer);
        compare_all(outcome, tag + ": convolution state", state.window, stored.window);
        compare_all(outcome, tag + ": SSM state", state.hidden.values, stored.hidden.values);
    }
    for (std::int64_t t = 0; t < tokens; ++t) {
        compare_all(outcome, "token " + std::to_string(t) + ": residual",
                    std::span(residual).subspan(index(t) * width, width), executor.final_residual(t));
    }
    if (instance.ends) {
        compare_all(
            outcome, "logit",
            network.logits(*instance.ends, std::span(residual).subspan(index(tokens - 1) * width, width)),
            executor.logits());
    }
    return outcome;
}

MambaInstance synthetic_instance(const Design& design, const models::QuantizedMamba& network,
                                 std::uint64_t seed) {
    // Only the block that was asked for last is kept.
    struct Cache {
        int layer = -1;
        std::shared_ptr<const models::QuantizedMambaBlock> block;
    };
    const auto cache = std::make_shared<Cache>();
    auto one_block = design.network;
    one_block.layers = 1;
    one_block.vocabulary = 1;
    const auto recipe = design.recipe;
    MambaInstance instance;
    instance.block = [=](int layer) {
        if (cache->layer == layer) return cache->block;
        const models::SyntheticMamba weights(one_block, seed + static_cast<std::uint64_t>(layer),
                                             models::ElementType::bf16);
        std::vector<models::LinearInputs> calibration(1);
        if (recipe.smoothing_alpha) {
            const models::MambaReference reference(weights);
            constexpr std::int64_t calibration_tokens = 16;
            auto residual = models::synthetic_residual(one_block, calibration_tokens, seed + 500);
            auto state = reference.initial_state();
            calibration = reference.run_blocks(residual, state);
        }
        cache->block = std::make_shared<models::QuantizedMambaBlock>(
            models::prepare_block(weights, recipe, 0, calibration.data()));
        cache->layer = layer;
        return cache->block;
    };
    instance.state = [=, block = instance.block, &network](int layer) {
        auto state = network.operators().initial_state();
        const auto weights = block(layer);
        constexpr std::int64_t earlier_tokens = 2;
        const auto stream = models::synthetic_residual(one_block, earlier_tokens,
                                                       seed + 1000 + static_cast<std::uint64_t>(layer));
        const auto width = index(one_block.d_model);
        for (std::size_t t = 0; t < index(earlier_tokens); ++t) {
            auto residual = network.rotated(std::span(stream).subspan(t * width, width));
            network.block(*weights, residual, state);
        }
        return state;
    };
    if (design.workload.lm_head) {
        auto ends_only = design.network;
        ends_only.layers = 1;
        // The blocks' sizes do not matter here; the smallest that are allowed.
        const models::SyntheticMamba weights(ends_only, seed + 2000, models::ElementType::bf16);
        instance.ends = std::make_shared<models::QuantizedMambaEnds>(models::prepare_ends(weights, recipe));
        return instance;
    }
    const auto stream = models::synthetic_residual(one_block, design.workload.tokens, seed + 3000);
    const auto width = index(one_block.d_model);
    for (std::size_t t = 0; t < index(design.workload.tokens); ++t) {
        const auto row = network.rotated(std::span(stream).subspan(t * width, width));
        instance.residual.insert(instance.residual.end(), row.begin(), row.end());
    }
    return instance;
}

}  // namespace tilewright::accel
