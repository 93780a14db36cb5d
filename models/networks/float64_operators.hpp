// SPDX-License-Identifier: Apache-2.0
// What the float64 references of transformers compute beside attention.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tilewright::models {

// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
double gelu_tanh(double x);

// W x + b for every row of x; W is [outputs, inputs]; an empty b is 0.
std::vector<double> linear_rows(const std::vector<float>& weights, const std::vector<float>& bias,
                                std::span<const double> x, std::size_t inputs);

// (x - mean) / sqrt(variance + epsilon) for every row of `width` channels.
std::vector<double> standardised_rows(std::span<const double> x, std::size_t width, double epsilon);

}  // namespace tilewright::models
