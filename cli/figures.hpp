// SPDX-License-Identifier: Apache-2.0
// The figures of a report that people look at first, by name and place.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace tilewright::cli {

struct Figure {
    const char* name;
    const char* metric;  // JSON pointer into the report
    const char* unit;
};

// In the order in which tables show them.
const std::vector<Figure>& main_figures();

// The value at a pointer, or null.
nlohmann::json metric(const nlohmann::ordered_json& report, const std::string& pointer);

}  // namespace tilewright::cli
