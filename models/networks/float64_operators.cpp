// SPDX-License-Identifier: Apache-2.0
#include "models/networks/float64_operators.hpp"

#include <cmath>
#include <numbers>

namespace tilewright::models {

double gelu_tanh(double x) {
    constexpr auto factor = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
    return 0.5 * x * (1 + std::tanh(factor * (x + 0.044715 * x * x * x)));
}

std::vector<double> linear_rows(const std::vector<float>& weights, const std::vector<float>& bias,
                                std::span<const double> x, std::size_t inputs) {
    const auto outputs = weights.size() / inputs;
    const auto rows = x.size() / inputs;
    const std::vector<double> matrix(weights.begin(), weights.end());
    std::vector<double> y(rows * outputs);
    for (std::size_t t = 0; t < rows; ++t) {
        for (std::size_t n = 0; n < outputs; ++n) {
            double sum = bias.empty() ? 0.0 : static_cast<double>(bias[n]);
            for (std::size_t k = 0; k < inputs; ++k) sum += matrix[n * inputs + k] * x[t * inputs + k];
            y[t * outputs + n] = sum;
        }
    }
    return y;
}

std::vector<double> standardised_rows(std::span<const double> x, std::size_t width, double epsilon) {
    std::vector<double> y(x.size());
    for (std::size_t start = 0; start < x.size(); start += width) {
        const auto row = x.subspan(start, width);
        double sum = 0;
        for (const auto value : row) sum += value;
        const auto mean = sum / static_cast<double>(width);
        double squares = 0;
        for (const auto value : row) squares += (value - mean) * (value - mean);
        const auto deviation = std::sqrt(squares / static_cast<double>(width) + epsilon);
        for (std::size_t c = 0; c < width; ++c) y[start + c] = (row[c] - mean) / deviation;
    }
    return y;
}

}  // namespace tilewright::models
