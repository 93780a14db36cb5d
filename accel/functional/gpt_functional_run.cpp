// SPDX-License-Identifier: Apache-2.0
#include "accel/functional/gpt_functional_run.hpp"

#include <span>
#include <string>
#include <utility>

#include "accel/functional/float_bytes.hpp"
#include "accel/functional/gpt_executor.hpp"
#include "accel/simulation/accelerator.hpp"
#include "models/index.hpp"
#include "models/networks/transformer_operators.hpp"
#include "models/networks/unquantized_linear.hpp"
#include "models/weights/counter_random.hpp"
#include "models/weights/synthetic_gpt.hpp"

namespace tilewright::accel {

namespace {

using models::index;

std::shared_ptr<const models::QuantizedGptBlock> synthetic_block(const GptDesign& gpt, std::uint64_t seed) {
    const auto weights = models::synthetic_gpt_block(gpt.network, seed);
    models::GptLinearInputs calibration;
    models::LearnedScalesOptions options;
    if (models::needs_calibration(gpt.recipe)) {
        // Any scales will do: bits are compared here, not quality.
        options.iterations = 2;
        constexpr std::int64_t tokens = 4;
        models::gpt_block(gpt.network, weights, models::synthetic_gpt_residual(gpt.network, tokens, seed, 3),
                          &calibration);
    }
    return std::make_shared<const models::QuantizedGptBlock>(
        models::prepare_gpt_block(gpt.network, weights, gpt.recipe, &calibration, options));
}

// Keys and values of so many tokens, drawn, not computed: what matters is that queries tell them apart.
models::QuantizedGptCache synthetic_context(const models::QuantizedGpt& network, std::int64_t tokens,
                                            std::int64_t dim, std::uint64_t seed) {
    const auto draw = [&](const char* name) {
        std::vector<float> all;
        const auto drawn = doubles(models::normal_vector(seed, name, index(tokens * dim), 0, 1));
        for (std::int64_t t = 0; t < tokens; ++t) {
            std::vector<double> vector(drawn.begin() + t * dim, drawn.begin() + (t + 1) * dim);
            if (network.cache_quantizer()) network.cache_quantizer()->round(vector);
            const auto rounded = floats(vector);
            all.insert(all.end(), rounded.begin(), rounded.end());
        }
        return all;
    };
    return {draw("context.keys"), draw("context.values")};
}

// Tokens of a step, drawn from `first` on, and what the embedding makes of them.
void add_tokens(const GptDesign& gpt, const models::GptStep& step, const models::CounterRandom& random,
                std::uint64_t first, GptInstance& instance) {
    const auto number = instance.tokens.size();
    auto& tokens = instance.tokens.emplace_back();
    auto& input = instance.inputs.emplace_back();
    const auto vocabulary = static_cast<std::uint64_t>(gpt.network.vocabulary);
    for (std::int64_t row = 0; row < step.rows(); ++row) {
        const auto bits = random.bits(first + static_cast<std::uint64_t>(row));
        tokens.push_back(static_cast<std::int64_t>(bits % vocabulary));
        const auto x = models::add_float(instance.embedding(number, row), instance.position(step, row));
        input.insert(input.end(), x.begin(), x.end());
    }
}

GptInstance synthetic_gpt_instance(const GptDesign& gpt, const models::QuantizedGpt& network,
                                   std::uint64_t seed) {
    GptInstance instance;
    for (int layer = 0; layer < gpt.network.layers; ++layer) {
        const auto block_seed = seed + static_cast<std::uint64_t>(layer);
        instance.blocks.push_back(synthetic_block(gpt, block_seed));
        if (!gpt.work.decode) continue;
        instance.contexts.push_back(synthetic_context(network,
                                                      gpt.work.prompt + gpt.work.beams * gpt.work.generated,
                                                      gpt.network.head_dim(), block_seed));
    }
    if (gpt.ends) {
        instance.ends = std::make_shared<const models::QuantizedGptEnds>(
            models::prepare_gpt_ends(gpt.network, models::synthetic_gpt_ends(gpt.network, seed)));
    }
    const models::CounterRandom random(seed, "tokens");
    std::uint64_t drawn = 0;
    std::uint64_t text = 1;
    for (const auto& step : gpt.work.steps()) {
        if (gpt.ends) {
            add_tokens(gpt, step, random, drawn, instance);
            drawn += static_cast<std::uint64_t>(step.rows());
        } else {
            instance.inputs.push_back(
                floats(models::synthetic_gpt_residual(gpt.network, step.rows(), seed, text++)));
        }
    }
    return instance;
}

// The tokens [begin, end) of a cache.
models::QuantizedGptCache cached_tokens(const models::QuantizedGptCache& cache, std::int64_t begin,
                                        std::int64_t end, std::int64_t dim) {
    const auto part = [&](const std::vector<float>& all) {
        return std::vector<float>(all.begin() + begin * dim, all.begin() + end * dim);
    };
    return {part(cache.keys), part(cache.values)};
}

void append(models::QuantizedGptCache& cache, const models::QuantizedGptCache& more) {
    cache.keys.insert(cache.keys.end(), more.keys.begin(), more.keys.end());
    cache.values.insert(cache.values.end(), more.values.begin(), more.values.end());
}

// The sequences of the work, one behind the other, by the untiled kernels: each has a residual stream and
// caches of its own.
class GptKernelRun {
  public:
    GptKernelRun(const GptDesign& gpt, const models::QuantizedGpt& network, const GptInstance& instance)
        : gpt_(gpt), network_(network), instance_(instance), dim_(gpt.network.head_dim()) {
        const auto sequences = gpt.work.steps().front().sequences;
        for (std::int64_t s = 0; s < sequences; ++s) {
            auto& caches = caches_.emplace_back(instance.blocks.size());
            for (std::size_t layer = 0; gpt.work.decode && layer < caches.size(); ++layer) {
                const auto& context = instance.contexts[layer];
                caches[layer] = cached_tokens(context, 0, gpt.work.prompt, dim_);
                const auto own = gpt.work.prompt + s * gpt.work.generated;
                append(caches[layer], cached_tokens(context, own, own + gpt.work.generated, dim_));
            }
        }
    }

    // The next step. Call for all of them in order.
    void advance(std::size_t number) {
        const auto step = gpt_.work.steps()[number];
        residual_ = instance_.inputs[number];
        made_.assign(instance_.blocks.size(), {});
        const auto size = index(step.tokens * gpt_.network.width);
        for (std::size_t s = 0; s < caches_.size(); ++s) {
            const auto rows = std::span(residual_).subspan(s * size, size);
            for (std::size_t layer = 0; layer < instance_.blocks.size(); ++layer) {
                auto& cache = caches_[s][layer];
                network_.block(*instance_.blocks[layer], rows, cache);
                const auto tokens = static_cast<std::int64_t>(cache.keys.size()) / dim_;
                append(made_[layer], cached_tokens(cache, tokens - step.tokens, tokens, dim_));
            }
        }
    }

    // Of the last token of every sequence.
    std::vector<float> logits() const {
        const auto& ends = *instance_.ends;
        const auto width = index(gpt_.network.width);
        const auto weights = models::unquantized_numbers(ends.head.codes);
        const auto size = residual_.size() / caches_.size();
        std::vector<float> logits;
        for (std::size_t s = 0; s < caches_.size(); ++s) {
            const auto last = std::span(residual_).subspan((s + 1) * size - width, width);
            const auto row = models::gpt_logits(weights, models::gpt_norm(last, ends.norm, ends.norm_bias));
            logits.insert(logits.end(), row.begin(), row.end());
        }
        return logits;
    }
    // Behind the last block of the step, and what its blocks have added to the cache.
    const std::vector<float>& residual() const { return residual_; }
    const models::QuantizedGptCache& made(std::size_t layer) const { return made_[layer]; }

  private:
    const GptDesign& gpt_;
    const models::QuantizedGpt& network_;
    const GptInstance& instance_;
    std::int64_t dim_;
    std::vector<std::vector<models::QuantizedGptCache>> caches_;  // by sequence and block
    std::vector<float> residual_;
    std::vector<models::QuantizedGptCache> made_;
};

void compare_all(FunctionalOutcome& outcome, const std::string& what, std::span<const float> kernel,
                 std::span<const float> simulated) {
    compare(outcome, kernel, simulated,
            [&](std::size_t i) { return what + ": element " + std::to_string(i); });
}

}  // namespace

FunctionalOutcome run_gpt_functional(const Design& design, const TileProgram& program, Observer* observer) {
    const auto& gpt = *design.gpt;
    const models::QuantizedGpt network(gpt.network, gpt.recipe);
    constexpr std::uint64_t seed = 1;
    const auto instance = synthetic_gpt_instance(gpt, network, seed);
    GptExecutor executor(design, program, network, instance);
    FunctionalOutcome outcome;
    outcome.activity = simulate(design, program, observer, &executor);
    GptKernelRun kernel(gpt, network, instance);
    for (std::size_t step = 0; step < instance.inputs.size(); ++step) {
        kernel.advance(step);
        const auto at = "step " + std::to_string(step);
        if (!gpt.ends) {
            compare_all(outcome, at + ", residual stream", kernel.residual(), executor.outputs()[step]);
        } else if (step + 1 == instance.inputs.size()) {
            compare_all(outcome, "logits in memory", kernel.logits(), executor.stored_logits());
        }
        for (std::size_t layer = 0; layer < instance.blocks.size(); ++layer) {
            const auto stored = executor.stored_cache_of(static_cast<std::int64_t>(layer), step);
            const auto where = at + ", block " + std::to_string(layer);
            compare_all(outcome, where + ", keys in memory", kernel.made(layer).keys, floats(stored.keys));
            compare_all(outcome, where + ", values in memory", kernel.made(layer).values,
                        floats(stored.values));
        }
    }
    // Nothing has been written over the context.
    for (std::size_t layer = 0; layer < instance.contexts.size(); ++layer) {
        const auto stored = executor.stored_context(static_cast<std::int64_t>(layer));
        const auto where = "block " + std::to_string(layer);
        compare_all(outcome, where + ", keys of the context", instance.contexts[layer].keys,
                    floats(stored.keys));
        compare_all(outcome, where + ", values of the context", instance.contexts[layer].values,
                    floats(stored.values));
    }
    return outcome;
}

}  // namespace tilewright::accel
