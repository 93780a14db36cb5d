// SPDX-License-Identifier: Apache-2.0
#include "accel/cost/lut_multiplier.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "models/kernels/lut_multiplier.hpp"

namespace tilewright::accel {

double integer_multiplier_lut(int a_bits, int b_bits, const CostConstants& constants) {
    struct Square {
        int bits;
        double lut;
    };
    const std::array<Square, 4> squares = {{{4, constants.int4_multiplier_lut},
                                            {6, constants.int6_multiplier_lut},
                                            {8, constants.int8_multiplier_lut},
                                            {16, constants.int16_multiplier_lut}}};
    const auto widest = std::max(a_bits, b_bits);
    const auto square = std::find_if(squares.begin(), squares.end(),
                                     [widest](const Square& one) { return one.bits >= widest; });
    if (square == squares.end()) throw std::invalid_argument("an operand of more than 16 bits");
    return square->lut * a_bits * b_bits / (square->bits * square->bits);
}

LutMultiplierCost lut_multiplier_cost(const models::NumberFormat& a, const models::NumberFormat& b,
                                      const CostConstants& constants) {
    const models::LutMultiplier multiplier(a, b);
    LutMultiplierCost cost;
    cost.product_bits = multiplier.magnitude_bits();
    if (const auto count = multiplier.lut6_count()) {
        cost.lut = *count;
        cost.from_structure = true;
        return cost;
    }
    const auto floating = [](const models::NumberFormat& format) {
        return format.family == models::FormatFamily::floating_point;
    };
    if (!floating(a) && !floating(b)) {
        cost.lut = integer_multiplier_lut(a.bits, b.bits, constants);
        return cost;
    }
    const auto widest = std::max(a.bits, b.bits);
    if (widest > 6) {
        cost.lut = constants.int8_multiplier_lut;
    } else if (floating(a) && floating(b)) {
        cost.lut = constants.fp6_multiplier_lut;
    } else {
        cost.lut = widest > 4 ? constants.int6_multiplier_lut : constants.int4_multiplier_lut;
    }
    return cost;
}

}  // namespace tilewright::accel
