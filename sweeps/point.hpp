// SPDX-License-Identifier: Apache-2.0
// One point of a design space and what evaluating it gave.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace tilewright::sweeps {

enum class PointStatus {
    ok,            // evaluated; the report is complete
    does_not_fit,  // a valid design, but larger than its device: a result, not an error
    failed         // no result: the evaluation threw, crashed or took too long
};

struct PointResult {
    PointStatus status = PointStatus::failed;
    std::string report_json;  // the whole Report JSON text, for ok and does_not_fit; {}: nothing was counted
    std::string message;      // why it does not fit or failed
};

// Sets one value of the base design.
struct Assignment {
    std::string pointer;  // JSON pointer into the design document
    nlohmann::json value;
};

struct Point {
    std::size_t index = 0;  // position in the space, excluded points not counted
    std::vector<std::pair<std::string, std::string>> labels;  // parameter name, label of its value
    std::vector<Assignment> assignments;                      // to be made in this order
};

// Evaluates one point. Runs in a worker process: it may throw, crash or hang without harm to the sweep.
using EvaluatePoint = std::function<PointResult(const Point&)>;

// "ok", "does_not_fit" or "failed": the spelling in stores and JSON.
std::string to_string(PointStatus status);

}  // namespace tilewright::sweeps
