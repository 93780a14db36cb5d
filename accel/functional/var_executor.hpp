// SPDX-License-Identifier: Apache-2.0
// Carries the blocks of a VAR program out on data: weights, vectors and the key/value cache come from the
// simulated memories as packed bytes, and every engine computes the box of its instruction with the kernels
// of models/. Instructions read when they start; what they make is there once they complete. Every number
// carries the block and scale that made it; whatever reads one that is not there throws FunctionalError.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "accel/design/design.hpp"
#include "accel/functional/program_executor.hpp"
#include "accel/functional/tagged_array.hpp"
#include "accel/functional/var_weight_order.hpp"
#include "accel/schedule/var_layout.hpp"
#include "models/networks/quantized_var.hpp"

namespace tilewright::accel {

// The numbers that a program runs on.
struct VarInstance {
    std::vector<std::shared_ptr<const models::QuantizedVarBlock>> blocks;
    std::vector<std::vector<float>> modulation;  // by block: [images, 6, width]
    std::vector<std::vector<float>> inputs;      // by scale: [images x tokens, width]
};

// Keys or values of a group of heads, of all images and tokens of a scale, in the order in which the cache's
// pieces have them: image, head, token, channel.
struct CachePiece {
    std::vector<double> keys;
    std::vector<double> values;
};

class VarExecutor : public ProgramExecutor {
  public:
    // All of them must outlive it.
    VarExecutor(const Design& design, const TileProgram& program, const models::QuantizedVar& network,
                const VarInstance& instance);

    void start(const Step& step) override;
    void complete(const Step& step) override;

    // After the run. Behind the last block of every scale, [images x tokens, width], as stored.
    const std::vector<std::vector<float>>& outputs() const { return outputs_; }
    // What memory holds of a block's cache.
    CachePiece stored_piece(std::int64_t layer, std::size_t scale, std::int64_t group) const;

  private:
    using Commit = std::function<void()>;
    std::size_t scale_of(const Step& step) const { return scale_of_section_[step.section]; }
    // Of what a block makes at a scale.
    std::int64_t generation(const Step& step) const;
    // Of the residual stream between the two additions of a block.
    std::int64_t middle(const Step& step) const { return generation(step) + (1 << 24); }
    const models::QuantizedVarBlock& block(const Step& step) const {
        return *instance_.blocks[static_cast<std::size_t>(step.repetition)];
    }
    [[noreturn]] void fail(const Step& step, const std::string& what) const;

    // Transfers (var_executor.cpp).
    void write_weights(const Step& step);
    void start_load(const Step& step);
    void start_store(const Step& step);
    void complete_load(const Step& step);
    void collect_releases();
    std::pair<std::size_t, std::int64_t> cache_piece_of(const Instruction& work) const;  // scale, group

    // Engines (var_compute.cpp).
    Commit compute(const Step& step);
    Commit norm(const Step& step);
    Commit hadamard(const Step& step);
    Commit quantize(const Step& step);
    Commit quantize_cache(const Step& step);
    Commit matmul(const Step& step);
    Commit l2_norm(const Step& step);
    Commit scores(const Step& step);
    Commit softmax(const Step& step);
    Commit weighted_values(const Step& step);
    Commit activation(const Step& step);
    Commit residual_add(const Step& step);
    std::int64_t cache_row(std::size_t scale, std::int64_t row) const;
    // From the buffer, as loaded from memory.
    std::vector<float> modulation(const Step& step, std::int64_t row, std::int64_t vector) const;
    std::vector<float> vectors(const Step& step, std::int64_t begin, std::int64_t size) const;

    struct TileWeights {
        std::vector<std::int8_t> units;
        std::vector<std::uint16_t> codes;
        std::vector<double> scales;
    };
    TileWeights tile_weights(const Step& step, const VarWeightOrder::Use& use) const;

    // A quantized linear layer: what goes in, before and behind rotation and rounding, and what comes out.
    struct Layer {
        const models::QuantizedVar::Linear* kernel = nullptr;
        models::QuantizedTransformerLinear models::QuantizedVarBlock::*weights = nullptr;
        std::string name;
        std::int64_t first_bias = 0;  // among the loaded vectors
        TaggedArray input;
        TaggedArray rotated;
        TaggedArray rounded;
        TaggedArray output;
    };
    Layer& layer_of(const std::string& operator_name);
    // Writes to several rows at completion.
    struct Rows {
        std::int64_t begin = 0;
        std::int64_t column = 0;
        std::vector<std::vector<double>> values;
    };
    Commit publish(const Step& step, TaggedArray& target, Rows rows) const;

    const VarDesign& var_;
    const models::QuantizedVar& network_;
    const VarInstance& instance_;
    std::int64_t width_;
    std::int64_t dim_;
    std::int64_t heads_;
    std::int64_t batch_;
    VarLayout layout_;
    std::vector<std::size_t> scale_of_section_;
    std::vector<bool> is_block_section_;

    // Off chip.
    // By section and engine; null without weights.
    std::vector<std::array<std::unique_ptr<VarWeightOrder>, linear_engine_count>> orders_;
    const VarWeightOrder& order_of(const Step& step) const {
        return *orders_[step.section][static_cast<std::size_t>(linear_engine(step))];
    }
    std::vector<bool> weights_written_;  // by block
    std::vector<std::vector<float>> outputs_;

    // In flight.
    std::map<Key, Commit> commits_;

    // In the buffers.
    std::map<Key, WeightChunkData> weights_;
    std::map<std::tuple<std::size_t, std::size_t, std::size_t>,
             std::vector<std::pair<std::size_t, std::size_t>>>
        releases_;  // by section, engine, position: loads that are given up: engine, position
    // Those of the next block come while this one still needs its own: two places, by turns.
    std::vector<TaggedArray> modulation_;
    std::vector<TaggedArray> vectors_;
    TaggedArray residual_;
    std::vector<Layer> layers_;
    TaggedArray queries_;
    TaggedArray normed_keys_;
    TaggedArray keys_;    // all tokens so far: [images x tokens of all scales, width]
    TaggedArray values_;  // likewise
    std::map<std::int64_t, std::vector<float>> scores_;  // by row of [images x heads x tokens]
    std::map<std::int64_t, std::int64_t> scores_tag_;    // 2 generation for scores, + 1 for shares
};

}  // namespace tilewright::accel
