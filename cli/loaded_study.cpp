// SPDX-License-Identifier: Apache-2.0
#include "cli/loaded_study.hpp"

#include <string>
#include <system_error>
#include <utility>

#include "accel/design/config_error.hpp"
#include "accel/design/json_file.hpp"
#include "accel/design/schema.hpp"
#include "cli/study_values.hpp"
#include "sweeps/space.hpp"

namespace tilewright::cli {

namespace fs = std::filesystem;

namespace {

// What the study shows must stand in reports.
void check_places(const sweeps::Study& study, const std::string& file) {
    const accel::Schema reports(accel::config_root() / "schemas" / "report.schema.json");
    const auto check = [&](const auto& figures, const char* list, accel::Schema::Wanted wanted) {
        for (std::size_t i = 0; i < figures.size(); ++i) {
            reports.require_place(figures[i].metric, wanted, file,
                                  "/" + std::string(list) + "/" + std::to_string(i) + "/metric");
        }
    };
    check(study.objectives, "objectives", accel::Schema::Wanted::number);
    check(study.columns, "columns", accel::Schema::Wanted::anything);
}

}  // namespace

LoadedStudy load_study(const fs::path& path) {
    const auto document = accel::read_json_file(path);
    if (document.is_object() && document.contains("engines") && !document.contains("base")) {
        throw accel::ConfigError(path.string(), "", "is a design",
                                 "allowed: a study; tilewright run takes designs");
    }
    accel::Schema(accel::config_root() / "schemas" / "study.schema.json").validate(document, path.string());
    try {
        auto study = sweeps::parse_study(document);
        check_places(study, path.string());
        const auto base = path.parent_path() / study.base;
        std::error_code error;
        if (!fs::exists(base, error)) {
            throw accel::ConfigError(path.string(), "/base", "there is no file " + base.string(),
                                     "allowed: the path of a design, from the study's folder");
        }
        auto design = accel::DesignDocument::load(base);
        check_values(study, design, document, path.string());
        return {std::move(study), std::move(design)};
    } catch (const sweeps::StudyError& error) {
        throw accel::ConfigError(path.string(), error.pointer(), error.what(), "");
    } catch (const sweeps::SpaceError& error) {
        throw accel::ConfigError(path.string(), "", error.what(), "");
    }
}

accel::DesignDocument design_of(const accel::DesignDocument& base, const sweeps::Point& point) {
    auto document = base;
    for (const auto& assignment : point.assignments) document.set(assignment.pointer, assignment.value);
    return document;
}

}  // namespace tilewright::cli
