// SPDX-License-Identifier: Apache-2.0
#include "models/weights/mamba_weights.hpp"

namespace tilewright::models {

std::map<std::string, std::vector<std::int64_t>> mamba_weight_shapes(const MambaConfig& config) {
    std::map<std::string, std::vector<std::int64_t>> shapes;
    for (const auto& tensor : build_mamba_graph(config, {}).tensors) {
        if (tensor.role == TensorRole::weight) shapes.emplace(tensor.name, tensor.shape);
    }
    return shapes;
}

}  // namespace tilewright::models
