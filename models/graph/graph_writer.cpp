// SPDX-License-Identifier: Apache-2.0
#include "models/graph/graph_writer.hpp"

#include <utility>

namespace tilewright::models {

TensorIndex OperatorGraphWriter::weight(const std::string& name, TensorClass tensor_class, Shape shape) {
    return graph_.add_tensor({name, TensorRole::weight, tensor_class, std::move(shape)});
}

TensorIndex OperatorGraphWriter::apply(const std::string& name, OperatorKind kind, std::int64_t m,
                                       std::int64_t n, std::int64_t k, std::vector<TensorIndex> inputs,
                                       std::int64_t count) {
    const Shape shape = count == 1 ? Shape{m, n} : Shape{count, m, n};
    Operator op;
    op.name = prefix_ + name;
    op.kind = kind;
    op.layer = layer_;
    op.m = m;
    op.n = n;
    op.k = k;
    op.count = count;
    op.inputs = std::move(inputs);
    op.outputs = {
        graph_.add_tensor({op.name + ".out", TensorRole::activation, TensorClass::activation, shape})};
    const auto output = op.outputs[0];
    graph_.add_operator(std::move(op));
    return output;
}

}  // namespace tilewright::models
