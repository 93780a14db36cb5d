// SPDX-License-Identifier: Apache-2.0
// What lies in the simulated memories: weights, embedding, states; written before the program wants them, and
// read when it has ended.
#include <algorithm>

#include "accel/functional/functional_error.hpp"
#include "accel/functional/mamba2_executor.hpp"
#include "accel/schedule/mamba2_layout.hpp"
#include "accel/schedule/mamba2_order.hpp"
#include "models/index.hpp"

namespace tilewright::accel {

namespace {

using models::index;

}  // namespace

void Mamba2Executor::write_weights(
    std::size_t section, std::int64_t repetition,
    const std::function<const models::QuantizedMatrix&(std::uint32_t)>& matrix_of) {
    for (const auto kind : {LinearEngine::pl, LinearEngine::aie}) {
        const auto& order = orders_[section][static_cast<std::size_t>(kind)];
        if (!order) continue;
        weight_codec_.collect(*order, matrix_of);
        for (const auto& load : order->loads()) {
            const Step step{weight_dma(kind), section, repetition, load.load};
            const auto& work = instruction(step);
            write_memory(step, weight_codec_.pack(load.begin, load.end, work.value_bytes, work.scale_bytes));
        }
    }
}

// Embedding, lm_head; without them the residual stream is there from the start.
void Mamba2Executor::write_images() {
    if (!instance_.ends) {
        for (std::int64_t t = 0; t < tokens_; ++t) {
            residual_.write(t, 0,
                            std::span(instance_.residual)
                                .subspan(index(t * design_.network.d_model), index(design_.network.d_model)),
                            0);
        }
        return;
    }
    lm_head_.scale_base = instance_.ends->lm_head.scale_base;
    for (std::size_t s = 0; s < program_.sections.size(); ++s) {
        const auto& section = program_.sections[s];
        if (s == block_section_) continue;
        if (section.name == "head") {
            write_weights(
                s, 0, [&](std::uint32_t) -> const auto& { return instance_.ends->lm_head; });
            continue;
        }
        // The rows of the embedding that the program looks up lie one behind the other.
        StreamTile rows{0, 0, tokens_, 0, design_.network.d_model, 0};
        const auto dma = weight_dma(LinearEngine::pl);
        for (std::size_t p = 0; p < section.streams[dma].size(); ++p) {
            WeightCodec codec(design_.recipe.weights);
            codec.append(instance_.ends->embedding, rows);
            const Step step{dma, s, 0, p};
            const auto& work = instruction(step);
            write_memory(
                step, codec.pack(0, tokens_ * design_.network.d_model, work.value_bytes, work.scale_bytes));
        }
    }
}

void Mamba2Executor::discard(const Step& load) {
    const auto& layout = *layouts_[load.engine];
    const auto& work = instruction(load);
    auto& source = memories_[memory_of(load.engine)];
    for (std::size_t i = 0; i < layout.channels(); ++i) {
        const auto begin = layout.address(work, load.repetition, i);
        source.discard(begin, begin + layout.padded_bytes(work));
    }
}

// Weights and state of a block, before its first transfer.
void Mamba2Executor::write_block_image(std::int64_t layer) {
    const auto& weights = block(layer);
    const auto& operators = program_.sections[block_section_].operators;
    write_weights(
        block_section_, layer, [&](std::uint32_t op) -> const auto& {
            return operators[op].name.ends_with("in_proj") ? weights.in_proj : weights.out_proj;
        });
    const auto state = instance_.state(static_cast<int>(layer));
    const auto& streams = program_.sections[block_section_].streams;
    for (std::size_t engine = 0; engine < streams.size(); ++engine) {
        for (std::size_t p = 0; p < streams[engine].size(); ++p) {
            const auto& work = streams[engine][p];
            const Step step{engine, block_section_, layer, p};
            if (work.opcode != Opcode::load) continue;
            if (work.traffic == Traffic::convolution_weights)
                write_memory(step, ops_.element().pack(weights.taps));
            if (work.traffic == Traffic::convolution_state)
                write_memory(step, ops_.element().pack(state.window));
            if (work.traffic != Traffic::ssm_state) continue;
            const auto [first, count] = state_channels(work);
            const auto states = design_.network.d_state;
            const auto group = ops_.state_group();
            write_memory(
                step,
                ops_.state().pack(
                    std::span(state.hidden.values).subspan(index(first * states), index(count * states)),
                    std::span(state.hidden.exponents)
                        .subspan(index(first / group * states), index(count / group * states))));
        }
    }
    image_written_ = layer;
}

std::pair<std::int64_t, std::int64_t> Mamba2Executor::state_channels(const Instruction& work) const {
    const auto first = (work.address - state_base_) / state_group_stride(design_) * group_channels(design_);
    const auto elements = work.value_bytes * 8 / design_.recipe.state.format.bits;
    const auto count = elements / design_.network.d_state;
    const bool whole = (work.address - state_base_) % state_group_stride(design_) == 0;
    if (!whole || first < 0 || first + count > design_.network.d_inner()) {
        throw FunctionalError("a transfer of the SSM's state at the address " + std::to_string(work.address) +
                              " is none of its groups of channels");
    }
    return {first, count};
}

models::QuantizedBlockState Mamba2Executor::stored_state(int layer) const {
    auto state = ops_.initial_state();
    const auto& streams = program_.sections[block_section_].streams;
    for (std::size_t engine = 0; engine < streams.size(); ++engine) {
        for (std::size_t p = 0; p < streams[engine].size(); ++p) {
            const auto& work = streams[engine][p];
            if (work.opcode != Opcode::store) continue;
            const auto bytes = read_memory(engine, work, layer);
            if (work.traffic == Traffic::convolution_state) {
                state.window = ops_.element().unpack(bytes, state.window.size());
                continue;
            }
            const auto [first, count] = state_channels(work);
            const auto states = design_.network.d_state;
            const auto values = ops_.state().unpack(bytes, index(count * states));
            std::copy(values.begin(), values.end(), state.hidden.values.begin() + first * states);
        }
    }
    return state;
}

}  // namespace tilewright::accel
