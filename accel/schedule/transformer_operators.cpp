// SPDX-License-Identifier: Apache-2.0
// The engines of a design for a transformer, and the operators that they carry out.
#include <utility>

#include "accel/schedule/transformer_schedule.hpp"

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

TransformerEngines add_transformer_engines(const Design& design, TileProgram& program) {
    TransformerEngines indices;
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

std::vector<models::Operator> transformer_block_operators(const TransformerDesign& design,
                                                          const models::OperatorGraph& graph,
                                                          const std::string& prefix, std::int64_t rows) {
    std::vector<models::Operator> operators;
    for (const auto& op : graph.operators) {
        if (op.layer == 0 && op.name.starts_with(prefix)) operators.push_back(op);
    }
    const auto& block = design.block;
    const struct {
        const models::LinearRecipe& recipe;
        std::int64_t inputs;
    } layers[] = {{design.recipe.qkv, block.width},
                  {design.recipe.proj, block.heads * block.head_dim},
                  {design.recipe.fc1, block.width},
                  {design.recipe.fc2, block.hidden}};
    const auto at = prefix + "blocks.0.";
    for (std::size_t i = 0; i < transformer_linear_count; ++i) {
        const auto& [recipe, inputs] = layers[i];
        if (recipe.rotation_block > 0) {
            operators.push_back(element_operator(at + transformer_linear_names[i] + ".hadamard",
                                                 models::OperatorKind::hadamard, rows, inputs));
        }
        operators.push_back(element_operator(at + transformer_linear_names[i] + ".quantize",
                                             models::OperatorKind::quantize, rows, inputs));
    }
    if (design.recipe.kv_cache) {
        for (const auto* name : {"attn.keys.quantize", "attn.values.quantize"}) {
            operators.push_back(
                element_operator(at + name, models::OperatorKind::quantize, rows, block.kv_width()));
        }
    }
    return operators;
}

}  // namespace tilewright::accel
