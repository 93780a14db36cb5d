// SPDX-License-Identifier: Apache-2.0
// What the schedules of all transformers' blocks share: norms, rotation and rounding, the linear layers, the
// feed-forward part. Attention is the networks' own.
//
// Rows go through in chunks of tile.tokens. Weight tiles stay in the buffer while all chunks pass, so weights
// are read once a step.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "accel/schedule/program_builder.hpp"
#include "accel/schedule/transformer_layout.hpp"
#include "accel/schedule/weight_stream.hpp"

namespace tilewright::accel {

// Indices of the engines in TileProgram::engines.
struct TransformerEngines {
    LinearEngines linear;  // of the quantized linear layers
    std::uint16_t quantizer = 0;
    std::uint16_t hadamard = 0;
    std::uint16_t attention = 0;
    std::uint16_t softmax = 0;
    std::uint16_t vector = 0;
    std::vector<std::uint16_t> dma;  // by memory port
};

// Adds the engines that a design has, DMA engines first.
TransformerEngines add_transformer_engines(const Design& design, TileProgram& program);

// The name of an operator without what says where it stands ("scale.3.blocks.0.").
std::string short_name(const std::string& operator_name);

// The operators of the first block of a step: those of the graph that begin with `prefix` ("scale.3."), and
// behind them the rotations and roundings that the recipe asks for, named after the operator whose input they
// make
// ("attn.mat_qkv.hadamard", "attn.keys.quantize"). `rows`: of the step.
std::vector<models::Operator> transformer_block_operators(const TransformerDesign& design,
                                                          const models::OperatorGraph& graph,
                                                          const std::string& prefix, std::int64_t rows);

// How a network's operators go together in instructions: a norm with what follows it, an addition to the
// residual stream with what scales what is added.
struct BlockOperators {
    std::uint8_t norm = 1;
    const char* attention_residual = "attn.add";
    const char* feed_forward_residual = "ffn.add";
    std::uint8_t residual = 1;
};

class TransformerSchedule {
  protected:
    // Rows [begin, begin + size).
    struct Rows {
        std::int64_t begin = 0;
        std::int64_t size = 0;
    };
    // A box of the iteration space of `operators` consecutive operators, the first of which has this name.
    struct Work {
        Opcode opcode = Opcode::matmul;
        std::string operator_name;
        std::uint8_t operators = 1;
        Rows rows;
        std::int64_t n0 = 0;
        std::int64_t n = 0;
        std::int64_t k = 1;
        const char* label = nullptr;
    };
    // Of a chunk of rows and a tile of outputs.
    struct Product {
        std::size_t chunk = 0;
        std::int64_t n0 = 0;
        std::int64_t n = 0;
        InstructionRef ref;
    };
    // Called for every chunk of a tile with its product.
    using EachProduct = std::function<void(std::size_t chunk, InstructionRef product)>;

    // All must outlive it; the builder has a section open whose operators are those of the block.
    TransformerSchedule(const Design& design, ProgramBuilder& builder, const TransformerEngines& engines,
                        const LinearLayout& layout,
                        const std::array<std::int64_t, linear_engine_count>& weight_slots, std::int64_t rows,
                        const BlockOperators& operators);

    InstructionRef emit(std::uint16_t engine, const Work& work, std::vector<InstructionRef> data,
                        const std::vector<InstructionRef>& space = {});
    InstructionRef transfer(Opcode opcode, Traffic traffic, std::int64_t address, std::int64_t stride,
                            TransferSize size, const std::vector<InstructionRef>& data,
                            const std::vector<InstructionRef>& space, const char* label);
    // Without pipelining of operators, what follows waits for all that was emitted so far.
    void begin_operator();
    static std::int64_t rows_bytes(const Rows& rows, std::int64_t columns) { return 4 * rows.size * columns; }

    void norm(const char* operator_name, const char* label, TransformerLinear linear, std::size_t first,
              std::size_t end);
    // Rotates and rounds columns [n0, n0 + n) of a chunk of a linear layer's input; the source is released.
    InstructionRef prepare(TransformerLinear linear, std::size_t chunk, std::int64_t n0, std::int64_t n,
                           InstructionRef source, std::int64_t source_bytes);
    // Whether tiles of `columns` outputs can be rotated and rounded one by one.
    bool streams_columns(TransformerLinear linear, std::int64_t columns) const;
    void begin_linear(TransformerLinear linear, bool again);
    // One weight tile against chunks [first, end). `space`: a product may not start before the ref it names.
    void tile(TransformerLinear linear, std::int64_t n0, std::int64_t n, std::size_t first, std::size_t end,
              const std::vector<InstructionRef>& space, const EachProduct& each);
    // The input of a linear layer has been used up to its last product; or, where `users` says so, what the
    // vector unit makes of all its products has been emitted.
    void release_input(TransformerLinear linear, std::size_t first, std::size_t end, bool users);
    void linear_into_residual(TransformerLinear linear, const char* addition, std::size_t first,
                              std::size_t end);
    // All of it, in parts of feed_forward_rows.
    void feed_forward();

    const Design& design_;
    const TransformerDesign& transformer_;
    const TransformerBlock& block_;
    ProgramBuilder& builder_;
    const TransformerEngines& engines_;
    const LinearLayout& linear_layout_;
    const std::vector<LinearOperands> operands_;
    const BlockOperators block_operators_;
    LinearStreams weights_;
    std::vector<LinearSplit> splits_;  // by linear layer
    std::map<std::string, std::uint32_t> operator_index_;
    std::int64_t width_;
    std::int64_t dim_;
    std::int64_t rows_;
    std::vector<Rows> chunks_;

    InstructionRef last_vectors_load_{};
    InstructionRef first_norm_{};
    // Of every linear layer its input by chunk.
    std::array<std::vector<InstructionRef>, transformer_linear_count> input_ready_;
    bool projection_streams_;  // its input is rounded group by group of heads

  private:
    void feed_forward_part(std::size_t first, std::size_t end, bool again);

    std::vector<InstructionRef> barrier_;
    std::vector<bool> barrier_passed_;            // by engine
    std::optional<InstructionRef> matrix_chain_;  // without pipelining inside the matrix unit
    std::vector<InstructionRef> last_products_;   // of the layer, on each engine; the latest at the end
    std::vector<InstructionRef> residual_ready_;  // by chunk; empty before the first addition
    // Of every linear layer the first rounding of its input.
    std::array<std::optional<InstructionRef>, transformer_linear_count> first_input_;
    std::deque<InstructionRef> roundings_;  // the last two
};

}  // namespace tilewright::accel
