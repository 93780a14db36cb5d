// SPDX-License-Identifier: Apache-2.0
// What the models of AI Engines say of a published kernel or array, as configs/published/aie.json describes
// it.
#pragma once

#include <nlohmann/json.hpp>

#include "accel/aie/array.hpp"

namespace tilewright::accel {

// `from`: the member "aie" of a published figure that has passed its schema. In cycles of the AI Engines,
// operations a second (two a MAC), bytes a second or watts, as its member says. Throws std::invalid_argument
// if it does not name one model, or for an array that cannot be placed; its kernels' buffers may reach into
// the memories of their tiles' neighbours, which those of designs may not.
double aie_figure(const nlohmann::json& from, AieArray array);

}  // namespace tilewright::accel
