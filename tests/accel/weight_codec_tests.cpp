// SPDX-License-Identifier: Apache-2.0
// Weights as they lie in memory, cut into loads that need not begin with a group.
#include <span>

#include <catch2/catch.hpp>

#include "accel/functional/functional_error.hpp"
#include "accel/functional/weight_stream_image.hpp"
#include "memory/integer_math.hpp"
#include "models/recipes/recipe.hpp"
#include "models/weights/counter_random.hpp"

using namespace tilewright;
using namespace tilewright::accel;

TEST_CASE("weights and scales come back from loads of any size, every scale once") {
    const models::Quantization format{models::number_format("int4"), 12, models::ScaleKind::floating_point,
                                      16, 0};
    constexpr std::int64_t outputs = 3;
    constexpr std::int64_t inputs = 24;
    const auto weights = models::normal_vector(1, "weights", outputs * inputs, 0, 1);
    const auto matrix = models::quantize_matrix(weights, outputs, inputs, format, models::TieRule::to_even);
    WeightCodec codec(format);
    codec.append(matrix, {0, 0, outputs, 0, inputs, 0});
    for (std::int64_t size = 1; size <= outputs * inputs; ++size) {
        CAPTURE(size);
        std::vector<std::int8_t> units;
        std::vector<double> scales;
        for (std::int64_t begin = 0; begin < outputs * inputs; begin += size) {
            const auto end = std::min(begin + size, outputs * inputs);
            // What schedules count for so many weights, however they lie.
            const auto value_bytes = memory::divide_up(models::value_bits(format, end - begin), 8);
            const auto scale_bytes = memory::divide_up(models::scale_bits(format, end - begin), 8);
            const auto bytes = codec.pack(begin, end, value_bytes, scale_bytes);
            REQUIRE(static_cast<std::int64_t>(bytes.size()) == value_bytes + scale_bytes);
            const auto chunk = codec.unpack(bytes, begin, end, value_bytes);
            CHECK(chunk.first_group == memory::divide_up(begin, 12));
            units.insert(units.end(), chunk.units.begin(), chunk.units.end());
            scales.insert(scales.end(), chunk.scales.begin(), chunk.scales.end());
        }
        CHECK(units == matrix.units);
        CHECK(scales == matrix.scales);
    }
    CHECK_THROWS_AS(codec.pack(0, 24, 12, 2), FunctionalError);
    // What an edited program loads may be less than it uses.
    const auto bytes = codec.pack(0, 24, 12, 4);
    CHECK(codec.unpack(bytes, 0, 24, 12).scales.size() == 2);
    CHECK_THROWS_AS(codec.unpack(bytes, 0, 24, 11), FunctionalError);
    CHECK_THROWS_AS(codec.unpack(bytes, 0, 24, 14), FunctionalError);
    CHECK_THROWS_AS(codec.unpack(bytes, 0, 24, 17), FunctionalError);
    CHECK_THROWS_AS(codec.unpack(std::span(bytes).first(12), 0, 24, 12), FunctionalError);
}
