// SPDX-License-Identifier: Apache-2.0
#include "accel/cost/lut_multiplier.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "models/formats/codec.hpp"

namespace tilewright::accel {

namespace {

// The magnitudes of a format in units of its smallest step, by magnitude code.
std::vector<std::int64_t> magnitudes(const models::NumberFormat& format) {
    if (format.bits > 8) {
        throw std::invalid_argument("a lookup-table multiplier of " + std::string(format.name) +
                                    "; allowed: formats of at most 8 bits");
    }
    const bool integer = format.family == models::FormatFamily::integer;
    std::vector<std::int64_t> result;
    const int bits = format.has_sign ? format.bits - 1 : format.bits;
    const auto unit = std::exp2(models::unit_exponent(format));
    for (std::uint32_t code = 0; code < 1U << bits; ++code) {
        const auto value = integer ? static_cast<double>(code) * unit : models::decode(format, code);
        result.push_back(std::isfinite(value) ? std::llround(value / unit) : 0);
    }
    return result;
}

int bits_of(std::size_t values) {
    return std::bit_width(values - 1);
}

// LUT6 of one function of `inputs` bits: leaves of six bits, and 4:1 multiplexers of one LUT6 each.
double shannon_lut(int inputs) {
    if (inputs <= 6) return 1;
    const auto leaves = std::exp2(inputs - 6);
    return leaves + std::ceil((leaves - 1) / 3);
}

// Bits that fit one LUT6 in pairs, greedily from the lowest.
double table_lut(const std::vector<unsigned>& support) {
    double lut = 0;
    std::vector<bool> placed(support.size(), false);
    for (std::size_t i = 0; i < support.size(); ++i) {
        if (placed[i] || support[i] == 0) continue;
        placed[i] = true;
        lut += shannon_lut(std::popcount(support[i]));
        if (std::popcount(support[i]) > 5) continue;
        for (std::size_t j = i + 1; j < support.size(); ++j) {
            if (placed[j] || support[j] == 0 || std::popcount(support[i] | support[j]) > 5) continue;
            placed[j] = true;
            break;
        }
    }
    return lut;
}

}  // namespace

std::vector<unsigned> product_bit_support(const models::NumberFormat& a, const models::NumberFormat& b) {
    const auto left = magnitudes(a);
    const auto right = magnitudes(b);
    const auto product = [&](std::size_t code) {
        return static_cast<std::uint64_t>(left[code % left.size()] * right[code / left.size()]);
    };
    const auto codes = left.size() * right.size();
    const auto inputs = bits_of(left.size()) + bits_of(right.size());
    std::uint64_t all = 0;
    for (std::size_t code = 0; code < codes; ++code) all |= product(code);
    std::vector<unsigned> support(static_cast<std::size_t>(std::bit_width(all)), 0);
    for (int input = 0; input < inputs; ++input) {
        std::uint64_t changes = 0;
        for (std::size_t code = 0; code < codes; ++code) {
            changes |= product(code) ^ product(code ^ (std::size_t{1} << input));
        }
        for (std::size_t bit = 0; bit < support.size(); ++bit) {
            if ((changes >> bit & 1U) != 0) support[bit] |= 1U << input;
        }
    }
    return support;
}

LutMultiplier lut_multiplier(const models::NumberFormat& a, const models::NumberFormat& b,
                             const CostConstants& constants) {
    const auto support = product_bit_support(a, b);
    LutMultiplier result;
    result.product_bits = static_cast<int>(support.size());
    result.lut = table_lut(support);
    result.from_structure = true;
    const bool small = a.bits <= 4 && b.bits <= 4;
    if (small) return result;
    const auto floating = [](const models::NumberFormat& format) {
        return format.family == models::FormatFamily::floating_point;
    };
    const auto widest = std::max(a.bits, b.bits);
    double synthesised = 0;
    if (widest > 6) {
        synthesised = constants.int8_multiplier_lut;
    } else if (floating(a) && floating(b)) {
        synthesised = constants.fp6_multiplier_lut;
    } else {
        synthesised = constants.int6_multiplier_lut;
    }
    if (synthesised < result.lut) {
        result.lut = synthesised;
        result.from_structure = false;
    }
    return result;
}

}  // namespace tilewright::accel
