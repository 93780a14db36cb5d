// SPDX-License-Identifier: Apache-2.0
// The AI Engine array of the shipped VCK190, and at the clock that many papers quote.
#pragma once

#include "../small_design.hpp"
#include "accel/design/json_file.hpp"
#include "accel/design/parse_aie.hpp"

namespace tilewright::test {

inline accel::AieArray vck190_array(double clock_hz = 1.25e9) {
    const auto file = source_path("configs/devices/vck190.json");
    auto array = accel::parse_aie_array(accel::read_json_file(file).at("aie"), file.string(), "/aie");
    array.clock_hz = clock_hz;
    return array;
}

}  // namespace tilewright::test
