// SPDX-License-Identifier: Apache-2.0
#include "cli/figures.hpp"

namespace tilewright::cli {

std::vector<Figure> main_figures(const nlohmann::ordered_json& report) {
    const auto unit = report.at("throughput").at("unit").get<std::string>();  // "images_per_s" and so on
    const auto item = unit.substr(0, unit.find("s_per_s"));
    return {
        {"throughput", "/throughput/value", item + "s/s"},
        {"latency", "/latency_s", "s"},
        {"energy per " + item, "/energy/per_item_j", "J"},
        {"power", "/power_w", "W"},
        {item + "s per J above idle", "/energy/items_per_j_above_idle", "1/J"},
        {"busiest engine", "/busiest/engine", ""},
        {"busy", "/busiest/busy", ""},
        {"bottleneck", "/bottleneck/engine", ""},
        {"on critical path", "/bottleneck/critical_path", ""},
        {"LUT", "/resources/lut/used", ""},
        {"FF", "/resources/ff/used", ""},
        {"DSP", "/resources/dsp/used", ""},
        {"BRAM36", "/resources/bram/used", ""},
        {"URAM", "/resources/uram/used", ""},
        {"lower bound", "/bound/latency_s", "s"},
        {"bound set by", "/bound/binds", ""},
        {"time over bound", "/bound/simulated_over_bound", ""},
        {item == "frame" ? "image, SQNR" : "block output, SQNR", "/numerics/block_sqnr_db", "dB"},
        {"energy over bound", "/bound/simulated_over_bound_energy", ""},
    };
}

nlohmann::json metric(const nlohmann::ordered_json& report, const std::string& pointer) {
    const nlohmann::ordered_json::json_pointer at(pointer);
    if (!report.contains(at)) return nullptr;
    return report.at(at);
}

}  // namespace tilewright::cli
