// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include "program.hpp"

namespace tilewright::test {

// A study of twelve small designs, of which four do not fit.
inline nlohmann::json small_study() {
    const auto base = nlohmann::json::parse(read_file(source_path("configs/networks/mamba2-130m.json")));
    auto network = base;
    network["layers"] = 64;
    network["d_model"] = 256;
    return {{"schema_version", 1},
            {"name", "small"},
            {"base", source_path("configs/designs/lightmamba-vck190-w4a4.json").string()},
            {"parameters",
             {{{"name", "network"}, {"values", {{{"label", "tiny"}, {"set", {{"/network", network}}}}}}},
              {{"name", "unroll"}, {"pointer", "/mapping/unroll"}, {"values", {"none", "partial", "full"}}},
              {{"name", "tile"}, {"pointer", "/mapping/tile/outputs"}, {"values", {8, 16}}},
              {{"name", "lanes"}, {"pointer", "/engines/vector/lanes"}, {"values", {4, 8}}}}},
            {"objectives",
             {{{"name", "throughput"},
               {"metric", "/throughput/value"},
               {"goal", "maximize"},
               {"unit", "tokens/s"}},
              {{"name", "energy"}, {"metric", "/energy/per_item_j"}, {"goal", "minimize"}, {"unit", "J"}}}}};
}

}  // namespace tilewright::test
