// SPDX-License-Identifier: Apache-2.0
// Carries a Mamba2 program out on data: weights and states come from the simulated memories as packed bytes,
// lie in the buffers for as long as the program holds them, and every engine computes the box of its
// instruction with the kernels of models/. Instructions read when they start; what they make is there once
// they complete. Whatever reads what is not there throws FunctionalError.
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
#include "accel/functional/weight_stream_image.hpp"
#include "accel/schedule/mamba2_layout.hpp"
#include "accel/schedule/tile_program.hpp"
#include "models/networks/quantized_mamba.hpp"

namespace tilewright::accel {

// The numbers that a program runs on.
struct MambaInstance {
    // Weights of a block; asked for once per block, in order, and again for comparing.
    std::function<std::shared_ptr<const models::QuantizedMambaBlock>(int layer)> block;
    // What a block remembers from earlier tokens.
    std::function<models::QuantizedBlockState(int layer)> state;
    // With lm_head in the program: tokens 0, 1, 2 ... are looked up.
    std::shared_ptr<const models::QuantizedMambaEnds> ends;
    // Without: the input of the first block, [tokens, d_model], in the residual's format.
    std::vector<double> residual;
};

class Mamba2Executor : public ProgramExecutor {
  public:
    // All of them must outlive it.
    Mamba2Executor(const Design& design, const TileProgram& program, const models::QuantizedMamba& network,
                   const MambaInstance& instance);

    void start(const Step& step) override;
    void complete(const Step& step) override;

    // After the run. Throws FunctionalError for what was never made.
    std::vector<double> final_residual(std::int64_t token) const;
    std::vector<double> logits() const;
    // As stored in memory when the program has ended.
    models::QuantizedBlockState stored_state(int layer) const;

  private:
    using Commit = std::function<void()>;

    // Memories (mamba2_memory.cpp).
    void write_images();
    // Weights that no transfer will read again.
    void discard(const Step& load);
    void write_block_image(std::int64_t layer);
    void place_weights(std::size_t section, LinearEngine kind,
                       std::span<const Mamba2BlockLayout::Piece> pieces, std::int64_t stride,
                       std::int64_t layer,
                       const std::function<const models::QuantizedMatrix&(std::uint32_t)>& matrix_of);
    // Of a block: channels whose state lies in one piece, and where.
    struct StatePiece {
        std::int64_t first = 0;
        std::int64_t channels = 0;
        Instruction transfer;
    };
    std::vector<StatePiece> state_pieces() const;
    std::vector<std::byte> pack_state(const models::Elements& hidden, std::int64_t first,
                                      std::int64_t count) const;
    // Transfers and buffers (mamba2_executor.cpp).
    void start_store(const Step& step);
    void complete_load(const Step& step);
    void collect_releases();
    void release(const Step& step);
    // Channels whose state a transfer moves: first, count.
    std::pair<std::int64_t, std::int64_t> state_channels(const Instruction& work) const;
    // Tokens whose residual stream a transfer moves, and the block whose input that is.
    TokenRange residual_tokens(const Instruction& work) const;
    std::int64_t residual_generation(const Step& step) const;
    std::vector<EmbeddingPiece> looked_up() const { return embedding_pieces(design_, layout_.embedding); }

    // Engines (mamba2_compute.cpp, mamba2_scan_compute.cpp).
    Commit compute(const Step& step);
    void write_elements(TaggedElements& target, std::int64_t token, std::int64_t begin,
                        const models::Elements& elements, std::int64_t generation) const;
    Commit embedding(const Step& step);
    Commit norm(const Step& step);
    Commit hadamard(const Step& step);
    Commit matmul(const Step& step);
    Commit convolution(const Step& step);
    Commit softplus(const Step& step);
    Commit discretize(const Step& step);
    Commit gate(const Step& step);
    Commit residual_add(const Step& step);
    Commit ssm_fused(const Step& step);
    Commit ssm_operator(const Step& step);

    // One token through the SSM for channels [first, first + count): s of every channel, and h kept.
    std::vector<double> advance_state(std::int64_t token, std::int64_t first, std::int64_t count,
                                      std::int64_t generation);
    models::MambaOperators::Row outer_row(std::int64_t token, std::int64_t channel,
                                          std::int64_t generation) const;
    models::MambaOperators::Row decayed_row(std::int64_t token, std::int64_t channel,
                                            std::int64_t generation) const;
    double contract(std::int64_t token, std::int64_t channel, std::span<const double> sums,
                    std::int64_t generation) const;
    Commit publish_y(const Step& step, std::vector<std::vector<double>> y);
    void require_state(std::int64_t first, std::int64_t count, std::int64_t generation) const;

    struct TileWeights {
        std::vector<std::int8_t> units;
        std::vector<std::uint16_t> codes;
        std::vector<double> scales;
    };
    TileWeights tile_weights(const Step& step, const StreamTile& tile) const;

    // A linear operator's inputs, running sums and outputs.
    struct Linear {
        const models::QuantizedLinear* kernel = nullptr;
        std::vector<models::QuantizedRow> inputs;    // by token
        std::vector<std::int64_t> input_generation;  // by token; -1: none
        std::vector<models::LinearSum> sums;         // [tokens, outputs]
        std::vector<std::int64_t> summed;            // inputs so far, [tokens, outputs]
        TaggedArray outputs;
        int scale_base = 0;
    };
    Linear make_linear(const models::QuantizedLinear& kernel, const char* name, std::int64_t outputs) const;
    Linear& linear_of(const Step& step);
    Commit publish_input(Linear& linear, std::int64_t token, models::QuantizedRow row,
                         std::int64_t generation);

    const models::QuantizedMamba& network_;
    const models::MambaOperators& ops_;
    const MambaInstance& instance_;
    std::size_t block_section_ = 0;
    std::int64_t tokens_ = 1;

    // Off chip.
    Mamba2Layout layout_;
    // By section and engine; null without weights.
    std::vector<std::array<std::unique_ptr<WeightStreamOrder>, linear_engine_count>> orders_;
    WeightStreamOrder* order_of(const Step& step) const {
        return orders_[step.section][static_cast<std::size_t>(linear_engine(step))].get();
    }
    WeightCodec weight_codec_;
    std::int64_t image_written_ = -1;

    // In flight.
    std::map<Key, Commit> commits_;

    // In the buffers: what DMA engines have loaded, until the program lets go of it.
    std::map<Key, WeightChunkData> weights_;
    // Loads whose data are given up when an instruction (section, engine, position) completes: engine,
    // position.
    std::map<std::tuple<std::size_t, std::size_t, std::size_t>,
             std::vector<std::pair<std::size_t, std::size_t>>>
        releases_;
    std::vector<double> taps_;
    std::int64_t taps_generation_ = -1;
    std::vector<double> window_;
    std::int64_t window_generation_ = -1;
    models::Elements hidden_;
    std::vector<std::int64_t> hidden_generation_;  // by channel
    std::vector<std::int64_t> hidden_tokens_;      // by channel: tokens that it has seen

    // Made by engines. The generation is the block's number.
    TaggedArray residual_;
    Linear in_proj_;
    Linear out_proj_;
    Linear lm_head_;
    TaggedElements convolved_;
    TaggedElements dt_;
    TaggedElements decays_;
    TaggedElements gains_;
    TaggedArray y_;
    TaggedArray gated_;
    TaggedArray normed_;
    // Unfused: intermediates of the whole block, by token and channel.
    std::map<std::pair<std::int64_t, std::int64_t>, models::MambaOperators::Row> outer_;
    std::map<std::pair<std::int64_t, std::int64_t>, models::MambaOperators::Row> decayed_;
    std::map<std::pair<std::int64_t, std::int64_t>, std::vector<double>> sums_;
    // Weights of a block, asked for if need be. The last few are kept: engines are in one block or the next,
    // ports at most a few ahead.
    const models::QuantizedMambaBlock& block(std::int64_t layer) const;
    mutable std::map<std::int64_t, std::shared_ptr<const models::QuantizedMambaBlock>> blocks_;
};

}  // namespace tilewright::accel
