// SPDX-License-Identifier: Apache-2.0
#include "cli/figures.hpp"

namespace tilewright::cli {

const std::vector<Figure>& main_figures() {
    static const std::vector<Figure> figures = {
        {"throughput", "/throughput/value", "tokens/s"},
        {"latency", "/latency_s", "s"},
        {"energy per token", "/energy/per_item_j", "J"},
        {"power", "/power_w", "W"},
        {"tokens per J above idle", "/energy/items_per_j_above_idle", "1/J"},
        {"matrix unit busy", "/utilization/matrix/busy", ""},
        {"LUT", "/resources/lut/used", ""},
        {"FF", "/resources/ff/used", ""},
        {"DSP", "/resources/dsp/used", ""},
        {"BRAM36", "/resources/bram/used", ""},
        {"URAM", "/resources/uram/used", ""},
        {"lower bound", "/bound/latency_s", "s"},
        {"bound by", "/bound/binds", ""},
        {"time over bound", "/bound/simulated_over_bound", ""},
        {"block output, SQNR", "/numerics/block_sqnr_db", "dB"},
        {"energy over bound", "/bound/simulated_over_bound_energy", ""},
    };
    return figures;
}

nlohmann::json metric(const nlohmann::ordered_json& report, const std::string& pointer) {
    const nlohmann::ordered_json::json_pointer at(pointer);
    if (!report.contains(at)) return nullptr;
    return report.at(at);
}

}  // namespace tilewright::cli
