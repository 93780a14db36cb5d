// SPDX-License-Identifier: Apache-2.0
// Highway compiles everything between HWY_BEFORE_NAMESPACE and HWY_AFTER_NAMESPACE once per instruction set,
// by including this file again.
#include "models/kernels/binary_convolution.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/kernels/binary_convolution.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tilewright::models::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// matches[n] = popcount(xnor(signs, row n of the weights) & mask), each of `words` words.
HWY_ATTR void count_matches(const std::uint64_t* HWY_RESTRICT signs, const std::uint64_t* HWY_RESTRICT mask,
                            const std::uint64_t* HWY_RESTRICT weights, std::size_t words, std::size_t rows,
                            std::int32_t* HWY_RESTRICT matches) {
    const hn::ScalableTag<std::uint64_t> d;
    const auto step = hn::Lanes(d);
    for (std::size_t n = 0; n < rows; ++n, weights += words) {
        auto sums = hn::Zero(d);
        std::size_t i = 0;
        for (; i + step <= words; i += step) {
            const auto differ = hn::Xor(hn::LoadU(d, signs + i), hn::LoadU(d, weights + i));
            sums = hn::Add(sums, hn::PopulationCount(hn::AndNot(differ, hn::LoadU(d, mask + i))));
        }
        auto sum = hn::GetLane(hn::SumOfLanes(d, sums));
        for (; i < words; ++i) {
            sum += static_cast<std::uint64_t>(std::popcount(~(signs[i] ^ weights[i]) & mask[i]));
        }
        matches[n] = static_cast<std::int32_t>(sum);
    }
}

}  // namespace tilewright::models::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tilewright::models {

HWY_EXPORT(count_matches);

namespace {

constexpr std::size_t word_bits = 64;

std::string text(const ImageSize& size) {
    return std::to_string(size.height) + " x " + std::to_string(size.width);
}

template <typename Number>
void pack_row(std::span<const Number> values, std::uint64_t* words) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (std::isnan(values[i])) throw std::invalid_argument("the sign of what is not a number");
        auto& word = words[i / word_bits];
        if (i % word_bits == 0) word = 0;
        if (values[i] >= 0) word |= std::uint64_t{1} << i % word_bits;
    }
}

template <typename Number>
std::vector<std::uint64_t> pack_rows(std::span<const Number> values, std::int64_t row) {
    if (row < 1 || values.size() % static_cast<std::size_t>(row) != 0) {
        throw std::invalid_argument(std::to_string(values.size()) + " signs in rows of " +
                                    std::to_string(row) + "; allowed: whole rows");
    }
    const auto length = static_cast<std::size_t>(row);
    const auto words = static_cast<std::size_t>(sign_words(row));
    std::vector<std::uint64_t> result(values.size() / length * words);
    for (std::size_t n = 0; n * length < values.size(); ++n) {
        pack_row(values.subspan(n * length, length), &result[n * words]);
    }
    return result;
}

}  // namespace

std::vector<std::uint64_t> pack_signs(std::span<const float> values, std::int64_t row) {
    return pack_rows(values, row);
}

std::vector<std::uint64_t> pack_signs(std::span<const double> values, std::int64_t row) {
    return pack_rows(values, row);
}

SignMap::SignMap(const ImageSize& size, std::int64_t channels)
    : size_(size), channels_(channels), words_(static_cast<std::size_t>(sign_words(channels))) {
    if (size.height < 1 || size.width < 1 || channels < 1) {
        throw std::invalid_argument("a map of signs needs a pixel and a channel");
    }
    bits_.resize(static_cast<std::size_t>(size.pixels()) * words_);
}

template <typename Number>
void SignMap::pack_pixel(std::int64_t y, std::int64_t x, std::span<const Number> values) {
    if (values.size() != static_cast<std::size_t>(channels_)) {
        throw std::invalid_argument(std::to_string(values.size()) +
                                    " signs of a pixel; allowed: " + std::to_string(channels_));
    }
    pack_row(values, &bits_[size_.index(y, x) * words_]);
}

void SignMap::set_pixel(std::int64_t y, std::int64_t x, std::span<const float> values) {
    pack_pixel(y, x, values);
}

void SignMap::set_pixel(std::int64_t y, std::int64_t x, std::span<const double> values) {
    pack_pixel(y, x, values);
}

std::int64_t SignMap::differences(const SignMap& other) const {
    if (size_ != other.size_ || channels_ != other.channels_) {
        throw std::invalid_argument("maps of signs of different sizes");
    }
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < bits_.size(); ++i) sum += std::popcount(bits_[i] ^ other.bits_[i]);
    return sum;
}

BinaryConvolution::BinaryConvolution(std::int64_t outputs, std::int64_t inputs,
                                     std::vector<std::uint64_t> weights)
    : outputs_(outputs),
      inputs_(inputs),
      words_(static_cast<std::size_t>(sign_words(inputs))),
      weights_(std::move(weights)) {
    const auto expected = static_cast<std::size_t>(outputs * convolution_taps) * words_;
    if (outputs >= 1 && inputs >= 1 && weights_.size() == expected) return;
    throw std::invalid_argument("a binary convolution from " + std::to_string(inputs) + " to " +
                                std::to_string(outputs) + " channels has " + std::to_string(weights_.size()) +
                                " words of weights; allowed: " + std::to_string(expected));
}

void BinaryConvolution::pixel(const SignMap& signs, std::int64_t y, std::int64_t x,
                              std::span<std::int32_t> dots, std::int64_t first) const {
    const auto& size = signs.size();
    if (signs.channels() != inputs_ || y < 0 || y >= size.height || x < 0 || x >= size.width || first < 0 ||
        first + static_cast<std::int64_t>(dots.size()) > outputs_) {
        throw std::invalid_argument("a binary convolution from " + std::to_string(inputs_) + " to " +
                                    std::to_string(outputs_) + " channels at pixel (" + std::to_string(y) +
                                    ", " + std::to_string(x) + ") of " + text(size) + " with " +
                                    std::to_string(signs.channels()) + " channels, outputs from " +
                                    std::to_string(first) + " on: " + std::to_string(dots.size()));
    }
    const auto row = static_cast<std::size_t>(convolution_taps) * words_;
    std::vector<std::uint64_t> taps(row);
    std::vector<std::uint64_t> mask(row);
    const auto last_bits = static_cast<std::size_t>(inputs_ - 1) % word_bits + 1;
    std::int32_t present = 0;
    for_each_tap_inside(size, y, x, [&](std::size_t tap, std::int64_t tap_y, std::int64_t tap_x) {
        const auto from = signs.pixel(tap_y, tap_x);
        std::copy(from.begin(), from.end(), &taps[tap * words_]);
        std::fill_n(&mask[tap * words_], words_, ~std::uint64_t{0});
        mask[(tap + 1) * words_ - 1] = ~std::uint64_t{0} >> (word_bits - last_bits);
        present += static_cast<std::int32_t>(inputs_);
    });
    HWY_DYNAMIC_DISPATCH(count_matches)
    (taps.data(), mask.data(), weights_.data() + static_cast<std::size_t>(first) * row, row, dots.size(),
     dots.data());
    for (auto& dot : dots) dot = 2 * dot - present;
}

std::vector<std::int32_t> BinaryConvolution::rows(const SignMap& signs, const RowRange& range) const {
    if (!range.within(signs.size())) {
        throw std::invalid_argument("rows " + std::to_string(range.begin) + " to " +
                                    std::to_string(range.end) + " of " + text(signs.size()) + " pixels");
    }
    const auto width = signs.size().width;
    const auto depth = static_cast<std::size_t>(outputs_);
    std::vector<std::int32_t> result(static_cast<std::size_t>(range.count() * width) * depth);
    auto rest = std::span(result);
    for (auto y = range.begin; y < range.end; ++y) {
        for (std::int64_t x = 0; x < width; ++x, rest = rest.subspan(depth)) {
            pixel(signs, y, x, rest.first(depth));
        }
    }
    return result;
}

}  // namespace tilewright::models
#endif
