// SPDX-License-Identifier: Apache-2.0
// Runs code once with every instruction set that was compiled and that this processor has.
#pragma once

#include <string>

#include <catch2/catch.hpp>
#include <hwy/targets.h>

namespace tilewright::test {

// Calls `check` with the name of each; returns how many there were.
template <typename Check>
int for_every_simd_target(Check check) {
    int targets = 0;
    for (const auto target : hwy::SupportedAndGeneratedTargets()) {
        hwy::SetSupportedTargetsForTest(target);
        const std::string simd_target = hwy::TargetName(target);
        CAPTURE(simd_target);
        check(simd_target);
        ++targets;
    }
    hwy::SetSupportedTargetsForTest(0);
    return targets;
}

}  // namespace tilewright::test
