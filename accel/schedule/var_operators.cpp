// SPDX-License-Identifier: Apache-2.0
// The engines of a design for VAR, and the operators that they carry out.
#include <utility>

#include "accel/schedule/var_schedule.hpp"

namespace tilewright::accel {

namespace {

models::Operator element_operator(std::string name, models::OperatorKind kind, std::int64_t m,
                                  std::int64_t n) {
    models::Operator op;
    op.name = std::move(name);
    op.kind = kind;
    op.layer = 0;
    op.m = m;
    op.n = n;
    return op;
}

}  // namespace

VarEngineIndices add_var_engines(const Design& design, TileProgram& program) {
    VarEngineIndices indices;
    indices.dma = add_dma_engines(design, program);
    const auto add = [&](EngineDescription engine) { return program.add_engine(std::move(engine)); };
    indices.linear = add_linear_engines(design, program);
    indices.quantizer = add({"quantizer", EngineKind::quantizer});
    indices.hadamard = indices.quantizer;
    if (design.hadamard.points_per_cycle > 0) indices.hadamard = add({"hadamard", EngineKind::hadamard});
    indices.attention = add({"attention", EngineKind::attention});
    indices.softmax = add({"softmax", EngineKind::softmax});
    indices.vector = add({"vector", EngineKind::vector});
    return indices;
}

std::string short_name(const std::string& operator_name) {
    const auto block = operator_name.find("blocks.");
    const auto end = operator_name.find('.', block == std::string::npos ? 0 : block + 7);
    return block == std::string::npos ? operator_name : operator_name.substr(end + 1);
}

std::vector<models::Operator> var_block_operators(const VarDesign& var, const models::OperatorGraph& graph,
                                                  std::size_t scale) {
    const auto prefix = "scale." + std::to_string(scale) + ".";
    std::vector<models::Operator> operators;
    for (const auto& op : graph.operators) {
        if (op.layer == 0 && op.name.starts_with(prefix)) operators.push_back(op);
    }
    const auto rows = var.step.batch() * var.network.scale_tokens(scale);
    const models::LinearRecipe* recipes[] = {&var.recipe.qkv, &var.recipe.proj, &var.recipe.fc1,
                                             &var.recipe.fc2};
    const auto at = prefix + "blocks.0.";
    for (std::size_t i = 0; i < var_linear_count; ++i) {
        const auto inputs = i == fc2_linear ? var.network.hidden() : var.network.width;
        if (recipes[i]->rotation_block > 0) {
            operators.push_back(element_operator(at + var_linear_names[i] + ".hadamard",
                                                 models::OperatorKind::hadamard, rows, inputs));
        }
        operators.push_back(element_operator(at + var_linear_names[i] + ".quantize",
                                             models::OperatorKind::quantize, rows, inputs));
    }
    if (var.recipe.kv_cache) {
        for (const auto* name : {"attn.keys.quantize", "attn.values.quantize"}) {
            operators.push_back(
                element_operator(at + name, models::OperatorKind::quantize, rows, var.network.width));
        }
    }
    return operators;
}

}  // namespace tilewright::accel
