// SPDX-License-Identifier: Apache-2.0
// The schedule of one Mamba2 block: which tile of which operator runs on which engine, in which order.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "accel/schedule/linear_split.hpp"
#include "accel/schedule/mamba2_layout.hpp"
#include "accel/schedule/mamba2_order.hpp"
#include "accel/schedule/program_builder.hpp"
#include "accel/schedule/weight_stream.hpp"

namespace tilewright::accel {

// Indices of the engines in TileProgram::engines. Without unrolling there is one compute array: the SSM runs
// on the vector unit and the Hadamard transform on the matrix unit.
struct EngineIndices {
    LinearEngines linear;
    std::uint16_t vector = 0;
    std::uint16_t ssm = 0;
    std::uint16_t hadamard = 0;
    std::vector<std::uint16_t> dma;  // by memory port
};

class Mamba2Schedule {
  public:
    Mamba2Schedule(const Design& design, ProgramBuilder& builder, const EngineIndices& engines,
                   const Mamba2BlockLayout& layout,
                   const std::array<std::int64_t, linear_engine_count>& weight_slots,
                   std::int64_t state_slots);

    using Tokens = TokenRange;
    // Tokens that the weights are applied to at once, and what of them the end of the block needs.
    struct TokenPass {
        Tokens tokens;
        bool first = true;
        bool last = true;
        InstructionRef norm{};
        // Outputs of in_proj, in the pieces in which they are made, and where each begins.
        std::vector<std::pair<InstructionRef, std::int64_t>> made;
        std::vector<InstructionRef> residual;  // loads of its pieces, if it is in memory

        friend bool operator==(const TokenPass&, const TokenPass&) = default;
    };
    // A gate whose z is made, for this block or the one before it.
    struct WaitingGate {
        Tokens tokens;
        std::int64_t channel = 0;
        std::int64_t channels = 0;
        InstructionRef ssm;
        std::vector<InstructionRef> z;
        std::uint8_t stage = 0;

        friend bool operator==(const WaitingGate&, const WaitingGate&) = default;
    };
    // A group of channels whose state has not been written back, with its load and last user.
    struct PendingStore {
        std::int64_t group = 0;
        InstructionRef load;
        InstructionRef user;

        friend bool operator==(const PendingStore&, const PendingStore&) = default;
    };
    // What a block that is not finished hands to the repetition of the next one. Indices count back from the
    // start of that repetition.
    struct Unfinished {
        TokenPass pass;
        std::deque<WaitingGate> gates;
        std::deque<PendingStore> stores;

        friend bool operator==(const Unfinished&, const Unfinished&) = default;
    };

    // Emits a block into the section that the builder has open. Where passes overlap, blocks do too: what is
    // left of the one before, in this repetition, is `earlier`, and what is left of this one is returned.
    // Where that stands depends on whether there is such a block, not on what it left, so it is found by
    // emitting blocks.
    std::optional<Unfinished> emit(const std::optional<Unfinished>& earlier);

  private:
    // The input of a linear layer, and whose completion says that its pieces are there.
    struct LinearInputs {
        struct Piece {
            Tokens tokens;
            InstructionRef ready;
        };
        Tokens tokens;
        std::vector<Piece> pieces;
        std::array<bool, linear_engine_count> taken_up{};  // by LinearEngine: some tile has awaited it
    };

    Unfinished unfinished(const TokenPass& pass) const;

    std::optional<Unfinished> emit_passes(const std::optional<Unfinished>& earlier);
    std::size_t stores_left_over() const;
    void take_up(const Unfinished& earlier);
    // The last pass of the block before, in this repetition.
    void finish_earlier(const Unfinished& earlier);

    // Norm; then in_proj and what follows from its outputs, in one or two pieces; then the rest of the block.
    LinearInputs begin_pass(TokenPass& pass);
    // Residual stream in memory: a pass's loads, unless they are there already, and its stores.
    void load_residual(TokenPass& pass);
    void store_residual(const TokenPass& pass, InstructionRef added);
    void move_residual(std::size_t transfers);
    void in_proj(TokenPass& pass, LinearInputs& inputs, WeightPiece piece, std::span<const OutputRun> runs);
    void finish_pass(const TokenPass& pass);
    void store_convolution();
    void hold_norm(const TokenPass& pass, InstructionRef last_user);
    void begin_weights(WeightPiece piece, bool first_pass);
    void on_outputs(const TokenPass& pass, const OutputRun& run, const std::vector<InstructionRef>& products);
    void run_ssm_for_all(const TokenPass& pass);
    void ssm_group(const TokenPass& pass, std::int64_t channel, std::int64_t channels);
    // Emits the oldest gates until `keep` are left.
    void open_gates(std::size_t keep);
    // Emits the tiles of a linear operator in loop order; calls `done` after the last tile of every run with
    // the run's last product on each engine.
    template <typename Done>
    void matmul(const char* name, const LinearSplit& split, std::span<const OutputRun> runs,
                LinearInputs& inputs, Done done);
    // Cut into the pieces in which norms hand tokens on.
    LinearInputs in_pieces(Tokens tokens) const;
    // The last one so far of a layer that one engine makes.
    InstructionRef last_product(const LinearSplit& split) const;

    InstructionRef vector_work(Opcode opcode, const char* op, std::uint8_t ops, Tokens tokens,
                               std::int64_t n0, std::int64_t n, const std::vector<InstructionRef>& data,
                               const char* label);
    InstructionRef transfer(Opcode opcode, Traffic traffic, Stream stream, std::int64_t address,
                            std::int64_t stride, std::int64_t elements,
                            const models::Quantization& quantization, const std::vector<InstructionRef>& data,
                            const char* label);
    void load_convolution();
    void load_state(std::int64_t group, std::int64_t groups);
    // Of all groups from one to another.
    void store_state(const PendingStore& first, const PendingStore& last);
    void flush_stores(std::size_t keep);
    void reuse_state_slots();
    Instruction work(Opcode opcode, std::uint32_t first_operator, std::uint8_t operators, const char* label,
                     Tokens tokens) const;
    std::uint32_t operator_index(const std::string& name) const;

    const Design& design_;
    ProgramBuilder& builder_;
    const EngineIndices engines_;
    const Mamba2BlockLayout layout_;
    const std::vector<models::Operator>& operators_;
    LinearStreams weights_;
    const LinearSplit in_proj_split_;
    const LinearSplit out_proj_split_;
    std::int64_t state_slots_;
    const std::size_t runs_ahead_;

    std::vector<InstructionRef> convolution_loads_;
    std::vector<InstructionRef> state_loads_;   // by group
    std::vector<InstructionRef> state_stores_;  // by group
    std::vector<bool> stored_later_;            // by group: in the repetition behind
    std::deque<PendingStore> pending_stores_;   // oldest first
    // The latest so far.
    InstructionRef b_c_ready_{};
    InstructionRef discretized_{};
    InstructionRef convolved_{};
    InstructionRef ssm_done_{};
    std::deque<std::function<void()>> residual_later_;  // transfers that are due in this pass's in_proj
    std::optional<InstructionRef> residual_stored_;
    std::optional<Instruction> late_discretize_;
    InstructionRef first_intermediate_{};
    std::deque<WaitingGate> waiting_gates_;
};

}  // namespace tilewright::accel
