// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/mamba2_program.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>

#include "accel/schedule/linear_split.hpp"
#include "accel/schedule/mamba2_layout.hpp"
#include "accel/schedule/mamba2_order.hpp"
#include "accel/schedule/memory_layout.hpp"
#include "accel/schedule/program_builder.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/schedule/weight_stream.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

namespace {

std::array<std::int64_t, linear_engine_count> weight_slots(const Design& design,
                                                           const models::OperatorGraph& graph) {
    std::vector<WeightNeed> needs;
    const auto weights = linear_weights(design, graph.operators);
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
    const auto groups = channel_groups(design);
    const auto group_bytes = state_group_bytes(design);
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

// Rows are looked up in the pieces in which blocks hand tokens on; the residual stream that is in memory
// begins with them.
void embedding_section(const Design& design, const models::OperatorGraph& graph, const EngineIndices& engines,
                       const Mamba2Layout& layout, ProgramBuilder& builder) {
    const auto& op = graph.operators.front();
    const bool stores = design.mapping.residual == ResidualPlace::memory;
    builder.begin_section("embedding", 1, {op}, design.mapping.unroll == Unroll::none);
    Instruction load;
    load.opcode = Opcode::load;
    load.traffic = Traffic::weights;
    load.label = builder.label("embedding");
    Instruction look_up;
    look_up.opcode = Opcode::embedding;
    look_up.operator_count = 1;
    look_up.label = load.label;
    look_up.n = static_cast<std::uint32_t>(op.n);
    look_up.k = 1;
    // Of two pieces before: their space is free.
    std::vector<InstructionRef> looked_up;
    std::vector<InstructionRef> stored;
    const auto two_before = [](const std::vector<InstructionRef>& refs) {
        return refs.size() < 2 ? std::vector<InstructionRef>() : std::vector{refs[refs.size() - 2]};
    };
    for (const auto& [piece, address] : embedding_pieces(design, layout.embedding)) {
        const auto size = transfer_size(design.recipe.weights, piece.size * op.n);
        load.address = address;
        load.value_bytes = size.value_bytes;
        load.scale_bytes = size.scale_bytes;
        const auto loaded =
            builder.emit(engines.dma[design.port_of(Stream::weights)], load, {}, two_before(looked_up));
        look_up.m0 = static_cast<std::uint32_t>(piece.begin);
        look_up.m = static_cast<std::uint32_t>(piece.size);
        const auto done = builder.emit(engines.vector, look_up, {loaded}, two_before(stored));
        builder.hold(Buffer::activations, size.bytes(), loaded, done);
        looked_up.push_back(done);
        if (!stores) continue;
        auto store = residual_transfer(design, layout.block, Opcode::store, piece);
        store.label = builder.label("residual out");
        stored.push_back(builder.emit(engines.dma[design.port_of(Stream::state)], store, {done}));
        builder.hold(Buffer::activations, store.value_bytes, done, stored.back());
    }
    builder.end_section();
}

void head_section(const Design& design, const models::OperatorGraph& graph, const EngineIndices& engines,
                  const Mamba2Layout& layout, const std::array<std::int64_t, linear_engine_count>& slots,
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
    std::vector<InstructionRef> residual;
    if (design.mapping.residual == ResidualPlace::memory) {
        auto load = residual_transfer(design, layout.block, Opcode::load, token_pieces(design).back());
        load.label = builder.label("residual in");
        const auto dma = engines.dma[design.port_of(Stream::state)];
        residual.push_back(builder.emit(dma, load, {builder.last(dma)}));
    }
    const auto normed = builder.emit(engines.vector, norm, residual);
    if (!residual.empty()) {
        builder.hold(Buffer::activations, residual_bytes(design, token_pieces(design).back().size),
                     residual.front(), normed);
    }
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

}  // namespace

EngineIndices add_mamba2_engines(const Design& design, TileProgram& program) {
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

TileProgram build_mamba2_program(const Design& design, const models::OperatorGraph& graph) {
    if (design.network.version != models::MambaVersion::mamba2) {
        throw MappingError("/network/family", "there is no schedule for Mamba1 blocks", "mamba2");
    }
    TileProgram program;
    const auto engines = add_mamba2_engines(design, program);
    const auto layout = lay_out_mamba2(design, graph);
    check_tile_count(design);
    // On chip, the residual stream of all tokens goes from block to block, however few of them a pass takes.
    if (design.mapping.residual == ResidualPlace::on_chip) {
        program.resident_bytes[static_cast<std::size_t>(Buffer::activations)] =
            residual_bytes(design, design.workload.tokens);
    }
    const auto slots = weight_slots(design, graph);
    ProgramBuilder builder(program);
    if (design.workload.lm_head) embedding_section(design, graph, engines, layout, builder);
    std::vector<models::Operator> block;
    for (const auto& op : graph.operators) {
        if (op.layer == 0) block.push_back(op);
    }
    const auto emit_block = [&](ProgramBuilder& into, const auto& earlier) {
        into.begin_section("block", design.network.layers, block, design.mapping.unroll == Unroll::none);
        return Mamba2Schedule(design, into, engines, layout.block, slots, state_slots(design)).emit(earlier);
    };
    std::optional<Mamba2Schedule::Unfinished> earlier;
    // What a block hands on stands where it does whatever the block before it has handed on; but for the
    // stores of a residual stream, which have to be there.
    const int drafts = runs_ahead(design) == 0 ? 0 : design.mapping.residual == ResidualPlace::memory ? 2 : 1;
    for (int i = 0; i < drafts; ++i) {
        TileProgram draft;
        draft.engines = program.engines;
        ProgramBuilder draft_builder(draft);
        earlier = emit_block(draft_builder, earlier);
    }
    if (emit_block(builder, earlier) != earlier) {
        throw std::logic_error("the end of a block moves when the block before it is there");
    }
    builder.end_section();
    if (design.workload.lm_head) head_section(design, graph, engines, layout, slots, builder);
    return program;
}

}  // namespace tilewright::accel
