// SPDX-License-Identifier: Apache-2.0
#include "accel/design/design.hpp"

#include <algorithm>
#include <tuple>

namespace tilewright::accel {

const char* to_string(Buffer buffer) {
    switch (buffer) {
        case Buffer::weights:
            return "weights";
        case Buffer::activations:
            return "activations";
        case Buffer::state:
            return "state";
        case Buffer::intermediates:
            return "intermediates";
    }
    return "unknown";
}

const char* to_string(Stream stream) {
    switch (stream) {
        case Stream::weights:
            return "weights";
        case Stream::state:
            return "state";
        case Stream::convolution:
            return "convolution";
    }
    return "unknown";
}

std::size_t Design::port_of(Stream stream) const {
    for (std::size_t i = 0; i < memory_ports.size(); ++i) {
        const auto& carries = memory_ports[i].carries;
        if (std::find(carries.begin(), carries.end(), stream) != carries.end()) return i;
    }
    return 0;
}

models::MambaStep Design::step() const {
    models::MambaStep step;
    step.phase = workload.phase;
    step.tokens = workload.tokens;
    step.online_hadamard = recipe.online_hadamard;
    return step;
}

models::OperatorGraph build_graph(const Design& design) {
    if (design.var) return models::build_var_graph(design.var->network, design.var->step);
    return models::build_mamba_graph(design.network, design.step());
}

std::vector<LinearOperands> linear_operands(const Design& design) {
    if (!design.var) {
        const auto& recipe = design.recipe;
        return {{"linear", recipe.weights, recipe.activations, {}, design.network.d_model, 0}};
    }
    const auto& [network, recipe] = std::tie(design.var->network, design.var->recipe);
    const auto operands = [](const char* name, const models::LinearRecipe& layer, std::int64_t inputs) {
        return LinearOperands{name,
                              models::row_quantization(layer.weights, inputs),
                              models::row_quantization(layer.activations, inputs),
                              layer.activations.dual,
                              inputs,
                              layer.rotation_block};
    };
    return {operands("qkv", recipe.qkv, network.width), operands("proj", recipe.proj, network.width),
            operands("fc1", recipe.fc1, network.width), operands("fc2", recipe.fc2, network.hidden())};
}

}  // namespace tilewright::accel
