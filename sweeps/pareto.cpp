// SPDX-License-Identifier: Apache-2.0
#include "sweeps/pareto.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

namespace tilewright::sweeps {
namespace {

// Sorted lexicographically a row can only be beaten by an earlier one, so one pass against the front so far
// does.
using Values = std::vector<double>;

bool dominates(const Values& a, const Values& b) {
    bool better = false;
    for (std::size_t k = 0; k < a.size(); ++k) {
        if (a[k] > b[k]) return false;
        better = better || a[k] < b[k];
    }
    return better;
}

// For two objectives the front so far is summed up by its smallest second value.
void mark_two(const std::vector<Values>& rows, const std::vector<std::size_t>& order,
              std::vector<bool>& front) {
    double best = std::numeric_limits<double>::infinity();
    const Values* last = nullptr;
    for (const std::size_t i : order) {
        if (last == nullptr || rows[i][1] < best || rows[i] == *last) {
            front[i] = true;
            best = rows[i][1];
            last = &rows[i];
        }
    }
}

void mark_many(const std::vector<Values>& rows, const std::vector<std::size_t>& order,
               std::vector<bool>& front) {
    std::vector<std::size_t> members;
    for (const std::size_t i : order) {
        const bool beaten = std::any_of(members.begin(), members.end(),
                                        [&](std::size_t member) { return dominates(rows[member], rows[i]); });
        if (beaten) continue;
        front[i] = true;
        members.push_back(i);
    }
}

}  // namespace

std::vector<bool> pareto_front(const std::vector<std::vector<double>>& rows, const std::vector<Goal>& goals) {
    std::vector<Values> costs = rows;  // everything is minimised from here on
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < costs.size(); ++i) {
        if (costs[i].size() != goals.size())
            throw std::invalid_argument(
                fmt::format("row {} has {} objective values, expected {}", i, costs[i].size(), goals.size()));
        for (std::size_t k = 0; k < goals.size(); ++k)
            if (goals[k] == Goal::maximize) costs[i][k] = -costs[i][k];
        if (std::none_of(costs[i].begin(), costs[i].end(), [](double value) { return std::isnan(value); }))
            order.push_back(i);
    }
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return costs[a] < costs[b]; });
    std::vector<bool> front(rows.size(), false);
    if (goals.size() == 2)
        mark_two(costs, order, front);
    else
        mark_many(costs, order, front);
    return front;
}

}  // namespace tilewright::sweeps
