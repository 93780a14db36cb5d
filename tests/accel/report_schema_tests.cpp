// SPDX-License-Identifier: Apache-2.0
// Reports of every kind of design and fidelity against configs/schemas/report.schema.json.
#include <catch2/catch.hpp>

#include "accel/design/schema.hpp"
#include "accel/report/evaluate.hpp"
#include "gpt/small_gpt.hpp"
#include "small_design.hpp"
#include "super_resolution/small_super_resolution.hpp"
#include "var/small_var.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using nlohmann::json;

namespace {

const Schema& report_schema() {
    static const Schema schema(test::source_path("configs/schemas/report.schema.json"));
    return schema;
}

json report_of(const DesignDocument& document, Fidelity fidelity, bool with_numerics = true) {
    auto evaluation = evaluate(document, fidelity);
    if (with_numerics) add_numerics(evaluation);
    return json(make_report(document, evaluation));
}

}  // namespace

TEST_CASE("reports of every network pass their schema") {
    const DesignDocument documents[] = {test::small_document(), test::small_var_document(),
                                        test::small_gpt_document(), test::small_super_resolution_document()};
    for (const auto& document : documents) {
        for (const auto fidelity : {Fidelity::bound, Fidelity::timing}) {
            CAPTURE(document.parse().name, to_string(fidelity));
            CHECK_NOTHROW(report_schema().validate(report_of(document, fidelity), "report"));
        }
    }
}

TEST_CASE("reports with data, of shared layers and of designs that do not fit pass their schema") {
    CHECK_NOTHROW(
        report_schema().validate(report_of(test::small_document(), Fidelity::functional, false), "report"));
    const auto shared = test::small_document({{"/engines/aie", test::small_array()},
                                              {"/mapping/linear_engine", 0.5},
                                              {"/mapping/tile/outputs", 32}});
    const auto both = report_of(shared, Fidelity::timing, false);
    CHECK(both.contains("aie_share"));
    CHECK(both.contains("account_cycles_aie"));
    CHECK_NOTHROW(report_schema().validate(both, "report"));
    const auto large =
        test::small_document({{"/engines/matrix/inputs", 4096}, {"/engines/matrix/outputs", 64}});
    const auto too_much = report_of(large, Fidelity::timing, false);
    CHECK(too_much.at("throughput").at("value").is_null());
    CHECK_NOTHROW(report_schema().validate(too_much, "report"));
}

TEST_CASE("the schema of reports refuses what is not in a report") {
    auto report = report_of(test::small_document(), Fidelity::bound, false);
    report["surprise"] = 1;
    CHECK_THROWS_AS(report_schema().validate(report, "report"), ConfigError);
    report.erase("surprise");
    report["latency_s"] = "fast";
    CHECK_THROWS_AS(report_schema().validate(report, "report"), ConfigError);
}
