// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "accel/bound/bound.hpp"

namespace tilewright::accel {

// lower_bound() of a design for a transformer. Steps (scales of VAR, slices of a prompt) follow each other,
// since what one leaves is the input of the next: beside every engine and port on its own there is a limit
// "in sequence", the sum over the steps of the slowest engine or port, where weights that all memories of the
// device could hold may have been read before.
Bound transformer_lower_bound(const Design& design, const models::OperatorGraph& graph);

}  // namespace tilewright::accel
