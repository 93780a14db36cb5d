// SPDX-License-Identifier: Apache-2.0
// Queries, keys and values, the cache, attention and the projection behind it.
#include <algorithm>

#include "accel/schedule/var_schedule.hpp"
#include "models/index.hpp"

namespace tilewright::accel {

namespace {

using models::index;

}  // namespace

void VarSchedule::attention() {
    const auto count = head_groups(design_);
    for (std::int64_t g = 0; g < count; ++g) {
        HeadGroup group;
        group.first_head = g * heads_per_tile(design_);
        group.heads = std::min(heads_per_tile(design_), var_.network.heads - group.first_head);
        groups_.push_back(std::move(group));
    }
    norm("attn.norm", "attn norm", qkv_linear, 0, chunks_.size());
    begin_linear(qkv_linear, false);
    if (var_.pipeline.operators) {
        for (std::int64_t g = 0; g < count; ++g) {
            if (!design_.mapping.double_buffer) {
                while (!pending_.empty()) finish_unit();
            }
            load_cache(g);
            qkv_tiles(groups_[index(g)]);
            if (g == count - 1) release_input(qkv_linear, 0, chunks_.size(), false);
            normalise(groups_[index(g)]);
            quantize_cache(groups_[index(g)]);
            attend(g);
        }
        while (!pending_.empty()) finish_unit();
        return;
    }
    for (auto& group : groups_) qkv_tiles(group);
    release_input(qkv_linear, 0, chunks_.size(), false);
    begin_operator();
    for (auto& group : groups_) normalise(group);
    begin_operator();
    for (auto& group : groups_) quantize_cache(group);
    for (std::int64_t g = 0; g < count; ++g) {
        load_cache(g);
        attend(g);
    }
}

InstructionRef VarSchedule::done_two_before(std::int64_t group) const {
    const auto back = design_.mapping.double_buffer ? 2 : 1;
    if (group < back) return {engines_.attention, -1};
    return groups_[index(group - back)].attended.back();
}

void VarSchedule::qkv_tiles(HeadGroup& group) {
    std::vector<InstructionRef> space;
    if (var_.pipeline.operators) space.push_back(done_two_before(&group - groups_.data()));
    for (std::int64_t part = 0; part < 3; ++part) {
        tile(qkv_linear, part * width_ + group.first_head * dim_, group.heads * dim_, 0, chunks_.size(),
             space, [&](std::size_t, InstructionRef ref) { group.products[part].push_back(ref); });
    }
}

void VarSchedule::normalise(HeadGroup& group) {
    const auto bytes = 4 * batch_ * tokens_ * group.heads * dim_;
    group.keys.clear();
    for (std::int64_t part = 0; part < 2; ++part) {
        for (std::int64_t image = 0; image < batch_; ++image) {
            const Rows rows{(image * var_.network.heads + group.first_head) * tokens_, group.heads * tokens_};
            const auto last_row = (image + 1) * tokens_ - 1;
            const auto ref = emit(engines_.vector,
                                  {Opcode::l2_norm, part == 0 ? "attn.q_norm" : "attn.k_norm", 1, rows, 0,
                                   dim_, 1, part == 0 ? "query norm" : "key norm"},
                                  {group.products[part][chunk_with(last_row)], last_vectors_load_});
            (part == 0 ? group.queries : group.keys).push_back(ref);
        }
    }
    if (var_.recipe.kv_cache) return;
    // Keys and values stay as they are.
    for (std::int64_t image = 0; image < batch_; ++image) {
        group.values.push_back(group.products[2][chunk_with((image + 1) * tokens_ - 1)]);
    }
    for (const auto part : {1, 2}) {
        builder_.hold(Buffer::activations, bytes, group.products[part].front(), group.keys.back());
    }
}

void VarSchedule::quantize_cache(HeadGroup& group) {
    if (!var_.recipe.kv_cache) return;
    const auto bytes = 4 * batch_ * tokens_ * group.heads * dim_;
    const auto normed_keys = group.keys;
    group.keys.clear();
    const auto first_column = group.first_head * dim_;
    for (std::int64_t image = 0; image < batch_; ++image) {
        group.keys.push_back(emit(engines_.quantizer,
                                  {Opcode::quantize, "attn.keys.quantize", 1, rows_of_image(image),
                                   first_column, group.heads * dim_, 1, "quantize keys"},
                                  {normed_keys[index(image)]}));
        const auto product = group.products[2][chunk_with((image + 1) * tokens_ - 1)];
        group.values.push_back(emit(engines_.quantizer,
                                    {Opcode::quantize, "attn.values.quantize", 1, rows_of_image(image),
                                     first_column, group.heads * dim_, 1, "quantize values"},
                                    {product}));
    }
    for (const auto part : {1, 2}) {
        builder_.hold(Buffer::activations, bytes, group.products[part].front(), group.values.back());
    }
}

// Keys and values of the scales before this one.
void VarSchedule::load_cache(std::int64_t g) {
    auto& group = groups_[index(g)];
    const auto format = kv_format(var_);
    for (std::size_t scale = 0; scale < scale_; ++scale) {
        const auto piece = scale * groups_.size() + index(g);
        const auto size = transfer_size(format, cache_piece_elements(var_, scale, group.heads));
        std::vector<InstructionRef> data;
        // The scale before this one has stored its pieces.
        if (g == 0 && scale == 0) data.push_back({engines_.dma[design_.port_of(Stream::state)], -1});
        group.last_load = transfer(Opcode::load, Traffic::kv_cache, layout_.cache_piece[piece],
                                   layout_.cache_stride, size, data, {done_two_before(g)}, "cache");
        if (!group.first_load) group.first_load = group.last_load;
    }
}

void VarSchedule::attend(std::int64_t g) {
    auto& group = groups_[index(g)];
    group.attended.resize(index(batch_));
    // A unit is a part of a head's rows, or several heads of few rows.
    const auto heads_at_once = std::max<std::int64_t>(1, var_.tile_tokens / tokens_);
    const auto rows_at_once = std::min(var_.tile_tokens, tokens_);
    for (std::int64_t image = 0; image < batch_; ++image) {
        for (std::int64_t h = 0; h < group.heads; h += heads_at_once) {
            const auto heads = std::min(heads_at_once, group.heads - h);
            const auto begin = (image * var_.network.heads + group.first_head + h) * tokens_;
            const auto step = heads > 1 ? heads * tokens_ : rows_at_once;
            for (std::int64_t row = 0; row < heads * tokens_; row += step) {
                Unit unit;
                unit.group = g;
                unit.image = image;
                unit.rows = {begin + row, std::min(step, heads * tokens_ - row)};
                unit.last_of_group = image == batch_ - 1 && h + heads == group.heads &&
                                     row + unit.rows.size == heads * tokens_;
                score(unit);
            }
        }
    }
}

void VarSchedule::score(Unit unit) {
    const auto& group = groups_[index(unit.group)];
    std::vector<InstructionRef> data = {group.queries[index(unit.image)], group.keys[index(unit.image)]};
    if (group.first_load) data.push_back(group.last_load);
    begin_operator();
    unit.scores = emit(engines_.attention,
                       {Opcode::matmul, "attn.scores", 1, unit.rows, 0, seen_, dim_, "scores"}, data);
    begin_operator();
    unit.softmax =
        emit(engines_.softmax, {Opcode::softmax, "attn.softmax", 1, unit.rows, 0, seen_, 1, "softmax"},
             {unit.scores});
    // The next unit's scores go before this one's sums, so that the products need not wait for the softmax.
    pending_.push_back(unit);
    if (pending_.size() > (var_.pipeline.operators ? 1U : 0U)) finish_unit();
}

void VarSchedule::finish_unit() {
    const auto unit = pending_.front();
    pending_.pop_front();
    auto& group = groups_[index(unit.group)];
    begin_operator();
    const auto ref = emit(engines_.attention,
                          {Opcode::matmul, "attn.values", 1, unit.rows, 0, dim_, seen_, "weighted values"},
                          {unit.softmax, group.values[index(unit.image)]});
    builder_.hold(Buffer::intermediates, rows_bytes(unit.rows, seen_), unit.scores, ref);
    const bool first = unit.image == 0 && unit.rows.begin == group.first_head * tokens_;
    if (first) group.first_attended = ref;
    group.attended[index(unit.image)] = ref;
    if (unit.last_of_group) finish_group(unit.group);
}

void VarSchedule::finish_group(std::int64_t g) {
    auto& group = groups_[index(g)];
    const auto done = group.attended.back();
    const auto columns = group.heads * dim_;
    const auto bytes = 4 * batch_ * tokens_ * columns;
    const auto format = kv_format(var_);
    const auto cache_bytes = [&](std::size_t scale) {
        const auto size = transfer_size(format, cache_piece_elements(var_, scale, group.heads));
        return size.value_bytes + size.scale_bytes;
    };
    std::int64_t loaded = 0;
    for (std::size_t scale = 0; scale < scale_; ++scale) loaded += cache_bytes(scale);
    if (group.first_load) builder_.hold(Buffer::state, loaded, *group.first_load, done);
    builder_.hold(Buffer::state, cache_bytes(scale_), group.keys.front(), done);
    builder_.hold(Buffer::activations, bytes, group.products[0].front(), done);
    store_cache(g);
    if (!projection_streams_) return;
    InstructionRef rounded{};
    for (std::size_t c = 0; c < chunks_.size(); ++c) {
        const auto image = (chunks_[c].begin + chunks_[c].size - 1) / tokens_;
        rounded = prepare(proj_linear, c, group.first_head * dim_, columns, group.attended[index(image)], 0);
        input_ready_[proj_linear][c] = rounded;
    }
    builder_.hold(Buffer::activations, bytes, group.first_attended, rounded);
}

// Keys and values of this scale, for the ones behind it.
void VarSchedule::store_cache(std::int64_t g) {
    if (scale_ + 1 == var_.network.scales.size()) return;
    const auto& group = groups_[index(g)];
    const auto size = transfer_size(kv_format(var_), cache_piece_elements(var_, scale_, group.heads));
    const auto piece = scale_ * groups_.size() + index(g);
    const auto stored =
        transfer(Opcode::store, Traffic::kv_cache, layout_.cache_piece[piece], layout_.cache_stride, size,
                 {group.keys.back(), group.values.back()}, {}, "cache");
    // A copy of its own waits for the port.
    builder_.hold(Buffer::state, size.value_bytes + size.scale_bytes, group.keys.front(), stored);
}

void VarSchedule::projection() {
    if (!projection_streams_) {
        begin_operator();
        auto& ready = input_ready_[proj_linear];
        for (std::size_t c = 0; c < chunks_.size(); ++c) {
            const auto image = (chunks_[c].begin + chunks_[c].size - 1) / tokens_;
            ready[c] = prepare(proj_linear, c, 0, width_, groups_.back().attended[index(image)], 0);
        }
        builder_.hold(Buffer::activations, 4 * batch_ * tokens_ * width_, groups_.front().first_attended,
                      ready.back());
    }
    begin_linear(proj_linear, false);
    linear_into_residual(proj_linear, block_operators_.attention_residual, 0, chunks_.size());
}

}  // namespace tilewright::accel
