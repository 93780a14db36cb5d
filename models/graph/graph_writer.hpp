// SPDX-License-Identifier: Apache-2.0
// What writers of operator graphs share: names with a prefix, weights, operators with one output.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/graph/operator_graph.hpp"

namespace tilewright::models {

class OperatorGraphWriter {
  protected:
    using Shape = std::vector<std::int64_t>;

    explicit OperatorGraphWriter(OperatorGraph& graph) : graph_(graph) {}

    TensorIndex weight(const std::string& name, TensorClass tensor_class, Shape shape);
    TensorIndex vector(const std::string& name, std::int64_t size) {
        return weight(name, TensorClass::vector_weight, {size});
    }
    // Adds an operator over m x n x k, `count` times, with one output [m, n], named behind the prefix and of
    // the current layer.
    TensorIndex apply(const std::string& name, OperatorKind kind, std::int64_t m, std::int64_t n,
                      std::int64_t k, std::vector<TensorIndex> inputs, std::int64_t count = 1);

    OperatorGraph& graph_;
    std::string prefix_;
    int layer_ = -1;
};

}  // namespace tilewright::models
