// SPDX-License-Identifier: Apache-2.0
// What simulating the modules does not show: whether they are those that the resource model counts, whether
// sums and vectors are as wide and as many as they should be, and whether names stay inside comments. The
// modules themselves are simulated in tests/system/export_tests.cpp.
#include <algorithm>

#include <catch2/catch.hpp>

#include "accel/cost/lut_multiplier.hpp"
#include "accel/rtl/adder_tree.hpp"
#include "accel/rtl/agreement_count.hpp"
#include "accel/rtl/binary_lane.hpp"
#include "accel/rtl/design_modules.hpp"
#include "accel/rtl/dot_lane.hpp"
#include "accel/rtl/quantizer.hpp"
#include "accel/rtl/text.hpp"
#include "models/kernels/exact_dot.hpp"
#include "tests/accel/small_design.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using tilewright::models::number_format;
using tilewright::test::design_document;

namespace {

const char* const formats[] = {"int2", "int4", "int6", "int8", "e2m1", "e1m2",
                               "e3m0", "e2m3", "e3m2", "e4m3", "e5m2"};

std::vector<std::string> names(const std::vector<RtlModule>& modules) {
    std::vector<std::string> all;
    for (const auto& module : modules) all.push_back(module.name);
    return all;
}

}  // namespace

TEST_CASE("a multiplier has the structure whose lookup tables the resource model counts") {
    for (const auto* a : formats) {
        for (const auto* b : formats) {
            CAPTURE(a, b);
            const auto& left = number_format(a);
            const auto& right = number_format(b);
            if (models::product_format(left, right).magnitude_bits > 62) continue;
            const auto cost = lut_multiplier_cost(left, right, default_cost_constants());
            const RtlMultiplier multiplier(left, right, MultiplierKind::lut);
            CHECK((multiplier.structure() == MultiplierStructure::table) == cost.from_structure);
            CHECK(multiplier.magnitude_bits() == cost.product_bits);
            CHECK(multiplier.sign_magnitude() == (std::string(a)[0] == 'e' && std::string(b)[0] == 'e'));
            CHECK(RtlMultiplier(left, right, MultiplierKind::dsp).structure() ==
                  MultiplierStructure::signed_product);
        }
    }
}

// The testbench compares so many bits and no more, so a sum that is too narrow would agree with itself.
TEST_CASE("a lane's sum is as wide as that of the kernels") {
    for (const auto* a : formats) {
        for (const std::int64_t segment : {1, 8, 128, 7680}) {
            CAPTURE(a, segment);
            const auto& left = number_format(a);
            const auto& right = number_format("e2m1");
            const DotLane lane{RtlMultiplier(left, right, MultiplierKind::lut), 1, segment};
            CHECK(lane.sum_bits() ==
                  models::accumulator_bits(left, right, segment, models::IntegerRange::full));
        }
    }
    const BinaryLane lane{96, 64};
    CHECK(lane.sum_bits() == 11);  // -576 ... 576
    CHECK(lane.group() == 32);
    CHECK(BinaryLane{4096, 64}.sum_bits() == 14);
}

TEST_CASE("vectors cover all codes where there are few enough") {
    const std::vector<std::string> origin;
    const auto multiplier = [&](const char* a, const char* b) {
        const auto module =
            RtlMultiplier(number_format(a), number_format(b), MultiplierKind::lut).module(origin);
        CHECK(std::count(module.vectors.begin(), module.vectors.end(), '\n') ==
              static_cast<std::ptrdiff_t>(module.vector_count));
        return module.vector_count;
    };
    CHECK(multiplier("e2m1", "e1m2") == 256);
    CHECK(multiplier("int8", "int8") == 65536);
    CHECK(multiplier("e4m3", "e2m1") == 254 * 16);  // two codes are NaN
    const auto quantizer = [&](const char* format) {
        return RtlQuantizer(number_format(format), models::TieRule::half_up, models::IntegerRange::symmetric)
            .module(origin);
    };
    CHECK(quantizer("e2m1").vector_count == 4096);
    CHECK(quantizer("int8").vector_count == 65536);
    CHECK_FALSE(quantizer("e4m3").exhaustive);
    CHECK(agreement_count(4, origin).vector_count == 256);
}

TEST_CASE("a design has a lane for each pair of formats that its fabric multiplies") {
    CHECK(names(design_modules(design_document("fpqvar-vck190-fp4").parse())) ==
          std::vector<std::string>{"multiply_e2m1_e2m1", "dot_lane_e2m1_e2m1_64", "multiply_e2m1_e1m2",
                                   "dot_lane_e2m1_e1m2_64", "quantize_e2m1_from_fixed12",
                                   "quantize_e1m2_from_fixed12"});
    // The negative side of a dual format has the lowest integer too.
    CHECK(names(design_modules(design_document("fpqvar-vck190-fp6").parse())) ==
          std::vector<std::string>{"multiply_e2m3_e2m3", "dot_lane_e2m3_e2m3_96", "multiply_e2m3_int6",
                                   "dot_lane_e2m3_int6_96", "quantize_e2m3_from_fixed12",
                                   "quantize_int6_full_from_fixed12"});
    // Everything is multiplied on AI Engines.
    CHECK(names(design_modules(design_document("codes-vck190-w8a8").parse())) ==
          std::vector<std::string>{"quantize_int8_from_fixed16"});
    // A segment of 64 inputs bounds the lane of 576.
    CHECK(names(design_modules(design_document("ebsr-vck190-light-x4-aie").parse())) ==
          std::vector<std::string>{"multiply_int8_int8", "dot_lane_int8_int8_64",
                                   "quantize_int8_from_fixed16", "agreement_count_64", "binary_lane_576"});
}

TEST_CASE("an adder tree has the levels that the lane's latency counts") {
    for (const auto& [leaves, levels] : std::vector<std::pair<int, int>>{{1, 0}, {2, 1}, {3, 2}, {72, 7}}) {
        CHECK(tree_levels(leaves) == levels);
    }
}

TEST_CASE("a name cannot end the comment that it stands in") {
    const auto comment = header_comment({"design a\nmodule b;\r\\", "", "\xc3\xa9"});
    CHECK(comment == "// SPDX-License-Identifier: Apache-2.0\n// design a module b;\n//\n//\n");
}

TEST_CASE("pieces of text") {
    CHECK(hex_digits(-1, 9) == "1ff");
    CHECK(hex_digits(-3, 4) == "d");
    CHECK(hex_digits(models::Int128{1} << 70, 72) == "400000000000000000");
    CHECK(sign_extended("x", 3, 3) == "x");
    CHECK(sign_extended("x", 3, 5) == "{{2{x[2]}}, x}");
    CHECK_THROWS_AS(fill("@{missing}", {}), std::logic_error);
}
