// SPDX-License-Identifier: Apache-2.0
// The schedule of one VAR block at one scale: which tile of which operator runs on which engine, in which
// order.
//
// Rows (images x tokens of the scale) go through in chunks of tile.tokens. Weight tiles stay in the buffer
// while all chunks pass, so weights are read once a scale. A tile of qkv makes queries, keys or values of
// whole heads, and the attention of a group of heads runs beside the tiles of the next ones.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "accel/schedule/linear_split.hpp"
#include "accel/schedule/program_builder.hpp"
#include "accel/schedule/var_layout.hpp"
#include "accel/schedule/weight_stream.hpp"

namespace tilewright::accel {

// Indices of the engines in TileProgram::engines.
struct VarEngineIndices {
    LinearEngines linear;  // of the quantized linear layers
    std::uint16_t quantizer = 0;
    std::uint16_t hadamard = 0;
    std::uint16_t attention = 0;
    std::uint16_t softmax = 0;
    std::uint16_t vector = 0;
    std::vector<std::uint16_t> dma;  // by memory port
};

// Adds the engines that a design has, DMA engines first.
VarEngineIndices add_var_engines(const Design& design, TileProgram& program);

// The name of an operator without what says where it stands ("scale.3.blocks.0.").
std::string short_name(const std::string& operator_name);

// The operators of the first block at a scale: the graph's, and behind them the rotations and roundings that
// the recipe asks for, named after the operator whose input they make ("attn.mat_qkv.hadamard",
// "attn.keys.quantize").
std::vector<models::Operator> var_block_operators(const VarDesign& var, const models::OperatorGraph& graph,
                                                  std::size_t scale);

class VarSchedule {
  public:
    // All must outlive it; the builder has a section open whose operators are those of the block.
    VarSchedule(const Design& design, ProgramBuilder& builder, const VarEngineIndices& engines,
                const VarLayout& layout, const std::array<std::int64_t, linear_engine_count>& weight_slots,
                std::size_t scale);

    void emit();

  private:
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
    // Called for every chunk of a tile with its product.
    using EachProduct = std::function<void(std::size_t chunk, InstructionRef product)>;

    InstructionRef emit(std::uint16_t engine, const Work& work, std::vector<InstructionRef> data,
                        const std::vector<InstructionRef>& space = {});
    InstructionRef transfer(Opcode opcode, Traffic traffic, std::int64_t address, std::int64_t stride,
                            TransferSize size, const std::vector<InstructionRef>& data,
                            const std::vector<InstructionRef>& space, const char* label);
    // Without pipelining of operators, what follows waits for all that was emitted so far.
    void begin_operator();
    std::int64_t rows_bytes(const Rows& rows, std::int64_t columns) const { return 4 * rows.size * columns; }
    Rows rows_of_image(std::int64_t image) const { return {image * tokens_, tokens_}; }
    std::size_t chunk_with(std::int64_t row) const {
        return static_cast<std::size_t>(row / var_.tile_tokens);
    }

    void load_vectors();
    void norm(const char* operator_name, const char* label, VarLinear linear, std::size_t first,
              std::size_t end);
    // Rotates and rounds columns [n0, n0 + n) of a chunk of a linear layer's input; the source is released.
    InstructionRef prepare(VarLinear linear, std::size_t chunk, std::int64_t n0, std::int64_t n,
                           InstructionRef source, std::int64_t source_bytes);
    // Whether tiles of `columns` outputs can be rotated and rounded one by one.
    bool streams_columns(VarLinear linear, std::int64_t columns) const;
    void begin_linear(VarLinear linear, bool again);
    // One weight tile against chunks [first, end). `space`: a product may not start before the ref it names.
    void tile(VarLinear linear, std::int64_t n0, std::int64_t n, std::size_t first, std::size_t end,
              const std::vector<InstructionRef>& space, const EachProduct& each);
    // The input of a linear layer has been used up to its last product; or, where `users` says so, what the
    // vector unit makes of all its products has been emitted.
    void release_input(VarLinear linear, std::size_t first, std::size_t end, bool users);
    void linear_into_residual(VarLinear linear, const char* gamma, std::size_t first, std::size_t end);

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

    void feed_forward(std::size_t first, std::size_t end, bool again);

    const Design& design_;
    const VarDesign& var_;
    ProgramBuilder& builder_;
    const VarEngineIndices& engines_;
    const VarLayout& layout_;
    const std::vector<LinearOperands> operands_;
    LinearStreams weights_;
    std::vector<LinearSplit> splits_;  // by linear layer
    std::map<std::string, std::uint32_t> operator_index_;

    std::size_t scale_;
    std::int64_t tokens_;  // of the scale, of one image
    std::int64_t batch_;
    std::int64_t width_;
    std::int64_t dim_;
    std::int64_t seen_;  // tokens up to and with this scale
    std::vector<Rows> chunks_;

    std::vector<InstructionRef> barrier_;
    std::vector<bool> barrier_passed_;            // by engine
    std::optional<InstructionRef> matrix_chain_;  // without pipelining inside the matrix unit
    std::vector<InstructionRef> last_products_;   // of the layer, on each engine; the latest at the end
    InstructionRef first_vectors_load_{};
    InstructionRef last_vectors_load_{};
    InstructionRef first_norm_{};
    std::vector<InstructionRef> residual_ready_;  // by chunk; empty before the first addition
    // Of every linear layer: its input by chunk, and the first rounding of it.
    std::array<std::vector<InstructionRef>, var_linear_count> input_ready_;
    std::array<std::optional<InstructionRef>, var_linear_count> first_input_;
    bool projection_streams_;               // its input is rounded group by group of heads
    std::deque<InstructionRef> roundings_;  // the last two
    std::vector<HeadGroup> groups_;
    std::deque<Unit> pending_;
};

}  // namespace tilewright::accel
