// SPDX-License-Identifier: Apache-2.0
// How far numbers are from what they stand for.
#pragma once

#include <span>

namespace tilewright::models {

struct ErrorMeasures {
    double sqnr_db = 0;        // 10 log10(sum x^2 / sum (x - y)^2); infinite for equal numbers
    double cosine = 0;         // of the angle between the two; 1 when both are zero
    double max_abs_error = 0;  // max |x - y|
};

// `approximate` against `reference`, of equal length. Throws std::invalid_argument for different lengths.
ErrorMeasures measure_error(std::span<const double> reference, std::span<const double> approximate);

// Of what a block adds to the residual stream: `made` - `residual` against `reference` - `residual`.
ErrorMeasures measure_update_error(std::span<const double> residual, std::span<const double> reference,
                                   std::span<const float> made);

}  // namespace tilewright::models
