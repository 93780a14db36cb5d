// SPDX-License-Identifier: Apache-2.0
// The matrix unit of a design; parse_matrix() and check_multipliers() are for any network but Mamba.
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

// How many products of so many bits a DSP block makes: four of 4 bits by packing, verified exhaustively; of
// up to 8 bits two by packing (AMD WP486), or three in the dot-product mode of a DSP58 (AMD AM004), which
// adds them up, so not where some are summed apart. Throws ConfigError for a design that wants another
// number.
// That a multiplier of lookup tables can be made of two formats of at most 8 bits; throws ConfigError at
// `pointer`.
void check_lookup_table(const models::NumberFormat& weights, const models::NumberFormat& activations,
                        const std::string& file, const std::string& pointer);
void check_products_per_dsp(const Design& design, int bits, bool summed_together, const std::string& file);

// Four products of 4 bits in one DSP block are two rows' inputs by two weights (AMD WP521): of a single row
// half of them would be of no use. Throws ConfigError for such a design.
void check_rows_in_pairs(const Design& design, const std::string& file);

}  // namespace tilewright::accel
