// SPDX-License-Identifier: Apache-2.0
// Carries a VAR program out on data (see transformer_executor.hpp): AdaLN's vectors, normalised
// queries and keys, a cache with all heads' keys and values. A step is a scale.
#pragma once

#include <memory>
#include <vector>

#include "accel/functional/transformer_executor.hpp"
#include "accel/schedule/var_layout.hpp"
#include "models/networks/quantized_var.hpp"
#include "models/weights/var_model.hpp"

namespace tilewright::accel {

// The numbers that a program runs on.
struct VarInstance {
    std::vector<std::shared_ptr<const models::QuantizedVarBlock>> blocks;
    std::vector<float> conditions;               // [images, width]: embeddings of their classes
    std::vector<std::vector<float>> modulation;  // by block: [images, 6, width]
    // Without ends, by scale: [images x tokens, width].
    std::vector<std::vector<float>> inputs;
    // With ends: the network's, and what is made of them; by scale, but for the first, what tokens look like,
    // [images x tokens, codebook width].
    std::shared_ptr<const models::VarEndWeights> ends;
    std::vector<float> places;           // [tokens, width]
    std::vector<float> head_modulation;  // [images, 2, width]
    std::vector<std::vector<float>> maps;
};

// What is on chip around the blocks.
struct VarEndBuffers {
    explicit VarEndBuffers(const VarDesign& var);

    TaggedArray classes;  // as loaded
    TaggedArray conditions;
    TaggedArray activated;
    TaggedArray adaln_bias;
    TaggedArray adaln;
    TaggedArray head_adaln_bias;
    TaggedArray head_adaln;
    TaggedArray start;
    TaggedArray maps;  // as loaded
    TaggedArray words;
    TaggedArray word_bias;
    TaggedArray embedded;
    TaggedArray places;
    TaggedArray head_modulation;
    TaggedArray normed;
    TaggedArray head_bias;
    TaggedArray logits;
};

class VarExecutor : public TransformerExecutor {
  public:
    // All of them must outlive it.
    VarExecutor(const Design& design, const TileProgram& program, const models::QuantizedVar& network,
                const VarInstance& instance);

    // What memory holds of a block's cache, of a group of heads, all images and all tokens of a scale: image,
    // head, token, channel.
    CacheNumbers stored_piece(std::int64_t layer, std::size_t scale, std::int64_t group) const;
    // By scale, as memory had them behind it: logits, [images x tokens, codebook].
    const std::vector<std::vector<float>>& stored_logits() const { return stored_logits_; }

  private:
    const models::QuantizedVarBlock& block(std::int64_t number) const {
        return *instance_.blocks[static_cast<std::size_t>(number)];
    }
    const models::QuantizedTransformerLinear& weights(std::int64_t block,
                                                      TransformerLinear linear) const override;
    Placed input_of(std::size_t step) const override;
    std::int64_t output_address() const override { return layout_.outputs; }
    void take_numbers(const Step& step, std::span<const double> numbers) override;
    std::vector<CacheVector> cache_vectors(const Step& step) const override;
    std::int64_t cache_row(const Step& step, std::int64_t row) const override;
    std::vector<double> unrounded(const Step& step, bool keys, std::int64_t row, std::int64_t begin,
                                  std::int64_t size) const override;
    void keep_unrounded(const Step& step, const Rows& products) override;
    std::vector<float> normed(const Step& step, bool first, std::int64_t row,
                              std::span<const float> x) const override;
    void scale_update(const Step& step, bool first, std::int64_t row, std::int64_t column,
                      std::span<float> update) const override;
    AttentionRow attention_row(const Step& step, std::size_t number, std::int64_t at,
                               std::int64_t keys) const override;
    std::vector<float> query(const Step& step, std::int64_t row, std::int64_t head) const override;
    Commit compute_own(const Step& step) override;
    std::vector<float> output(const Step& step) const override;
    void stored(const Step& step) override;

    // Around the blocks (var_executor_ends.cpp).
    std::int64_t tag_of(const Step& step) const;
    void place_ends();
    void take_end_numbers(const Step& step, std::span<const double> numbers);
    template <typename Make>
    Commit make_rows(const Step& step, TaggedArray& target, std::int64_t rows, std::int64_t column,
                     Make make) const;
    static std::vector<float> whole_row(const TaggedArray& from, std::int64_t row, std::int64_t tag);
    Commit end_linear(const Step& step, const TaggedArray& input, std::int64_t input_tag,
                      const TaggedArray& bias, TaggedArray& output) const;
    Commit compute_ends(const Step& step);
    Commit add_places(const Step& step);

    // The heads of a group: the first one, and how many.
    std::pair<std::int64_t, std::int64_t> heads_of(std::int64_t group) const;
    // From the buffer, as loaded from memory.
    std::vector<float> modulation(const Step& step, std::int64_t row, std::int64_t vector) const;

    const VarDesign& var_;
    const models::QuantizedVar& network_;
    const VarInstance& instance_;
    std::int64_t dim_;
    std::int64_t batch_;
    VarLayout layout_;

    // In the buffers. AdaLN's vectors of the next block come while this one still needs its own: two places,
    // by turns.
    std::vector<TaggedArray> modulation_;
    TaggedArray queries_;
    TaggedArray normed_keys_;
    VarEndBuffers ends_;
    std::int64_t logit_tiles_ = 0;  // of this scale that have been stored
    std::vector<std::vector<float>> stored_logits_;
};

}  // namespace tilewright::accel
