// SPDX-License-Identifier: Apache-2.0
// What a question may be about: the columns of a sweep's table.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sweeps/study.hpp"
#include "sweeps/table.hpp"

namespace tilewright::sweeps {

struct AskedColumn {
    std::string name;
    std::string unit;                 // may be empty
    std::string metric;               // JSON pointer into the report; empty: a parameter of the study
    std::optional<Goal> goal;         // of an objective
    bool apart = false;               // points that differ in it do not compete (Study::compare_within)
    bool numeric = false;             // every cell is a number, or text that is one
    std::vector<std::string> values;  // of a parameter and of text: each once, in the order of the table

    [[nodiscard]] bool parameter() const { return metric.empty(); }
    // Several points may have the same of it.
    [[nodiscard]] bool groups() const { return parameter() || !numeric; }
    // At most 1.
    [[nodiscard]] bool fraction() const {
        return unit == "of device" || metric.ends_with("/fraction") || metric.ends_with("/busy");
    }
};

// In the order of the table, which result_table() has made of this study.
std::vector<AskedColumn> asked_columns(const Study& study, const ResultTable& table);

}  // namespace tilewright::sweeps
