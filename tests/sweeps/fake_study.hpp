// SPDX-License-Identifier: Apache-2.0
// A small study, a pretend evaluation of its points, and a scratch folder.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "sweeps/driver.hpp"
#include "sweeps/study.hpp"

namespace tilewright::sweeps::testing {

// A folder of its own under the system's temporary folder, removed with everything in it.
class ScratchFolder {
  public:
    ScratchFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "tilewright-sweeps-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a scratch folder");
        path_ = name;
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    ~ScratchFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

inline std::string read_file(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

inline nlohmann::json study_document() {
    return nlohmann::json::parse(R"json({
      "schema_version": 1, "name": "formats & <tiles>", "description": "a study for tests", "base": "base.json",
      "parameters": [
        {"name": "format", "values": [
          {"label": "W4A4", "set": {"/recipe/weights/format": "int4", "/recipe/activations/format": "int4"}},
          {"label": "W8A8", "set": {"/recipe/weights/format": "int8", "/recipe/activations/format": "int8"}},
          {"label": "W16A16", "set": {"/recipe/weights/format": "int16", "/recipe/activations/format": "int16"}}]},
        {"name": "tile", "pointer": "/mapping/tile/outputs", "values": [8, 16, 32, 64]},
        {"name": "port", "pointer": "/memory_ports/0/width_bits", "values": [256, 512]}],
      "exclude": [{"format": "W16A16", "tile": 64}],
      "objectives": [
        {"name": "throughput", "metric": "/throughput/value", "goal": "maximize", "unit": "tokens/s"},
        {"name": "energy", "metric": "/energy/per_item_j", "goal": "minimize", "unit": "J"},
        {"name": "luts", "metric": "/resources/lut/fraction", "goal": "minimize"}],
      "columns": [{"name": "DSP", "metric": "/resources/dsp/used"}]
    })json");
}

// A smooth pretend design space: wide tiles are quick, wide formats cost energy, the largest do not fit.
inline PointResult fake_evaluation(const Point& point) {
    const double bits = point.labels[0].second == "W4A4" ? 4 : point.labels[0].second == "W8A8" ? 8 : 16;
    const double tile = std::stod(point.labels[1].second);
    const double port = std::stod(point.labels[2].second);
    nlohmann::ordered_json report;
    report["throughput"] = {{"value", port * tile / (tile + 16.0) / bits}, {"unit", "tokens/s"}};
    report["energy"]["per_item_j"] = 0.01 * bits + 0.3 / tile + port * 1e-5;
    const double dsp = tile * bits * 4;
    report["resources"] = {{"dsp", {{"used", dsp}}}, {"lut", {{"fraction", dsp / 3000 + port / 10000}}}};
    if (dsp > 2000) return {PointStatus::does_not_fit, report.dump(), fmt::format("{} DSP of 1968", dsp)};
    return {PointStatus::ok, report.dump(), ""};
}

inline std::string fake_key(const Point& point) {
    nlohmann::json design = nlohmann::json::object();
    for (const Assignment& assignment : point.assignments) design[assignment.pointer] = assignment.value;
    return design.dump();
}

inline SweepOptions quiet(unsigned workers = 1) {
    SweepOptions options;
    options.workers = workers;
    options.program_version = "test-1";
    options.progress = Progress::Show::nothing;
    return options;
}

// Everything of an outcome that must not depend on how it was computed.
inline std::string rows_text(const Study& study, const SweepOutcome& outcome) {
    return table_to_json(result_table(study, outcome)).dump(1);
}

}  // namespace tilewright::sweeps::testing
