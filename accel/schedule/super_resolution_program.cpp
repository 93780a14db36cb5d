// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/super_resolution_program.hpp"

#include "accel/schedule/super_resolution_schedule.hpp"

namespace tilewright::accel {

void add_super_resolution_engines(const Design& design, TileProgram& program) {
    make_super_resolution_engines(design, program);
}

TileProgram build_super_resolution_program(const Design& design, const models::OperatorGraph& graph) {
    TileProgram program;
    SuperResolutionSchedule schedule(design, graph, program);
    schedule.head();
    schedule.body();
    schedule.upsampler();
    return program;
}

}  // namespace tilewright::accel
