// SPDX-License-Identifier: Apache-2.0
#include "accel/functional/var_functional_run.hpp"

#include <algorithm>
#include <cstdint>

#include "accel/functional/float_bytes.hpp"
#include "accel/functional/var_executor.hpp"
#include "accel/simulation/accelerator.hpp"
#include "models/index.hpp"
#include "models/networks/var_reference.hpp"
#include "models/weights/synthetic_var.hpp"

namespace tilewright::accel {

namespace {

using models::index;

std::shared_ptr<const models::QuantizedVarBlock> synthetic_block(const VarDesign& var, std::uint64_t seed) {
    const auto weights = models::synthetic_var_block(var.network, seed);
    models::VarLinearInputs calibration;
    models::LearnedScalesOptions options;
    if (models::needs_calibration(var.recipe)) {
        // Any scales will do: bits are compared here, not quality.
        options.iterations = 2;
        auto few = var.network;
        few.scales = {1, 2};
        const auto residual = models::synthetic_var_residual(few, seed, 3);
        models::var_block_image(few, weights, models::synthetic_var_condition(few, seed), residual,
                                &calibration);
    }
    auto block = models::prepare_var_block(var.network, weights, var.recipe, &calibration, options);
    return std::make_shared<const models::QuantizedVarBlock>(std::move(block));
}

// Half of the images are made without their class: another condition.
VarInstance synthetic_var_instance(const VarDesign& var, const models::QuantizedVar& network,
                                   std::uint64_t seed) {
    const auto batch = var.step.batch();
    const auto width = var.network.width;
    VarInstance instance;
    for (int layer = 0; layer < var.network.depth; ++layer) {
        const auto block_seed = seed + static_cast<std::uint64_t>(layer);
        instance.blocks.push_back(synthetic_block(var, block_seed));
        auto& modulation = instance.modulation.emplace_back();
        for (std::int64_t image = 0; image < batch; ++image) {
            const auto condition = floats(
                models::synthetic_var_condition(var.network, seed + 100 + static_cast<std::uint64_t>(image)));
            const auto vectors = network.modulation(*instance.blocks.back(), condition);
            modulation.insert(modulation.end(), vectors.begin(), vectors.end());
        }
    }
    for (std::size_t scale = 0; scale < var.network.scales.size(); ++scale) {
        auto& input = instance.inputs.emplace_back();
        for (std::int64_t image = 0; image < batch; ++image) {
            const auto residual =
                models::synthetic_var_residual(var.network, seed, 1 + static_cast<std::uint64_t>(image));
            const auto first = residual.begin() + var.network.tokens_until(scale) * width;
            input.insert(input.end(), first, first + var.network.scale_tokens(scale) * width);
        }
    }
    return instance;
}

// One image through all blocks and scales, by the untiled kernels, against what the program left.
void compare_image(const Design& design, const models::QuantizedVar& network, const VarInstance& instance,
                   const VarExecutor& executor, std::int64_t image, FunctionalOutcome& outcome) {
    const auto& var = *design.var;
    const auto& config = var.network;
    const auto width = config.width;
    std::vector<models::QuantizedVarCache> caches(instance.blocks.size());
    for (std::size_t scale = 0; scale < config.scales.size(); ++scale) {
        const auto size = index(config.scale_tokens(scale) * width);
        const auto first = instance.inputs[scale].begin() + static_cast<std::ptrdiff_t>(index(image) * size);
        std::vector<float> residual(first, first + static_cast<std::ptrdiff_t>(size));
        for (std::size_t layer = 0; layer < instance.blocks.size(); ++layer) {
            const auto modulation =
                std::span(instance.modulation[layer]).subspan(index(image * 6 * width), index(6 * width));
            network.block(*instance.blocks[layer], modulation, residual, caches[layer]);
        }
        const auto found = std::span(executor.outputs()[scale]).subspan(index(image) * size, size);
        compare(outcome, std::span<const float>(residual), found, [&](std::size_t i) {
            return "scale " + std::to_string(scale + 1) + ", image " + std::to_string(image) + ": element " +
                   std::to_string(i) + " of the residual stream";
        });
    }
    // The last scale's keys and values are never stored.
    for (std::size_t layer = 0; layer < instance.blocks.size(); ++layer) {
        for (std::size_t scale = 0; scale + 1 < config.scales.size(); ++scale) {
            for (std::int64_t group = 0; group < head_groups(design); ++group) {
                const auto first = group * heads_per_tile(design);
                const auto count = std::min(heads_per_tile(design), config.heads - first);
                const auto tokens = config.scale_tokens(scale);
                const auto dim = config.head_dim();
                const auto piece = executor.stored_piece(static_cast<std::int64_t>(layer), scale, group);
                const auto compare_heads = [&](const char* what, const std::vector<float>& kernel,
                                               const std::vector<double>& stored) {
                    std::vector<float> expected;
                    for (auto head = first; head < first + count; ++head) {
                        for (std::int64_t t = 0; t < tokens; ++t) {
                            const auto row =
                                kernel.begin() + (config.tokens_until(scale) + t) * width + head * dim;
                            expected.insert(expected.end(), row, row + dim);
                        }
                    }
                    const auto found =
                        floats(std::span(stored).subspan(index(image) * expected.size(), expected.size()));
                    compare(outcome, std::span<const float>(expected), std::span<const float>(found),
                            [&](std::size_t i) {
                                return "block " + std::to_string(layer) + ", scale " +
                                       std::to_string(scale + 1) + ", heads from " + std::to_string(first) +
                                       " on: element " + std::to_string(i) + " of the " + what;
                            });
                };
                compare_heads("keys", caches[layer].keys, piece.keys);
                compare_heads("values", caches[layer].values, piece.values);
            }
        }
    }
}

}  // namespace

FunctionalOutcome run_var_functional(const Design& design, const TileProgram& program, Observer* observer) {
    const auto& var = *design.var;
    const models::QuantizedVar network(var.network, var.recipe);
    constexpr std::uint64_t seed = 1;
    const auto instance = synthetic_var_instance(var, network, seed);
    VarExecutor executor(design, program, network, instance);
    FunctionalOutcome outcome;
    outcome.activity = simulate(design, program, observer, &executor);
    for (std::int64_t image = 0; image < var.step.batch(); ++image) {
        compare_image(design, network, instance, executor, image, outcome);
    }
    return outcome;
}

}  // namespace tilewright::accel
