// SPDX-License-Identifier: Apache-2.0
#include "accel/report/account.hpp"

#include <algorithm>
#include <string>

#include "accel/aie/array_timing.hpp"
#include "accel/report/product_cycles.hpp"

namespace tilewright::accel {

using nlohmann::ordered_json;

namespace {

ordered_json account_of(const Design& design, const TileProgram& program, const Activity& activity,
                        std::size_t index) {
    const auto period = memory::period_fs(design.clock_hz);
    const auto kind = program.engines[index].kind;
    const auto& engine = activity.engines[index];
    const auto products = product_cycles(design, program, index);
    ordered_json result{{"engine", to_string(kind)}, {"multiplying", products.multiplying}};
    if (products.padding > 0) result["padding"] = products.padding;
    if (products.moving > 0) {
        const auto iteration = aie_iteration(design.device.aie, *design.aie, design.clock_hz);
        result[std::string("moving_") + iteration.limit()] = products.moving;
    }
    if (products.weight_registers > 0) result["weight_registers"] = products.weight_registers;
    if (products.rescaling > 0) result["rescaling"] = products.rescaling;
    result[kind == EngineKind::aie ? "fill_and_drain" : "tile_drain"] = products.around;
    const auto other = engine.busy / period - products.total();
    if (other > 0) result["other_work"] = other;
    // Rounded to whole cycles one behind the other, so that all add up to the run's.
    memory::TimeFs told = engine.busy;
    const auto cycles = [&](memory::TimeFs time) {
        const auto before = (told + period / 2) / period;
        told += time;
        return (told + period / 2) / period - before;
    };
    for (int i = 0; i < stall_cause_count; ++i) {
        const auto time = engine.stalled[static_cast<std::size_t>(i)];
        if (time > 0) result[to_string(static_cast<StallCause>(i))] = cycles(time);
    }
    result["finished_early"] = cycles(engine.idle);
    return result;
}

const EngineActivity& engine_with_most(const Activity& activity, memory::TimeFs EngineActivity::*time) {
    return *std::max_element(activity.engines.begin(), activity.engines.end(),
                             [time](const auto& a, const auto& b) { return a.*time < b.*time; });
}

double part_of_run(const Activity& activity, memory::TimeFs time) {
    return static_cast<double>(time) / static_cast<double>(activity.duration);
}

}  // namespace

ordered_json account_json(const Design& design, const TileProgram& program, const Activity& activity,
                          LinearEngine engine) {
    if (!design.multiplies_on(engine)) return nullptr;
    const auto kind = engine == LinearEngine::aie ? EngineKind::aie : EngineKind::matrix;
    const auto found = std::find_if(program.engines.begin(), program.engines.end(),
                                    [&](const auto& one) { return one.kind == kind; });
    return account_of(design, program, activity, static_cast<std::size_t>(found - program.engines.begin()));
}

ordered_json busiest_json(const Activity& activity) {
    const auto& busiest = engine_with_most(activity, &EngineActivity::busy);
    return {{"engine", busiest.name}, {"busy", part_of_run(activity, busiest.busy)}};
}

ordered_json bottleneck_json(const Activity& activity) {
    const auto& bottleneck = engine_with_most(activity, &EngineActivity::critical);
    return {{"engine", bottleneck.name},
            {"critical_path", part_of_run(activity, bottleneck.critical)},
            {"posted_writes", part_of_run(activity, activity.settling)}};
}

}  // namespace tilewright::accel
