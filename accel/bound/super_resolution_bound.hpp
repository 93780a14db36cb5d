// SPDX-License-Identifier: Apache-2.0
// The lower bound of a super-resolution network.
#pragma once

#include "accel/bound/bound.hpp"

namespace tilewright::accel {

Bound super_resolution_lower_bound(const Design& design, const models::OperatorGraph& graph);

}  // namespace tilewright::accel
