// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>
#include <map>
#include <stdexcept>

#include "accel/design/config_error.hpp"
#include "accel/design/config_files.hpp"
#include "accel/design/json_file.hpp"
#include "accel/design/schema.hpp"
#include "accel/report/aie_figure.hpp"
#include "accel/report/evaluate.hpp"
#include "cli/command.hpp"
#include "cli/figures.hpp"
#include "sweeps/table.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;
using nlohmann::json;
using nlohmann::ordered_json;

namespace {

// Reports by design and settings, so that figures of the same run share it.
class Reports {
  public:
    const ordered_json& of(const json& where) {
        const auto key = where.dump();
        const auto found = reports_.find(key);
        if (found != reports_.end()) return found->second;
        const auto file =
            accel::config_root() / "designs" / (where.at("design").get<std::string>() + ".json");
        auto document = accel::DesignDocument::load(file);
        if (where.contains("set")) {
            for (const auto& assignment : where.at("set")) {
                document.set(assignment.at(0).get<std::string>(), assignment.at(1));
            }
        }
        const auto evaluation = accel::evaluate(document, accel::Fidelity::timing);
        auto report = accel::make_report(document, evaluation);
        return reports_.emplace(key, std::move(report)).first->second;
    }

  private:
    std::map<std::string, ordered_json> reports_;
};

json run_of(const json& row) {
    json where{{"design", row.at("design")}};
    if (row.contains("set")) where["set"] = row.at("set");
    return where;
}

// Of the models of AI Engines alone, with the array of the VCK190.
double array_figure(const json& figure, const std::string& file, const std::string& pointer) {
    static const auto array = accel::load_device("vck190").aie;
    try {
        return accel::aie_figure(figure, array);
    } catch (const std::invalid_argument& error) {
        throw accel::ConfigError(file, pointer, error.what(), "");
    }
}

// A metric of a run, if asked for relative to another run.
json run_figure(const json& row, Reports& reports) {
    const auto pointer = row.at("metric").get<std::string>();
    auto value = metric(reports.of(run_of(row)), pointer);
    if (!value.is_number() || !row.contains("relative_to")) return value;
    const auto other = metric(reports.of(row.at("relative_to")), pointer);
    if (!other.is_number() || other.get<double>() == 0) return nullptr;
    return value.get<double>() / other.get<double>();
}

// Our figure, if asked for relative to a published constant or in another unit.
json our_figure(const json& row, Reports& reports, const std::string& file, const std::string& pointer) {
    const bool run = row.contains("design") && row.contains("metric");
    const bool array = row.contains("aie");
    const bool nothing = row.contains("not_computed");
    const bool more = row.contains("design") || row.contains("metric") || row.contains("set") ||
                      row.contains("relative_to");
    if (int{run} + int{array} + int{nothing} != 1 || (!run && more)) {
        throw accel::ConfigError(file, pointer, "a figure comes from a run or from a model of AI Engines",
                                 "allowed: \"design\" and \"metric\", with \"relative_to\"; or \"aie\" "
                                 "alone, or \"not_computed\"");
    }
    if (nothing) return nullptr;
    auto value = array ? json(array_figure(row.at("aie"), file, pointer + "/aie")) : run_figure(row, reports);
    if (!value.is_number() || !row.contains("divide_by")) return value;
    return value.get<double>() / row.at("divide_by").at("value").get<double>();
}

ordered_json reproduce(const std::string& system, Reports& reports) {
    const auto file = accel::config_root() / "published" / (system + ".json");
    const auto document = accel::read_json_file(file);
    accel::Schema(accel::config_root() / "schemas" / "published.schema.json")
        .validate(document, file.string());
    auto rows = ordered_json::array();
    for (const auto& row : document.at("figures")) {
        const auto pointer = "/figures/" + std::to_string(rows.size());
        const auto ours = our_figure(row, reports, file.string(), pointer);
        const auto published = row.contains("published") ? row.at("published") : json();
        ordered_json entry{
            {"system", system}, {"figure", row.at("figure")}, {"published", published}, {"ours", ours}};
        const bool both = published.is_number() && ours.is_number() && published.get<double>() != 0;
        entry["ratio"] = both ? json(ours.get<double>() / published.get<double>()) : json();
        entry["kind"] = row.at("kind");
        entry["sure"] = row.at("sure");
        entry["unit"] = row.at("unit");
        for (const auto* key : {"remark", "source", "not_computed"}) {
            if (row.contains(key)) entry[key] = row.at(key);
        }
        rows.push_back(std::move(entry));
    }
    return rows;
}

std::vector<std::string> known_systems() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(accel::config_root() / "published")) {
        if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace

int reproduce_command(const std::vector<std::string>& arguments) {
    po::options_description options("Options");
    options.add_options()("json", "print the rows as JSON");
    po::variables_map values;
    const auto known = known_systems();
    std::string list = "all";
    for (const auto& name : known) list += ", " + name;
    if (!parse_options(arguments, "reproduce SYSTEM [OPTIONS]   (SYSTEM: " + list + ")", options, "system", 0,
                       1, values)) {
        return success;
    }
    const auto system = values.count("system") > 0 ? values["system"].as<std::vector<std::string>>().front()
                                                   : std::string("all");
    if (system != "all" && std::find(known.begin(), known.end(), system) == known.end()) {
        throw UsageError("there is no published system \"" + system + "\"; allowed: " + list);
    }
    Reports reports;
    auto rows = ordered_json::array();
    for (const auto& name : known) {
        if (system != "all" && system != name) continue;
        for (auto& row : reproduce(name, reports)) rows.push_back(std::move(row));
    }
    if (values.count("json") > 0) {
        std::cout << rows.dump(2) << "\n";
        return success;
    }
    sweeps::ResultTable table;
    table.columns = {{"system", ""}, {"figure", ""}, {"published", ""}, {"ours", ""},
                     {"ratio", ""},  {"unit", ""},   {"kind", ""},      {"sure", ""}};
    for (const auto& row : rows) {
        sweeps::ResultRow line;
        for (const auto& column : table.columns) line.cells.emplace_back(row.at(column.name));
        table.rows.push_back(std::move(line));
    }
    std::cout << sweeps::format_table(table, 4);
    for (const auto& row : rows) {
        for (const auto* key : {"remark", "not_computed"}) {
            if (!row.contains(key)) continue;
            std::cout << "\n"
                      << row.at("figure").get<std::string>() << ": " << row.at(key).get<std::string>();
        }
    }
    std::cout << "\n";
    return success;
}

}  // namespace tilewright::cli
