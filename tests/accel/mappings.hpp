// SPDX-License-Identifier: Apache-2.0
// The mapping choices that a design has, all of them.
#pragma once

#include <string>
#include <vector>

#include "small_design.hpp"

namespace tilewright::test {

// Every combination of the mapping choices, over decode and a prefill of seven tokens.
inline std::vector<Settings> all_mappings() {
    std::vector<Settings> result;
    for (const auto* phase : {"decode", "prefill"}) {
        for (const auto* loop : {"mnk", "mkn", "nmk", "nkm", "kmn", "knm"}) {
            for (const auto* order : {"naive", "reordered", "released_rtl"}) {
                for (const auto* fusion : {"none", "fine_grained"}) {
                    for (const auto* unroll : {"none", "partial"}) {
                        for (const bool double_buffer : {true, false}) {
                            const bool prefill = std::string(phase) == "prefill";
                            nlohmann::json tile = {
                                {"outputs", 12}, {"inputs", 80}, {"channels", 40}, {"state", 10}};
                            if (prefill) tile["tokens"] = 3;
                            result.push_back({{"/workload", {{"phase", phase}, {"tokens", prefill ? 7 : 1}}},
                                              {"/mapping/loop_order", loop},
                                              {"/mapping/operator_order", order},
                                              {"/mapping/fusion", fusion},
                                              {"/mapping/unroll", unroll},
                                              {"/mapping/double_buffer", double_buffer},
                                              {"/mapping/tile", tile}});
                        }
                    }
                }
            }
        }
    }
    return result;
}

}  // namespace tilewright::test
