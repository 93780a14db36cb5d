// SPDX-License-Identifier: Apache-2.0
// Carries the blocks of a GPT-BigCode program out on data (see transformer_executor.hpp): norms with weights
// and biases, one head of keys and values that all queries share, each token's own up to itself. A step is a
// slice of the prompt, or the next token of all beams.
#pragma once

#include <memory>
#include <vector>

#include "accel/functional/transformer_executor.hpp"
#include "accel/schedule/gpt_layout.hpp"
#include "models/networks/quantized_gpt.hpp"
#include "models/networks/quantized_gpt_ends.hpp"

namespace tilewright::accel {

// The numbers that a program runs on.
struct GptInstance {
    std::vector<std::shared_ptr<const models::QuantizedGptBlock>> blocks;
    // Of a decode step, by block: of the prompt's tokens, then of those that the first beam has generated,
    // the second beam, and so on.
    std::vector<models::QuantizedGptCache> contexts;
    // Without ends, by step: [rows, width].
    std::vector<std::vector<float>> inputs;
    // With ends: the network's, and by step the token of every row.
    std::shared_ptr<const models::QuantizedGptEnds> ends;
    std::vector<std::vector<std::int64_t>> tokens;

    // A token's embedding and its position's.
    std::span<const float> embedding(std::size_t step, std::int64_t row) const;
    std::span<const float> position(const models::GptStep& step, std::int64_t row) const;
};

class GptExecutor : public TransformerExecutor {
  public:
    // All of them must outlive it.
    GptExecutor(const Design& design, const TileProgram& program, const models::QuantizedGpt& network,
                const GptInstance& instance);

    // What memory holds after the run of the last step's logits, [sequences, vocabulary].
    std::vector<float> stored_logits() const;
    // What memory holds of a block's keys and values, [tokens, D]: those that a step has made, and those of
    // the context.
    CacheNumbers stored_cache_of(std::int64_t layer, std::size_t step) const;
    CacheNumbers stored_context(std::int64_t layer) const;

  private:
    // Keys or values of tokens one behind the other.
    struct Piece {
        bool keys = true;
        std::int64_t address = 0;
        std::int64_t first_row = 0;
        std::int64_t tokens = 0;
        bool context = false;  // made by steps before the program's first one
    };
    void collect_pieces();
    void place_context(std::int64_t number);
    const Piece& piece_of(const Step& step) const;

    const models::QuantizedGptBlock& block(std::int64_t number) const {
        return *instance_.blocks[static_cast<std::size_t>(number)];
    }
    const models::QuantizedTransformerLinear& weights(std::int64_t block,
                                                      TransformerLinear linear) const override;
    Placed input_of(std::size_t step) const override;
    std::int64_t output_address() const override { return layout_.outputs; }
    void take_numbers(const Step& step, std::span<const double> numbers) override;
    std::vector<float> output(const Step& step) const override;
    void stored(const Step& step) override;
    std::vector<CacheVector> cache_vectors(const Step& step) const override;
    std::int64_t cache_row(const Step& step, std::int64_t row) const override;
    std::vector<double> unrounded(const Step& step, bool keys, std::int64_t row, std::int64_t begin,
                                  std::int64_t size) const override;
    void keep_unrounded(const Step& step, const Rows& products) override;
    std::vector<float> normed(const Step& step, bool first, std::int64_t row,
                              std::span<const float> x) const override;
    AttentionRow attention_row(const Step& step, std::size_t number, std::int64_t at,
                               std::int64_t keys) const override;
    std::vector<float> query(const Step& step, std::int64_t row, std::int64_t head) const override;

    // Outside the blocks (gpt_executor_ends.cpp).
    Commit compute_own(const Step& step) override;
    Commit embed(const Step& step);
    Commit add_positions(const Step& step);
    Commit final_norm(const Step& step);
    Commit head(const Step& step);
    Commit publish_rows(const Step& step, TaggedArray& target, std::int64_t column,
                        std::vector<std::vector<double>> rows) const;

    const GptDesign& gpt_;
    const GptInstance& instance_;
    const std::vector<models::GptStep> steps_;
    const GptLayout layout_;
    std::vector<Piece> pieces_;

    // In the buffers, outside the blocks, by step.
    TaggedArray embeddings_;  // as loaded
    TaggedArray positions_;   // likewise
    TaggedArray embedded_;
    TaggedArray norm_vectors_;  // weight, then bias
    TaggedArray normed_;        // of every sequence's last token
    TaggedArray logits_;
};

}  // namespace tilewright::accel
