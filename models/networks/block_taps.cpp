// SPDX-License-Identifier: Apache-2.0
#include "models/networks/block_taps.hpp"

namespace tilewright::models {

std::vector<OperatorError> operator_errors(const BlockTaps& reference, const BlockTaps& made,
                                           std::span<const std::string> names) {
    std::vector<OperatorError> errors;
    for (const auto& name : names) {
        const auto expected = reference.outputs.find(name);
        const auto found = made.outputs.find(name);
        if (expected == reference.outputs.end() || found == made.outputs.end()) continue;
        errors.push_back({name, measure_error(expected->second, found->second)});
    }
    return errors;
}

std::vector<OperatorError> transformer_operator_errors(const BlockTaps& reference, const BlockTaps& made) {
    const std::string names[] = {"qkv", "attention", "proj", "fc1", "gelu", "fc2"};
    return operator_errors(reference, made, names);
}

}  // namespace tilewright::models
