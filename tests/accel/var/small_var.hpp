// SPDX-License-Identifier: Apache-2.0
// Designs for VAR, small enough to simulate in no time.
#pragma once

#include <string>

#include "../small_design.hpp"

namespace tilewright::test {

// Two blocks of 256 channels and four heads, four scales; its blocks only.
inline accel::DesignDocument small_var_document(const Settings& settings = {}) {
    auto document =
        design_document("fpqvar-vck190-fp4", {{"/network", "var-small"}, {"/workload/ends", false}});
    for (const auto& [pointer, value] : settings) document.set(pointer, value);
    return document;
}

struct NamedSettings {
    std::string name;
    Settings settings;
};

// Format pairs and engines that linear layers can have.
inline std::vector<NamedSettings> var_formats() {
    const nlohmann::json array = {
        {"x", 2}, {"y", 2}, {"z", 2}, {"m", 16}, {"k", 32}, {"n", 32}, {"precision", "int8"}};
    std::vector<NamedSettings> all = {
        {"FP4", {}},
        {"FP4 in groups of 32", {{"/engines/matrix/inputs", 16}}},
        {"FP6", {{"/recipe", "fpqvar-fp6"}, {"/engines/matrix/inputs", 32}}},
        {"INT4", {{"/recipe", "var-int4-rtn"}}},
        {"INT6 in DSP blocks",
         {{"/recipe", "var-int6-kv8"},
          {"/engines/matrix/multiplier", "dsp"},
          {"/engines/matrix/products_per_dsp", 3},
          {"/engines/matrix/inputs", 16},
          {"/engines/attention/outputs", 4}}},
        {"INT6 on AI Engines",
         {{"/recipe", "var-int6-rtn"}, {"/mapping/linear_engine", "aie"}, {"/engines/aie", array}}},
        {"E1M2 x E2M1", {}},
        {"E2M1 x E2M3", {}},
    };
    for (const auto* layer : {"qkv", "proj", "fc1", "fc2"}) {
        const auto at = std::string("/recipe/linears/") + layer;
        for (const auto* operand : {"/weights", "/activations"}) {
            all[1].settings.push_back({at + operand + "/group_size", 32});
        }
        all[6].settings.push_back({at + "/weights/format", "e1m2"});
        if (std::string(layer) != "fc2") all[7].settings.push_back({at + "/activations/format", "e2m3"});
    }
    return all;
}

inline std::vector<NamedSettings> var_pipelines() {
    std::vector<NamedSettings> all;
    for (const bool operators : {true, false}) {
        for (const bool matrix : {true, false}) {
            all.push_back(
                {std::string("operators ") + (operators ? "on" : "off") + ", matrix unit " +
                     (matrix ? "on" : "off"),
                 {{"/mapping/pipeline/operators", operators}, {"/mapping/pipeline/matrix", matrix}}});
        }
    }
    return all;
}

inline Settings joined(Settings a, const Settings& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

}  // namespace tilewright::test
