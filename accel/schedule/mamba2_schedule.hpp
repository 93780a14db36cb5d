// SPDX-License-Identifier: Apache-2.0
// The schedule of one Mamba2 block: which tile of which operator runs on which engine, in which order.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
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

    // Emits the block into the section that the builder has open.
    void emit();

  private:
    // Tokens of the pass whose input of a linear layer is there when an instruction has completed.
    struct ReadyTokens {
        std::int64_t begin = 0;
        std::int64_t size = 0;
        InstructionRef ready;
    };

    void emit_pass(std::int64_t m0, std::int64_t tokens, bool first, bool last);
    void norm_and_in_proj();
    void on_outputs(const OutputRun& run, const std::vector<InstructionRef>& products);
    void run_ssm_for_all();
    void ssm_group(std::int64_t channel, std::int64_t channels);
    void gate_group(std::int64_t channel, std::int64_t channels, const std::vector<InstructionRef>& z);
    void gated_norm_and_out_proj();
    // Emits the tiles of a linear operator in loop order; calls `done` after the last tile of every run with
    // the run's last product on each engine.
    template <typename Done>
    void matmul(const char* name, const LinearSplit& split, const std::vector<OutputRun>& runs,
                const std::vector<ReadyTokens>& inputs, Done done);
    // The tokens of the pass, cut into the pieces in which norms hand them on.
    std::vector<ReadyTokens> token_pieces() const;
    // Whose completion says that all products of a layer are made; whoever took them up has been emitted.
    InstructionRef end_of(const LinearSplit& split) const;

    InstructionRef vector_work(Opcode opcode, const char* op, std::uint8_t ops, std::int64_t n0,
                               std::int64_t n, const std::vector<InstructionRef>& data, const char* label,
                               const ReadyTokens* tokens = nullptr);
    InstructionRef transfer(Opcode opcode, Traffic traffic, Stream stream, std::int64_t address,
                            std::int64_t stride, std::int64_t elements,
                            const models::Quantization& quantization, const std::vector<InstructionRef>& data,
                            const char* label);
    void load_convolution();
    void load_state(std::int64_t group, std::int64_t groups);
    void store_state(std::int64_t group, std::int64_t groups);
    void flush_stores(std::size_t keep);
    void reuse_state_slots();
    static Instruction work(Opcode opcode, std::uint32_t first_operator, std::uint8_t operators,
                            std::uint16_t label);
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

    // State of the pass that is being emitted.
    std::int64_t m0_ = 0;
    std::int64_t tokens_ = 1;
    bool first_pass_ = true;
    bool last_pass_ = true;
    std::vector<InstructionRef> convolution_loads_;
    std::vector<InstructionRef> state_loads_;   // by group
    std::vector<InstructionRef> state_users_;   // by group: the last SSM instruction on it
    std::vector<InstructionRef> state_stores_;  // by group
    std::vector<std::int64_t> pending_stores_;  // groups whose state has not been written back yet
    InstructionRef b_c_ready_{};
    InstructionRef discretized_{};
    InstructionRef convolved_{};
    InstructionRef ssm_done_{};
    std::optional<Instruction> late_discretize_;
    InstructionRef first_intermediate_{};
    InstructionRef block_input_{};
    InstructionRef first_in_proj_{};
    std::int64_t runs_left_ = 0;
};

}  // namespace tilewright::accel
