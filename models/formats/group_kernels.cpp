// SPDX-License-Identifier: Apache-2.0
// Highway compiles everything between HWY_BEFORE_NAMESPACE and HWY_AFTER_NAMESPACE once per instruction set,
// by including this file again.
#include "models/formats/group_kernels.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/formats/group_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tilewright::models::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t small_lanes = 4;  // of the vectors for what is left behind the long ones

// The results of one vector of quotients.
template <class D, bool to_even>
class VectorEncoder {
  public:
    using DI = hn::Rebind<std::int32_t, D>;
    using DU = hn::Rebind<std::uint32_t, D>;

    HWY_ATTR explicit VectorEncoder(const EncodeRule& rule) : rule_(rule) {
        // A fraction of exactly one half goes up, or only what is larger.
        const bool positive_up = rule.ties == TieRule::half_away || rule.ties == TieRule::half_up;
        const bool negative_up = rule.ties == TieRule::half_away || rule.ties == TieRule::half_down;
        positive_threshold_ = positive_up ? half : above_half;
        negative_threshold_ = negative_up ? half : above_half;
    }

    HWY_ATTR HWY_INLINE hn::Vec<DI> code(hn::Vec<D> quotient) const {
        const auto parts = round(quotient);
        const auto magnitude = hn::Add(parts.steps, hn::BitCast(di, parts.exponent_code));
        if (rule_.twos_complement) {
            const auto mask = hn::Set(di, static_cast<std::int32_t>((std::uint32_t{1} << rule_.bits) - 1));
            return hn::And(hn::Sub(hn::Xor(magnitude, parts.negative), parts.negative), mask);
        }
        const auto sign = hn::And(parts.negative, hn::Set(di, std::int32_t{1} << (rule_.bits - 1)));
        return hn::Or(magnitude, sign);
    }

    HWY_ATTR HWY_INLINE hn::Vec<DI> units(hn::Vec<D> quotient) const {
        const auto parts = round(quotient);
        const auto shift = hn::BitCast(di, hn::ShiftRight<23>(parts.above_least));
        const auto magnitude = hn::Shl(parts.steps, shift);
        return hn::Sub(hn::Xor(magnitude, parts.negative), parts.negative);
    }

  private:
    struct Parts {
        hn::Vec<DI> steps;          // n
        hn::Vec<DU> above_least;    // 2^23 (e - least)
        hn::Vec<DU> exponent_code;  // (e - least) 2^steps
        hn::Vec<DI> negative;       // -1 or 0
    };

    HWY_ATTR HWY_INLINE Parts round(hn::Vec<D> quotient) const {
        Parts parts;
        parts.negative = hn::ShiftRight<31>(hn::BitCast(di, quotient));
        const auto magnitude = hn::Min(hn::Abs(quotient), hn::Set(d, rule_.largest));
        const auto field = hn::And(hn::BitCast(du, magnitude), hn::Set(du, 0x7f800000U));
        const auto exponent =
            hn::Min(hn::Max(field, hn::Set(du, rule_.least_exponent)), hn::Set(du, rule_.most_exponent));
        parts.above_least = hn::Sub(exponent, hn::Set(du, rule_.least_exponent));
        parts.exponent_code = hn::ShiftRightSame(parts.above_least, rule_.code_shift);
        const auto inverse_step = hn::BitCast(d, hn::Sub(hn::Set(du, rule_.inverse_step), exponent));
        const auto y = hn::Mul(magnitude, inverse_step);
        const auto whole = hn::ConvertTo(di, y);
        const auto fraction = hn::Sub(y, hn::ConvertTo(d, whole));
        hn::Vec<D> threshold;
        if constexpr (to_even) {
            // One half goes up from an odd code.
            const auto code = hn::Add(whole, hn::BitCast(di, parts.exponent_code));
            const auto even = hn::AndNot(code, hn::Set(di, 1));
            threshold = hn::BitCast(d, hn::Add(hn::Set(di, half), even));
        } else {
            const auto negative = hn::MaskFromVec(hn::BitCast(d, parts.negative));
            threshold = hn::IfThenElse(negative, hn::BitCast(d, hn::Set(di, negative_threshold_)),
                                       hn::BitCast(d, hn::Set(di, positive_threshold_)));
        }
        const auto up = hn::BitCast(di, hn::VecFromMask(d, hn::Ge(fraction, threshold)));
        parts.steps = hn::Sub(whole, up);
        return parts;
    }

    static constexpr std::int32_t half = 0x3f000000;  // the bits of 0.5F
    static constexpr std::int32_t above_half = half + 1;

    D d;
    DI di;
    DU du;
    const EncodeRule& rule_;
    std::int32_t positive_threshold_ = half;
    std::int32_t negative_threshold_ = half;
};

// Codes as u16, units as i8.
template <class Encoder, class V>
HWY_ATTR HWY_INLINE auto results(const Encoder& encoder, V quotient, std::uint16_t /*kind*/) {
    return encoder.code(quotient);
}
template <class Encoder, class V>
HWY_ATTR HWY_INLINE auto results(const Encoder& encoder, V quotient, std::int8_t /*kind*/) {
    return encoder.units(quotient);
}

// Whole vectors of D from `done` on.
template <class D, bool to_even, class Result>
HWY_ATTR HWY_INLINE void encode_vectors(D d, const float* HWY_RESTRICT values, std::size_t count,
                                        float divisor, const EncodeRule& rule, Result* HWY_RESTRICT out,
                                        std::size_t& done) {
    const hn::Rebind<Result, D> d_out;
    const VectorEncoder<D, to_even> encoder(rule);
    const auto divisors = hn::Set(d, divisor);
    for (; done + hn::Lanes(d) <= count; done += hn::Lanes(d)) {
        const auto quotient = hn::Div(hn::LoadU(d, values + done), divisors);
        hn::StoreU(hn::DemoteTo(d_out, results(encoder, quotient, Result{})), d_out, out + done);
    }
}

template <bool to_even, class Result>
HWY_ATTR void encode_all(const float* HWY_RESTRICT values, std::size_t count, std::size_t group,
                         const float* HWY_RESTRICT divisors, const EncodeRule& rule,
                         Result* HWY_RESTRICT out) {
    const hn::ScalableTag<float> full;
    const hn::CappedTag<float, small_lanes> small;
    for (std::size_t start = 0; start < count; start += group, ++divisors) {
        const auto length = std::min(group, count - start);
        std::size_t done = 0;
        encode_vectors<decltype(full), to_even>(full, values + start, length, *divisors, rule, out + start,
                                                done);
        encode_vectors<decltype(small), to_even>(small, values + start, length, *divisors, rule, out + start,
                                                 done);
        if (done == length) continue;
        float rest[small_lanes] = {};
        Result rest_out[small_lanes] = {};
        std::memcpy(rest, values + start + done, (length - done) * sizeof(float));
        std::size_t rest_done = 0;
        encode_vectors<decltype(small), to_even>(small, rest, small_lanes, *divisors, rule, rest_out,
                                                 rest_done);
        std::memcpy(out + start + done, rest_out, (length - done) * sizeof(Result));
    }
}

template <class Result>
HWY_ATTR void encode_rounded(const float* HWY_RESTRICT values, std::size_t count, std::size_t group,
                             const float* HWY_RESTRICT divisors, const EncodeRule& rule,
                             Result* HWY_RESTRICT out) {
    if (rule.ties == TieRule::to_even) {
        encode_all<true>(values, count, group, divisors, rule, out);
    } else {
        encode_all<false>(values, count, group, divisors, rule, out);
    }
}

HWY_ATTR void codes_of_groups(const float* HWY_RESTRICT values, std::size_t count, std::size_t group,
                              const float* HWY_RESTRICT divisors, const EncodeRule& rule,
                              std::uint16_t* HWY_RESTRICT out) {
    encode_rounded(values, count, group, divisors, rule, out);
}

HWY_ATTR void units_of_groups(const float* HWY_RESTRICT values, std::size_t count, std::size_t group,
                              const float* HWY_RESTRICT divisors, const EncodeRule& rule,
                              std::int8_t* HWY_RESTRICT out) {
    encode_rounded(values, count, group, divisors, rule, out);
}

HWY_ATTR void magnitudes_of_groups(const float* HWY_RESTRICT values, std::size_t count, std::size_t group,
                                   std::uint32_t* HWY_RESTRICT out) {
    const hn::ScalableTag<float> d;
    const hn::Rebind<std::int32_t, decltype(d)> di;
    for (std::size_t start = 0; start < count; start += group) {
        const auto length = std::min(group, count - start);
        const auto* part = values + start;
        auto largest = hn::Zero(di);  // magnitudes order as their bits
        std::size_t i = 0;
        for (; i + hn::Lanes(d) <= length; i += hn::Lanes(d)) {
            largest = hn::Max(largest, hn::BitCast(di, hn::Abs(hn::LoadU(d, part + i))));
        }
        auto most = i == 0 ? 0U : static_cast<std::uint32_t>(hn::GetLane(hn::MaxOfLanes(di, largest)));
        for (; i < length; ++i) most = std::max(most, std::bit_cast<std::uint32_t>(part[i]) & 0x7fffffffU);
        *out++ = most;
    }
}

}  // namespace tilewright::models::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tilewright::models {

HWY_EXPORT(codes_of_groups);
HWY_EXPORT(units_of_groups);
HWY_EXPORT(magnitudes_of_groups);

std::optional<EncodeRule> encode_rule(const NumberFormat& format, TieRule ties) {
    constexpr int f32_bias = 127;
    constexpr int f32_mantissa_bits = 23;
    const auto field = [](int exponent) { return static_cast<std::uint32_t>(exponent) << f32_mantissa_bits; };
    if (!format.has_sign || format.bits > 16) return std::nullopt;
    EncodeRule rule;
    rule.bits = format.bits;
    rule.largest = static_cast<float>(largest_value(format));
    rule.ties = ties;
    if (format.family == FormatFamily::integer) {
        rule.least_exponent = field(f32_bias);
        rule.most_exponent = rule.least_exponent;
        rule.inverse_step = field(2 * f32_bias + format.fraction_bits);
        rule.twos_complement = true;
        return rule;
    }
    const auto least = 1 - format.bias;
    // The f32 2^(mantissa bits - least) must be finite.
    if (format.mantissa_bits - least > f32_bias) return std::nullopt;
    rule.least_exponent = field(least + f32_bias);
    rule.most_exponent = field(std::ilogb(rule.largest) + f32_bias);
    rule.inverse_step = field(2 * f32_bias + format.mantissa_bits);
    rule.code_shift = f32_mantissa_bits - format.mantissa_bits;
    return rule;
}

void group_magnitudes(std::span<const float> values, std::size_t group, std::span<std::uint32_t> magnitudes) {
    HWY_DYNAMIC_DISPATCH(magnitudes_of_groups)(values.data(), values.size(), group, magnitudes.data());
}

void encode_groups(std::span<const float> values, std::size_t group, std::span<const float> divisors,
                   const EncodeRule& rule, std::span<std::uint16_t> codes) {
    HWY_DYNAMIC_DISPATCH(codes_of_groups)
    (values.data(), values.size(), group, divisors.data(), rule, codes.data());
}

void encode_group_units(std::span<const float> values, std::size_t group, std::span<const float> divisors,
                        const EncodeRule& rule, std::span<std::int8_t> units) {
    HWY_DYNAMIC_DISPATCH(units_of_groups)
    (values.data(), values.size(), group, divisors.data(), rule, units.data());
}

}  // namespace tilewright::models
#endif
