// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/tile_program.hpp"

#include <utility>

namespace tilewright::accel {

const char* to_string(EngineKind kind) {
    switch (kind) {
        case EngineKind::dma:
            return "dma";
        case EngineKind::matrix:
            return "matrix";
        case EngineKind::ssm:
            return "ssm";
        case EngineKind::hadamard:
            return "hadamard";
        case EngineKind::vector:
            return "vector";
        case EngineKind::aie:
            return "aie";
        case EngineKind::quantizer:
            return "quantizer";
        case EngineKind::attention:
            return "attention";
        case EngineKind::softmax:
            return "softmax";
        case EngineKind::binary:
            return "binary";
    }
    return "unknown";
}

const char* to_string(Opcode opcode) {
    switch (opcode) {
        case Opcode::load:
            return "load";
        case Opcode::store:
            return "store";
        case Opcode::matmul:
            return "matmul";
        case Opcode::ssm_fused:
            return "ssm_fused";
        case Opcode::ssm_operator:
            return "ssm_operator";
        case Opcode::discretize:
            return "discretize";
        case Opcode::norm:
            return "norm";
        case Opcode::convolution:
            return "convolution";
        case Opcode::softplus:
            return "softplus";
        case Opcode::gate:
            return "gate";
        case Opcode::hadamard:
            return "hadamard";
        case Opcode::residual_add:
            return "residual_add";
        case Opcode::embedding:
            return "embedding";
        case Opcode::quantize:
            return "quantize";
        case Opcode::l2_norm:
            return "l2_norm";
        case Opcode::softmax:
            return "softmax";
        case Opcode::activation:
            return "activation";
        case Opcode::binary_convolution:
            return "binary_convolution";
        case Opcode::binarize:
            return "binarize";
        case Opcode::rescale:
            return "rescale";
        case Opcode::pool:
            return "pool";
    }
    return "unknown";
}

const char* to_string(Traffic traffic) {
    switch (traffic) {
        case Traffic::weights:
            return "weights";
        case Traffic::weights_again:
            return "weights_again";
        case Traffic::aie_weights:
            return "aie_weights";
        case Traffic::aie_weights_again:
            return "aie_weights_again";
        case Traffic::convolution_weights:
            return "convolution_weights";
        case Traffic::convolution_state:
            return "convolution_state";
        case Traffic::ssm_state:
            return "ssm_state";
        case Traffic::kv_cache:
            return "kv_cache";
        case Traffic::activations:
            return "activations";
        case Traffic::feature_maps:
            return "feature_maps";
    }
    return "unknown";
}

Traffic weight_traffic(LinearEngine engine, bool again) {
    if (engine == LinearEngine::aie) return again ? Traffic::aie_weights_again : Traffic::aie_weights;
    return again ? Traffic::weights_again : Traffic::weights;
}

bool is_weights_of(Traffic traffic, LinearEngine engine) {
    return traffic == weight_traffic(engine, false) || traffic == weight_traffic(engine, true);
}

bool is_weights(Traffic traffic) {
    return is_weights_of(traffic, LinearEngine::pl) || is_weights_of(traffic, LinearEngine::aie);
}

std::int64_t TileProgram::instructions() const {
    std::int64_t count = 0;
    for (const auto& section : sections) {
        for (const auto& stream : section.streams)
            count += section.repeat * static_cast<std::int64_t>(stream.size());
    }
    return count;
}

std::uint16_t TileProgram::add_engine(EngineDescription engine) {
    engines.push_back(std::move(engine));
    return static_cast<std::uint16_t>(engines.size() - 1);
}

std::vector<std::uint16_t> add_dma_engines(const Design& design, TileProgram& program) {
    std::vector<std::uint16_t> indices;
    for (std::size_t i = 0; i < design.memory_ports.size(); ++i) {
        const auto& port = design.memory_ports[i];
        indices.push_back(program.add_engine({"dma " + port.name, EngineKind::dma, i, port.outstanding}));
    }
    return indices;
}

}  // namespace tilewright::accel
