// SPDX-License-Identifier: Apache-2.0
#include "accel/functional/super_resolution_functional_run.hpp"

#include <cstdint>
#include <span>
#include <vector>

#include "accel/functional/super_resolution_executor.hpp"
#include "accel/simulation/accelerator.hpp"
#include "models/kernels/image_bytes.hpp"
#include "models/weights/synthetic_super_resolution.hpp"

namespace tilewright::accel {

namespace {

// `rows` of `channels` numbers a pixel, `width` pixels a row.
struct Shape {
    std::int64_t width = 0;
    std::int64_t channels = 0;
};

std::string place(const Shape& shape, std::size_t i) {
    const auto at = static_cast<std::int64_t>(i);
    const auto pixel = at / shape.channels;
    return "row " + std::to_string(pixel / shape.width) + ", column " + std::to_string(pixel % shape.width) +
           ", channel " + std::to_string(at % shape.channels);
}

void compare_map(FunctionalOutcome& outcome, const std::string& what, const Shape& shape,
                 std::span<const float> kernel, std::span<const float> simulated) {
    compare(outcome, kernel, simulated, [&](std::size_t i) { return what + ", " + place(shape, i) + ","; });
}

// Levels of an image's colors.
std::vector<float> levels(std::span<const std::uint8_t> bytes) {
    return {bytes.begin(), bytes.end()};
}

}  // namespace

FunctionalOutcome run_super_resolution_functional(const Design& design, const TileProgram& program,
                                                  Observer* observer) {
    const auto& own = *design.super_resolution;
    constexpr std::uint64_t seed = 1;
    const models::QuantizedSuperResolution network(
        own.network, models::synthetic_super_resolution(own.network, seed), own.recipe);
    const auto image = models::synthetic_image(own.image, own.network.colors, seed);
    FunctionalOutcome outcome;
    SuperResolutionExecutor executor(design, program, network, image);
    outcome.activity = simulate(design, program, observer, &executor);

    const auto head = network.head_map(image);
    const Shape small{own.image.width, own.network.channels};
    compare_map(outcome, "the head's map", small, head.values, executor.stored_head_map().values);
    auto x = head;
    for (const auto& unit : network.units()) x = network.unit(unit, x);
    if (own.feature_maps == FeatureMaps::memory) {
        compare_map(outcome, "the map behind the units", small, x.values, executor.stored_map().values);
    }
    const auto large = network.enlarged(x, head);
    const Shape shape{large.size.width, large.channels};
    compare_map(outcome, "the tail's output", shape, large.values, executor.output().values);
    std::vector<std::uint8_t> bytes;
    bytes.reserve(large.values.size());
    for (const auto value : large.values) bytes.push_back(models::byte_of_color(value));
    compare_map(outcome, "the image in memory", shape, levels(bytes), levels(executor.stored_image()));
    return outcome;
}

}  // namespace tilewright::accel
