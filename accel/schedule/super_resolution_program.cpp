// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/super_resolution_program.hpp"

#include <limits>
#include <string>

#include "accel/schedule/schedule.hpp"
#include "accel/schedule/super_resolution_schedule.hpp"

namespace tilewright::accel {

void add_super_resolution_engines(const Design& design, TileProgram& program) {
    make_super_resolution_engines(design, program);
}

TileProgram build_super_resolution_program(const Design& design, const models::OperatorGraph& graph) {
    TileProgram program;
    const auto& own = *design.super_resolution;
    constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
    const auto pixels = own.image.pixels() * own.network.scale * own.network.scale;
    if (pixels > most) {
        throw MappingError("/workload/height", std::to_string(pixels) + " pixels come out of the network",
                           "at most " + std::to_string(most) + "; a smaller image or scale");
    }
    SuperResolutionSchedule schedule(design, graph, program);
    schedule.head();
    schedule.body();
    schedule.upsampler();
    return program;
}

}  // namespace tilewright::accel
