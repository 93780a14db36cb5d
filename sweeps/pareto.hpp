// SPDX-License-Identifier: Apache-2.0
// Which results no other result beats.
#pragma once

#include <vector>

#include "sweeps/study.hpp"

namespace tilewright::sweeps {

// rows: [row][objective], one value per goal; goals: [objective].
// result[row] is true if no other row is at least as good in every objective and better in one.
// A row with a NaN is never on the front and beats nobody; equal rows are on the front together.
// O(n log n) for one or two objectives, O(n * front) for more.
// Throws std::invalid_argument if a row's length differs from the number of goals.
std::vector<bool> pareto_front(const std::vector<std::vector<double>>& rows, const std::vector<Goal>& goals);

}  // namespace tilewright::sweeps
