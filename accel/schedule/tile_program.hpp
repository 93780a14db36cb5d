// SPDX-License-Identifier: Apache-2.0
// The program that an accelerator runs: an in-order list of instructions for every engine, DMA included, tied
// together by explicit waits. A decoupled access-execute program: nothing is decided at run time.
//
// Engines run their lists in order. A wait names an instruction of another engine that must have completed.
// Sections that are repeated (the blocks of a network) are stored once; indices in waits are relative to the
// start of the section's current repetition, so negative ones reach into what ran before it.
//
// A repeated section may be software-pipelined: the end of a block then lies behind the beginning of the next
// one in the same repetition. Its instructions are of stage 1 and work for the block of the repetition
// before; the section runs once more often than it has blocks, and instructions without a block only wait.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "accel/design/design.hpp"
#include "models/graph/operator_graph.hpp"

namespace tilewright::accel {

enum class EngineKind : std::uint8_t {
    dma,
    matrix,
    ssm,
    hadamard,
    vector,
    aie,
    quantizer,
    attention,
    softmax,
    binary
};
inline constexpr int engine_kind_count = 10;
const char* to_string(EngineKind kind);

struct EngineDescription {
    std::string name;
    EngineKind kind = EngineKind::vector;
    std::size_t memory_port = 0;  // for a DMA engine: index into Design::memory_ports
    int in_flight = 1;            // instructions that may be started before the oldest has completed

    friend bool operator==(const EngineDescription&, const EngineDescription&) = default;
};

enum class Opcode : std::uint8_t {
    load,
    store,
    matmul,
    ssm_fused,     // all operators of the SSM on one group of channels, through FIFOs
    ssm_operator,  // one operator of the SSM on one group of channels
    discretize,
    norm,
    convolution,
    softplus,
    gate,
    hadamard,
    residual_add,
    embedding,
    quantize,
    l2_norm,
    softmax,
    activation,  // GELU, SiLU, sigmoid
    binary_convolution,
    binarize,  // factors of pixels and signs
    rescale,   // times factors, plus the input, and the sums for an average
    pool,
};
inline constexpr int opcode_count = 21;
const char* to_string(Opcode opcode);

// What a DMA instruction moves.
enum class Traffic : std::uint8_t {
    weights,
    weights_again,
    aie_weights,  // that AI Engines multiply by
    aie_weights_again,
    convolution_weights,
    convolution_state,
    ssm_state,
    kv_cache,
    activations,  // inputs and outputs of a step
    feature_maps  // pixels between layers
};
inline constexpr int traffic_count = 10;
const char* to_string(Traffic traffic);

// Weights for an engine; `again`: that have been read before in the same step.
Traffic weight_traffic(LinearEngine engine, bool again);
bool is_weights(Traffic traffic);
bool is_weights_of(Traffic traffic, LinearEngine engine);

// An instruction must wait until instruction `index` of `engine` has completed.
struct Wait {
    std::uint16_t engine = 0;
    std::int32_t index = 0;
    bool data =
        true;  // true: it reads what the other wrote; false: it reuses space that the other has finished with
};

// Space taken in a buffer when an instruction starts, or given back when it completes.
struct BufferEffect {
    Buffer buffer = Buffer::weights;
    std::int64_t bytes = 0;
};

// Work is a box [m0, m0 + m) x [n0, n0 + n) x [k0, k0 + k) of the iteration space of its operators.
struct Instruction {
    Opcode opcode = Opcode::load;
    Traffic traffic = Traffic::weights;
    std::uint8_t operator_count =
        0;                           // consecutive operators of the section that this instruction carries out
    std::uint8_t acquire_count = 0;  // effects: first those at the start ...
    std::uint8_t release_count = 0;  // ... then those at completion
    std::uint8_t stage = 0;          // repetitions by which its block lies behind
    std::uint16_t label = 0;         // index into TileProgram::labels
    std::uint32_t operator_first = 0;  // index into Section::operators
    std::uint32_t m0 = 0, n0 = 0, k0 = 0;
    std::uint32_t m = 0, n = 0, k = 0;
    std::uint32_t wait_begin = 0;
    std::uint32_t wait_count = 0;
    std::uint32_t effect_begin = 0;
    std::int64_t address = 0;  // DMA: bytes from the start of the port's first channel, for the first block
    std::int64_t address_stride = 0;  // added for every further block
    std::int64_t value_bytes = 0;
    std::int64_t scale_bytes = 0;
};

// Where an instruction stands: engine and position in that engine's list of the section.
struct InstructionRef {
    std::uint16_t engine = 0;
    std::int32_t index = 0;

    friend bool operator==(const InstructionRef&, const InstructionRef&) = default;
};

// Space that is taken when `holder` starts and given back when `releaser` completes.
struct Hold {
    Buffer buffer = Buffer::weights;
    std::int64_t bytes = 0;
    InstructionRef holder;
    InstructionRef releaser;
};

struct Section {
    std::string name;
    std::int64_t repeat = 1;  // blocks: how often each instruction works
    std::uint8_t stages = 1;
    std::vector<models::Operator> operators;
    std::vector<std::vector<Instruction>> streams;  // one per engine
    std::vector<Wait> waits;
    std::vector<BufferEffect> effects;  // the holds again, added up by instruction and buffer
    std::vector<Hold> holds;

    // How often its lists are gone through.
    std::int64_t runs() const { return repeat + stages - 1; }
    // The block that an instruction works for in a repetition, and whether there is one.
    static std::int64_t block(const Instruction& work, std::int64_t repetition) {
        return repetition - work.stage;
    }
    bool works(const Instruction& work, std::int64_t repetition) const {
        return block(work, repetition) >= 0 && block(work, repetition) < repeat;
    }
    // In how many repetitions it has one.
    std::int64_t times(const Instruction& work) const {
        return std::clamp(runs() - work.stage, std::int64_t{0}, repeat);
    }
};

struct TileProgram {
    std::vector<EngineDescription> engines;
    std::vector<std::string> labels;
    std::array<std::int64_t, buffer_count> buffer_bytes{};  // capacities
    // Kept from the first instruction to the last one, beside all holds.
    std::array<std::int64_t, buffer_count> resident_bytes{};
    std::vector<Section> sections;

    // Instructions that will be executed, repetitions counted.
    std::int64_t instructions() const;

    // Returns its index.
    std::uint16_t add_engine(EngineDescription engine);
};

// Adds a DMA engine for every memory port and returns their indices.
std::vector<std::uint16_t> add_dma_engines(const Design& design, TileProgram& program);

}  // namespace tilewright::accel
