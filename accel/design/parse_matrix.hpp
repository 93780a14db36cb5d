// SPDX-License-Identifier: Apache-2.0
// The matrix unit of a design for any network but Mamba.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "accel/design/design.hpp"

namespace tilewright::accel {

// `from`: a member "matrix" that has passed its schema.
void parse_matrix(const nlohmann::json& from, MatrixEngine& matrix);

// What such a unit can multiply: any formats of at most 8 bits from tables, integers in DSP blocks. Throws
// ConfigError for a design whose layers there have others.
void check_multipliers(const Design& design, const std::string& file);

// Four products of 4 bits in one DSP block are two rows' inputs by two weights (AMD WP521): of a single row
// half of them would be of no use. Throws ConfigError for such a design.
void check_rows_in_pairs(const Design& design, const std::string& file);

}  // namespace tilewright::accel
