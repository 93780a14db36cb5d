// SPDX-License-Identifier: Apache-2.0
// What a simulation that carries data has left, against the untiled kernels: every number in every bit.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

#include "accel/simulation/activity.hpp"

namespace tilewright::accel {

struct FunctionalOutcome {
    Activity activity;
    std::int64_t values = 0;      // numbers compared: residual stream, states in memory, logits
    std::int64_t mismatches = 0;  // numbers that differ in any bit
    std::string first_mismatch;   // what differs first; empty if nothing does
};

// Adds numbers of binary32 or binary64 to an outcome. `place(i)` names one of them, for a message.
template <typename Number, typename Place>
void compare(FunctionalOutcome& outcome, std::span<const Number> kernel, std::span<const Number> simulated,
             Place place) {
    using Bits = std::conditional_t<sizeof(Number) == sizeof(std::uint32_t), std::uint32_t, std::uint64_t>;
    const auto bits = [](Number number) { return std::bit_cast<Bits>(number); };
    outcome.values += static_cast<std::int64_t>(kernel.size());
    if (simulated.size() > kernel.size() && outcome.mismatches++ == 0) {
        outcome.first_mismatch = place(kernel.size()) + " is there, and the kernel has none";
    }
    for (std::size_t i = 0; i < kernel.size(); ++i) {
        if (i < simulated.size() && bits(kernel[i]) == bits(simulated[i])) continue;
        if (outcome.mismatches++ > 0) continue;
        const auto found = i < simulated.size() ? std::to_string(simulated[i]) : "missing";
        outcome.first_mismatch = place(i) + " is " + found + ", the kernel's " + std::to_string(kernel[i]);
    }
}

}  // namespace tilewright::accel
