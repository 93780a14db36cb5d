// SPDX-License-Identifier: Apache-2.0
// The AI Engine array of a device's JSON as typed values.
#pragma once

#include <nlohmann/json.hpp>

#include "accel/aie/array.hpp"

namespace tilewright::accel {

// `from`: the member "aie" of a device that has passed its schema.
AieArray parse_aie_array(const nlohmann::json& from);

}  // namespace tilewright::accel
