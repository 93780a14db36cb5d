// SPDX-License-Identifier: Apache-2.0
#include "accel/cost/lut_multiplier.hpp"

#include <algorithm>

#include "models/kernels/lut_multiplier.hpp"

namespace tilewright::accel {

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
