// SPDX-License-Identifier: Apache-2.0
// A design whose one port becomes two of the same kind.
#pragma once

#include <utility>

#include "small_design.hpp"

namespace tilewright::test {

// The design's first port twice: for weights, and for state and convolution.
inline std::pair<nlohmann::json, nlohmann::json> split_port(const accel::DesignDocument& document) {
    const auto port = document.document().at("memory_ports").at(0);
    std::pair<nlohmann::json, nlohmann::json> ports = {port, port};
    ports.first["carries"] = {"weights"};
    ports.second["carries"] = {"state", "convolution"};
    ports.second["name"] = "other";
    return ports;
}

}  // namespace tilewright::test
