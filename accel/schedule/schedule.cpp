// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/schedule.hpp"

#include <algorithm>

#include "accel/schedule/gpt_program.hpp"
#include "accel/schedule/mamba2_program.hpp"
#include "accel/schedule/program_check.hpp"
#include "accel/schedule/super_resolution_program.hpp"
#include "accel/schedule/transformer_schedule.hpp"
#include "accel/schedule/var_program.hpp"

namespace tilewright::accel {

namespace {

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
    } else if (design.super_resolution) {
        add_super_resolution_engines(design, program);
    } else {
        add_mamba2_engines(design, program);
    }
    return program.engines;
}

TileProgram build_program(const Design& design, const models::OperatorGraph& graph) {
    check_shares(design, graph);
    auto program = design.var                ? build_var_program(design, graph)
                   : design.gpt              ? build_gpt_program(design, graph)
                   : design.super_resolution ? build_super_resolution_program(design, graph)
                                             : build_mamba2_program(design, graph);
    size_buffers(design, program);
    return program;
}

}  // namespace tilewright::accel
