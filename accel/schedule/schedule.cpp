// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/schedule.hpp"

#include <array>

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
// it: then less far ahead, down to two tiles (or one).
TileProgram schedule_weights(const Design& design, const models::OperatorGraph& graph,
                             std::array<std::int64_t, buffer_count>& needed) {
    auto planned = design;
    auto& bytes = planned.buffers[static_cast<std::size_t>(Buffer::weights)].bytes;
    const auto& kept = needed[static_cast<std::size_t>(Buffer::weights)];
    for (int attempts = 0;; ++attempts) {
        auto program = schedule(planned, graph);
        needed = buffer_demand(program);
        const auto& asked = design.buffer(Buffer::weights).bytes;
        if (!asked || !bytes || kept <= *asked) return program;
        if (attempts == 3) {
            bytes.reset();
        } else {
            *bytes = static_cast<std::int64_t>(static_cast<double>(*bytes) * static_cast<double>(*asked) /
                                               static_cast<double>(kept));
        }
    }
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
