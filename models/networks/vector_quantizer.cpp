// SPDX-License-Identifier: Apache-2.0
#include "models/networks/vector_quantizer.hpp"

#include <cmath>
#include <stdexcept>
#include <string>

namespace tilewright::models {

VectorQuantizer::VectorQuantizer(VectorQuantizerWeights weights, std::vector<std::int64_t> scales)
    : weights_(std::move(weights)), scales_(std::move(scales)) {
    if (weights_.phi.empty() || scales_.empty() ||
        weights_.codebook.size() != static_cast<std::size_t>(weights_.codes * weights_.width)) {
        throw std::invalid_argument(
            "a vector quantizer without scales or convolutions, or a codebook of another size");
    }
    begin();
}

void VectorQuantizer::begin() {
    sum_ = ImageMap(weights_.width, scales_.back(), scales_.back());
    scale_ = 0;
}

std::size_t VectorQuantizer::phi_of(std::size_t scale) const {
    // Places of the K convolutions: equally far apart from 1/(3K) to 1 - 1/(3K) if there are four of them,
    // else from 1/(2K). Computed step by step as the authors' code does, since some scales lie halfway
    // between two.
    const auto count = weights_.phi.size();
    const auto first = 1.0 / (count == 4 ? 3.0 : 2.0) / static_cast<double>(count);
    const auto last = 1 - first;
    const auto step = count > 1 ? (last - first) / static_cast<double>(count - 1) : 0.0;
    const auto at =
        scales_.size() > 1 ? static_cast<double>(scale) / static_cast<double>(scales_.size() - 1) : 0.0;
    std::size_t best = 0;
    double nearest = INFINITY;
    for (std::size_t i = 0; i < count; ++i) {
        const auto place = i > 0 && i + 1 == count ? last : static_cast<double>(i) * step + first;
        const auto distance = std::abs(place - at);
        if (distance < nearest) {
            nearest = distance;
            best = i;
        }
    }
    return best;
}

void VectorQuantizer::add(std::span<const std::int64_t> codes) {
    if (scale_ == scales_.size()) throw std::logic_error("an image has no further scale");
    const auto side = scales_[scale_];
    if (codes.size() != static_cast<std::size_t>(side * side)) {
        throw std::invalid_argument(std::to_string(codes.size()) +
                                    " codes; allowed: " + std::to_string(side * side));
    }
    ImageMap map(weights_.width, side, side);
    for (std::int64_t i = 0; i < side * side; ++i) {
        const auto code = codes[static_cast<std::size_t>(i)];
        if (code < 0 || code >= weights_.codes) {
            throw std::out_of_range("the code " + std::to_string(code) +
                                    " is not in the codebook; allowed: 0 to " +
                                    std::to_string(weights_.codes - 1));
        }
        for (std::int64_t c = 0; c < weights_.width; ++c) {
            map.at(c, i / side, i % side) =
                weights_.codebook[static_cast<std::size_t>(code * weights_.width + c)];
        }
    }
    if (side != scales_.back()) map = resize_bicubic(map, scales_.back(), scales_.back());
    constexpr double ratio = 0.5;  // quant_resi of the public checkpoints
    const auto convolved = convolve(weights_.phi[phi_of(scale_)], map);
    for (std::size_t i = 0; i < sum_.values.size(); ++i) {
        sum_.values[i] += (1 - ratio) * map.values[i] + ratio * convolved.values[i];
    }
    ++scale_;
}

std::vector<double> VectorQuantizer::next_map() const {
    if (scale_ == scales_.size()) return {};
    const auto side = scales_[scale_];
    const auto map = resize_area(sum_, side, side);
    std::vector<double> tokens;
    for (std::int64_t i = 0; i < side * side; ++i) {
        for (std::int64_t c = 0; c < weights_.width; ++c) tokens.push_back(map.at(c, i / side, i % side));
    }
    return tokens;
}

}  // namespace tilewright::models
