// SPDX-License-Identifier: Apache-2.0
// The executor between simulation and engines: transfers, buffers, what starts and completes.
#include "accel/functional/mamba2_executor.hpp"

#include <algorithm>
#include <iterator>

#include "accel/functional/functional_error.hpp"
#include "accel/schedule/mamba2_layout.hpp"
#include "memory/integer_math.hpp"
#include "models/index.hpp"

namespace tilewright::accel {

namespace {

using models::index;

}  // namespace

Mamba2Executor::Mamba2Executor(const Design& design, const TileProgram& program,
                               const models::QuantizedMamba& network, const MambaInstance& instance)
    : ProgramExecutor(design, program),
      network_(network),
      ops_(network.operators()),
      instance_(instance),
      tokens_(design.workload.tokens),
      layout_(lay_out_mamba2(design, build_graph(design))),
      weight_codec_(design.recipe.weights),
      hidden_(network.operators().initial_state().hidden),
      hidden_generation_(index(design.network.d_inner()), -1),
      hidden_tokens_(index(design.network.d_inner()), 0),
      residual_("the residual stream", tokens_, design.network.d_model),
      in_proj_(make_linear(network.in_proj(), "in_proj's outputs", design.network.in_proj_outputs())),
      out_proj_(make_linear(network.out_proj(), "out_proj's outputs", design.network.d_model)),
      lm_head_(make_linear(network.in_proj(), "the logits", design.network.vocabulary)),
      convolved_(
          "the convolution's outputs", tokens_, design.network.convolution_channels(),
          static_cast<std::int64_t>(ops_.element().groups(index(design.network.convolution_channels())))),
      dt_("dt", tokens_, design.network.heads(),
          static_cast<std::int64_t>(ops_.element().groups(index(design.network.heads())))),
      decays_("exp(A dt)", tokens_, design.network.heads(),
              static_cast<std::int64_t>(ops_.element().groups(index(design.network.heads())))),
      gains_("dt B", tokens_, design.network.heads() * design.network.d_state,
             design.network.heads() *
                 static_cast<std::int64_t>(ops_.element().groups(index(design.network.d_state)))),
      y_("y", tokens_, design.network.d_inner()),
      gated_("the gates' outputs", tokens_, design.network.d_inner()),
      normed_("the gated norm's outputs", tokens_, design.network.d_inner()) {
    orders_.resize(program.sections.size());
    for (std::size_t s = 0; s < program.sections.size(); ++s) {
        const auto& section = program.sections[s];
        if (section.name == "block") block_section_ = s;
        for (const auto kind : {LinearEngine::pl, LinearEngine::aie}) {
            const auto matrix = index_of(kind);
            if (!matrix) continue;
            const auto& stream = section.streams[*matrix];
            const bool multiplies = std::any_of(
                stream.begin(), stream.end(), [](const auto& work) { return work.opcode == Opcode::matmul; });
            if (!multiplies) continue;
            const auto weights = linear_weights(design, section.operators)[static_cast<std::size_t>(kind)];
            std::vector<std::int64_t> pieces(weights.block.begin(), weights.block.end());
            pieces.push_back(weights.head);
            orders_[s][static_cast<std::size_t>(kind)] = std::make_unique<WeightStreamOrder>(
                section, kind, *matrix, weight_dma(kind), design.recipe.weights, pieces);
        }
    }
    collect_releases();
    write_images();
}

Mamba2Executor::Linear Mamba2Executor::make_linear(const models::QuantizedLinear& kernel, const char* name,
                                                   std::int64_t outputs) const {
    return {&kernel,
            std::vector<models::QuantizedRow>(index(tokens_)),
            std::vector<std::int64_t>(index(tokens_), -1),
            std::vector<models::LinearSum>(index(tokens_ * outputs)),
            std::vector<std::int64_t>(index(tokens_ * outputs), 0),
            TaggedArray(name, tokens_, outputs)};
}

const models::QuantizedMambaBlock& Mamba2Executor::block(std::int64_t layer) const {
    constexpr std::size_t kept = 4;
    auto& entry = blocks_[layer];
    if (!entry) entry = instance_.block(static_cast<int>(layer));
    const auto& found = *entry;
    while (blocks_.size() > kept)
        blocks_.erase(blocks_.begin()->first == layer ? std::prev(blocks_.end()) : blocks_.begin());
    return found;
}

void Mamba2Executor::start(const Step& step) {
    named(step, [&] {
        const auto& work = instruction(step);
        if (work.opcode != Opcode::load && work.opcode != Opcode::store) {
            commits_[key(step)] = compute(step);
            return;
        }
        if (step.section == block_section_) {
            while (image_written_ < step.repetition) write_block_image(image_written_ + 1);
        }
        if (work.opcode == Opcode::store) {
            start_store(step);
            return;
        }
        auto& parts = staging_[key(step)];
        parts.resize(layouts_[step.engine]->channels());
        for (auto& part : parts) part.resize(index(layouts_[step.engine]->padded_bytes(work)));
    });
}

void Mamba2Executor::complete(const Step& step) {
    named(step, [&] {
        const auto& work = instruction(step);
        if (work.opcode == Opcode::load) complete_load(step);
        if (work.opcode == Opcode::store && work.traffic == Traffic::activations) {
            const auto tokens = residual_tokens(work);
            for (auto token = tokens.begin; token < tokens.end(); ++token) residual_.drop(token);
        }
        if (const auto commit = commits_.extract(key(step)); commit) commit.mapped()();
        staging_.erase(key(step));
        release(step);
    });
}

void Mamba2Executor::start_store(const Step& step) {
    const auto& work = instruction(step);
    std::vector<std::byte> bytes;
    if (work.traffic == Traffic::convolution_state) {
        if (window_generation_ != step.repetition) {
            throw FunctionalError("the convolution's state is not that of this block");
        }
        // All channels must have seen all tokens: their outputs say so.
        for (std::int64_t t = 0; t < tokens_; ++t) {
            convolved_.values.read(t, 0, convolved_.values.width(), step.repetition);
        }
        bytes = ops_.element().pack(window_);
    } else if (work.traffic == Traffic::activations) {
        const auto tokens = residual_tokens(work);
        std::vector<double> rows;
        for (auto token = tokens.begin; token < tokens.end(); ++token) {
            const auto row = residual_.read(token, 0, residual_.width(), residual_generation(step));
            rows.insert(rows.end(), row.begin(), row.end());
        }
        bytes = ops_.residual().pack(rows);
    } else {
        const auto [first, count] = state_channels(work);
        require_state(first, count, step.repetition);
        for (auto channel = first; channel < first + count; ++channel) {
            if (hidden_tokens_[index(channel)] == tokens_) continue;
            throw FunctionalError("the state of channel " + std::to_string(channel) + " has seen " +
                                  std::to_string(hidden_tokens_[index(channel)]) + " of " +
                                  std::to_string(tokens_) + " tokens");
        }
        bytes = pack_state(hidden_, first, count);
    }
    staging_[key(step)] = scattered(step.engine, work, bytes);
}

void Mamba2Executor::complete_load(const Step& step) {
    const auto& work = instruction(step);
    const auto bytes = layouts_[step.engine]->gather(work, staging_.at(key(step)));
    switch (work.traffic) {
        case Traffic::weights:
        case Traffic::weights_again:
        case Traffic::aie_weights:
        case Traffic::aie_weights_again: {
            const auto* order = order_of(step);
            if (order == nullptr) {  // the embedding's rows
                const auto pieces = looked_up();
                const auto at = std::find_if(pieces.begin(), pieces.end(), [&](const auto& piece) {
                    return piece.address == work.address;
                });
                if (at == pieces.end()) throw FunctionalError("no rows of the embedding begin there");
                const auto elements = at->tokens.size * design_.network.d_model;
                const WeightCodec codec(design_.recipe.weights);
                weights_[key(step)] = codec.unpack(bytes, 0, elements, work.value_bytes);
                break;
            }
            const auto [begin, end] = order->range_of_load(step.position);
            weights_[key(step)] = weight_codec_.unpack(bytes, begin, end, work.value_bytes);
            if (order->last_read(step.position)) discard(step);
            break;
        }
        case Traffic::convolution_weights:
            taps_ = ops_.element().unpack(
                bytes, index(design_.network.convolution_channels() * design_.network.convolution_width));
            taps_generation_ = step.repetition;
            break;
        case Traffic::convolution_state:
            window_ = ops_.element().unpack(
                bytes, index(design_.network.convolution_channels() * design_.network.convolution_width));
            window_generation_ = step.repetition;
            break;
        case Traffic::ssm_state: {
            const auto [first, count] = state_channels(work);
            const auto states = design_.network.d_state;
            const auto group = ops_.state_group();
            std::vector<int> exponents(index(count / group * states));
            const auto values = ops_.state().unpack(bytes, index(count * states), exponents);
            std::copy(values.begin(), values.end(), hidden_.values.begin() + first * states);
            std::copy(exponents.begin(), exponents.end(), hidden_.exponents.begin() + first / group * states);
            std::fill_n(hidden_generation_.begin() + first, count, step.repetition);
            std::fill_n(hidden_tokens_.begin() + first, count, 0);
            break;
        }
        case Traffic::activations: {
            const auto tokens = residual_tokens(work);
            const auto width = design_.network.d_model;
            const auto rows = ops_.residual().unpack(bytes, index(tokens.size * width));
            for (std::int64_t i = 0; i < tokens.size; ++i) {
                residual_.write(tokens.begin + i, 0, std::span(rows).subspan(index(i * width), index(width)),
                                residual_generation(step));
            }
            break;
        }
        default:
            throw FunctionalError("a block of Mamba2 loads no such data");
    }
}

// A hold of what a DMA engine has loaded ends the data's life with its last user: a later read is a mistake
// of the program.
void Mamba2Executor::collect_releases() {
    for (std::size_t s = 0; s < program_.sections.size(); ++s) {
        for (const auto& hold : program_.sections[s].holds) {
            const bool loaded = program_.engines[hold.holder.engine].kind == EngineKind::dma;
            if (!loaded || hold.releaser.index < 0) continue;
            // A holder of the repetition before works for the same block.
            const auto size =
                static_cast<std::int32_t>(program_.sections[s].streams[hold.holder.engine].size());
            const auto holder = hold.holder.index < 0 ? hold.holder.index + size : hold.holder.index;
            releases_[{s, hold.releaser.engine, index(hold.releaser.index)}].push_back(
                {hold.holder.engine, index(holder)});
        }
    }
}

void Mamba2Executor::release(const Step& step) {
    const auto found = releases_.find({step.section, step.engine, step.position});
    if (found == releases_.end()) return;
    for (const auto& [engine, position] : found->second) {
        const Step loaded{engine, step.section, step.repetition, position};
        const auto& work = instruction(loaded);
        switch (work.traffic) {
            case Traffic::weights:
            case Traffic::weights_again:
            case Traffic::aie_weights:
            case Traffic::aie_weights_again:
                weights_.erase(key(loaded));
                break;
            case Traffic::convolution_weights:
                if (taps_generation_ == step.repetition) taps_generation_ = -1;
                break;
            case Traffic::convolution_state:
                if (window_generation_ == step.repetition) window_generation_ = -1;
                break;
            case Traffic::ssm_state: {
                // A store gives back what it has written.
                const auto [first, count] = state_channels(instruction(step));
                for (auto channel = first; channel < first + count; ++channel) {
                    auto& generation = hidden_generation_[index(channel)];
                    if (generation == step.repetition) generation = -1;
                }
                break;
            }
            default:
                break;
        }
    }
}

void Mamba2Executor::require_state(std::int64_t first, std::int64_t count, std::int64_t generation) const {
    for (auto channel = first; channel < first + count; ++channel) {
        if (hidden_generation_[index(channel)] == generation) continue;
        throw FunctionalError("the state of channel " + std::to_string(channel) + " is not in the buffer");
    }
}

std::vector<double> Mamba2Executor::logits() const {
    return lm_head_.outputs.read(0, 0, design_.network.vocabulary, 0);
}

}  // namespace tilewright::accel
