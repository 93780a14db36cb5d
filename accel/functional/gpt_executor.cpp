// SPDX-License-Identifier: Apache-2.0
#include "accel/functional/gpt_executor.hpp"

#include <algorithm>

#include "accel/functional/float_bytes.hpp"
#include "accel/functional/functional_error.hpp"
#include "models/index.hpp"

namespace tilewright::accel {

namespace {

using models::index;

// Norms and biases in the order in which they lie in memory.
std::vector<float> vectors_of(const models::QuantizedGptBlock& block) {
    std::vector<float> all;
    for (const auto* part : {&block.norm1, &block.norm1_bias, &block.norm2, &block.norm2_bias,
                             &block.qkv.bias, &block.proj.bias, &block.fc1.bias, &block.fc2.bias}) {
        all.insert(all.end(), part->begin(), part->end());
    }
    return all;
}

// That ends have to hold.
std::int64_t most_rows(const GptDesign& gpt) {
    std::int64_t most = 0;
    for (const auto& step : gpt.work.steps()) most = std::max(most, step.rows());
    return gpt.ends ? most : 0;
}

TransformerKernels kernels_of(const GptDesign& gpt, const models::QuantizedGpt& network) {
    TransformerKernels kernels(network);
    for (const auto& step : gpt.work.steps()) kernels.rows.push_back(step.rows());
    const auto& work = gpt.work;
    kernels.cache_rows = work.prompt + (work.decode ? work.beams * (work.generated + 1) : 0);
    kernels.cache_width = gpt.block.head_dim;
    kernels.vector_elements = gpt_block_vector_elements(gpt.block);
    kernels.first_bias = 4 * gpt.block.width;
    return kernels;
}

}  // namespace

GptExecutor::GptExecutor(const Design& design, const TileProgram& program,
                         const models::QuantizedGpt& network, const GptInstance& instance)
    : TransformerExecutor(design, program, kernels_of(*design.gpt, network), instance.inputs),
      gpt_(*design.gpt),
      instance_(instance),
      steps_(gpt_.work.steps()),
      layout_(lay_out_gpt(design)),
      embeddings_("the tokens' embeddings", most_rows(gpt_), block_.width),
      positions_("the positions", most_rows(gpt_), block_.width),
      embedded_("the embedded tokens", most_rows(gpt_), block_.width),
      norm_vectors_("the final norm's vectors", 2, block_.width),
      normed_("the final norm", steps_.back().sequences, block_.width),
      logits_("the logits", gpt_.ends ? steps_.back().sequences : 0, gpt_.network.vocabulary) {
    collect_pieces();
    place_weights(layout_);
    for (std::int64_t number = 0; number < block_.blocks; ++number) {
        place_vectors(layout_.vectors, layout_.vectors_stride, number, vectors_of(block(number)));
        place_context(number);
    }
    if (!gpt_.ends) return;
    place_end_weights(".lm_head", layout_.lm_head, instance_.ends->head);
    auto norm = instance_.ends->norm;
    norm.insert(norm.end(), instance_.ends->norm_bias.begin(), instance_.ends->norm_bias.end());
    place_vectors(layout_.final_norm, 0, 0, norm);
}

void GptExecutor::collect_pieces() {
    std::int64_t row = 0;
    const auto add = [&](const GptLayout::Piece& piece, bool context) {
        if (piece.tokens == 0) return;
        pieces_.push_back({true, piece.keys, row, piece.tokens, context});
        pieces_.push_back({false, piece.values, row, piece.tokens, context});
        row += piece.tokens;
    };
    for (const auto& piece : layout_.prompt) add(piece, gpt_.work.decode);
    add(layout_.generated, true);
    add(layout_.made, false);
}

const GptExecutor::Piece& GptExecutor::piece_of(const Step& step) const {
    const auto address = instruction(step).address;
    const auto found = std::find_if(pieces_.begin(), pieces_.end(),
                                    [&](const Piece& piece) { return piece.address == address; });
    if (found == pieces_.end()) throw FunctionalError("a transfer of no piece of the cache");
    return *found;
}

const models::QuantizedTransformerLinear& GptExecutor::weights(std::int64_t number,
                                                               TransformerLinear linear) const {
    return linear_of(block(number), linear);
}

// Keys and values that earlier runs have made.
void GptExecutor::place_context(std::int64_t number) {
    for (const auto& piece : pieces_) {
        if (!piece.context) continue;
        const auto& context = instance_.contexts[index(number)];
        const auto& all = piece.keys ? context.keys : context.values;
        const auto dim = block_.head_dim;
        const auto part = std::span(all).subspan(index(piece.first_row * dim), index(piece.tokens * dim));
        place(design_.port_of(Stream::state), piece.address, layout_.cache_stride, number,
              gpt_cache_size(gpt_, piece.tokens), pack_cache(doubles(part)));
    }
}

std::vector<GptExecutor::CacheVector> GptExecutor::cache_vectors(const Step& step) const {
    const auto& piece = piece_of(step);
    std::vector<CacheVector> vectors;
    for (std::int64_t t = 0; t < piece.tokens; ++t) vectors.push_back({piece.keys, piece.first_row + t, 0});
    return vectors;
}

// The prompt's tokens come first, then what each beam has generated, then what a decode step makes.
std::int64_t GptExecutor::cache_row(const Step& step, std::int64_t row) const {
    const auto& at = steps_[step_of(step)];
    return at.shared_context + at.sequences * at.own_context + row;
}

std::vector<double> GptExecutor::unrounded(const Step& step, bool keys, std::int64_t row, std::int64_t begin,
                                           std::int64_t size) const {
    const auto first = block_.width + (keys ? 0 : block_.head_dim);
    return qkv_output().read(row, first + begin, size, generation(step));
}

// Of the columns of a tile those that are keys or values.
void GptExecutor::keep_unrounded(const Step& step, const Rows& products) {
    const auto dim = block_.head_dim;
    for (const bool keys : {true, false}) {
        const auto first = block_.width + (keys ? 0 : dim);
        for (std::size_t i = 0; i < products.values.size(); ++i) {
            const auto& values = products.values[i];
            const auto begin = std::max(first, products.column);
            const auto end =
                std::min(first + dim, products.column + static_cast<std::int64_t>(values.size()));
            if (begin >= end) continue;
            write_cache(step, keys, cache_row(step, products.begin + static_cast<std::int64_t>(i)),
                        begin - first,
                        std::span(values).subspan(index(begin - products.column), index(end - begin)));
        }
    }
}

std::vector<float> GptExecutor::normed(const Step& step, bool first, std::int64_t /*row*/,
                                       std::span<const float> x) const {
    const auto width = block_.width;
    const auto begin = first ? 0 : 2 * width;
    return models::gpt_norm(x, vectors(step, begin, width), vectors(step, begin + width, width));
}

// Rows are [heads x rows of the block]. A token meets the shared context, its own sequence's, and its
// sequence up to itself.
GptExecutor::AttentionRow GptExecutor::attention_row(const Step& step, std::size_t number, std::int64_t at,
                                                     std::int64_t /*keys*/) const {
    const auto& of = steps_[step_of(step)];
    const auto blocks = models::attention_blocks(of, gpt_.work.attention_rows);
    if (number >= blocks.size()) throw FunctionalError("the step has no such block of attention");
    const auto& block = blocks[number];
    AttentionRow row;
    row.row = block.begin + at % block.size;
    row.head = at / block.size;
    const auto sequence = row.row / of.tokens;
    for (std::int64_t t = 0; t < of.shared_context; ++t) row.cache_rows.push_back(t);
    for (std::int64_t t = 0; t < of.own_context; ++t) {
        row.cache_rows.push_back(of.shared_context + sequence * of.own_context + t);
    }
    for (auto r = sequence * of.tokens; r <= row.row; ++r) row.cache_rows.push_back(cache_row(step, r));
    return row;
}

std::vector<float> GptExecutor::query(const Step& step, std::int64_t row, std::int64_t head) const {
    auto q = floats(qkv_output().read(row, head * block_.head_dim, block_.head_dim, generation(step)));
    for (auto& value : q) value *= models::gpt_query_factor(block_.head_dim);
    return q;
}

CacheNumbers GptExecutor::stored_cache_of(std::int64_t layer, std::size_t step) const {
    const auto& piece = gpt_.work.decode ? layout_.made : layout_.prompt[step];
    const auto elements = piece.tokens * block_.head_dim;
    return {stored_cache(piece.keys, layout_.cache_stride, layer, elements),
            stored_cache(piece.values, layout_.cache_stride, layer, elements)};
}

CacheNumbers GptExecutor::stored_context(std::int64_t layer) const {
    CacheNumbers stored;
    for (const auto& piece : pieces_) {
        if (!piece.context) continue;
        const auto numbers =
            stored_cache(piece.address, layout_.cache_stride, layer, piece.tokens * block_.head_dim);
        auto& all = piece.keys ? stored.keys : stored.values;
        all.insert(all.end(), numbers.begin(), numbers.end());
    }
    return stored;
}

}  // namespace tilewright::accel
