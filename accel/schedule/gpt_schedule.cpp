// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/gpt_schedule.hpp"

#include <algorithm>
#include <string>

#include "accel/engines/transformer_timing.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

namespace {

std::string numbered(const char* name, std::size_t number) {
    return name + std::to_string(number);
}

// Heads whose rows go through the attention unit together: those of a tile, or more where few rows of each
// would have to wait for the next block of keys, which all heads share. Whole tiles.
std::int64_t heads_at_once(const Design& design, std::int64_t rows) {
    const auto& transformer = *design.transformer();
    const auto of_tile = heads_per_tile(design);
    if (transformer.aie_attention) return of_tile;
    const auto fill = std::min(attention_refill_cycles(design), transformer.tile_tokens);
    const auto tiles = memory::divide_up(memory::divide_up(fill, rows), of_tile);
    return std::min(tiles * of_tile, transformer.block.heads);
}

}  // namespace

GptSchedule::GptSchedule(const Design& design, ProgramBuilder& builder, const TransformerEngines& engines,
                         const GptLayout& layout,
                         const std::array<std::int64_t, linear_engine_count>& weight_slots,
                         const models::GptStep& step)
    : TransformerSchedule(design, builder, engines, layout, weight_slots, step.rows(), {}),
      gpt_(*design.gpt),
      layout_(layout),
      step_(step),
      attention_blocks_(models::attention_blocks(step, gpt_.work.attention_rows)) {
    const auto at_once = heads_at_once(design, attention_blocks_.front().size);
    for (std::int64_t first = 0; first < block_.heads; first += at_once) {
        HeadGroup group;
        group.first_head = first;
        group.heads = std::min(at_once, block_.heads - first);
        group.queries.resize(chunks_.size());
        group.attended.resize(attention_blocks_.size());
        groups_.push_back(std::move(group));
    }
}

// Norms and biases. Those of the next block come while this one's feed-forward part still needs its own, no
// earlier.
void GptSchedule::load_vectors() {
    last_vectors_load_ = transfer(Opcode::load, Traffic::activations, layout_.vectors, layout_.vectors_stride,
                                  transfer_size(unquantized_activations(), gpt_block_vector_elements(block_)),
                                  {}, {{engines_.attention, -1}}, "norms, biases");
}

// Keys and then values of earlier tokens, once the block before this one needs its own no more.
void GptSchedule::load_cache() {
    std::vector<GptLayout::Piece> pieces;
    std::int64_t tokens = 0;
    for (const auto& piece : layout_.prompt) {
        if (tokens == step_.shared_context) break;
        pieces.push_back(piece);
        tokens += piece.tokens;
    }
    if (step_.own_context > 0) pieces.push_back(layout_.generated);
    // The slice before this one has stored its pieces.
    std::vector<InstructionRef> data = {{engines_.dma[design_.port_of(Stream::state)], -1}};
    for (const bool keys : {true, false}) {
        for (const auto& piece : pieces) {
            const auto size = gpt_cache_size(gpt_, piece.tokens);
            cache_loads_.push_back(transfer(Opcode::load, Traffic::kv_cache, keys ? piece.keys : piece.values,
                                            layout_.cache_stride, size, data, {{engines_.attention, -1}},
                                            keys ? "keys" : "values"));
            cache_load_bytes_.push_back(size.bytes());
            data.clear();
        }
    }
}

InstructionRef GptSchedule::attended_before(std::size_t group) const {
    const std::size_t back = design_.mapping.double_buffer ? 2 : 1;
    if (group < back) return {engines_.attention, -1};
    return groups_[group - back].attended.back();
}

void GptSchedule::keys_and_values() {
    const auto queries = block_.heads * dim_;
    for (const auto& part : qkv_tiles(design_)) {
        if (part.begin < queries) continue;
        const bool has_keys = part.begin == queries;
        const bool has_values = part.begin + part.size == queries + 2 * dim_;
        tile(qkv_linear, part.begin, part.size, 0, chunks_.size(), {attended_before(0)},
             [this, has_keys, has_values](std::size_t, InstructionRef ref) {
                 if (has_keys) key_products_.push_back(ref);
                 if (has_values) value_products_.push_back(ref);
             });
    }
}

void GptSchedule::store_cache() {
    begin_operator();
    keys_ = key_products_;
    values_ = value_products_;
    if (gpt_.recipe.kv_cache) {
        const auto round = [&](const char* name, const char* label, std::vector<InstructionRef>& refs) {
            for (std::size_t c = 0; c < refs.size(); ++c) {
                refs[c] = emit(engines_.quantizer, {Opcode::quantize, name, 1, chunks_[c], 0, dim_, 1, label},
                               {refs[c]});
            }
        };
        round("attn.keys.quantize", "quantize keys", keys_);
        round("attn.values.quantize", "quantize values", values_);
    }
    builder_.hold(Buffer::activations, 4 * rows_ * 2 * dim_, key_products_.front(), values_.back());
    const auto& piece =
        step_.own_context > 0 || gpt_.work.decode
            ? layout_.made
            : layout_.prompt[static_cast<std::size_t>(step_.shared_context / gpt_.work.slice)];
    const auto size = gpt_cache_size(gpt_, piece.tokens);
    const auto store = [&](std::int64_t address, const std::vector<InstructionRef>& refs, const char* label) {
        const auto stored = transfer(Opcode::store, Traffic::kv_cache, address, layout_.cache_stride, size,
                                     {refs.back()}, {}, label);
        // A copy of its own waits for the port.
        builder_.hold(Buffer::state, size.bytes(), refs.front(), stored);
    };
    store(piece.keys, keys_, "keys");
    store(piece.values, values_, "values");
}

void GptSchedule::queries(HeadGroup& group) {
    std::vector<InstructionRef> space;
    if (transformer_.pipeline.operators) {
        space.push_back(attended_before(static_cast<std::size_t>(&group - groups_.data())));
    }
    const auto of_tile = heads_per_tile(design_);
    for (std::int64_t head = 0; head < group.heads; head += of_tile) {
        const auto heads = std::min(of_tile, group.heads - head);
        tile(qkv_linear, (group.first_head + head) * dim_, heads * dim_, 0, chunks_.size(), space,
             [&](std::size_t c, InstructionRef ref) { group.queries[c].push_back(ref); });
    }
}

void GptSchedule::attend(std::size_t g) {
    const auto& group = groups_[g];
    for (std::size_t b = 0; b < attention_blocks_.size(); ++b) {
        const auto size = attention_blocks_[b].size;
        const auto heads_of_unit = std::max<std::int64_t>(1, transformer_.tile_tokens / size);
        for (std::int64_t h = 0; h < group.heads; h += heads_of_unit) {
            const auto heads = std::min(heads_of_unit, group.heads - h);
            Unit unit;
            unit.group = g;
            unit.block = b;
            unit.rows = {(group.first_head + h) * size, heads * size};
            unit.last_of_block = h + heads == group.heads;
            score(unit);
        }
    }
}

void GptSchedule::score(Unit unit) {
    const auto& group = groups_[unit.group];
    const auto keys = attention_blocks_[unit.block].keys;
    auto data = group.queries[unit.block];
    data.push_back(keys_[unit.block]);
    if (!cache_loads_.empty()) data.push_back(cache_loads_[cache_loads_.size() / 2 - 1]);
    begin_operator();
    unit.scores = emit(
        engines_.attention,
        {Opcode::matmul, numbered("attn.scores.", unit.block), 1, unit.rows, 0, keys, dim_, "scores"}, data);
    begin_operator();
    unit.softmax =
        emit(engines_.softmax,
             {Opcode::softmax, numbered("attn.softmax.", unit.block), 1, unit.rows, 0, keys, 1, "softmax"},
             {unit.scores});
    // The next unit's scores go before this one's sums, so that the products need not wait for the softmax.
    pending_.push_back(unit);
    if (pending_.size() > (transformer_.pipeline.operators ? 1U : 0U)) finish_unit();
}

void GptSchedule::finish_unit() {
    const auto unit = pending_.front();
    pending_.pop_front();
    auto& group = groups_[unit.group];
    const auto keys = attention_blocks_[unit.block].keys;
    std::vector<InstructionRef> data = {unit.softmax, values_[unit.block]};
    if (!cache_loads_.empty()) data.push_back(cache_loads_.back());
    begin_operator();
    const auto ref = emit(engines_.attention,
                          {Opcode::matmul, numbered("attn.values.", unit.block), 1, unit.rows, 0, dim_, keys,
                           "weighted values"},
                          data);
    builder_.hold(Buffer::intermediates, rows_bytes(unit.rows, keys), unit.scores, ref);
    if (unit.block == 0 && unit.rows.begin == group.first_head * attention_blocks_.front().size) {
        group.first_attended = ref;
    }
    group.attended[unit.block] = ref;
    if (unit.last_of_block && unit.block + 1 == attention_blocks_.size()) finish_group(unit.group);
}

void GptSchedule::finish_group(std::size_t g) {
    auto& group = groups_[g];
    const auto columns = group.heads * dim_;
    const auto bytes = 4 * rows_ * columns;
    builder_.hold(Buffer::activations, bytes, group.queries.front().front(), group.attended.back());
    if (!projection_streams_) return;
    InstructionRef rounded{};
    for (std::size_t c = 0; c < chunks_.size(); ++c) {
        rounded = prepare(proj_linear, c, group.first_head * dim_, columns, group.attended[c], 0);
        input_ready_[proj_linear][c] = rounded;
    }
    builder_.hold(Buffer::activations, bytes, group.first_attended, rounded);
}

void GptSchedule::projection() {
    const auto done = groups_.back().attended.back();
    for (std::size_t i = 0; i < cache_loads_.size(); ++i) {
        builder_.hold(Buffer::state, cache_load_bytes_[i], cache_loads_[i], done);
    }
    const auto made = gpt_cache_size(gpt_, rows_).bytes();
    builder_.hold(Buffer::state, made, keys_.front(), done);
    builder_.hold(Buffer::state, made, values_.front(), done);
    if (!projection_streams_) {
        begin_operator();
        for (std::size_t c = 0; c < chunks_.size(); ++c) {
            input_ready_[proj_linear][c] =
                prepare(proj_linear, c, 0, block_.heads * dim_, groups_.back().attended[c], 0);
        }
        builder_.hold(Buffer::activations, 4 * rows_ * block_.heads * dim_, groups_.front().first_attended,
                      input_ready_[proj_linear].back());
    }
    begin_linear(proj_linear, false);
    linear_into_residual(proj_linear, block_operators_.attention_residual, 0, chunks_.size());
}

void GptSchedule::emit() {
    load_vectors();
    load_cache();
    norm("attn.norm", "attn norm", qkv_linear, 0, chunks_.size());
    begin_linear(qkv_linear, false);
    keys_and_values();
    const bool pipelined = transformer_.pipeline.operators;
    if (pipelined) store_cache();
    for (std::size_t g = 0; g < groups_.size(); ++g) {
        if (pipelined && !design_.mapping.double_buffer) {
            while (!pending_.empty()) finish_unit();
        }
        queries(groups_[g]);
        if (g + 1 == groups_.size()) release_input(qkv_linear, 0, chunks_.size(), false);
        if (pipelined) attend(g);
    }
    if (!pipelined) {
        store_cache();
        for (std::size_t g = 0; g < groups_.size(); ++g) attend(g);
    }
    while (!pending_.empty()) finish_unit();
    projection();
    feed_forward();
    const auto last = builder_.last(engines_.vector);
    builder_.hold(Buffer::activations, 4 * rows_ * width_, first_norm_, last);
    builder_.hold(Buffer::state, 4 * gpt_block_vector_elements(block_), last_vectors_load_, last);
    weights_.close(true);
}

}  // namespace tilewright::accel
