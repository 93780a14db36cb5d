// SPDX-License-Identifier: Apache-2.0
#include "cli/study_values.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>

#include "accel/design/config_error.hpp"
#include "cli/loaded_study.hpp"
#include "sweeps/space.hpp"

namespace tilewright::cli {

namespace {

// What has come of a value in the points that were tried.
struct Verdict {
    bool possible = false;
    std::string complaint;  // the first one about a place that it sets; empty: none
};
// By parameter and label.
using Verdicts = std::map<std::pair<std::string, std::string>, Verdict>;

// One of the two places is the other one or holds it.
bool concerns(const std::string& place, const std::string& other) {
    const auto length = std::min(place.size(), other.size());
    const auto ends = [length](const std::string& pointer) {
        return pointer.size() == length || pointer[length] == '/';
    };
    return place.compare(0, length, other, 0, length) == 0 && ends(place) && ends(other);
}

// How closely a value has to do with a place: by the longest pointer of what it sets there; 0: not at all.
std::size_t closeness(const sweeps::ParameterValue& value, const std::string& place) {
    std::size_t closest = 0;
    for (const auto& assignment : value.assignments) {
        if (concerns(assignment.pointer, place)) closest = std::max(closest, assignment.pointer.size());
    }
    return closest;
}

std::optional<accel::ConfigError> complaint_of(const accel::DesignDocument& base,
                                               const sweeps::Point& point) {
    try {
        design_of(base, point).check();
        return {};
    } catch (const accel::ConfigError& error) {
        return error;
    }
}

const sweeps::ParameterValue& value_of(const sweeps::Parameter& parameter, const std::string& label) {
    return *std::find_if(parameter.values.begin(), parameter.values.end(),
                         [&](const auto& value) { return value.label == label; });
}

// The value of a point that a complaint is about.
std::optional<std::size_t> culprit(const sweeps::Study& study, const sweeps::Point& point,
                                   const std::string& place) {
    std::optional<std::size_t> found;
    std::size_t closest = 0;
    for (std::size_t p = 0; p < point.labels.size(); ++p) {
        const auto close = closeness(value_of(study.parameters[p], point.labels[p].second), place);
        if (close > closest) found = p;
        closest = std::max(closest, close);
    }
    return found;
}

// A key that is missing may be there with another value that was not tried.
bool is_final(const accel::ConfigError& complaint) {
    return std::string(complaint.what()).find(" is missing") == std::string::npos;
}

Verdicts try_points(const sweeps::Study& study, const accel::DesignDocument& base) {
    constexpr std::size_t most_points = 10'000;
    constexpr std::size_t stride = 15'485'863;  // a prime, above all sizes: every parameter takes turns
    Verdicts verdicts;
    const sweeps::Space space(study);
    const auto points = std::min(space.size(), most_points);
    for (std::size_t i = 0; i < points; ++i) {
        const auto point = space.point(i * stride % space.size());
        const auto possible = [&](const auto& label) { return verdicts[label].possible; };
        if (std::all_of(point.labels.begin(), point.labels.end(), possible)) continue;
        const auto complaint = complaint_of(base, point);
        if (!complaint) {
            for (const auto& label : point.labels) verdicts[label].possible = true;
            continue;
        }
        if (points < space.size() && !is_final(*complaint)) continue;
        if (const auto p = culprit(study, point, complaint->pointer())) {
            auto& verdict = verdicts[point.labels[*p]];
            if (verdict.complaint.empty()) verdict.complaint = complaint->what();
        }
    }
    return verdicts;
}

}  // namespace

void check_values(const sweeps::Study& study, const accel::DesignDocument& base,
                  const nlohmann::json& document, const std::string& file) {
    const auto verdicts = try_points(study, base);
    for (std::size_t p = 0; p < study.parameters.size(); ++p) {
        const auto& parameter = study.parameters[p];
        std::vector<std::size_t> wrong;
        std::string complaint;  // of the first one
        bool alike = true;
        for (std::size_t v = 0; v < parameter.values.size(); ++v) {
            const auto at = verdicts.find({parameter.name, parameter.values[v].label});
            if (at == verdicts.end() || at->second.possible || at->second.complaint.empty()) continue;
            wrong.push_back(v);
            if (complaint.empty()) complaint = at->second.complaint;
            alike = alike && at->second.complaint == complaint;
        }
        if (wrong.empty()) continue;
        const auto place = "/parameters/" + std::to_string(p);
        // Whatever stands there is wrong.
        const bool all = wrong.size() == parameter.values.size() && alike &&
                         complaint.find("unknown key") != std::string::npos &&
                         document.at(nlohmann::json::json_pointer(place)).contains("pointer");
        throw accel::ConfigError(file,
                                 place + (all ? "/pointer" : "/values/" + std::to_string(wrong.front())),
                                 "no design can be made with it: " + complaint, "");
    }
}

}  // namespace tilewright::cli
