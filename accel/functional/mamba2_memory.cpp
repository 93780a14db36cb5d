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

// The pieces of an engine's weights, each where the layout has it, one behind the other in the stream.
void Mamba2Executor::place_weights(
    std::size_t section, LinearEngine kind, std::span<const Mamba2BlockLayout::Piece> pieces,
    std::int64_t stride, std::int64_t layer,
    const std::function<const models::QuantizedMatrix&(std::uint32_t)>& matrix_of) {
    const auto& order = orders_[section][static_cast<std::size_t>(kind)];
    if (!order) return;
    weight_codec_.collect(*order, matrix_of);
    std::int64_t first = 0;
    for (const auto& piece : pieces) {
        place_stream(weight_dma(kind), piece.begin, stride, layer, design_.recipe.weights, weight_codec_,
                     first, piece.weights);
        first += piece.weights;
    }
}

// Embedding, lm_head; without them the residual stream is there from the start.
void Mamba2Executor::write_images() {
    if (!instance_.ends) {
        const auto rows = [&](const TokenRange& tokens) {
            const auto width = design_.network.d_model;
            return std::span(instance_.residual)
                .subspan(index(tokens.begin * width), index(tokens.size * width));
        };
        if (design_.mapping.residual == ResidualPlace::on_chip) {
            for (std::int64_t t = 0; t < tokens_; ++t) residual_.write(t, 0, rows({t, 1}), 0);
            return;
        }
        for (const auto& piece : token_pieces(design_)) {
            write_memory(design_.port_of(Stream::state),
                         residual_transfer(design_, layout_.block, Opcode::store, piece), 0,
                         ops_.residual().pack(rows(piece)));
        }
        return;
    }
    lm_head_.scale_base = instance_.ends->lm_head.scale_base;
    for (std::size_t s = 0; s < program_.sections.size(); ++s) {
        const auto& section = program_.sections[s];
        if (section.name != "head") continue;
        const auto weights = linear_weights(design_, section.operators);
        for (const auto kind : {LinearEngine::pl, LinearEngine::aie}) {
            const auto engine = static_cast<std::size_t>(kind);
            const Mamba2BlockLayout::Piece piece{layout_.lm_head[engine], weights[engine].head};
            place_weights(
                s, kind, {&piece, 1}, 0,
                0, [&](std::uint32_t) -> const auto& { return instance_.ends->lm_head; });
        }
    }
    // The rows of the embedding that the program looks up: the first ones.
    const auto width = design_.network.d_model;
    for (const auto& [tokens, address] : looked_up()) {
        const auto elements = tokens.size * width;
        WeightCodec codec(design_.recipe.weights);
        codec.append(instance_.ends->embedding, {0, tokens.begin, tokens.size, 0, width, 0});
        const auto size = transfer_size(design_.recipe.weights, elements);
        place(weight_dma(LinearEngine::pl), address, 0, 0, size,
              codec.pack(0, elements, size.value_bytes, size.scale_bytes));
    }
}

TokenRange Mamba2Executor::residual_tokens(const Instruction& work) const {
    const auto pieces = token_pieces(design_);
    const auto at = std::find_if(pieces.begin(), pieces.end(), [&](const TokenRange& piece) {
        const auto own = residual_transfer(design_, layout_.block, work.opcode, piece);
        return work.address == own.address && work.value_bytes == own.value_bytes;
    });
    if (layout_.block.residual_stride > 0 && at != pieces.end()) return *at;
    throw FunctionalError("a transfer of the residual stream at the address " + std::to_string(work.address) +
                          " is none of its pieces");
}

std::int64_t Mamba2Executor::residual_generation(const Step& step) const {
    if (step.section < block_section_) return 0;
    if (step.section > block_section_) return design_.network.layers;
    return step.repetition + (instruction(step).opcode == Opcode::store ? 1 : 0);
}

std::vector<double> Mamba2Executor::final_residual(std::int64_t token) const {
    const auto width = design_.network.d_model;
    if (design_.mapping.residual == ResidualPlace::on_chip) {
        return residual_.read(token, 0, width, design_.network.layers);
    }
    for (const auto& piece : token_pieces(design_)) {
        if (token < piece.begin || token >= piece.end()) continue;
        const auto bytes = read_memory(design_.port_of(Stream::state),
                                       residual_transfer(design_, layout_.block, Opcode::load, piece), 0);
        const auto rows = ops_.residual().unpack(bytes, index(piece.size * width));
        const auto begin = rows.begin() + (token - piece.begin) * width;
        return {begin, begin + width};
    }
    throw FunctionalError("there is no token " + std::to_string(token));
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
    const auto& at = layout_.block;
    const auto& operators = program_.sections[block_section_].operators;
    for (const auto kind : {LinearEngine::pl, LinearEngine::aie}) {
        const auto engine = static_cast<std::size_t>(kind);
        place_weights(
            block_section_, kind, at.weights[engine], at.weights_stride[engine],
            layer, [&](std::uint32_t op) -> const auto& {
                return operators[op].name.ends_with("in_proj") ? weights.in_proj : weights.out_proj;
            });
    }
    const auto state = instance_.state(static_cast<int>(layer));
    const auto convolution = design_.port_of(Stream::convolution);
    const auto size = transfer_size(design_.recipe.convolution, convolution_elements(design_));
    place(convolution, at.convolution_weights, at.convolution_weights_stride, layer, size,
          ops_.element().pack(weights.taps));
    place(convolution, at.convolution_state, at.convolution_state_stride, layer, size,
          ops_.element().pack(state.window));
    for (const auto& piece : state_pieces()) {
        write_memory(design_.port_of(Stream::state), piece.transfer, layer,
                     pack_state(state.hidden, piece.first, piece.channels));
    }
    image_written_ = layer;
}

std::pair<std::int64_t, std::int64_t> Mamba2Executor::state_channels(const Instruction& work) const {
    const auto first =
        (work.address - layout_.block.ssm_state) / state_group_stride(design_) * group_channels(design_);
    const auto elements = work.value_bytes * 8 / design_.recipe.state.format.bits;
    const auto count = elements / design_.network.d_state;
    const bool whole = (work.address - layout_.block.ssm_state) % state_group_stride(design_) == 0;
    if (!whole || first < 0 || first + count > design_.network.d_inner()) {
        throw FunctionalError("a transfer of the SSM's state at the address " + std::to_string(work.address) +
                              " is none of its groups of channels");
    }
    return {first, count};
}

// Groups of channels lie as they are moved: each by itself, or all together.
std::vector<Mamba2Executor::StatePiece> Mamba2Executor::state_pieces() const {
    const bool together = design_.mapping.state_transfer == StateTransfer::per_layer;
    const auto inner = design_.network.d_inner();
    const auto most = together ? inner : group_channels(design_);
    std::vector<StatePiece> pieces;
    for (std::int64_t first = 0; first < inner; first += most) {
        const auto channels = std::min(most, inner - first);
        const auto address =
            layout_.block.ssm_state + first / group_channels(design_) * state_group_stride(design_);
        const auto size = transfer_size(design_.recipe.state, channels * design_.network.d_state);
        pieces.push_back({first, channels, transfer_at(address, layout_.block.ssm_state_stride, size)});
    }
    return pieces;
}

std::vector<std::byte> Mamba2Executor::pack_state(const models::Elements& hidden, std::int64_t first,
                                                  std::int64_t count) const {
    const auto states = design_.network.d_state;
    const auto group = ops_.state_group();
    return ops_.state().pack(
        std::span(hidden.values).subspan(index(first * states), index(count * states)),
        std::span(hidden.exponents).subspan(index(first / group * states), index(count / group * states)));
}

models::QuantizedBlockState Mamba2Executor::stored_state(int layer) const {
    auto state = ops_.initial_state();
    const auto window = transfer_at(layout_.block.convolution_state, layout_.block.convolution_state_stride,
                                    transfer_size(design_.recipe.convolution, convolution_elements(design_)));
    state.window = ops_.element().unpack(read_memory(design_.port_of(Stream::convolution), window, layer),
                                         state.window.size());
    const auto states = design_.network.d_state;
    for (const auto& piece : state_pieces()) {
        const auto bytes = read_memory(design_.port_of(Stream::state), piece.transfer, layer);
        const auto values = ops_.state().unpack(bytes, index(piece.channels * states));
        std::copy(values.begin(), values.end(), state.hidden.values.begin() + piece.first * states);
    }
    return state;
}

}  // namespace tilewright::accel
