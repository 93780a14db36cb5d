// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/dsp_packing.hpp"

#include <stdexcept>
#include <string>

#include "models/formats/codec.hpp"

namespace tilewright::models {

namespace {

constexpr int wide_bits = 27;
constexpr int narrow_bits = 18;
constexpr int accumulator_width = 48;

void require(std::int64_t value, std::int64_t least, std::int64_t most, const char* what) {
    if (value >= least && value <= most) return;
    throw std::out_of_range(std::string(what) + " is " + std::to_string(value) +
                            "; allowed: " + std::to_string(least) + " to " + std::to_string(most));
}

void require_bits(std::int64_t value, int bits, const char* what) {
    const auto limit = std::int64_t{1} << (bits - 1);
    require(value, -limit, limit - 1, what);
}

// The low bits of a value as two's complement.
std::int64_t sign_extended(std::int64_t value, int bits) {
    const auto unused = 64 - bits;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << unused) >> unused;
}

}  // namespace

void DspAccumulator::multiply_add(std::int64_t wide, std::int64_t narrow) {
    require_bits(wide, wide_bits, "the 27-bit operand");
    require_bits(narrow, narrow_bits, "the 18-bit operand");
    value_ = sign_extended(value_ + wide * narrow, accumulator_width);
}

std::int64_t DspAccumulator::corrected_field(int first, int width) const {
    const auto field = sign_extended(value_ >> first, width);
    return first == 0 ? field : field + (value_ >> (first - 1) & 1);
}

void Int8PairAccumulator::add(int upper, int lower, int common) {
    constexpr int bits = 8;
    require_bits(upper, bits, "the upper factor");
    require_bits(lower, bits, "the lower factor");
    require_bits(common, bits, "the common factor");
    dsp_.multiply_add(std::int64_t{upper} * (1 << field_bits) + lower, common);
}

void FourProductAccumulator::add(std::array<int, 2> a, std::array<int, 2> b) {
    constexpr int largest = 15;
    for (const auto factor : {a[0], a[1], b[0], b[1]}) require(factor, -largest, largest, "a factor");
    dsp_.multiply_add(std::int64_t{b[1]} * (1 << 2 * field_bits) + b[0],
                      std::int64_t{a[1]} * (1 << field_bits) + a[0]);
}

std::array<std::int64_t, 4> FourProductAccumulator::products() const {
    const auto field = [&](int place) { return dsp_.corrected_field(place * field_bits, field_bits); };
    return {field(0), field(1), field(2), field(3)};
}

int e2m1_operand(std::uint32_t code) {
    return static_cast<int>(2 * decode(number_format("e2m1"), code));
}

}  // namespace tilewright::models
