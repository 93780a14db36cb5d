// SPDX-License-Identifier: Apache-2.0
// Highway compiles everything between HWY_BEFORE_NAMESPACE and HWY_AFTER_NAMESPACE once per instruction set,
// by including this file again.
#include "models/kernels/segmented_dots.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/kernels/segmented_dots.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tilewright::models::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A segment of eight rows of inputs, `row` apart, by vectors of weights that are 16 apart; the sums of the
// rows go `sums_row` apart.
HWY_INLINE void dot_segment(const float* HWY_RESTRICT inputs, std::size_t row,
                            const float* HWY_RESTRICT weights, std::size_t count, float* HWY_RESTRICT sums,
                            std::size_t sums_row) {
    constexpr std::size_t block = 16;
    const hn::CappedTag<float, block> d;
    for (std::size_t j = 0; j < block; j += hn::Lanes(d)) {
        auto sum0 = hn::Zero(d);
        auto sum1 = hn::Zero(d);
        auto sum2 = hn::Zero(d);
        auto sum3 = hn::Zero(d);
        auto sum4 = hn::Zero(d);
        auto sum5 = hn::Zero(d);
        auto sum6 = hn::Zero(d);
        auto sum7 = hn::Zero(d);
        for (std::size_t k = 0; k < count; ++k) {
            const auto weight = hn::LoadU(d, weights + k * block + j);
            const auto* const x = inputs + k;
            sum0 = hn::MulAdd(hn::Set(d, x[0]), weight, sum0);
            sum1 = hn::MulAdd(hn::Set(d, x[row]), weight, sum1);
            sum2 = hn::MulAdd(hn::Set(d, x[2 * row]), weight, sum2);
            sum3 = hn::MulAdd(hn::Set(d, x[3 * row]), weight, sum3);
            sum4 = hn::MulAdd(hn::Set(d, x[4 * row]), weight, sum4);
            sum5 = hn::MulAdd(hn::Set(d, x[5 * row]), weight, sum5);
            sum6 = hn::MulAdd(hn::Set(d, x[6 * row]), weight, sum6);
            sum7 = hn::MulAdd(hn::Set(d, x[7 * row]), weight, sum7);
        }
        auto* const to = sums + j;
        hn::StoreU(sum0, d, to);
        hn::StoreU(sum1, d, to + sums_row);
        hn::StoreU(sum2, d, to + 2 * sums_row);
        hn::StoreU(sum3, d, to + 3 * sums_row);
        hn::StoreU(sum4, d, to + 4 * sums_row);
        hn::StoreU(sum5, d, to + 5 * sums_row);
        hn::StoreU(sum6, d, to + 6 * sums_row);
        hn::StoreU(sum7, d, to + 7 * sums_row);
    }
}

// All outputs and segments of eight rows of inputs. `stride` is the outputs, rounded up to 16.
HWY_ATTR void dot_segments(const float* HWY_RESTRICT inputs, std::size_t row,
                           const float* HWY_RESTRICT weights, std::size_t segment, std::size_t stride,
                           float* HWY_RESTRICT sums) {
    constexpr std::size_t block = 16;
    const auto segments = (row + segment - 1) / segment;
    for (std::size_t n = 0; n < stride; n += block) {
        for (std::size_t s = 0; s < segments; ++s) {
            const auto first = s * segment;
            dot_segment(inputs + first, row, weights + n * row + first * block,
                        std::min(segment, row - first), sums + s * stride + n, segments * stride);
        }
    }
}

}  // namespace tilewright::models::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tilewright::models {

HWY_EXPORT(dot_segments);

SegmentedDots::SegmentedDots(std::span<const std::int8_t> weights, std::size_t outputs, std::size_t segment)
    : outputs_(outputs), inputs_(outputs == 0 ? 0 : weights.size() / outputs), segment_(segment) {
    if (inputs_ == 0 || weights.size() != outputs * inputs_ || segment == 0 ||
        segment > longest_exact_segment) {
        throw std::invalid_argument(std::to_string(weights.size()) + " weights of " +
                                    std::to_string(outputs) + " outputs in segments of " +
                                    std::to_string(segment) + "; allowed: whole rows, and segments of 1 to " +
                                    std::to_string(longest_exact_segment));
    }
    weights_.resize(stride() * inputs_);
    for (std::size_t n = 0; n < outputs; ++n) {
        for (std::size_t k = 0; k < inputs_; ++k) {
            weights_[(n / block * inputs_ + k) * block + n % block] =
                static_cast<float>(weights[n * inputs_ + k]);
        }
    }
}

void SegmentedDots::sums(std::span<const std::int8_t> inputs, std::span<float> sums) const {
    const auto sums_row = segments() * stride();
    if (inputs.size() % inputs_ != 0 || inputs.size() > rows_at_once * inputs_ ||
        sums.size() != rows_at_once * sums_row) {
        throw std::invalid_argument(std::to_string(inputs.size()) + " inputs and " +
                                    std::to_string(sums.size()) + " sums; allowed: up to " +
                                    std::to_string(rows_at_once) + " rows of " + std::to_string(inputs_) +
                                    " inputs, and " + std::to_string(rows_at_once * sums_row) + " sums");
    }
    std::vector<float> numbers(rows_at_once * inputs_);
    std::copy(inputs.begin(), inputs.end(), numbers.begin());
    HWY_DYNAMIC_DISPATCH(dot_segments)
    (numbers.data(), inputs_, weights_.data(), segment_, stride(), sums.data());
}

}  // namespace tilewright::models
#endif
