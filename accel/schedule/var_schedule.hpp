// SPDX-License-Identifier: Apache-2.0
// The schedule of one VAR block at one scale: which tile of which operator runs on which engine, in which
// order.
//
// A tile of qkv makes queries, keys or values of whole heads, and the attention of a group of heads runs
// beside the tiles of the next ones.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "accel/schedule/transformer_schedule.hpp"
#include "accel/schedule/var_layout.hpp"

namespace tilewright::accel {

class VarSchedule : private TransformerSchedule {
  public:
    // All must outlive it; the builder has a section open whose operators are those of the block.
    VarSchedule(const Design& design, ProgramBuilder& builder, const TransformerEngines& engines,
                const VarLayout& layout, const std::array<std::int64_t, linear_engine_count>& weight_slots,
                std::size_t scale);

    void emit();

  private:
    using TransformerSchedule::emit;

    // Attention of rows of one image and head, or of several whole heads of an image.
    struct Unit {
        std::int64_t group = 0;
        std::int64_t image = 0;
        Rows rows;  // of [images x heads x tokens]
        bool last_of_group = false;
        InstructionRef scores;
        InstructionRef softmax;
    };
    // What is known of a group of heads.
    struct HeadGroup {
        std::int64_t first_head = 0;
        std::int64_t heads = 0;
        std::vector<InstructionRef> products[3];   // q, k, v: by chunk
        std::vector<InstructionRef> queries;       // normalised, by image
        std::vector<InstructionRef> keys;          // as the cache has them, by image
        std::vector<InstructionRef> values;        // likewise
        std::optional<InstructionRef> first_load;  // of earlier scales' cache
        InstructionRef last_load{};
        InstructionRef first_attended{};
        std::vector<InstructionRef> attended;  // by image: the last of its products
    };

    Rows rows_of_image(std::int64_t image) const { return {image * tokens_, tokens_}; }
    std::size_t chunk_with(std::int64_t row) const {
        return static_cast<std::size_t>(row / var_.tile_tokens);
    }
    void load_vectors();

    // Attention (var_attention_schedule.cpp).
    void attention();
    void qkv_tiles(HeadGroup& group);
    void normalise(HeadGroup& group);
    void quantize_cache(HeadGroup& group);
    void load_cache(std::int64_t group);
    void attend(std::int64_t group);
    void score(Unit unit);
    void finish_unit();
    void finish_group(std::int64_t group);
    void store_cache(std::int64_t group);
    void projection();
    InstructionRef done_two_before(std::int64_t group) const;

    const VarDesign& var_;
    const VarLayout& layout_;
    std::size_t scale_;
    std::int64_t tokens_;  // of the scale, of one image
    std::int64_t batch_;
    std::int64_t seen_;  // tokens up to and with this scale
    InstructionRef first_vectors_load_{};
    std::vector<HeadGroup> groups_;
    std::deque<Unit> pending_;
};

}  // namespace tilewright::accel
