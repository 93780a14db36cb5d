// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/mamba2_layout.hpp"

#include <algorithm>

#include "accel/schedule/linear_split.hpp"
#include "accel/schedule/mamba2_order.hpp"
#include "accel/schedule/memory_layout.hpp"
#include "accel/schedule/weight_stream.hpp"

namespace tilewright::accel {

namespace {

// Bytes that one transfer takes in memory.
std::int64_t stored_piece(const Design& design, Stream stream, const models::Quantization& quantization,
                          std::int64_t elements) {
    return padded_bytes(design.memory_ports[design.port_of(stream)], transfer_size(quantization, elements));
}

// Rows of the embedding for some tokens.
std::int64_t looked_up_bytes(const Design& design, const TokenRange& tokens) {
    return stored_piece(design, Stream::weights, design.recipe.weights, tokens.size * design.network.d_model);
}

}  // namespace

std::array<LinearWeights, linear_engine_count> linear_weights(
    const Design& design, const std::vector<models::Operator>& operators) {
    std::array<LinearWeights, linear_engine_count> result{};
    std::int64_t outputs_ahead = 0;
    const auto ahead = runs_ahead(design);
    const auto runs = in_proj_order(design);
    for (std::size_t i = 0; i < ahead; ++i) outputs_ahead += runs[i].size;
    for (const auto& op : operators) {
        if (op.kind != models::OperatorKind::linear || op.layer > 0) continue;
        const auto split = split_of(design, op);
        if (op.layer == 0) {
            const bool in_proj = linear_layer_name(design, op.name) == "in_proj";
            std::int64_t made = 0;
            for (const auto& tile : output_tiles(design, op)) {
                auto piece = in_proj_rest;
                if (in_proj && made < outputs_ahead) piece = in_proj_ahead;
                if (!in_proj && ahead > 0) piece = out_proj_piece;
                const auto engine = static_cast<std::size_t>(split.engine_of(tile.begin));
                result[engine].block[piece] += tile.size * op.k;
                made += tile.size;
            }
        }
        for (std::size_t i = 0; i < result.size(); ++i) {
            const auto outputs = split.outputs(static_cast<LinearEngine>(i));
            if (op.layer < 0) result[i].head += outputs * op.k;
            if (outputs == 0 || (op.layer < 0 && !design.workload.lm_head)) continue;
            result[i].largest_tile =
                std::max(result[i].largest_tile, tile_weights(design.mapping.tile, op.n, op.k));
        }
    }
    return result;
}

// In the order in which regions are placed: block weights, embedding, lm_head, convolution weights and state,
// SSM state, residual stream. Each, and what a block has of it, starts with the first bank of the DRAM:
// blocks are alike.
Mamba2Layout lay_out_mamba2(const Design& design, const models::OperatorGraph& graph) {
    const auto& network = design.network;
    Mamba2Layout layout;
    MemoryMap memory(design);
    const auto weights_port = [&](std::size_t engine) {
        return design.weights_port(static_cast<LinearEngine>(engine));
    };
    auto& block = layout.block;
    const auto weights = linear_weights(design, graph.operators);
    const auto weight_bytes = [&](std::size_t engine, std::int64_t count) {
        return stream_bytes(design.memory_ports[weights_port(engine)], design.recipe.weights, count);
    };
    for (std::size_t engine = 0; engine < linear_engine_count; ++engine) {
        auto& stride = block.weights_stride[engine];
        for (std::size_t piece = 0; piece < weight_piece_count; ++piece) {
            block.weights[engine][piece] = {stride, weights[engine].block[piece]};
            stride += weight_bytes(engine, weights[engine].block[piece]);
        }
        stride = memory.whole_rows(weights_port(engine), stride);
        const auto begin = memory.place(weights_port(engine), stride * network.layers);
        for (auto& piece : block.weights[engine]) piece.begin += begin;
    }
    std::int64_t looked_up = 0;
    for (const auto& piece : token_pieces(design)) looked_up += looked_up_bytes(design, piece);
    layout.embedding = memory.place(
        design.port_of(Stream::weights),
        std::max(looked_up,
                 models::stored_bytes(design.recipe.weights, network.vocabulary * network.d_model)));
    for (std::size_t engine = 0; engine < linear_engine_count; ++engine) {
        layout.lm_head[engine] =
            memory.place(weights_port(engine), weight_bytes(engine, weights[engine].head));
    }
    const auto convolution_port = design.port_of(Stream::convolution);
    const auto convolution = memory.whole_rows(
        convolution_port,
        stored_piece(design, Stream::convolution, design.recipe.convolution, convolution_elements(design)));
    block.convolution_weights_stride = block.convolution_state_stride = convolution;
    block.convolution_weights = memory.place(convolution_port, convolution * network.layers);
    block.convolution_state = memory.place(convolution_port, convolution * network.layers);
    const auto state_port = design.port_of(Stream::state);
    block.ssm_state_stride =
        memory.whole_rows(state_port, state_group_stride(design) * channel_groups(design));
    block.ssm_state = memory.place(state_port, block.ssm_state_stride * network.layers);
    if (design.mapping.residual == ResidualPlace::memory) {
        block.residual_stride = stored_piece(design, Stream::state, residual_format(design), network.d_model);
        block.residual = memory.place(state_port, block.residual_stride * design.workload.tokens);
    }
    memory.check_ends();
    return layout;
}

std::int64_t state_group_bytes(const Design& design) {
    return models::stored_bytes(design.recipe.state, group_channels(design) * design.network.d_state);
}

std::int64_t state_group_stride(const Design& design) {
    return stored_piece(design, Stream::state, design.recipe.state,
                        group_channels(design) * design.network.d_state);
}

std::int64_t convolution_elements(const Design& design) {
    return design.network.convolution_channels() * design.network.convolution_width;
}

std::int64_t convolution_bytes(const Design& design) {
    return models::stored_bytes(design.recipe.convolution, convolution_elements(design));
}

models::Quantization residual_format(const Design& design) {
    models::Quantization format;
    format.format = design.recipe.residual;
    return format;
}

std::int64_t residual_bytes(const Design& design, std::int64_t tokens) {
    return models::stored_bytes(residual_format(design), tokens * design.network.d_model);
}

Instruction residual_transfer(const Design& design, const Mamba2BlockLayout& block, Opcode opcode,
                              const TokenRange& tokens) {
    Instruction transfer;
    transfer.opcode = opcode;
    transfer.traffic = Traffic::activations;
    transfer.address = block.residual + tokens.begin * block.residual_stride;
    transfer.value_bytes = residual_bytes(design, tokens.size);
    return transfer;
}

std::vector<EmbeddingPiece> embedding_pieces(const Design& design, std::int64_t address) {
    std::vector<EmbeddingPiece> pieces;
    for (const auto& tokens : token_pieces(design)) {
        pieces.push_back({tokens, address});
        address += looked_up_bytes(design, tokens);
    }
    return pieces;
}

}  // namespace tilewright::accel
