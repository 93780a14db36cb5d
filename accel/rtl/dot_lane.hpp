// SPDX-License-Identifier: Apache-2.0
// A dot-product lane: multipliers side by side, a tree of adders and an accumulator that holds the sum of a
// segment, the products that share their scales. A register stands behind every product, every adder and the
// accumulator, as the resource model counts them.
//
// In a cycle with `enable`, the products of that cycle's operands are added to the sum; with `clear`, the sum
// before it counts as 0. Both may come together, so that segments follow each other without a gap. Operands
// beyond the end of a segment are codes of 0. Nothing is reset: the sum is right from the first `clear` on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "accel/rtl/multiplier.hpp"

namespace tilewright::accel {

struct DotLane {
    RtlMultiplier multiplier;
    int inputs = 1;
    std::int64_t segment = 1;  // at least `inputs`

    std::string name() const;
    // Two's complement that holds every sum of a segment, whatever its codes.
    int sum_bits() const { return bits_of_sum(segment); }
    int latency() const;
    RtlModule module(const std::vector<std::string>& origin) const;

  private:
    int bits_of_sum(std::int64_t products) const;
    std::string body() const;
    void add_vectors(RtlModule& module) const;
};

}  // namespace tilewright::accel
