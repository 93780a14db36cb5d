// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/error_measures.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

namespace tilewright::models {

ErrorMeasures measure_error(std::span<const double> reference, std::span<const double> approximate) {
    if (reference.size() != approximate.size()) throw std::invalid_argument("tensors of different sizes");
    double signal = 0;
    double other = 0;
    double product = 0;
    double noise = 0;
    ErrorMeasures result;
    for (std::size_t i = 0; i < reference.size(); ++i) {
        const auto error = reference[i] - approximate[i];
        signal += reference[i] * reference[i];
        other += approximate[i] * approximate[i];
        product += reference[i] * approximate[i];
        noise += error * error;
        result.max_abs_error = std::max(result.max_abs_error, std::abs(error));
    }
    result.sqnr_db = 10 * std::log10(signal / noise);
    if (noise == 0) result.sqnr_db = INFINITY;
    const auto norms = std::sqrt(signal) * std::sqrt(other);
    result.cosine = norms > 0 ? product / norms : (signal == other ? 1 : 0);
    return result;
}

ErrorMeasures measure_update_error(std::span<const double> residual, std::span<const double> reference,
                                   std::span<const float> made) {
    std::vector<double> expected(made.size());
    std::vector<double> update(made.size());
    for (std::size_t i = 0; i < made.size(); ++i) {
        expected[i] = reference[i] - residual[i];
        update[i] = static_cast<double>(made[i]) - residual[i];
    }
    return measure_error(expected, update);
}

}  // namespace tilewright::models
