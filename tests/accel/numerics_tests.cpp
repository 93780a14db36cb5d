// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "accel/numerics/numerics.hpp"
#include "accel/report/evaluate.hpp"
#include "mappings.hpp"
#include "small_design.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using test::design_document;
using test::Settings;
using test::small_document;

namespace {

double block_sqnr(const Settings& settings) {
    const auto numerics = measure_numerics(design_document("lightmamba-vck190-w4a4", settings).parse());
    return numerics.operators.back().error.sqnr_db;
}

}  // namespace

TEST_CASE("no mapping choice is part of what numerics depend on, and every choice of the recipe is") {
    // That the programs of these mappings make the kernels' numbers in every bit is tested with the data.
    std::set<std::string> keys;
    for (const auto& mapping : test::all_mappings())
        keys.insert(numerics_key(small_document(mapping).parse()));
    CHECK(keys.size() == 1);
    for (const Settings& settings :
         {Settings{{"/recipe/weights/format", "int8"}},
          {{"/recipe/weights/group_size", 32}},
          {{"/recipe/weights/scale_bits", 32}},
          {{"/recipe/activations/format", "e2m1"}, {"/engines/matrix/products_per_dsp", 1}},
          {{"/recipe/state/scale_exponent_min", -12}},
          {{"/recipe/convolution/group_size", 4}},
          {{"/recipe/ssm_intermediate", "int12"}},
          {{"/recipe/residual_fraction_bits", 12}},
          {{"/recipe/rounding", "rne"}},
          {{"/recipe/functions", "exact"}},
          {{"/recipe/rotations", {{"residual", "none"}, {"out_proj_input", "online"}}}},
          {{"/recipe/rotations", {{"residual", "merged"}, {"out_proj_input", "none"}}}},
          {{"/recipe/smoothing", {{"method", "smoothquant"}, {"alpha", 0.5}}}},
          {{"/network/d_model", 256}},
          {{"/engines/matrix/accumulator_bits", 20}}}) {
        INFO(test::text(settings));
        CHECK(keys.insert(numerics_key(small_document(settings).parse())).second);
    }
}

TEST_CASE("on a full-width block the rotated W4A4 recipe beats the others, and wider formats beat it") {
    const auto rotated = block_sqnr({});
    const auto plain = block_sqnr({{"/recipe", "w4a4-unrotated"}});
    const auto smoothed = block_sqnr({{"/recipe", "w4a4-smoothquant"}});
    const auto eight_bits = block_sqnr({{"/recipe", "lightmamba-w8a8"}});
    WARN("block output, SQNR in dB: W4A4 rotated " << rotated << ", SmoothQuant " << smoothed << ", plain "
                                                   << plain << "; W8A8 rotated " << eight_bits);
    CHECK(rotated > plain + 3);
    CHECK(rotated > smoothed);
    CHECK(eight_bits > rotated + 15);
}

TEST_CASE("sums that floating-point adders make have no width to overflow") {
    const auto document = small_document({{"/recipe", "w16a16"}, {"/engines/matrix/products_per_dsp", 1}});
    auto evaluation = evaluate(document, Fidelity::timing);
    add_numerics(evaluation);
    const auto numerics = make_report(document, evaluation).at("numerics");
    CHECK(numerics.at("accumulator_bits") == 64);
    CHECK(numerics.at("required_accumulator_bits") == 64);
    CHECK(numerics.at("accumulator_may_overflow") == false);
}

TEST_CASE("reports carry the numerics of their recipe") {
    const auto document = small_document();
    auto evaluation = evaluate(document, Fidelity::functional);
    add_numerics(evaluation);
    const auto report = make_report(document, evaluation);
    const auto& numerics = report.at("numerics");
    CHECK(numerics.at("mismatches") == 0);
    CHECK(numerics.at("values_compared").get<std::int64_t>() > 1000);
    CHECK(numerics.at("operators").back().at("name") == "block");
    CHECK(numerics.at("operators").back().at("sqnr_db").get<double>() > 5);
    CHECK(numerics.at("required_accumulator_bits") == 13);  // 64 products of 7 x 7 and a sign
    const auto timed = evaluate(document, Fidelity::timing);
    CHECK(timed.activity->duration == evaluation.activity->duration);
    CHECK(make_report(document, timed).at("numerics").at("mismatches").is_null());
}

TEST_CASE("measuring in advance stops where it is told to, and goes on with the rest") {
    std::vector<Design> designs;
    for (const int d_model : {96, 160, 224}) {  // of networks that no other test has
        designs.push_back(small_document({{"/network/d_model", d_model},
                                          {"/recipe/weights/group_size", 32},
                                          {"/recipe/activations/group_size", 32}})
                              .parse());
    }
    using Asked = std::vector<std::pair<std::size_t, std::size_t>>;
    Asked asked;
    measure_in_advance(designs, 1, [&](std::size_t done, std::size_t all) {
        asked.emplace_back(done, all);
        return done < 1;
    });
    CHECK(asked == Asked{{0, 3}, {1, 3}});
    asked.clear();
    const auto all = [&](std::size_t done, std::size_t count) {
        asked.emplace_back(done, count);
        return true;
    };
    measure_in_advance(designs, 2, all);
    CHECK(asked.size() == 4);  // each thread is told at its end
    CHECK(asked.back() == std::pair<std::size_t, std::size_t>{2, 2});
    asked.clear();
    measure_in_advance(designs, 2, all);
    CHECK(asked == Asked{{0, 0}});
}

TEST_CASE("numerics of VAR take as many heads as the recipe's groups and rotations need") {
    // Heads of 96 channels: rotations of 128 divide four of them.
    auto document =
        test::design_document("fpqvar-vck190-fp4", {{"/network/heads", 20}, {"/mapping/tile/outputs", 96}});
    auto evaluation = evaluate(document, Fidelity::bound);
    add_numerics(evaluation);
    CHECK(evaluation.numerics->data.find("384 channels") != std::string::npos);
    CHECK(evaluation.numerics->operators.back().error.sqnr_db > 5);
}
