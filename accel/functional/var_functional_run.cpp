// SPDX-License-Identifier: Apache-2.0
#include "accel/functional/var_functional_run.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "accel/functional/float_bytes.hpp"
#include "accel/functional/var_executor.hpp"
#include "accel/simulation/accelerator.hpp"
#include "models/index.hpp"
#include "models/networks/quantized_var_ends.hpp"
#include "models/networks/var_reference.hpp"
#include "models/weights/counter_random.hpp"
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

void append(std::vector<float>& to, std::span<const float> numbers) {
    to.insert(to.end(), numbers.begin(), numbers.end());
}

// The network's ends, and what its tokens look like behind the first scale: any maps will do.
void add_ends(const VarDesign& var, std::uint64_t seed, VarInstance& instance) {
    const auto& config = var.network;
    const auto width = index(config.width);
    instance.ends = std::make_shared<const models::VarEndWeights>(
        models::prepare_var_ends(models::synthetic_var_ends(config, seed)));
    instance.places = models::var_places(config, *instance.ends);
    for (std::int64_t image = 0; image < var.step.batch(); ++image) {
        const auto row = image < var.step.images ? image % config.classes : config.classes;
        const auto condition = std::span(instance.ends->classes).subspan(index(row) * width, width);
        append(instance.conditions, condition);
        append(instance.head_modulation, models::var_head_modulation(*instance.ends, condition));
    }
    for (std::size_t scale = 0; scale < config.scales.size(); ++scale) {
        const auto elements = var.step.batch() * config.scale_tokens(scale) * config.codebook_width;
        instance.maps.push_back(
            models::normal_vector(seed + scale, "maps", index(scale == 0 ? 0 : elements), 0, 1));
    }
}

// Residual streams in front of the first block, scale by scale.
void add_inputs(const VarDesign& var, std::uint64_t seed, VarInstance& instance) {
    const auto width = var.network.width;
    for (std::int64_t image = 0; image < var.step.batch(); ++image) {
        append(instance.conditions, floats(models::synthetic_var_condition(
                                        var.network, seed + 100 + static_cast<std::uint64_t>(image))));
    }
    for (std::size_t scale = 0; scale < var.network.scales.size(); ++scale) {
        auto& input = instance.inputs.emplace_back();
        for (std::int64_t image = 0; image < var.step.batch(); ++image) {
            const auto residual =
                models::synthetic_var_residual(var.network, seed, 1 + static_cast<std::uint64_t>(image));
            const auto first = residual.begin() + var.network.tokens_until(scale) * width;
            input.insert(input.end(), first, first + var.network.scale_tokens(scale) * width);
        }
    }
}

// Half of the images are made without their class: another condition.
VarInstance synthetic_var_instance(const VarDesign& var, const models::QuantizedVar& network,
                                   std::uint64_t seed) {
    const auto width = index(var.network.width);
    VarInstance instance;
    if (var.ends) {
        add_ends(var, seed, instance);
    } else {
        add_inputs(var, seed, instance);
    }
    for (int layer = 0; layer < var.network.depth; ++layer) {
        const auto block_seed = seed + static_cast<std::uint64_t>(layer);
        instance.blocks.push_back(synthetic_block(var, block_seed));
        auto& modulation = instance.modulation.emplace_back();
        for (std::int64_t image = 0; image < var.step.batch(); ++image) {
            const auto condition = std::span(instance.conditions).subspan(index(image) * width, width);
            append(modulation, network.modulation(*instance.blocks.back(), condition));
        }
    }
    return instance;
}

// An image's residual stream in front of the first block.
std::vector<float> input_of(const models::VarConfig& config, const VarInstance& instance, std::size_t scale,
                            std::int64_t image) {
    const auto tokens = config.scale_tokens(scale);
    const auto rows = [&](const std::vector<float>& all, std::int64_t begin, std::int64_t count,
                          std::int64_t width) {
        return std::span(all).subspan(index(begin * width), index(count * width));
    };
    if (!instance.ends) {
        const auto input = rows(instance.inputs[scale], image * tokens, tokens, config.width);
        return {input.begin(), input.end()};
    }
    const auto& ends = *instance.ends;
    std::vector<float> residual;
    for (std::int64_t t = 0; t < tokens; ++t) {
        const auto place = rows(instance.places, config.tokens_until(scale) + t, 1, config.width);
        if (scale == 0) {
            append(residual,
                   models::var_start(ends, rows(instance.conditions, image, 1, config.width), t, place));
        } else {
            const auto map = rows(instance.maps[scale], image * tokens + t, 1, config.codebook_width);
            append(residual, models::var_embedding(ends, map, place));
        }
    }
    return residual;
}

// And what is behind the last one: logits, or the residual stream as it is.
std::vector<float> output_of(const models::VarConfig& config, const VarInstance& instance, std::int64_t image,
                             std::vector<float> residual) {
    if (!instance.ends) return residual;
    const auto width = index(config.width);
    const auto modulation = std::span(instance.head_modulation).subspan(index(image) * 2 * width, 2 * width);
    std::vector<float> logits;
    for (std::size_t at = 0; at < residual.size(); at += width) {
        append(logits,
               models::var_logits(*instance.ends, modulation, std::span(residual).subspan(at, width)));
    }
    return logits;
}

// One image through all blocks and scales, by the untiled kernels, against what the program left.
void compare_image(const Design& design, const models::QuantizedVar& network, const VarInstance& instance,
                   const VarExecutor& executor, std::int64_t image, FunctionalOutcome& outcome) {
    const auto& var = *design.var;
    const auto& config = var.network;
    const auto width = config.width;
    std::vector<models::QuantizedVarCache> caches(instance.blocks.size());
    for (std::size_t scale = 0; scale < config.scales.size(); ++scale) {
        auto residual = input_of(config, instance, scale, image);
        for (std::size_t layer = 0; layer < instance.blocks.size(); ++layer) {
            const auto modulation =
                std::span(instance.modulation[layer]).subspan(index(image * 6 * width), index(6 * width));
            network.block(*instance.blocks[layer], modulation, residual, caches[layer]);
        }
        const auto expected = output_of(config, instance, image, std::move(residual));
        const auto& all = (var.ends ? executor.stored_logits() : executor.outputs())[scale];
        const auto found = std::span(all).subspan(index(image) * expected.size(), expected.size());
        compare(outcome, std::span<const float>(expected), found, [&](std::size_t i) {
            return "scale " + std::to_string(scale + 1) + ", image " + std::to_string(image) + ": element " +
                   std::to_string(i) + (var.ends ? " of the logits" : " of the residual stream");
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
