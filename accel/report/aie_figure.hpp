// SPDX-License-Identifier: Apache-2.0
// What the models of AI Engines say of a published kernel or array, as configs/published/aie.json describes
// it.
#pragma once

#include <nlohmann/json.hpp>

#include "accel/aie/array.hpp"

namespace tilewright::accel {

// `from`: the member "aie" of a published figure that has passed its schema. In cycles of the AI Engines,
// operations a second (two a MAC), bytes a second or watts, as its member says; NaN if it has none of them.
double aie_figure(const nlohmann::json& from, AieArray array);

}  // namespace tilewright::accel
