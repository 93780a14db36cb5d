// SPDX-License-Identifier: Apache-2.0
// A lane of a binary convolution: signs of a pixel's neighbourhood against a row of weights, and an
// accumulator for neighbourhoods that take several cycles. Per cycle it adds
//
//   2 popcount(xnor & mask) - popcount(mask)
//
// `group` signs that follow each other always belong to one tap, so they share a bit of the mask. Controls
// are those of a dot-product lane.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "accel/rtl/rtl_module.hpp"

namespace tilewright::accel {

struct BinaryLane {
    int inputs = 1;             // signs a cycle
    std::int64_t channels = 1;  // of a tap

    std::string name() const;
    int group() const;
    int groups() const { return inputs / group(); }
    int sum_bits() const;  // for all taps
    int latency() const;
    RtlModule module(const std::vector<std::string>& origin) const;

  private:
    std::string body() const;
    void add_vectors(RtlModule& module) const;
};

}  // namespace tilewright::accel
