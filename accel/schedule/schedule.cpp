// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/schedule.hpp"

#include <algorithm>

#include "accel/schedule/mamba2_schedule.hpp"
#include "accel/schedule/program_builder.hpp"
#include "accel/schedule/program_check.hpp"
#include "accel/schedule/var_program.hpp"
#include "accel/schedule/var_schedule.hpp"
#include "accel/schedule/weight_stream.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

namespace {

EngineIndices add_engines(const Design& design, TileProgram& program) {
    EngineIndices indices;
    indices.dma = add_dma_engines(design, program);
    const auto add = [&](EngineDescription engine) { return program.add_engine(std::move(engine)); };
    const bool on_aie = design.linear_on_aie();
    indices.matrix = on_aie ? add({"aie", EngineKind::aie}) : add({"matrix", EngineKind::matrix});
    indices.vector = add({"vector", EngineKind::vector});
    const bool one_array = design.mapping.unroll == Unroll::none;
    indices.ssm = one_array ? indices.vector : add({"ssm", EngineKind::ssm});
    indices.hadamard =
        on_aie && design.has_matrix_unit() ? add({"matrix", EngineKind::matrix}) : indices.matrix;
    if (!one_array && design.recipe.online_hadamard)
        indices.hadamard = add({"hadamard", EngineKind::hadamard});
    return indices;
}

struct Layout {
    MemoryLayout block;
    std::int64_t embedding = 0;  // row after row, for look-ups
    std::int64_t lm_head = 0;    // the same matrix, in the order of the weight tiles
    std::int64_t end = 0;
};

// Everything on a port lies behind each other: block weights, embedding, lm_head, convolution weights and
// state, SSM state. Each starts on a new row of the DRAM.
Layout lay_out(const Design& design) {
    const auto& network = design.network;
    const auto inner = network.d_inner();
    Layout layout;
    std::int64_t next = 0;
    const auto place = [&](std::int64_t bytes) {
        constexpr std::int64_t alignment = 64 * 1024;
        const auto at = next;
        next += divide_up(bytes, alignment) * alignment;
        return at;
    };
    const auto weight_bytes = [&](std::int64_t weights) {
        return stream_bytes(design.memory_ports[design.port_of(Stream::weights)], design.recipe.weights,
                            weights);
    };
    auto& block = layout.block;
    block.weights_stride =
        weight_bytes(network.in_proj_outputs() * network.d_model + network.d_model * inner);
    block.weights = place(block.weights_stride * network.layers);
    layout.embedding =
        place(models::stored_bytes(design.recipe.weights, network.vocabulary * network.d_model));
    layout.lm_head = place(weight_bytes(network.vocabulary * network.d_model));
    const auto convolution =
        divide_up(Mamba2Schedule::padded_bytes(design, Stream::convolution, design.recipe.convolution,
                                               network.convolution_channels() * network.convolution_width),
                  4096) *
        4096;
    block.convolution_weights_stride = block.convolution_state_stride = convolution;
    block.convolution_weights = place(convolution * network.layers);
    block.convolution_state = place(convolution * network.layers);
    block.ssm_state_stride =
        divide_up(Mamba2Schedule::state_group_stride(design) * Mamba2Schedule::group_count(design), 4096) *
        4096;
    block.ssm_state = place(block.ssm_state_stride * network.layers);
    layout.end = next;
    return layout;
}

void check_memory(const Design& design, const Layout& layout) {
    for (std::size_t i = 0; i < design.memory_ports.size(); ++i) {
        const auto& port = design.memory_ports[i];
        const auto& organization = design.device.memories.at(port.memory).dram.organization;
        const auto available = organization.channel_bytes * port.channels;
        if (layout.end > available) {
            throw MappingError("/memory_ports/" + std::to_string(i),
                               "the network needs " + std::to_string(layout.end) +
                                   " bytes of memory but the port reaches " + std::to_string(available),
                               "a smaller network or format, or more channels");
        }
    }
}

// Chunks that the weight buffer holds. Double buffering loads the next tile while one is being used.
std::int64_t weight_slots(const Design& design) {
    const auto& network = design.network;
    const auto chunk =
        WeightChunk::of(design.memory_ports[design.port_of(Stream::weights)], design.recipe.weights);
    const auto& tile = design.mapping.tile;
    std::int64_t touched = 0;
    touched = std::max(chunks_touched(chunk, tile_weights(tile, network.in_proj_outputs(), network.d_model)),
                       chunks_touched(chunk, tile_weights(tile, network.d_model, network.d_inner())));
    if (design.workload.lm_head) {
        touched =
            std::max(touched, chunks_touched(chunk, tile_weights(tile, network.vocabulary, network.d_model)));
    }
    const auto wanted = touched * (design.mapping.double_buffer ? 2 : 1);
    const auto& bytes = design.buffer(Buffer::weights).bytes;
    if (!bytes) return wanted;
    const auto slots = *bytes / chunk.stored_bytes;
    if (slots < wanted) {
        throw MappingError("/buffers/weights/bytes",
                           "a buffer of " + std::to_string(*bytes) + " bytes is too small for " +
                               (design.mapping.double_buffer ? "two tiles" : "a tile") + " of " +
                               std::to_string(touched) + " bursts",
                           "at least " + std::to_string(wanted * chunk.stored_bytes) +
                               " bytes, a smaller tile, or no double buffering");
    }
    return slots;
}

// A tile of a few weights would make a program of millions of instructions.
void check_tile_count(const Design& design) {
    const auto& network = design.network;
    const auto& tile = design.mapping.tile;
    const auto tiles = [&](std::int64_t outputs, std::int64_t inputs) {
        return divide_up(outputs, tile.outputs) * divide_up(inputs, tile.inputs.value_or(inputs));
    };
    const auto token_tiles = divide_up(design.workload.tokens, tile.tokens.value_or(design.workload.tokens));
    const auto count = token_tiles * (tiles(network.in_proj_outputs(), network.d_model) +
                                      tiles(network.d_model, network.d_inner()));
    constexpr std::int64_t most = 500'000;
    if (count > most) {
        throw MappingError("/mapping/tile", "the tiles cut a block into " + std::to_string(count) + " pieces",
                           "at most " + std::to_string(most) + "; take larger tiles");
    }
}

// Groups of channels whose state fits the state buffer.
std::int64_t state_slots(const Design& design) {
    const auto groups = Mamba2Schedule::group_count(design);
    const auto group_bytes = Mamba2Schedule::state_group_bytes(design);
    const bool whole_layer =
        design.mapping.state_transfer == StateTransfer::per_layer ||
        design.mapping.operator_order == OperatorOrder::naive ||
        design.mapping.tile.tokens.value_or(design.workload.tokens) < design.workload.tokens;
    const auto least = whole_layer ? groups : std::int64_t{1};
    const auto& bytes = design.buffer(Buffer::state).bytes;
    if (!bytes)
        return whole_layer ? groups : std::min<std::int64_t>(groups, design.mapping.double_buffer ? 3 : 1);
    if (*bytes / group_bytes < least) {
        throw MappingError(
            "/buffers/state/bytes",
            "a buffer of " + std::to_string(*bytes) + " bytes is too small for the state of " +
                (whole_layer ? "a block" : "one group of channels"),
            "at least " + std::to_string(least * group_bytes) + " bytes, or fewer channels in a tile");
    }
    return *bytes / group_bytes;
}

void embedding_section(const Design& design, const models::OperatorGraph& graph, const EngineIndices& engines,
                       const Layout& layout, ProgramBuilder& builder) {
    const auto& op = graph.operators.front();
    builder.begin_section("embedding", 1, {op}, design.mapping.unroll == Unroll::none);
    Instruction load;
    load.opcode = Opcode::load;
    load.traffic = Traffic::weights;
    load.label = builder.label("embedding");
    load.address = layout.embedding;
    const auto elements = op.m * op.n;
    load.value_bytes = divide_up(models::value_bits(design.recipe.weights, elements), 8);
    load.scale_bytes = divide_up(models::scale_bits(design.recipe.weights, elements), 8);
    const auto loaded = builder.emit(engines.dma[design.port_of(Stream::weights)], load, {});
    Instruction look_up;
    look_up.opcode = Opcode::embedding;
    look_up.operator_count = 1;
    look_up.label = load.label;
    look_up.m = static_cast<std::uint32_t>(op.m);
    look_up.n = static_cast<std::uint32_t>(op.n);
    look_up.k = 1;
    const auto done = builder.emit(engines.vector, look_up, {loaded});
    builder.hold(Buffer::activations, load.value_bytes + load.scale_bytes, loaded, done);
    builder.end_section();
}

void head_section(const Design& design, const models::OperatorGraph& graph, const EngineIndices& engines,
                  const Layout& layout, std::int64_t slots, ProgramBuilder& builder) {
    const auto count = graph.operators.size();
    builder.begin_section("head", 1, {graph.operators[count - 2], graph.operators[count - 1]},
                          design.mapping.unroll == Unroll::none);
    const auto& head = graph.operators[count - 1];
    Instruction norm;
    norm.opcode = Opcode::norm;
    norm.operator_count = 1;
    norm.label = builder.label("final norm");
    norm.m = 1;
    norm.n = static_cast<std::uint32_t>(head.k);
    norm.k = 1;
    const auto normed = builder.emit(engines.vector, norm, {});
    const auto port = design.port_of(Stream::weights);
    WeightStream weights(design.memory_ports[port], design.mapping.double_buffer, builder, engines.dma[port],
                         engines.matrix, slots);
    weights.begin_pass({design.recipe.weights, head.n * head.k, layout.lm_head});
    const auto& tile = design.mapping.tile;
    const auto rows = std::min(tile.outputs, head.n);
    const auto columns = std::min(tile.inputs.value_or(head.k), head.k);
    Instruction work;
    work.opcode = Opcode::matmul;
    work.operator_first = 1;
    work.operator_count = 1;
    work.label = builder.label("lm_head");
    work.m = 1;
    const auto& order = design.mapping.loop_order;
    const bool k_outside_n = order.find('k') < order.find('n');
    const auto outer_end = k_outside_n ? head.k : head.n;
    const auto inner_end = k_outside_n ? head.n : head.k;
    const auto outer_step = k_outside_n ? columns : rows;
    const auto inner_step = k_outside_n ? rows : columns;
    bool first = true;
    for (std::int64_t outer = 0; outer < outer_end; outer += outer_step) {
        for (std::int64_t inner = 0; inner < inner_end; inner += inner_step) {
            const auto n = k_outside_n ? inner : outer;
            const auto k = k_outside_n ? outer : inner;
            work.n0 = static_cast<std::uint32_t>(n);
            work.k0 = static_cast<std::uint32_t>(k);
            work.n = static_cast<std::uint32_t>(std::min(rows, head.n - n));
            work.k = static_cast<std::uint32_t>(std::min(columns, head.k - k));
            std::vector<InstructionRef> data;
            if (first) data.push_back(normed);
            first = false;
            data.push_back(weights.require(static_cast<std::int64_t>(work.n) * work.k, work.label));
            weights.used_by(builder.emit(engines.matrix, work, data));
        }
    }
    weights.close(false);
    builder.hold(Buffer::activations, models::stored_bytes(design.recipe.activations, head.k), normed,
                 builder.last(engines.matrix));
    builder.end_section();
}

// Examines a new program and gives it its buffers.
void size_buffers(const Design& design, TileProgram& program) {
    const auto [needed, problems] = examine_program(program);
    if (!problems.empty()) {
        throw MappingError("", "the program is wrong: " + problems.front(),
                           "a program that ends and does all work once");
    }
    for (const auto which : {Buffer::weights, Buffer::activations, Buffer::state, Buffer::intermediates}) {
        const auto index = static_cast<std::size_t>(which);
        const auto& asked = design.buffer(which).bytes;
        if (asked && *asked < needed[index]) {
            throw MappingError(std::string("/buffers/") + to_string(which) + "/bytes",
                               "a buffer of " + std::to_string(*asked) +
                                   " bytes is too small for what the schedule keeps in it",
                               "at least " + std::to_string(needed[index]) + " bytes");
        }
        program.buffer_bytes[index] = asked.value_or(needed[index]);
    }
}

}  // namespace

std::vector<EngineDescription> engines_of(const Design& design) {
    TileProgram program;
    if (design.var) {
        add_var_engines(design, program);
    } else {
        add_engines(design, program);
    }
    return program.engines;
}

TileProgram build_program(const Design& design, const models::OperatorGraph& graph) {
    if (design.var) {
        auto program = build_var_program(design, graph);
        size_buffers(design, program);
        return program;
    }
    if (design.network.version != models::MambaVersion::mamba2) {
        throw MappingError("/network/family", "there is no schedule for Mamba1 blocks", "mamba2");
    }
    TileProgram program;
    const auto engines = add_engines(design, program);
    const auto layout = lay_out(design);
    check_memory(design, layout);
    check_tile_count(design);
    const auto slots = weight_slots(design);
    ProgramBuilder builder(program);
    if (design.workload.lm_head) embedding_section(design, graph, engines, layout, builder);
    std::vector<models::Operator> block;
    for (const auto& op : graph.operators) {
        if (op.layer == 0) block.push_back(op);
    }
    builder.begin_section("block", design.network.layers, std::move(block),
                          design.mapping.unroll == Unroll::none);
    Mamba2Schedule(design, builder, engines, layout.block, slots, state_slots(design)).emit();
    builder.end_section();
    if (design.workload.lm_head) head_section(design, graph, engines, layout, slots, builder);
    size_buffers(design, program);
    return program;
}

}  // namespace tilewright::accel
