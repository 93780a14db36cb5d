// SPDX-License-Identifier: Apache-2.0
// Highway compiles everything between HWY_BEFORE_NAMESPACE and HWY_AFTER_NAMESPACE once per instruction set,
// by including this file again.
#include "models/kernels/four_bit_dot.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "models/formats/codec.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/kernels/four_bit_dot.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tilewright::models::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Codes below 16, up to 2^16 of them: with steps of at most 64 the sums stay below 2^28.
HWY_ATTR std::int32_t dot_codes(const std::uint8_t* HWY_RESTRICT a, const std::uint8_t* HWY_RESTRICT b,
                                std::size_t count, const std::int8_t* HWY_RESTRICT steps_a,
                                const std::int8_t* HWY_RESTRICT steps_b) {
    std::size_t i = 0;
    std::int32_t sum = 0;
#if HWY_TARGET != HWY_SCALAR  // which has no tables in registers
    const hn::ScalableTag<std::int8_t> d8;
    const hn::Rebind<std::uint8_t, decltype(d8)> codes;
    const hn::Half<decltype(d8)> half;
    const hn::Repartition<std::int16_t, decltype(d8)> d16;
    const hn::Repartition<std::int32_t, decltype(d8)> d32;
    const auto table_a = hn::LoadDup128(d8, steps_a);
    const auto table_b = hn::LoadDup128(d8, steps_b);
    auto low = hn::Zero(d32);
    auto high = hn::Zero(d32);
    auto other = hn::Zero(d32);  // the second half of the lanes, on targets that widen so
    for (; i + hn::Lanes(d8) <= count; i += hn::Lanes(d8)) {
        const auto x = hn::TableLookupBytes(table_a, hn::BitCast(d8, hn::LoadU(codes, a + i)));
        const auto y = hn::TableLookupBytes(table_b, hn::BitCast(d8, hn::LoadU(codes, b + i)));
        low = hn::ReorderWidenMulAccumulate(d32, hn::PromoteTo(d16, hn::LowerHalf(half, x)),
                                            hn::PromoteTo(d16, hn::LowerHalf(half, y)), low, other);
        high = hn::ReorderWidenMulAccumulate(d32, hn::PromoteTo(d16, hn::UpperHalf(half, x)),
                                             hn::PromoteTo(d16, hn::UpperHalf(half, y)), high, other);
    }
    sum = hn::GetLane(hn::SumOfLanes(d32, hn::Add(hn::Add(low, high), other)));
#endif
    for (; i < count; ++i) sum += steps_a[a[i]] * steps_b[b[i]];
    return sum;
}

}  // namespace tilewright::models::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tilewright::models {

namespace {

void require_width(const NumberFormat& format, std::span<const std::uint8_t> codes) {
    std::uint8_t all = 0;
    for (const auto code : codes) all = static_cast<std::uint8_t>(all | code);
    if ((all >> format.bits) != 0) {
        throw std::out_of_range("a code does not fit the " + std::to_string(format.bits) + " bits of " +
                                std::string(format.name));
    }
}

}  // namespace

HWY_EXPORT(dot_codes);

FourBitDot::Table FourBitDot::steps_of(const NumberFormat& format) {
    if (format.bits > 4 || !format.has_sign) {
        throw std::invalid_argument("the format " + std::string(format.name) + " has " +
                                    std::to_string(format.bits) +
                                    " bits; allowed: formats of up to 4 bits with a sign");
    }
    Table steps{};
    for (std::uint32_t code = 0; code >> format.bits == 0; ++code) {
        steps[code] = static_cast<std::int8_t>(std::ldexp(decode(format, code), -unit_exponent(format)));
    }
    return steps;
}

FourBitDot::FourBitDot(const NumberFormat& a, const NumberFormat& b)
    : format_a_(a),
      format_b_(b),
      a_(steps_of(a)),
      b_(steps_of(b)),
      lsb_exponent_(unit_exponent(a) + unit_exponent(b)) {}

std::int64_t FourBitDot::dot(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) const {
    if (a.size() != b.size()) {
        throw std::invalid_argument("a dot product of " + std::to_string(a.size()) + " and " +
                                    std::to_string(b.size()) + " codes; allowed: equal numbers");
    }
    constexpr std::size_t chunk = std::size_t{1} << 14;  // in the first cache
    std::int64_t sum = 0;
    for (std::size_t start = 0; start < a.size(); start += chunk) {
        const auto count = std::min(chunk, a.size() - start);
        require_width(format_a_, a.subspan(start, count));
        require_width(format_b_, b.subspan(start, count));
        sum +=
            HWY_DYNAMIC_DISPATCH(dot_codes)(a.data() + start, b.data() + start, count, a_.data(), b_.data());
    }
    return sum;
}

}  // namespace tilewright::models
#endif
