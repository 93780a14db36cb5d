// SPDX-License-Identifier: Apache-2.0
// Carries the blocks of a VAR program out on data (see transformer_executor.hpp): AdaLN's vectors, normalised
// queries and keys, a cache with all heads' keys and values. A step is a scale.
#pragma once

#include <memory>
#include <vector>

#include "accel/functional/transformer_executor.hpp"
#include "accel/schedule/var_layout.hpp"
#include "models/networks/quantized_var.hpp"

namespace tilewright::accel {

// The numbers that a program runs on.
struct VarInstance {
    std::vector<std::shared_ptr<const models::QuantizedVarBlock>> blocks;
    std::vector<std::vector<float>> modulation;  // by block: [images, 6, width]
    std::vector<std::vector<float>> inputs;      // by scale: [images x tokens, width]
};

class VarExecutor : public TransformerExecutor {
  public:
    // All of them must outlive it.
    VarExecutor(const Design& design, const TileProgram& program, const models::QuantizedVar& network,
                const VarInstance& instance);

    // What memory holds of a block's cache, of a group of heads, all images and all tokens of a scale: image,
    // head, token, channel.
    CacheNumbers stored_piece(std::int64_t layer, std::size_t scale, std::int64_t group) const;

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
};

}  // namespace tilewright::accel
