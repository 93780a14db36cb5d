// SPDX-License-Identifier: Apache-2.0
// The models of AI Engines beside published kernels, arrays and power (configs/published/aie.json).
#include <map>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "accel/design/json_file.hpp"
#include "accel/report/aie_figure.hpp"
#include "vck190_array.hpp"

using namespace tilewright;
using nlohmann::json;

namespace {

const json& published() {
    static const auto document = accel::read_json_file(test::source_path("configs/published/aie.json"));
    return document.at("figures");
}

// Modelled over published.
double ratio(const json& row) {
    const auto unit = row.contains("divide_by") ? row.at("divide_by").at("value").get<double>() : 1.0;
    return accel::aie_figure(row.at("aie"), test::vck190_array()) / unit / row.at("published").get<double>();
}

}  // namespace

TEST_CASE("kernels are within 10 %, arrays within 15 %, power within 30 % of what is published") {
    const std::map<std::string, double> tolerance = {
        {"cycles", 0.10}, {"T operations/s", 0.15}, {"GB/s", 0.15}, {"W", 0.30}};
    std::map<std::string, int> rows;
    std::set<std::string> names;
    for (const auto& row : published()) {
        const auto name = row.at("figure").get<std::string>();
        const auto unit = row.at("unit").get<std::string>();
        CAPTURE(name, ratio(row));
        CHECK(names.insert(name).second);
        ++rows[unit];
        CHECK(ratio(row) == Approx(1).margin(tolerance.at(unit)));
    }
    CHECK(rows == std::map<std::string, int>{{"cycles", 16}, {"T operations/s", 8}, {"GB/s", 6}, {"W", 8}});
}
