// SPDX-License-Identifier: Apache-2.0
// An accelerator design as typed values: which engines, how wide, at which clock, with which buffers and
// memory ports, and how the network is mapped onto them. Cycles are cycles of the accelerator clock.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "accel/aie/array_timing.hpp"
#include "accel/design/device.hpp"
#include "accel/design/super_resolution_design.hpp"
#include "accel/design/transformer_design.hpp"
#include "memory/scratchpad/scratchpad.hpp"
#include "models/networks/mamba.hpp"
#include "models/recipes/recipe.hpp"

namespace tilewright::accel {

enum class MultiplierKind { dsp, lut };

// Multiplies [m, k] activations by [k, n] weights with `inputs` x `outputs` multipliers, one step a cycle.
struct MatrixEngine {
    int inputs = 0;
    int outputs = 0;
    MultiplierKind multiplier = MultiplierKind::dsp;
    int products_per_dsp = 1;
    int accumulator_bits = 32;
    // Cycles from the last operand of a tile to the first operand of the next: adder tree, accumulator, scale
    // and requantization are emptied before the loop starts again.
    int tile_drain_cycles = 0;

    std::int64_t macs_per_cycle() const { return static_cast<std::int64_t>(inputs) * outputs; }
    // Four products of 4 bits in one DSP block are two rows' inputs by two weights (AMD WP521).
    bool pairs_rows() const { return multiplier == MultiplierKind::dsp && products_per_dsp == 4; }
    // Three products in one DSP58, which adds them up (AMD AM004, dot-product mode).
    bool sums_in_dsp() const { return multiplier == MultiplierKind::dsp && products_per_dsp == 3; }
    // Rows whose time m rows take: the last one may have no other.
    std::int64_t row_slots(std::int64_t m) const { return pairs_rows() ? m + m % 2 : m; }
};

// One element-wise unit for every operator of the SSM, each with head_unroll x head_dim_unroll x state_unroll
// lanes.
struct SsmEngine {
    int head_unroll = 1;
    int head_dim_unroll = 1;
    int state_unroll = 1;
    int pipeline_cycles = 0;  // depth of one operator's pipeline

    std::int64_t channel_lanes() const { return static_cast<std::int64_t>(head_unroll) * head_dim_unroll; }
    std::int64_t lanes() const { return channel_lanes() * state_unroll; }
};

// Fast Hadamard transform of K * 2^m points: butterflies for 2^m, a small fixed +-1 matrix for K.
struct HadamardEngine {
    int points_per_cycle = 0;  // 0: there is no Hadamard unit
    int pipeline_cycles = 0;
};

// Norms, convolution, SiLU, softplus, gates, residual additions, quantization.
struct VectorEngine {
    int lanes = 1;
    int pipeline_cycles = 0;
};

struct BufferDesign {
    memory::RamKind ram = memory::RamKind::bram;
    std::optional<std::int64_t> bytes;  // absent: as large as the schedule needs
    int ports = 2;
};

// The on-chip buffers, by what they hold.
enum class Buffer { weights, activations, state, intermediates };
inline constexpr int buffer_count = 4;
const char* to_string(Buffer buffer);

// What a memory port carries.
enum class Stream { weights, state, convolution };
inline constexpr int stream_count = 3;
const char* to_string(Stream stream);

// An AXI port, or several equal ones (`channels`) over which every transfer is striped.
struct MemoryPort {
    std::string name;
    std::string memory;
    int width_bits = 256;
    int burst_beats = 256;
    int outstanding = 1;          // transfers in flight
    int outstanding_bursts = 32;  // AXI bursts on their way; PG406: an NMU accepts 32 reads and 32 writes
    int qos_weight = 1;           // share of a channel among the ports that want it
    int gmio = 0;                 // AI Engine DMA channels in its place: the port is not the fabric's
    std::optional<int> hops;      // NoC switches to the memory controller; absent: the device's figure
    int first_channel = 0;
    int channels = 1;
    bool scales_inside_burst =
        true;  // false: weights fill whole bursts and their scales follow in bursts of their own
    std::vector<Stream> carries;

    bool carries_stream(Stream stream) const;
};

// The controllers of a memory's channels: one that plans accesses as their bursts arrive, each without delay
// to older ones, in closed form (DramPlanningScheduler); or FR-FCFS, which also holds writes back and lets
// accesses that are ready delay older ones, simulated command by command (DramCommandScheduler). `automatic`:
// the first one, unless too much of its time is in doubt (evaluate()).
enum class DramModel { automatic, bursts, commands };
const char* to_string(DramModel model);

// Of a memory of the device. The one that plans has an open page, this mapping and one rank.
struct MemoryControl {
    DramModel model = DramModel::automatic;
    std::string address_mapping = "RoBaRaCoBgCh";  // within a channel: ports choose that by its address
    memory::PagePolicy page = memory::PagePolicy::open;
    int refreshes_postponed = 0;  // at most, while accesses wait
};

enum class Unroll { none, partial, full };
enum class OperatorOrder { naive, reordered, released_rtl };
enum class Fusion { none, fine_grained };
enum class StateTransfer { per_layer, per_group };
enum class ResidualPlace { on_chip, memory };
enum class LinearEngine { pl, aie };  // the fabric's matrix unit or the AI Engines
inline constexpr int linear_engine_count = 2;

struct Tile {
    std::optional<std::int64_t> tokens;  // absent: all tokens of the step
    std::int64_t outputs = 1;            // rows of a weight tile
    std::optional<std::int64_t> inputs;  // columns of a weight tile; absent: the whole input
    std::int64_t channels = 64;          // d_inner channels that the SSM takes in one instruction
    std::int64_t state = 128;            // state elements of a fused SSM tile
};

struct Mapping {
    Tile tile;
    std::string loop_order = "mnk";  // outermost first; m tokens, n outputs, k inputs
    Unroll unroll = Unroll::partial;
    OperatorOrder operator_order = OperatorOrder::naive;
    Fusion fusion = Fusion::none;
    StateTransfer state_transfer = StateTransfer::per_layer;
    bool double_buffer = true;
    // Groups of channels whose x in_proj and the convolution make before the gates of the group that many
    // behind. With several passes over tokens, a pass begins as many groups before the one before it has
    // ended.
    std::int64_t groups_ahead = 0;
    // Where the residual stream of all tokens is between blocks. In memory: a pass takes that of its tokens
    // from there and brings it back, through the port that carries the SSM's state.
    ResidualPlace residual = ResidualPlace::on_chip;
    // By linear layer: which part of its outputs AI Engines make. Absent: none.
    std::map<std::string, double> aie_share;
};

struct Workload {
    models::Phase phase = models::Phase::decode;
    std::int64_t tokens = 1;
    bool lm_head = true;  // false: embedding, final norm and lm_head run elsewhere
};

// Of a Mamba network, or, where `var`, `gpt` or `super_resolution` is there, of that one: then network,
// recipe, workload, ssm and the other fields of the mapping mean nothing.
struct Design {
    std::string name;
    Device device;
    std::optional<VarDesign> var;
    std::optional<GptDesign> gpt;
    std::optional<SuperResolutionDesign> super_resolution;
    models::MambaConfig network;
    models::Recipe recipe;
    Workload workload;
    double clock_hz = 0;
    MatrixEngine matrix;
    SsmEngine ssm;
    HadamardEngine hadamard;
    VectorEngine vector;
    std::optional<AieMapping> aie;
    BufferDesign buffers[buffer_count];
    // Of Mamba: where norms, biases, A, D and dt_bias of all layers stay.
    memory::RamKind vectors_ram = memory::RamKind::bram;
    std::vector<MemoryPort> memory_ports;
    std::map<std::string, MemoryControl> memory_controls;  // by memory; absent: the usual one
    Mapping mapping;

    // The linear layers that run here, by the names that the mapping gives them.
    std::vector<std::string> linear_layers() const;
    double aie_share(const std::string& layer) const {
        const auto found = mapping.aie_share.find(layer);
        return found == mapping.aie_share.end() ? 0.0 : found->second;
    }
    // Whether any linear layer runs on it, in part or whole.
    bool multiplies_on(LinearEngine engine) const;
    bool uses_aie() const { return multiplies_on(LinearEngine::aie); }
    // Tiles and interfaces of all that runs on AI Engines.
    AiePlacement aie_placement() const;
    // The fabric's matrix unit: for linear layers, and for rotations when there is one array for everything.
    bool has_matrix_unit() const {
        return multiplies_on(LinearEngine::pl) || (mapping.unroll == Unroll::none && recipe.online_hadamard);
    }
    const BufferDesign& buffer(Buffer which) const { return buffers[static_cast<int>(which)]; }
    // Index of the port that carries a stream; parsing makes sure that there is exactly one. Weights may come
    // through two, of which this is the fabric's.
    std::size_t port_of(Stream stream) const;
    // Index of the port through which an engine's weights come: for AI Engines a GMIO, if there is one.
    std::size_t weights_port(LinearEngine engine) const;
    // The fabric side of a port. GMIO get the rate that boards were measured to give them (gmio_bytes_per_s);
    // two share an interface tile's link (UG1076).
    memory::PortSpecification port_specification(const MemoryPort& port) const;
    MemoryControl memory_control(const std::string& memory) const {
        const auto found = memory_controls.find(memory);
        return found == memory_controls.end() ? MemoryControl{} : found->second;
    }
    bool is_mamba() const { return transformer() == nullptr && !super_resolution; }
    // What the design has for a transformer; null for any other network.
    const TransformerDesign* transformer() const {
        return var ? &*var : gpt ? static_cast<const TransformerDesign*>(&*gpt) : nullptr;
    }
    models::MambaStep step() const;
    const std::string& network_name() const;
    const std::string& recipe_name() const;
    int blocks() const;
};

// The graph of the design's step. Throws std::invalid_argument for a network whose sizes contradict each
// other.
models::OperatorGraph build_graph(const Design& design);

// The operands of a class of linear layers, as the kernels take them. `dual`: inputs have a format for each
// sign, and `activations` is the positive one.
struct LinearOperands {
    std::string name;
    models::Quantization weights;
    models::Quantization activations;
    std::optional<models::DualFormat> dual;
    std::int64_t inputs = 0;
    std::int64_t rotation_block = 0;  // of transformers: points of the rotation at run time
};

// Of transformers: qkv, proj, fc1, fc2; of super-resolution the convolutions of more than one bit; of Mamba
// one entry for all linear layers.
std::vector<LinearOperands> linear_operands(const Design& design);
// Those that an engine multiplies, in part or whole.
std::vector<LinearOperands> linear_operands_on(const Design& design, LinearEngine engine);

}  // namespace tilewright::accel
