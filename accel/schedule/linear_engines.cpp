// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/linear_engines.hpp"

namespace tilewright::accel {

std::vector<InstructionRef> LinearEngines::last(const ProgramBuilder& builder) const {
    std::vector<InstructionRef> refs;
    for (const auto& index : indices) {
        if (index) refs.push_back(builder.last(*index));
    }
    return refs;
}

LinearEngines add_linear_engines(const Design& design, TileProgram& program) {
    LinearEngines engines;
    const auto add = [&](LinearEngine engine, const char* name, EngineKind kind) {
        engines.indices[static_cast<std::size_t>(engine)] = program.add_engine({name, kind});
    };
    if (design.uses_aie()) add(LinearEngine::aie, "aie", EngineKind::aie);
    if (design.has_matrix_unit()) add(LinearEngine::pl, "matrix", EngineKind::matrix);
    return engines;
}

InstructionRef join(ProgramBuilder& builder, const std::vector<InstructionRef>& order) {
    for (const auto& ref : order) {
        if (ref.engine != order.back().engine) builder.wait_for_data(order.back(), ref);
    }
    return order.back();
}

}  // namespace tilewright::accel
