// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/schedule.hpp"

#include <array>
#include <optional>
#include <utility>

#include "accel/schedule/gpt_program.hpp"
#include "accel/schedule/mamba2_program.hpp"
#include "accel/schedule/program_check.hpp"
#include "accel/schedule/super_resolution_program.hpp"
#include "accel/schedule/transformer_schedule.hpp"
#include "accel/schedule/var_program.hpp"

namespace tilewright::accel {

namespace {

TileProgram schedule(const Design& design, const models::OperatorGraph& graph) {
    return design.var                ? build_var_program(design, graph)
           : design.gpt              ? build_gpt_program(design, graph)
           : design.super_resolution ? build_super_resolution_program(design, graph)
                                     : build_mamba2_program(design, graph);
}

// What the program keeps in each buffer at once, at most.
std::array<std::int64_t, buffer_count> buffer_demand(const TileProgram& program) {
    auto [needed, problems] = examine_program(program);
    if (problems.empty()) return needed;
    throw MappingError("", "the program is wrong: " + problems.front(),
                       "a program that ends and does all work once");
}

// Weights are loaded as far ahead as their buffer has room, but where sections meet those of both may be in
// it: then less far ahead, down to two tiles (or one). How far is found by halving.
TileProgram schedule_weights(const Design& design, const models::OperatorGraph& graph,
                             std::array<std::int64_t, buffer_count>& needed) {
    constexpr auto weights = static_cast<std::size_t>(Buffer::weights);
    constexpr int halvings = 5;  // to within 3 % of the buffer
    auto planned = design;
    const auto plan_for = [&](std::optional<std::int64_t> bytes) {
        planned.buffers[weights].bytes = bytes;
        auto program = schedule(planned, graph);
        needed = buffer_demand(program);
        return program;
    };
    const auto& asked = design.buffer(Buffer::weights).bytes;
    auto program = plan_for(asked);
    if (!asked || needed[weights] <= *asked) return program;
    program = plan_for({});
    if (needed[weights] > *asked) return program;  // too small
    std::int64_t fits = 0;
    auto exceeds = *asked;
    for (int i = 0; i < halvings; ++i) {
        const auto fitting = needed;
        const auto middle = fits + (exceeds - fits) / 2;
        auto further = plan_for(middle);
        if (needed[weights] <= *asked) {
            fits = middle;
            program = std::move(further);
        } else {
            exceeds = middle;
            needed = fitting;
        }
    }
    return program;
}

// Gives a new program its buffers.
void size_buffers(const Design& design, const std::array<std::int64_t, buffer_count>& needed,
                  TileProgram& program) {
    for (const auto which : {Buffer::weights, Buffer::activations, Buffer::state, Buffer::intermediates}) {
        const auto index = static_cast<std::size_t>(which);
        const auto& asked = design.buffer(which).bytes;
        if (asked && *asked < needed[index]) {
            throw MappingError(std::string("/buffers/") + to_string(which) + "/bytes",
                               "a buffer of " + std::to_string(*asked) +
                                   " bytes is too small for what the schedule keeps in it",
                               "at least " + std::to_string(needed[index]) + " bytes" +
                                   (which == Buffer::weights ? ", or smaller tiles" : ""));
        }
        program.buffer_bytes[index] = asked.value_or(needed[index]);
    }
}

}  // namespace

std::vector<EngineDescription> engines_of(const Design& design) {
    TileProgram program;
    if (design.transformer() != nullptr) {
        add_transformer_engines(design, program);
    } else if (design.super_resolution) {
        add_super_resolution_engines(design, program);
    } else {
        add_mamba2_engines(design, program);
    }
    return program.engines;
}

TileProgram build_program(const Design& design, const models::OperatorGraph& graph) {
    check_shares(design, graph);
    std::array<std::int64_t, buffer_count> needed{};
    auto program = schedule_weights(design, graph, needed);
    size_buffers(design, needed, program);
    return program;
}

}  // namespace tilewright::accel
