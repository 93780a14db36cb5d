// SPDX-License-Identifier: Apache-2.0
// Carries the blocks of a transformer's program out on data: weights, vectors and the key/value cache come
// from the simulated memories as packed bytes, and every engine computes the box of its instruction with the
// kernels of models/. Instructions read when they start; what they make is there once they complete. Every
// number carries the block and step that made it; whatever reads one that is not there throws
// FunctionalError. What is a network's own, its executor says.
//
// A step is what goes through all blocks together: a scale of VAR, a slice of a prompt, the next token of all
// beams.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "accel/design/design.hpp"
#include "accel/functional/program_executor.hpp"
#include "accel/functional/tagged_array.hpp"
#include "accel/functional/transformer_weight_order.hpp"
#include "accel/schedule/transformer_layout.hpp"
#include "models/networks/transformer_linear.hpp"

namespace tilewright::accel {

// The linear layers of a block, of VAR or GPT-BigCode.
template <typename Block>
const models::QuantizedTransformerLinear& linear_of(const Block& block, TransformerLinear linear) {
    const std::array<const models::QuantizedTransformerLinear*, transformer_linear_count> all = {
        &block.qkv, &block.proj, &block.fc1, &block.fc2};
    return *all[linear];
}

// What executors of all transformers have to know of a network.
struct TransformerKernels {
    // The arithmetic of models::QuantizedVar or models::QuantizedGpt.
    template <typename Network>
    explicit TransformerKernels(const Network& network)
        : linears{&network.qkv(), &network.proj(), &network.fc1(), &network.fc2()},
          cache_quantizer(network.cache_quantizer() ? &*network.cache_quantizer() : nullptr) {}

    // By TransformerLinear; they and the quantizer must outlive the executor.
    std::array<const models::TransformerKernel*, transformer_linear_count> linears{};
    const models::GroupQuantizer* cache_quantizer = nullptr;  // null: the cache keeps binary32 numbers
    std::vector<std::int64_t> rows;                           // by step
    std::int64_t cache_rows = 0;                              // of keys, or values, of all steps
    std::int64_t cache_width = 0;
    std::int64_t vector_elements = 0;  // of a block: what is loaded beside its weights
    std::int64_t first_bias = 0;       // among them; biases lie layer by layer
};

// Keys, or values, as the cache has them.
struct CacheNumbers {
    std::vector<double> keys;
    std::vector<double> values;
};

class TransformerExecutor : public ProgramExecutor {
  public:
    void start(const Step& step) override;
    void complete(const Step& step) override;

    // After the run. Behind the last block of every step, [rows, width], as memory had it.
    const std::vector<std::vector<float>>& outputs() const { return outputs_; }

  protected:
    using Commit = std::function<void()>;
    // Rows from `begin` on, from `column` on.
    struct Rows {
        std::int64_t begin = 0;
        std::int64_t column = 0;
        std::vector<std::vector<double>> values;
    };
    // A head's vector of keys or values in the cache.
    struct CacheVector {
        bool key = true;
        std::int64_t row = 0;
        std::int64_t column = 0;
    };
    // A row of attention: whose queries meet which rows of the cache, from `column` on.
    struct AttentionRow {
        std::int64_t row = 0;
        std::int64_t head = 0;
        std::vector<std::int64_t> cache_rows;
        std::int64_t cache_column = 0;
    };

    // `inputs`, by step, [rows, width], must outlive it as well.
    TransformerExecutor(const Design& design, const TileProgram& program, const TransformerKernels& kernels,
                        const std::vector<std::vector<float>>& inputs);

    // What is a network's own.
    virtual const models::QuantizedTransformerLinear& weights(std::int64_t block,
                                                              TransformerLinear linear) const = 0;
    // What others put into memory for a step: addresses, and numbers of binary32.
    using Placed = std::vector<std::pair<std::int64_t, std::vector<float>>>;
    virtual Placed input_of(std::size_t step) const = 0;
    // Numbers that have been loaded: a block's vectors, or the step's input.
    virtual void take_numbers(const Step& step, std::span<const double> numbers);
    // What is stored outside the blocks: the residual stream behind the last one. And where the layout has
    // it.
    virtual std::vector<float> output(const Step& step) const;
    virtual std::int64_t output_address() const = 0;
    // It lies in memory: keeps what is there for outputs().
    virtual void stored(const Step& step);
    // The pieces of a transfer of the cache, in order.
    virtual std::vector<CacheVector> cache_vectors(const Step& step) const = 0;
    // Where the cache has what a row of the step has made.
    virtual std::int64_t cache_row(const Step& step, std::int64_t row) const = 0;
    // Of a row's keys or values, before they are rounded to the cache's format: from `begin` on.
    virtual std::vector<double> unrounded(const Step& step, bool keys, std::int64_t row, std::int64_t begin,
                                          std::int64_t size) const = 0;
    // Called as soon as qkv's products are there, where the cache has no format of its own.
    virtual void keep_unrounded(const Step& step, const Rows& products) = 0;
    // One of the two norms of a block. `first`: the one before attention.
    virtual std::vector<float> normed(const Step& step, bool first, std::int64_t row,
                                      std::span<const float> x) const = 0;
    // Scales what is added to the residual stream, from `column` on.
    virtual void scale_update(const Step& /*step*/, bool /*first*/, std::int64_t /*row*/,
                              std::int64_t /*column*/, std::span<float> /*update*/) const {}
    // Of row `at` of the `number`-th of the step's blocks of attention, which has `keys` keys.
    virtual AttentionRow attention_row(const Step& step, std::size_t number, std::int64_t at,
                                       std::int64_t keys) const = 0;
    virtual std::vector<float> query(const Step& step, std::int64_t row, std::int64_t head) const = 0;
    // What no other transformer has, and all outside the blocks.
    virtual Commit compute_own(const Step& step);

    // To be called before the run: puts the weights of all blocks where the layout has them, and those of the
    // linear layer outside the blocks whose operator's name ends so, in one repetition of its section.
    void place_weights(const LinearLayout& layout);
    void place_end_weights(std::string_view operator_end, std::int64_t address,
                           const models::QuantizedMatrix& matrix, std::int64_t stride = 0,
                           std::int64_t repetition = 0);
    void place_vectors(std::int64_t address, std::int64_t stride, std::int64_t block,
                       std::span<const float> numbers);

    bool in_blocks(const Step& step) const { return is_block_section_[step.section]; }
    std::size_t step_of(const Step& step) const { return step_of_section_[step.section]; }
    // Of what a block makes in a step.
    std::int64_t generation(const Step& step) const;
    // Elements of the vectors that the block has loaded.
    std::vector<float> vectors(const Step& step, std::int64_t begin, std::int64_t size) const;
    const TaggedArray& qkv_output() const { return layers_[qkv_linear].output; }
    // Numbers as rows of the residual stream's width. Throws FunctionalError when they are not.
    std::int64_t rows_in(std::span<const double> numbers) const;
    std::span<const double> row_of(std::span<const double> numbers, std::int64_t row) const;
    // Rows of the residual stream that enter a step's first block, and that leave its last one.
    void write_input(const Step& step, std::int64_t row, std::span<const double> numbers);
    std::vector<float> final_row(const Step& step, std::int64_t row) const;
    // Weights outside the blocks, of the tile that an instruction multiplies by: codes.
    std::vector<std::uint16_t> end_weights(const Step& step) const;
    void write_cache(const Step& step, bool key, std::int64_t row, std::int64_t column,
                     std::span<const double> numbers);
    std::vector<std::byte> pack_cache(std::span<const double> numbers) const;
    std::vector<double> unpack_cache(std::span<const std::byte> bytes, std::int64_t elements) const;
    // What memory holds, from an address on, of a matrix that is stored tile by tile, all rows of a tile one
    // behind the other.
    std::vector<float> stored_tiles(std::int64_t address, std::int64_t rows, std::int64_t columns) const;
    // What memory holds of a block's cache.
    std::vector<double> stored_cache(std::int64_t address, std::int64_t stride, std::int64_t block,
                                     std::int64_t elements) const;

    const TransformerBlock block_;

  private:
    // A quantized linear layer: what goes in, before and behind rotation and rounding, and what comes out.
    struct Layer {
        TransformerLinear linear;
        const models::TransformerKernel* kernel = nullptr;
        std::string name;
        std::int64_t first_bias = 0;
        std::int64_t weight_group = 0;
        TaggedArray input;
        TaggedArray rotated;
        TaggedArray rounded;
        TaggedArray output;
        // Rows as the kernel takes them, and the generation that they are of: a row meets many tiles.
        using Input = std::variant<models::QuantizedRow, models::DualRow>;
        std::map<std::int64_t, std::pair<std::int64_t, Input>> inputs;
    };
    struct TileWeights {
        std::vector<std::int8_t> units;
        std::vector<std::uint16_t> codes;
        std::vector<double> scales;
    };
    // Scores of a row of attention, or their shares.
    struct Scores {
        std::int64_t tag = -1;  // 2 generation for scores, + 1 for shares
        std::vector<float> numbers;
    };
    using ScoresKey = std::pair<std::size_t, std::int64_t>;  // block of attention, row

    // Of the residual stream between the two additions of a block.
    std::int64_t middle(const Step& step) const { return generation(step) + (1 << 24); }

    // Transfers (transformer_executor.cpp).
    void collect_sections();
    void collect_releases();
    void place_pass(const TransformerWeightOrder::Pass& pass, LinearEngine kind, std::int64_t address,
                    std::int64_t stride, std::int64_t block, const models::QuantizedMatrix& matrix);
    void start_load(const Step& step);
    void start_store(const Step& step);
    void complete_load(const Step& step);

    // Engines (transformer_compute.cpp).
    Commit compute(const Step& step);
    Commit norm(const Step& step);
    Commit hadamard(const Step& step);
    Commit quantize(const Step& step);
    Commit quantize_cache(const Step& step);
    Commit matmul(const Step& step);
    Commit scores(const Step& step);
    Commit softmax(const Step& step);
    Commit weighted_values(const Step& step);
    Commit activation(const Step& step);
    Commit residual_add(const Step& step);
    Commit publish(const Step& step, TaggedArray& target, Rows rows) const;
    Layer& layer_of(const std::string& operator_name);
    TileWeights tile_weights(const Step& step, LinearEngine kind) const;
    template <typename Kernel>
    const auto& input_row(const Step& step, Layer& layer, std::int64_t row, const Kernel& kernel) const;
    // The rows' vectors one behind the other.
    std::vector<float> gather(const Step& step, const TaggedArray& cache, const AttentionRow& row) const;
    const std::vector<float>& scores_of(const Step& step, std::int64_t at, bool shares) const;

    const models::GroupQuantizer* cache_quantizer_;
    const std::vector<std::vector<float>>& inputs_;
    std::vector<std::size_t> step_of_section_;
    std::vector<bool> is_block_section_;

    // Off chip.
    // By section and engine; null without weights. Those outside the blocks count as the fabric's.
    std::vector<std::array<std::unique_ptr<TransformerWeightOrder>, linear_engine_count>> orders_;
    // Throws FunctionalError where the section has no weights for the engine.
    const TransformerWeightOrder& order_of(const Step& step, LinearEngine kind) const;
    std::set<std::size_t> inputs_placed_;  // sections
    std::vector<std::vector<float>> outputs_;

    // In flight.
    std::map<Key, Commit> commits_;

    // In the buffers.
    std::map<Key, WeightChunkData> weights_;
    std::map<std::tuple<std::size_t, std::size_t, std::size_t>,
             std::vector<std::pair<std::size_t, std::size_t>>>
        releases_;  // by section, engine, position: loads that are given up: engine, position
    // Those of the next block come while this one still needs its own: two places, by turns.
    std::vector<TaggedArray> vectors_;
    TaggedArray residual_;
    std::vector<Layer> layers_;
    TaggedArray keys_;    // of all steps so far
    TaggedArray values_;  // likewise
    std::map<ScoresKey, Scores> scores_;
};

}  // namespace tilewright::accel
