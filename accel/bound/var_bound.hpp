// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "accel/bound/bound.hpp"

namespace tilewright::accel {

// lower_bound() of a design for VAR. Scales follow each other, since the tokens of one are the input of the
// next: beside every engine and port on its own there is a limit "scales in sequence", the sum over the
// scales of the slowest engine or port, where weights that all memories of the device could hold may have
// been read before.
Bound var_lower_bound(const Design& design, const models::OperatorGraph& graph);

}  // namespace tilewright::accel
