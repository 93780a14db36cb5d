// SPDX-License-Identifier: Apache-2.0
#include "models/networks/super_resolution_error.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "models/networks/quantized_super_resolution.hpp"
#include "models/weights/synthetic_super_resolution.hpp"

namespace tilewright::models {

namespace {

double peak_signal_to_noise(const std::vector<double>& reference, const std::vector<double>& made) {
    double noise = 0;
    for (std::size_t i = 0; i < made.size(); ++i) {
        noise += (made[i] - reference[i]) * (made[i] - reference[i]);
    }
    if (noise == 0) return std::numeric_limits<double>::infinity();
    return 10 * std::log10(static_cast<double>(made.size()) / noise);
}

}  // namespace

SuperResolutionError super_resolution_error(const SuperResolutionConfig& config,
                                            const SuperResolutionRecipe& recipe, const ImageSize& image,
                                            std::uint64_t seed) {
    const auto weights = synthetic_super_resolution(config, seed);
    const auto input = synthetic_image(image, config.colors, seed);
    SuperResolutionProbe probe;
    const auto reference = super_resolve(
        config, weights, {image, config.colors, {input.values.begin(), input.values.end()}}, &probe);
    const QuantizedSuperResolution network(config, weights, recipe);
    std::vector<SignMap> signs;
    const auto head = network.head_map(input);
    auto x = head;
    for (const auto& unit : network.units()) x = network.unit(unit, x, &signs);
    const auto output = network.enlarged(x, head);

    SuperResolutionError error;
    const auto doubles = [](const std::vector<float>& values) {
        return std::vector<double>(values.begin(), values.end());
    };
    const auto made = doubles(output.values);
    error.operators = {{"head", measure_error(probe.head, doubles(head.values))},
                       {"units", measure_error(probe.units, doubles(x.values))},
                       {"image", measure_error(reference.values, made)}};
    error.peak_signal_to_noise_db = peak_signal_to_noise(reference.values, made);
    const auto signs_of_unit = static_cast<double>(image.pixels() * config.channels);
    for (std::size_t unit = 0; unit < signs.size(); ++unit) {
        error.differing_signs_of_last_unit =
            static_cast<double>(signs[unit].differences(probe.signs[unit])) / signs_of_unit;
        error.differing_signs += error.differing_signs_of_last_unit / static_cast<double>(signs.size());
    }
    return error;
}

}  // namespace tilewright::models
