// SPDX-License-Identifier: Apache-2.0
// Channels of a memory that do the same at the same times.
//
// A port stripes every transfer over its channels in equal shares, padding included, at the same address of
// each (TransferLayout), and channels share nothing but the ports: arbiters, links and controllers are each
// channel's own, and all refreshes come due together. Channels that the same ports go to therefore serve the
// same bursts at the same times. Where no data are carried, one of them can be simulated for all.
#pragma once

#include <string>
#include <vector>

#include "accel/design/design.hpp"

namespace tilewright::accel {

// By channel of a memory: the first one that the same ports of the design go to.
std::vector<int> first_of_like_channels(const Design& design, const std::string& memory);

}  // namespace tilewright::accel
