// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/lut_multiplier.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>

#include "models/formats/codec.hpp"
#include "models/kernels/exact_dot.hpp"

namespace tilewright::models {

namespace {

constexpr unsigned lut_inputs = 6;
constexpr int shared_inputs = 5;  // of a LUT6 with two outputs

const NumberFormat& checked_operand(const NumberFormat& format) {
    if (format.bits > LutMultiplier::widest_format) {
        throw std::invalid_argument("the format " + std::string(format.name) + " has " +
                                    std::to_string(format.bits) +
                                    " bits; allowed: up to 8 for a LUT multiplier");
    }
    return format;
}

// The first of two formats whose products the table can hold.
const NumberFormat& checked_pair(const NumberFormat& a, const NumberFormat& b) {
    if (product_format(checked_operand(a), checked_operand(b)).magnitude_bits >
        LutMultiplier::widest_product) {
        throw std::invalid_argument("products of " + std::string(a.name) + " and " + std::string(b.name) +
                                    " have more than 62 bits");
    }
    return a;
}

// Which of the table's address bits a product bit depends on.
unsigned support(const std::vector<std::int64_t>& table, unsigned inputs, int bit) {
    unsigned result = 0;
    for (unsigned input = 0; input < inputs; ++input) {
        for (std::size_t address = 0; address < table.size(); ++address) {
            const auto difference = table[address] ^ table[address ^ (std::size_t{1} << input)];
            if ((difference >> bit & 1) != 0) result |= 1U << input;
        }
    }
    return result;
}

// The largest number of disjoint pairs that can share a LUT, by trying all partners of the first free bit.
int most_pairs(const std::vector<unsigned>& supports, unsigned used) {
    const auto first = static_cast<unsigned>(std::countr_one(used));
    if (first >= supports.size()) return 0;
    const auto without = used | 1U << first;
    auto best = most_pairs(supports, without);
    const auto free = static_cast<int>(supports.size()) - std::popcount(used);
    for (auto partner = first + 1; partner < supports.size() && best < free / 2; ++partner) {
        if ((used >> partner & 1U) != 0) continue;
        if (std::popcount(supports[first] | supports[partner]) > shared_inputs) continue;
        best = std::max(best, 1 + most_pairs(supports, without | 1U << partner));
    }
    return best;
}

}  // namespace

LutMultiplier::Operand::Operand(const NumberFormat& of) : format(checked_operand(of)) {
    const auto values = decode_table(of);
    const auto step = unit_exponent(of);
    const bool sign_magnitude = of.family == FormatFamily::floating_point;
    const auto mask = of.has_sign && sign_magnitude ? values.size() / 2 - 1 : values.size() - 1;
    // Two's complement magnitudes reach 2^(b-1).
    magnitudes.resize(sign_magnitude ? mask + 1 : values.size() / 2 + 1);
    for (std::size_t code = 0; code < values.size(); ++code) {
        const auto value = values[code];
        const bool finite = std::isfinite(value);
        const auto units = finite ? static_cast<std::int64_t>(std::ldexp(std::abs(value), -step)) : 0;
        const auto place = sign_magnitude ? code & mask : static_cast<std::size_t>(units);
        index.push_back(static_cast<std::uint32_t>(place));
        negative.push_back(std::signbit(value));
        special.push_back(!finite);
        magnitudes[place] = units;
    }
}

LutMultiplier::LutMultiplier(const NumberFormat& a, const NumberFormat& b)
    : a_(checked_pair(a, b)), b_(b), lsb_exponent_(unit_exponent(a) + unit_exponent(b)) {
    std::int64_t largest = 0;
    for (const auto left : a_.magnitudes) {
        for (const auto right : b_.magnitudes) {
            table_.push_back(left * right);
            largest = std::max(largest, left * right);
        }
    }
    magnitude_bits_ = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(largest)));
}

std::int64_t LutMultiplier::units(std::uint32_t code_a, std::uint32_t code_b) const {
    const auto magnitude = table_[a_.index[code_a] * b_.magnitudes.size() + b_.index[code_b]];
    return a_.negative[code_a] != b_.negative[code_b] ? -magnitude : magnitude;
}

ExactNumber LutMultiplier::product(std::uint32_t code_a, std::uint32_t code_b) const {
    if (a_.special[code_a] || b_.special[code_b]) {
        return decode_exact(a_.format, code_a) * decode_exact(b_.format, code_b);
    }
    return {ExactNumber::Kind::finite, units(code_a, code_b), lsb_exponent_};
}

std::optional<int> LutMultiplier::lut6_count() const {
    const bool sign_magnitude =
        a_.format.family == FormatFamily::floating_point && b_.format.family == FormatFamily::floating_point;
    const auto inputs = static_cast<unsigned>(std::countr_zero(a_.magnitudes.size()) +
                                              std::countr_zero(b_.magnitudes.size()));
    if (!sign_magnitude || inputs > lut_inputs) return std::nullopt;
    std::vector<unsigned> supports;
    for (int bit = 0; bit < magnitude_bits_; ++bit) {
        const auto inputs_of_bit = support(table_, inputs, bit);
        if (std::popcount(inputs_of_bit) > 0) supports.push_back(inputs_of_bit);
    }
    return static_cast<int>(supports.size()) - most_pairs(supports, 0);
}

}  // namespace tilewright::models
