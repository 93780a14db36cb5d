// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "accel/design/config_files.hpp"
#include "accel/design/json_file.hpp"
#include "accel/design/schema.hpp"
#include "accel/report/evaluate.hpp"
#include "cli/command.hpp"
#include "cli/figures.hpp"
#include "sweeps/table.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;
using nlohmann::ordered_json;

namespace {

struct Side {
    std::string file;
    std::string name;
    ordered_json design;
    ordered_json report;
};

// A report's schema does not say what a design is made of.
std::string text(const nlohmann::json& value, const std::string& otherwise) {
    return value.is_string() ? value.get<std::string>() : otherwise;
}

// A design is evaluated; a report that `run --report` wrote is taken as it is.
Side load_side(const std::string& file) {
    const auto content = accel::read_json_file(file);
    Side side;
    side.file = file;
    if (content.is_object() && content.contains("provenance") && content.contains("config")) {
        accel::Schema(accel::config_root() / "schemas" / "report.schema.json").validate(content, file);
        side.report = content;
        side.design = content.at("config").at("design");
        const auto fidelity = side.report.at("provenance").value("fidelity", std::string("timing"));
        side.name = text(metric(side.design, "/name"), file) + " (report" +
                    (fidelity == "timing" ? "" : ", fidelity " + fidelity) +
                    (metric(side.report, "/resources/fits") == false ? ", does not fit" : "") + ")";
        return side;
    }
    const auto document = accel::DesignDocument::load(file);
    auto evaluation = accel::evaluate(document, accel::Fidelity::timing);
    accel::add_numerics(evaluation);
    side.report = accel::make_report(document, evaluation);
    side.design = document.canonical();
    side.name = evaluation.design.name + (evaluation.overflow.empty() ? "" : " (does not fit)");
    return side;
}

// The figure of every side, and its ratio to that of the first one. Sides that do not have it stay empty.
template <typename ValueOf>
sweeps::ResultRow figure_row(const Figure& figure, std::size_t sides, const ValueOf& value_of) {
    sweeps::ResultRow row;
    row.cells = {figure.name, figure.unit};
    const nlohmann::json first = value_of(0);
    for (std::size_t i = 0; i < sides; ++i) {
        const nlohmann::json value = value_of(i);
        row.cells.push_back(value);
        if (i == 0) continue;
        // Decibels are ratios themselves.
        const bool comparable =
            figure.unit != "dB" && value.is_number() && first.is_number() && first.get<double>() != 0;
        row.cells.push_back(comparable ? nlohmann::json(value.get<double>() / first.get<double>())
                                       : nlohmann::json());
    }
    return row;
}

// Inside a device, a network or a recipe where its name says already that the sides have others.
bool told_by_name(const std::vector<Side>& sides, const std::string& pointer) {
    for (const std::string part : {"/device", "/network", "/recipe"}) {
        const auto name = part + "/name";
        if (!pointer.starts_with(part + "/") || pointer == name) continue;
        return std::any_of(sides.begin(), sides.end(), [&](const Side& side) {
            return metric(side.design, name) != metric(sides.front().design, name);
        });
    }
    return false;
}

// Boards count different things as static: where they differ it is said what.
ordered_json static_power(const std::vector<Side>& sides) {
    ordered_json powers = ordered_json::array();
    for (const auto& side : sides) {
        const ordered_json one = {{"device", metric(side.design, "/device/name")},
                                  {"static_w", metric(side.design, "/device/power/static_w/value")},
                                  {"source", metric(side.design, "/device/power/static_w/source")}};
        if (std::find(powers.begin(), powers.end(), one) == powers.end()) powers.push_back(one);
    }
    return powers.size() > 1 ? powers : ordered_json::array();
}

// The network, if not all have the same, and members of the workload in which the sides differ.
std::vector<std::string> other_workloads(const std::vector<Side>& sides) {
    std::vector<std::string> names;
    if (std::any_of(sides.begin(), sides.end(), [&](const Side& side) {
            return metric(side.design, "/network") != metric(sides.front().design, "/network");
        })) {
        names.emplace_back("network");
    }
    nlohmann::json all = nlohmann::json::object();
    for (const auto& side : sides) {
        const auto workload = metric(side.design, "/workload");
        if (workload.is_object()) all.update(workload);  // a report may have lost it
    }
    for (const auto& [name, ignored] : all.items()) {
        const auto first = metric(sides.front().design, "/workload/" + name);
        if (std::any_of(sides.begin(), sides.end(), [&, pointer = "/workload/" + name](const Side& side) {
                return metric(side.design, pointer) != first;
            })) {
            names.push_back(name);
        }
    }
    return names;
}

}  // namespace

int compare_command(const std::vector<std::string>& arguments) {
    po::options_description options("Options");
    options.add_options()("json", "print figures and differences as JSON");
    po::variables_map values;
    if (!parse_options(arguments, "compare A.json B.json [...]", options, "designs", 2, -1, values))
        return success;
    std::vector<Side> sides;
    for (const auto& file : values["designs"].as<std::vector<std::string>>())
        sides.push_back(load_side(file));

    sweeps::ResultTable figures;
    figures.columns = {{"figure", ""}, {"unit", ""}};
    for (std::size_t i = 0; i < sides.size(); ++i) {
        const auto letter = std::string(1, static_cast<char>('A' + i % 26));
        figures.columns.push_back({letter, ""});
        if (i > 0) figures.columns.push_back({letter + "/A", ""});
    }
    std::vector<std::vector<Figure>> own;  // by side: what it makes decides over names and units
    own.reserve(sides.size());
    for (const auto& side : sides) own.push_back(main_figures(side.report));
    for (std::size_t f = 0; f < own.front().size(); ++f) {
        std::vector<Figure> kinds;
        for (const auto& list : own) {
            const auto same = [&](const Figure& other) { return other == list[f]; };
            if (std::none_of(kinds.begin(), kinds.end(), same)) kinds.push_back(list[f]);
        }
        for (const auto& figure : kinds) {
            const auto value_of = [&](std::size_t i) {
                return own[i][f] == figure ? metric(sides[i].report, figure.metric) : nlohmann::json();
            };
            figures.rows.push_back(figure_row(figure, sides.size(), value_of));
        }
    }

    // What differs in the configuration, pointer by pointer.
    sweeps::ResultTable differences;
    differences.columns = {{"setting", ""}};
    for (std::size_t i = 0; i < sides.size(); ++i) {
        differences.columns.push_back({std::string(1, static_cast<char>('A' + i % 26)), ""});
    }
    nlohmann::json all = nlohmann::json::object();
    for (const auto& side : sides) all.merge_patch(nlohmann::json(side.design).flatten());
    for (const auto& [pointer, ignored] : all.items()) {
        sweeps::ResultRow row;
        row.cells = {pointer};
        bool differs = false;
        for (const auto& side : sides) {
            row.cells.push_back(metric(side.design, pointer));
            differs = differs || row.cells.back() != row.cells[1];
        }
        if (differs) differences.rows.push_back(std::move(row));
    }

    if (values.count("json") > 0) {
        ordered_json result;
        for (const auto& side : sides)
            result["designs"].push_back({{"file", side.file}, {"name", side.name}});
        result["figures"] = sweeps::table_to_json(figures);
        result["differences"] = sweeps::table_to_json(differences);
        if (!other_workloads(sides).empty()) result["other_workloads"] = other_workloads(sides);
        if (!static_power(sides).empty()) result["static_power"] = static_power(sides);
        std::cout << result.dump(2) << "\n";
        return success;
    }
    for (std::size_t i = 0; i < sides.size(); ++i) {
        std::cout << static_cast<char>('A' + i % 26) << "  " << sides[i].name << "  (" << sides[i].file
                  << ")\n";
    }
    std::erase_if(differences.rows, [&](const sweeps::ResultRow& row) {
        return told_by_name(sides, row.cells.front().get<std::string>());
    });
    std::cout << "\n" << sweeps::format_table(figures) << "\n";
    std::cout << (differences.rows.empty() ? "No setting differs.\n" : sweeps::format_table(differences));
    if (const auto other = other_workloads(sides); !other.empty()) {
        std::cout << fmt::format("\nThese designs do not do the same work: {} differ{}.\n",
                                 fmt::join(other, ", "), other.size() == 1 ? "s" : "");
    }
    const auto powers = static_power(sides);
    if (!powers.empty())
        std::cout << "\nThese boards do not count the same as static; compare energy above idle:\n";
    for (const auto& one : powers) {
        std::cout << "  " << text(one.at("device"), "?") << ": " << one.at("static_w") << " W, "
                  << text(one.at("source"), "?") << "\n";
    }
    return success;
}

}  // namespace tilewright::cli
