// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/threshold_quantizer.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>

namespace tilewright::models {

ThresholdQuantizer::ThresholdQuantizer(const NumberFormat& format, TieRule ties) {
    if (format.bits > 8) {
        throw std::invalid_argument("thresholds of " + std::string(format.name) +
                                    "; allowed: formats of at most 8 bits");
    }
    const bool integer = format.family == FormatFamily::integer;
    const auto values = decode_table(format);
    for (std::uint32_t code = 0; code < values.size(); ++code) {
        if (!std::isfinite(values[code])) continue;
        // Quantizers keep integers symmetric.
        if (integer && code == 1U << (format.bits - 1)) continue;
        if (values[code] == 0 && std::signbit(values[code])) {
            negative_zero_ = code;
            continue;
        }
        if (values[code] == 0) zero_ = code;
        codes_.push_back(code);
    }
    if (integer) negative_zero_ = zero_;
    std::sort(codes_.begin(), codes_.end(), [&](auto a, auto b) { return values[a] < values[b]; });
    for (std::size_t i = 0; i + 1 < codes_.size(); ++i) {
        const auto low = values[codes_[i]];
        const auto high = values[codes_[i + 1]];
        thresholds_.push_back((low + high) / 2);
        const bool negative = high <= 0;
        switch (ties) {
            case TieRule::to_even: {
                // Neighbours differ in the parity of their codes; with no mantissa bits the lowest exponent
                // bit decides, which is the lowest bit of the code too.
                up_at_tie_.push_back(codes_[i] % 2 == 1);
                break;
            }
            case TieRule::half_away:
                up_at_tie_.push_back(!negative);
                break;
            case TieRule::half_up:
                up_at_tie_.push_back(true);
                break;
            case TieRule::half_down:
                up_at_tie_.push_back(false);
                break;
        }
    }
}

std::vector<double> ThresholdQuantizer::scaled(float scale) const {
    std::vector<double> result;
    result.reserve(thresholds_.size());
    for (const auto threshold : thresholds_) result.push_back(threshold * static_cast<double>(scale));
    return result;
}

std::uint32_t ThresholdQuantizer::encode(float element, const std::vector<double>& scaled_thresholds) const {
    const auto x = static_cast<double>(element);
    // How many thresholds lie below: each comparison halves what is left.
    std::size_t low = 0;
    std::size_t high = scaled_thresholds.size();
    while (low < high) {
        const auto middle = (low + high) / 2;
        const bool above =
            x > scaled_thresholds[middle] || (x == scaled_thresholds[middle] && up_at_tie_[middle]);
        if (above) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const auto code = codes_[low];
    return code == zero_ && std::signbit(element) ? negative_zero_ : code;
}

int ThresholdQuantizer::comparisons() const {
    return std::bit_width(thresholds_.size());
}

}  // namespace tilewright::models
