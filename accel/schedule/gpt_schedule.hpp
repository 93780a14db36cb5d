// SPDX-License-Identifier: Apache-2.0
// The schedule of one GPT-BigCode block in one step: which tile of which operator runs on which engine, in
// which order.
//
// Keys and values, which all heads share, are made first, rounded and stored behind those of earlier tokens;
// these are loaded while the block before this one is still in its feed-forward part. Then every tile of qkv
// makes the queries of a group of heads, and their attention runs beside the tiles of the next groups.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "accel/schedule/gpt_layout.hpp"
#include "accel/schedule/transformer_schedule.hpp"

namespace tilewright::accel {

class GptSchedule : private TransformerSchedule {
  public:
    // All must outlive it; the builder has a section open whose operators are those of the block. `step`: one
    // of those of the design's work.
    GptSchedule(const Design& design, ProgramBuilder& builder, const TransformerEngines& engines,
                const GptLayout& layout, const std::array<std::int64_t, linear_engine_count>& weight_slots,
                const models::GptStep& step);

    void emit();

  private:
    using TransformerSchedule::emit;

    // Attention of some heads' rows of one of the step's blocks of attention.
    struct Unit {
        std::size_t group = 0;
        std::size_t block = 0;
        Rows rows;  // of [heads x rows of the block]
        bool last_of_block = false;
        InstructionRef scores;
        InstructionRef softmax;
    };
    struct HeadGroup {
        std::int64_t first_head = 0;
        std::int64_t heads = 0;
        std::vector<std::vector<InstructionRef>> queries;  // by chunk: of every tile
        InstructionRef first_attended{};
        std::vector<InstructionRef> attended;  // by block of attention: the last of its products
    };

    void load_vectors();
    void load_cache();
    void keys_and_values();
    void queries(HeadGroup& group);
    void attend(std::size_t group);
    void score(Unit unit);
    void finish_unit();
    void finish_group(std::size_t group);
    void store_cache();
    void projection();
    // When attention two groups before this one, or with a single buffer the one before, is done.
    InstructionRef attended_before(std::size_t group) const;

    const GptDesign& gpt_;
    const GptLayout& layout_;
    const models::GptStep step_;
    const std::vector<models::AttentionBlock> attention_blocks_;
    std::vector<HeadGroup> groups_;
    std::deque<Unit> pending_;
    std::vector<InstructionRef> cache_loads_;
    std::vector<std::int64_t> cache_load_bytes_;
    std::vector<InstructionRef> key_products_;    // by chunk
    std::vector<InstructionRef> value_products_;  // by chunk; the same, if one tile makes both
    std::vector<InstructionRef> keys_;            // by chunk, as the cache has them
    std::vector<InstructionRef> values_;          // by chunk
};

}  // namespace tilewright::accel
