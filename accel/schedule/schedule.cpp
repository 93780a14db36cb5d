// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/schedule.hpp"

#include <algorithm>

#include "accel/schedule/gpt_program.hpp"
#include "accel/schedule/mamba2_schedule.hpp"
#include "accel/schedule/program_builder.hpp"
#include "accel/schedule/program_check.hpp"
#include "accel/schedule/transformer_schedule.hpp"
#include "accel/schedule/var_program.hpp"
#include "accel/schedule/weight_stream.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

namespace {

EngineIndices add_engines(const Design& design, TileProgram& program) {
    EngineIndices indices;
    indices.dma = add_dma_engines(design, program);
    const auto add = [&](EngineDescription engine) { return program.add_engine(std::move(engine)); };
    indices.linear = add_linear_engines(design, program);
    indices.vector = add({"vector", EngineKind::vector});
    const bool one_array = design.mapping.unroll == Unroll::none;
    indices.ssm = one_array ? indices.vector : add({"ssm", EngineKind::ssm});
    if (design.recipe.online_hadamard) {
        indices.hadamard =
            one_array ? indices.linear[LinearEngine::pl] : add({"hadamard", EngineKind::hadamard});
    }
    return indices;
}

struct Layout {
    MemoryLayout block;
    std::int64_t embedding = 0;  // row after row, for look-ups
    // By LinearEngine: the same matrix, in the order of the weight tiles.
    std::array<std::int64_t, linear_engine_count> lm_head{};
    std::int64_t end = 0;
};

// What an engine multiplies by.
struct LinearWeights {
    std::int64_t block = 0;
    std::int64_t head = 0;
    std::int64_t largest_tile = 0;
};

std::array<LinearWeights, linear_engine_count> linear_weights(const Design& design,
                                                              const models::OperatorGraph& graph) {
    std::array<LinearWeights, linear_engine_count> result{};
    for (const auto& op : graph.operators) {
        if (op.kind != models::OperatorKind::linear || op.layer > 0) continue;
        const auto split = split_of(design, op);
        for (std::size_t i = 0; i < result.size(); ++i) {
            const auto engine = static_cast<LinearEngine>(i);
            (op.layer < 0 ? result[i].head : result[i].block) += split.outputs(engine) * op.k;
            if (split.outputs(engine) == 0 || (op.layer < 0 && !design.workload.lm_head)) continue;
            result[i].largest_tile =
                std::max(result[i].largest_tile, tile_weights(design.mapping.tile, op.n, op.k));
        }
    }
    return result;
}

// Everything on a port lies behind each other: block weights, embedding, lm_head, convolution weights and
// state, SSM state. Each starts on a new row of the DRAM.
Layout lay_out(const Design& design, const models::OperatorGraph& graph) {
    const auto& network = design.network;
    Layout layout;
    std::int64_t next = 0;
    const auto place = [&](std::int64_t bytes) {
        constexpr std::int64_t alignment = 64 * 1024;
        const auto at = next;
        next += divide_up(bytes, alignment) * alignment;
        return at;
    };
    auto& block = layout.block;
    const auto weights = linear_weights(design, graph);
    const auto weight_bytes = [&](std::size_t engine, std::int64_t count) {
        const auto port = design.weights_port(static_cast<LinearEngine>(engine));
        return stream_bytes(design.memory_ports[port], design.recipe.weights, count);
    };
    for (std::size_t engine = 0; engine < linear_engine_count; ++engine) {
        block.weights_stride[engine] = weight_bytes(engine, weights[engine].block);
        block.weights[engine] = place(block.weights_stride[engine] * network.layers);
    }
    layout.embedding =
        place(models::stored_bytes(design.recipe.weights, network.vocabulary * network.d_model));
    for (std::size_t engine = 0; engine < linear_engine_count; ++engine) {
        layout.lm_head[engine] = place(weight_bytes(engine, weights[engine].head));
    }
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

std::array<std::int64_t, linear_engine_count> weight_slots(const Design& design,
                                                           const models::OperatorGraph& graph) {
    std::vector<WeightNeed> needs;
    const auto weights = linear_weights(design, graph);
    for (std::size_t i = 0; i < weights.size(); ++i) {
        if (weights[i].largest_tile == 0) continue;
        needs.push_back({static_cast<LinearEngine>(i), design.recipe.weights, weights[i].largest_tile});
    }
    return weight_buffer_slots(design, needs);
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
                  const Layout& layout, const std::array<std::int64_t, linear_engine_count>& slots,
                  ProgramBuilder& builder) {
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
    const auto split = split_of(design, head);
    LinearStreams weights(design, builder, engines.linear, engines.dma, slots);
    for (const auto engine : {LinearEngine::pl, LinearEngine::aie}) {
        if (split.outputs(engine) == 0) continue;
        weights[engine].begin_pass({design.recipe.weights, split.outputs(engine) * head.k,
                                    layout.lm_head[static_cast<std::size_t>(engine)]});
    }
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
    std::vector<InstructionRef> last;  // of each engine, the latest at the end
    for (std::int64_t outer = 0; outer < outer_end; outer += outer_step) {
        for (std::int64_t inner = 0; inner < inner_end; inner += inner_step) {
            const auto n = k_outside_n ? inner : outer;
            const auto k = k_outside_n ? outer : inner;
            work.n0 = static_cast<std::uint32_t>(n);
            work.k0 = static_cast<std::uint32_t>(k);
            work.n = static_cast<std::uint32_t>(std::min(rows, head.n - n));
            work.k = static_cast<std::uint32_t>(std::min(columns, head.k - k));
            const auto engine = split.engine_of(n);
            std::vector<InstructionRef> data;
            // The engine's first tile.
            const auto before =
                std::erase_if(last, [&](const auto& ref) { return ref.engine == engines.linear[engine]; });
            if (before == 0) data.push_back(normed);
            data.push_back(weights[engine].require(static_cast<std::int64_t>(work.n) * work.k, work.label));
            last.push_back(builder.emit(engines.linear[engine], work, data));
            weights[engine].used_by(last.back());
        }
    }
    weights.close(false);
    builder.hold(Buffer::activations, models::stored_bytes(design.recipe.activations, head.k), normed,
                 join(builder, last));
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
    if (design.transformer() != nullptr) {
        add_transformer_engines(design, program);
    } else {
        add_engines(design, program);
    }
    return program.engines;
}

TileProgram build_program(const Design& design, const models::OperatorGraph& graph) {
    check_shares(design, graph);
    if (design.transformer() != nullptr) {
        auto program = design.var ? build_var_program(design, graph) : build_gpt_program(design, graph);
        size_buffers(design, program);
        return program;
    }
    if (design.network.version != models::MambaVersion::mamba2) {
        throw MappingError("/network/family", "there is no schedule for Mamba1 blocks", "mamba2");
    }
    TileProgram program;
    const auto engines = add_engines(design, program);
    const auto layout = lay_out(design, graph);
    check_memory(design, layout);
    check_tile_count(design);
    const auto slots = weight_slots(design, graph);
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
