// SPDX-License-Identifier: Apache-2.0
#include "sweeps/space.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace tilewright::sweeps {

Shard parse_shard(std::string_view text) {
    Shard shard;
    const auto read = [](std::string_view part, std::size_t& number) {
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
        return error == std::errc{} && end == part.data() + part.size();
    };
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos || !read(text.substr(0, slash), shard.index) ||
        !read(text.substr(slash + 1), shard.count) || shard.index < 1 || shard.index > shard.count)
        throw SpaceError(fmt::format(
            "\"{}\" is not a shard; write I/N, part I of N, with I from 1 to N, for example 2/8", text));
    return shard;
}

Space::Space(const Study& study) : parameters_(study.parameters) {
    for (const Parameter& parameter : parameters_) {
        if (parameter.values.empty())
            throw SpaceError(fmt::format("parameter \"{}\" has no values", parameter.name));
        if (parameter.values.size() > maximum_points / product_)
            throw SpaceError(fmt::format("the study spans more than {} points; leave out values or split it",
                                         maximum_points));
        product_ *= parameter.values.size();
    }
    if (study.exclude.empty()) return;
    for (std::size_t position = 0; position < product_; ++position) {
        const std::vector<std::size_t> chosen = digits(position);
        const bool excluded =
            std::any_of(study.exclude.begin(), study.exclude.end(), [&](const Exclusion& rule) {
                return std::all_of(rule.begin(), rule.end(),
                                   [&](const auto& pair) { return chosen[pair.first] == pair.second; });
            });
        if (!excluded) included_.push_back(position);
    }
    if (included_.empty()) throw SpaceError("the exclusions of the study leave no point");
}

std::vector<std::size_t> Space::digits(std::size_t position) const {
    std::vector<std::size_t> chosen(parameters_.size());
    for (std::size_t p = parameters_.size(); p-- > 0;) {
        chosen[p] = position % parameters_[p].values.size();
        position /= parameters_[p].values.size();
    }
    return chosen;
}

Point Space::point(std::size_t index) const {
    if (index >= size())
        throw SpaceError(fmt::format("there is no point {}; the space has {} points", index, size()));
    const std::vector<std::size_t> chosen = digits(included_.empty() ? index : included_[index]);
    Point point;
    point.index = index;
    for (std::size_t p = 0; p < parameters_.size(); ++p) {
        const ParameterValue& value = parameters_[p].values[chosen[p]];
        point.labels.emplace_back(parameters_[p].name, value.label);
        point.assignments.insert(point.assignments.end(), value.assignments.begin(), value.assignments.end());
    }
    return point;
}

std::vector<std::size_t> Space::indices(const Shard& shard) const {
    if (shard.count == 0 || shard.index < 1 || shard.index > shard.count)
        throw SpaceError(fmt::format("there is no shard {} of {}", shard.index, shard.count));
    std::vector<std::size_t> result;
    for (std::size_t i = shard.index - 1; i < size(); i += shard.count) result.push_back(i);
    return result;
}

}  // namespace tilewright::sweeps
