// SPDX-License-Identifier: Apache-2.0
#include "models/graph/operator_graph.hpp"

#include <functional>
#include <numeric>
#include <utility>

namespace tilewright::models {

const char* to_string(OperatorKind kind) {
    switch (kind) {
        case OperatorKind::embedding:
            return "embedding";
        case OperatorKind::rms_norm:
            return "rms_norm";
        case OperatorKind::linear:
            return "linear";
        case OperatorKind::matrix_product:
            return "matrix_product";
        case OperatorKind::convolution:
            return "convolution";
        case OperatorKind::silu:
            return "silu";
        case OperatorKind::softplus:
            return "softplus";
        case OperatorKind::discretize:
            return "discretize";
        case OperatorKind::outer_product:
            return "outer_product";
        case OperatorKind::decay_state:
            return "decay_state";
        case OperatorKind::update_state:
            return "update_state";
        case OperatorKind::contract_state:
            return "contract_state";
        case OperatorKind::skip:
            return "skip";
        case OperatorKind::gate:
            return "gate";
        case OperatorKind::hadamard:
            return "hadamard";
        case OperatorKind::residual_add:
            return "residual_add";
        case OperatorKind::layer_norm:
            return "layer_norm";
        case OperatorKind::modulate:
            return "modulate";
        case OperatorKind::l2_norm:
            return "l2_norm";
        case OperatorKind::softmax:
            return "softmax";
        case OperatorKind::gelu:
            return "gelu";
        case OperatorKind::channel_scale:
            return "channel_scale";
        case OperatorKind::quantize:
            return "quantize";
        case OperatorKind::convolution_2d:
            return "convolution_2d";
        case OperatorKind::binary_convolution:
            return "binary_convolution";
        case OperatorKind::binarize:
            return "binarize";
        case OperatorKind::average_pool:
            return "average_pool";
        case OperatorKind::pixel_factor:
            return "pixel_factor";
        case OperatorKind::sigmoid:
            return "sigmoid";
        case OperatorKind::leaky_relu:
            return "leaky_relu";
        case OperatorKind::pixel_shuffle:
            return "pixel_shuffle";
    }
    return "unknown";
}

std::int64_t Tensor::elements() const {
    return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

std::int64_t Operator::macs() const {
    switch (kind) {
        case OperatorKind::linear:
        case OperatorKind::matrix_product:
        case OperatorKind::convolution:
        case OperatorKind::discretize:
        case OperatorKind::outer_product:
        case OperatorKind::decay_state:
        case OperatorKind::contract_state:
        case OperatorKind::skip:
        case OperatorKind::convolution_2d:
        case OperatorKind::binary_convolution:
        case OperatorKind::pixel_factor:
            return elements();
        default:
            return 0;
    }
}

TensorIndex OperatorGraph::add_tensor(Tensor tensor) {
    tensors.push_back(std::move(tensor));
    return tensors.size() - 1;
}

std::size_t OperatorGraph::add_operator(Operator op) {
    operators.push_back(std::move(op));
    return operators.size() - 1;
}

GraphTotals totals(const OperatorGraph& graph, const Recipe& recipe) {
    GraphTotals sum;
    for (const auto& op : graph.operators) {
        const auto macs = op.macs();
        sum.macs += macs;
        switch (op.kind) {
            case OperatorKind::linear:
                sum.linear_macs += macs;
                break;
            case OperatorKind::matrix_product:
                sum.product_macs += macs;
                break;
            case OperatorKind::convolution:
                sum.convolution_macs += macs;
                break;
            default:
                sum.ssm_macs += macs;
                break;
        }
    }
    for (const auto& tensor : graph.tensors) {
        const auto elements = tensor.elements();
        if (tensor.role == TensorRole::weight) sum.parameters += elements;
        switch (tensor.tensor_class) {
            case TensorClass::linear_weight:
                sum.linear_weight_elements += elements;
                sum.linear_weight_bytes += stored_bytes(recipe.weights, elements);
                break;
            case TensorClass::convolution_weight:
                sum.convolution_weight_bytes += stored_bytes(recipe.convolution, elements);
                break;
            case TensorClass::ssm_state:
                sum.ssm_state_bytes += stored_bytes(recipe.state, elements);
                break;
            case TensorClass::convolution_state:
                sum.convolution_state_bytes += stored_bytes(recipe.convolution, elements);
                break;
            default:
                break;
        }
    }
    return sum;
}

}  // namespace tilewright::models
