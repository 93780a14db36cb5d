// SPDX-License-Identifier: Apache-2.0
// The figures of a report that people look at first, by name and place.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace tilewright::cli {

struct Figure {
    std::string name;
    std::string metric;  // JSON pointer into the report
    std::string unit;

    bool operator==(const Figure&) const = default;
};

// In the order in which tables show them; the report says what a design makes, tokens or images.
std::vector<Figure> main_figures(const nlohmann::ordered_json& report);

// The value at a pointer, or null.
nlohmann::json metric(const nlohmann::ordered_json& report, const std::string& pointer);

}  // namespace tilewright::cli
