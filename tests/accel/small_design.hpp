// SPDX-License-Identifier: Apache-2.0
// Designs for tests: the published one, made small enough to simulate in no time.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "accel/design/config_error.hpp"
#include "accel/design/config_files.hpp"

namespace tilewright::test {

inline std::filesystem::path source_path(const std::string& below) {
    return std::filesystem::path(TILEWRIGHT_SOURCE_DIR) / below;
}

using Settings = std::vector<std::pair<std::string, nlohmann::json>>;

inline std::string text(const Settings& settings) {
    std::string all;
    for (const auto& [pointer, value] : settings) all += pointer + "=" + value.dump() + " ";
    return all;
}

inline accel::DesignDocument design_document(const std::string& name, const Settings& settings = {}) {
    auto document = accel::DesignDocument::load(source_path("configs/designs/" + name + ".json"));
    for (const auto& [pointer, value] : settings) document.set(pointer, value);
    return document;
}

// Two blocks with 192 channels: sizes that no tile of the tests divides evenly.
inline accel::DesignDocument small_document(const Settings& settings = {}) {
    auto document = design_document("lightmamba-vck190-w4a4", {{"/network/layers", 2},
                                                               {"/network/d_model", 192},
                                                               {"/network/d_state", 24},
                                                               {"/network/vocabulary", 500},
                                                               {"/network/head_dim", 32},
                                                               {"/recipe/weights/group_size", 64},
                                                               {"/recipe/activations/group_size", 64},
                                                               {"/buffers/state", {{"ram", "uram"}}}});
    for (const auto& [pointer, value] : settings) document.set(pointer, value);
    return document;
}

// A port to the VCK190's DDR4.
inline nlohmann::json ddr4_port(const std::string& name, const std::vector<std::string>& carries,
                                int burst_beats) {
    return {{"name", name},     {"memory", "ddr4"},  {"width_bits", 256}, {"burst_beats", burst_beats},
            {"outstanding", 2}, {"carries", carries}};
}

// A part of a memory's bandwidth account in a report.
inline double in_account(const nlohmann::json& memory, const std::string& part) {
    return memory.at("bandwidth_account").at(part).get<double>();
}

// A few AI Engine tiles for its linear layers.
inline nlohmann::json small_array() {
    return {{"x", 2}, {"y", 2}, {"z", 3}, {"m", 8}, {"k", 32}, {"n", 16}, {"precision", "int8"}};
}

// What a design is refused with; empty if it is not.
inline std::string refusal(const accel::DesignDocument& document) {
    try {
        document.parse();
    } catch (const accel::ConfigError& error) {
        return error.what();
    }
    return {};
}

}  // namespace tilewright::test
