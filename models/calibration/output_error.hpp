// SPDX-License-Identifier: Apache-2.0
// What rounding both operands of a linear layer does to its outputs.
#pragma once

#include <optional>
#include <vector>

#include "models/calibration/linear_transform.hpp"
#include "models/formats/dual_format.hpp"
#include "models/formats/group_scale.hpp"

namespace tilewright::models {

// How an operand is rounded: rows of a matrix in groups that share a scale.
struct OperandRounding {
    NumberFormat format;
    GroupScaling scaling;            // the group must divide the channels
    std::optional<DualFormat> dual;  // instead of `format`; absmax scales, group and ties of `scaling`
};

struct LinearRounding {
    OperandRounding weights;
    OperandRounding inputs;
};

// A matrix of rows of `channels` as its codes and scales stand for it, and the scale of each element (0 where
// its group is all zero). Operands are rounded to f32 first.
struct RoundedOperand {
    std::vector<double> values;
    std::vector<double> scales;
};

// Throws std::invalid_argument for groups that do not divide the channels.
RoundedOperand round_operand(std::span<const double> matrix, std::size_t channels,
                             const OperandRounding& rounding);

// X W^T, [tokens, outputs], in float64.
std::vector<double> linear_outputs(std::span<const double> inputs, std::span<const double> weights,
                                   std::size_t channels);

// sum (y' - y)^2 / sum y^2 over all tokens and outputs, where y = W x and y' is the product of the rounded
// operands after the transform. 0 for outputs that are all zero and stay so. Throws std::invalid_argument as
// its parts do.
double output_error(const LinearSample& sample, const LinearTransform& transform,
                    const LinearRounding& rounding);

}  // namespace tilewright::models
