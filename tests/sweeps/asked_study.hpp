// SPDX-License-Identifier: Apache-2.0
// A study whose table is asked about.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweeps/driver.hpp"
#include "sweeps/questions/parse_question.hpp"
#include "sweeps/questions/points_database.hpp"
#include "sweeps/questions/query.hpp"
#include "tests/sweeps/fake_study.hpp"

namespace tilewright::sweeps::testing {

using nlohmann::json;

// The fake study with a parameter that can be none, labels in parts, and numbers written as text.
struct Asked {
    Study study;
    SweepOutcome outcome;
    ResultTable table;
    std::vector<AskedColumn> columns;

    Asked() {
        auto document = study_document();
        document["objectives"][1]["unit"] = "J/token";
        const auto place = [](const char* label, const char* pointer) {
            return json{{"label", label}, {"set", {{pointer, label}}}};
        };
        document["parameters"].push_back(
            {{"name", "fusion"}, {"pointer", "/mapping/fusion"}, {"values", {"none", "fine_grained"}}});
        document["parameters"].push_back(
            {{"name", "unit"},
             {"values",
              {place("DSP, 32x32", "/u"), place("DSP, 32x64", "/u"), place("LUT, 32x64", "/u"),
               place("none", "/u"), place("odd,, -", "/u")}}});
        document["parameters"].push_back(
            {{"name", "vector lanes"}, {"values", {place("32", "/l"), place("64", "/l")}}});
        document["parameters"].push_back(
            {{"name", "link"}, {"values", {place("on", "/k"), place("off", "/k")}}});
        document["columns"].push_back({{"name", "area"}, {"metric", "/resources/lut/fraction"}});
        study = parse_study(document);
        outcome = run_sweep(study, quiet(), fake_evaluation, fake_key);
        table = result_table(study, outcome);
        columns = asked_columns(study, table);
    }

    std::string sql(const std::string& question) const {
        return to_sql(parse_question(question, columns), columns);
    }
    json ask(const std::string& question) const {
        return table_to_json(PointsDatabase(table).answer(sql(question)));
    }
    // The rows themselves, with their status.
    std::vector<json> rows(const std::function<bool(const json&)>& chosen) const {
        std::vector<json> result;
        for (const auto& row : table_to_json(table)) {
            if (chosen(row)) result.push_back(row);
        }
        return result;
    }
};

inline const Asked& asked() {
    static const Asked all;
    return all;
}

}  // namespace tilewright::sweeps::testing
