// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include <catch2/catch.hpp>

#include "models/formats/codec.hpp"
#include "tests/models/formats/reference.hpp"

using namespace tilewright::models;
using tilewright::test::Integer;
using tilewright::test::ReferenceFormat;

namespace {

constexpr std::array rules = {TieRule::to_even, TieRule::half_away, TieRule::half_up, TieRule::half_down};
constexpr float float_infinity = std::numeric_limits<float>::infinity();

std::vector<NumberFormat> tabled_formats() {
    std::vector<NumberFormat> result;
    for (const auto& format : number_formats()) {
        if (format.bits <= 16) result.push_back(format);
    }
    return result;
}

// Numbers that are hard to round: values, midpoints and their neighbours, subnormals, and any bits.
class HardNumbers {
  public:
    HardNumbers(const NumberFormat& format, unsigned seed) : random_(seed) {
        for (const auto value : decode_table(format)) {
            if (std::isfinite(value)) values_.push_back(value);
        }
        std::sort(values_.begin(), values_.end());
        least_ = std::ldexp(1.0, unit_exponent(format));
        largest_ = values_.back();
    }

    float next() {
        const auto place = random_() % (values_.size() - 1);
        const auto middle = static_cast<float>(values_[place] / 2 + values_[place + 1] / 2);
        switch (random_() % 8) {
            case 0:
                return nudged(static_cast<float>(values_[place]));
            case 1:
            case 2:
                return middle;
            case 3:
                return nudged(middle);
            case 4:
                return static_cast<float>(least_ * uniform(4));  // around zero and the smallest values
            case 5:
                return std::ldexp(uniform(1), -126 - static_cast<int>(random_() % 24));  // f32 subnormals
            case 6:
                return static_cast<float>(std::min(1.5 * largest_, 3e38)) * uniform(1);
            default: {
                const auto any = std::bit_cast<float>(static_cast<std::uint32_t>(random_()));
                return std::isfinite(any) ? any : 0.0F;
            }
        }
    }

  private:
    float uniform(float limit) { return std::uniform_real_distribution<float>(-limit, limit)(random_); }

    float nudged(float number) {
        return std::nextafter(number, random_() % 2 == 0 ? float_infinity : -float_infinity);
    }

    std::mt19937 random_;
    std::vector<double> values_;
    double least_ = 0;
    double largest_ = 0;
};

// bf16 from the bits of the f32: the upper half, and the lower half against its middle.
std::uint32_t reference_bf16(float number, TieRule ties) {
    const auto bits = std::bit_cast<std::uint32_t>(number);
    const auto lower = bits & 0xffffU;
    auto upper = bits >> 16;
    const bool negative = std::signbit(number);
    const bool tie_up = ties == TieRule::to_even     ? upper % 2 == 1
                        : ties == TieRule::half_away ? true
                        : ties == TieRule::half_up   ? !negative
                                                     : negative;
    if (lower > 0x8000U || (lower == 0x8000U && tie_up)) ++upper;
    if ((upper & 0x7fffU) >= 0x7f80U) upper = (upper & 0x8000U) | 0x7f7fU;  // saturates
    return upper;
}

// Formats of powers of two: the significand against 1.5.
std::uint32_t reference_power_of_two(const NumberFormat& format, float number, TieRule ties) {
    const auto magnitude = std::abs(static_cast<double>(number));
    const bool negative = std::signbit(number);
    const auto sign = negative ? 1U << (format.bits - 1) : 0U;
    const auto largest = (1 << format.exponent_bits) - (format.has_sign ? 1 : 2);
    const auto away = [&](bool odd) {
        if (ties == TieRule::to_even) return odd;
        if (ties == TieRule::half_away) return true;
        return (ties == TieRule::half_up) != negative;
    };
    const auto first = format.has_sign ? 1 : 0;
    int field = 0;
    if (magnitude < std::ldexp(1.0, first - format.bias)) {
        // between zero, which only formats with a sign have, and the smallest power
        const auto half = std::ldexp(0.5, first - format.bias);
        field = first == 1 && (magnitude > half || (magnitude == half && away(false))) ? 1 : 0;
    } else {
        const auto exponent = std::ilogb(magnitude);
        field = exponent + format.bias;
        const auto significand = std::ldexp(magnitude, -exponent);
        if (significand > 1.5 || (significand == 1.5 && away(field % 2 == 1))) ++field;
    }
    return static_cast<std::uint32_t>(std::min(field, largest)) | sign;
}

}  // namespace

TEST_CASE("formats have the published layouts") {
    struct Row {
        const char* name;
        int bias;
        double largest;
        double smallest_normal;
        double smallest_step;
    };
    const Row row = GENERATE(values<Row>({{"e2m1", 1, 6, 1, 0.5},
                                          {"e1m2", 1, 1.75, 1, 0.25},
                                          {"e3m0", 3, 16, 0.25, 0.25},
                                          {"e2m3", 1, 7.5, 1, 0.125},
                                          {"e3m2", 3, 28, 0.25, 0.0625},
                                          {"e4m3", 7, 448, 0x1p-6, 0x1p-9},
                                          {"e5m2", 15, 57344, 0x1p-14, 0x1p-16},
                                          {"fp16", 15, 65504, 0x1p-14, 0x1p-24},
                                          {"bf16", 127, 0x1.fep127, 0x1p-126, 0x1p-133}}));
    CAPTURE(row.name);
    const auto& format = number_format(row.name);
    CHECK(format.bias == row.bias);
    CHECK(largest_value(format) == row.largest);
    CHECK(std::ldexp(1.0, unit_exponent(format)) == row.smallest_step);
    const auto first_normal = 1U << format.mantissa_bits;
    CHECK(decode(format, first_normal) == row.smallest_normal);
    CHECK(decode(format, 1) == row.smallest_step);
    CHECK(std::signbit(decode(format, 1U << (format.bits - 1))));
}

TEST_CASE("special codes are where the standards put them") {
    const auto& e4m3 = number_format("e4m3");
    const auto& e5m2 = number_format("e5m2");
    CHECK(std::isnan(decode(e4m3, 0x7f)));
    CHECK(std::isnan(decode(e4m3, 0xff)));
    CHECK(decode(e4m3, 0x7e) == 448);
    CHECK(decode(e5m2, 0x7c) == float_infinity);
    CHECK(decode(e5m2, 0xfc) == -float_infinity);
    for (const auto code : {0x7dU, 0x7eU, 0x7fU, 0xfdU}) CHECK(std::isnan(decode(e5m2, code)));
    const auto& scale = number_format("e8m0");
    CHECK(decode(scale, 0) == 0x1p-127);
    CHECK(decode(scale, 0xfe) == 0x1p127);
    CHECK(std::isnan(decode(scale, 0xff)));
    CHECK(decode(number_format("mxint8"), 0x7f) == 127.0 / 64);
    CHECK(decode(number_format("pot4"), 7) == 1);
    CHECK_THROWS_AS(decode(number_format("e2m1"), 16), std::out_of_range);
    CHECK_THROWS_AS(decode_table(number_format("fp32")), std::invalid_argument);
}

TEST_CASE("every code of every format decodes as integers say and re-encodes") {
    std::size_t formats = 0;
    std::size_t codes = 0;
    std::size_t compared = 0;
    std::size_t mismatches = 0;
    for (const auto& format : tabled_formats()) {
        CAPTURE(format.name);
        ++formats;
        const auto reference = ReferenceFormat::of(std::string(format.name));
        for (const auto ties : rules) {
            for (const auto overflow : {Overflow::saturate, Overflow::ieee}) {
                const Codec codec(format, {ties, overflow, IntegerRange::full});
                for (std::uint32_t code = 0; code >> format.bits == 0; ++code) {
                    const auto value = codec.decode(code);
                    const auto again = codec.encode(value);
                    bool right = again == code;
                    if (std::isnan(value)) right = again && std::isnan(codec.decode(*again));
                    if (std::isinf(value) && overflow == Overflow::saturate) right = again == code - 1;
                    // The one code that is never made: OCP MX clamps to +-127/64.
                    if (format.name == "mxint8" && code == 0x80) right = again == 0x81U;
                    mismatches += right ? 0 : 1;
                    ++codes;
                    if (!reference || !reference->values[code].finite) continue;
                    const auto units = static_cast<double>(reference->values[code].units);
                    mismatches += std::ldexp(units, reference->step_exponent) == value ? 0 : 1;
                    ++compared;
                }
            }
        }
    }
    CHECK(mismatches == 0);
    CHECK(formats == 54);
    // 8 conversions of every code: int2 ... int16, 28 eXmY, mxint8, e8m0, pot2 ... pot8, fp16, bf16.
    std::size_t expected = 2 * 256 + 2 * 65536;
    for (std::size_t bits = 2; bits <= 16; ++bits) expected += std::size_t{1} << bits;
    for (std::size_t bits = 2; bits <= 8; ++bits)
        expected += bits << bits;  // bits - 1 eXmY and one of powers of two
    CHECK(codes == 8 * expected);
    CHECK(compared == 8 * (expected - 65536 - 3 * 256 - 2 - 8 - (65536 - 63488)));
    WARN(codes << " codes of " << formats << " formats under all rules re-encoded, " << compared
               << " compared with integers, " << mismatches << " mismatches");
}

TEST_CASE("a million hard numbers a format are rounded as exact arithmetic rounds them") {
    constexpr std::size_t cases = 1'000'000;
    std::size_t formats = 0;
    std::size_t all_mismatches = 0;
    for (const auto& format : tabled_formats()) {
        CAPTURE(format.name);
        const auto reference = ReferenceFormat::of(std::string(format.name));
        std::vector<Codec> codecs;
        for (const auto ties : rules) codecs.emplace_back(format, Conversion{ties});
        HardNumbers numbers(format, static_cast<unsigned>(formats) + 1);
        std::size_t mismatches = 0;
        for (std::size_t i = 0; i < cases; ++i) {
            const auto number = numbers.next();
            const auto ties = rules[i % rules.size()];
            const auto code = codecs[i % rules.size()].encode(number);
            std::optional<std::uint32_t> expected;
            if (reference) {
                expected = reference->nearest(number, ties, format.name == "mxint8");
            } else if (format.name == "bf16") {
                expected = reference_bf16(number, ties);
            } else if (format.has_sign || number > 0) {
                expected = reference_power_of_two(format, number, ties);
            }
            if (code == expected) continue;
            if (++mismatches > 3) continue;
            CAPTURE(number, static_cast<int>(ties), code.value_or(999999), expected.value_or(999999));
            CHECK(code == expected);
        }
        CHECK(mismatches == 0);
        all_mismatches += mismatches;
        ++formats;
    }
    CHECK(formats == 54);
    WARN(cases * formats << " numbers rounded, " << all_mismatches << " mismatches");
}

TEST_CASE("overflow saturates, or becomes what IEEE 754 and OCP FP8 say") {
    const Codec saturating(number_format("e4m3"));
    const Codec ieee(number_format("e4m3"), {TieRule::to_even, Overflow::ieee});
    CHECK(ieee.encode(464) == 0x7eU);  // a tie, to the even code
    CHECK(ieee.encode(std::nextafter(464.0, 500.0)) == 0x7fU);
    CHECK(ieee.encode(-465) == 0xffU);
    CHECK(ieee.encode(float_infinity) == 0x7fU);
    CHECK(Codec(number_format("e4m3"), {TieRule::half_away, Overflow::ieee}).encode(464) == 0x7fU);
    CHECK(saturating.encode(1e30) == 0x7eU);
    CHECK(saturating.encode(-float_infinity) == 0xfeU);
    CHECK(saturating.encode(std::nan("")) == 0x7fU);
    const Codec wide(number_format("e5m2"), {TieRule::to_even, Overflow::ieee});
    CHECK(wide.encode(std::nextafter(61440.0, 0.0)) == 0x7bU);
    CHECK(wide.encode(61440) == 0x7cU);
    CHECK(wide.encode(-61440) == 0xfcU);
    CHECK(Codec(number_format("e5m2"), {TieRule::half_down, Overflow::ieee}).encode(61440) == 0x7bU);
    CHECK(Codec(number_format("e5m2"), {TieRule::half_down, Overflow::ieee}).encode(-61440) == 0xfcU);
    CHECK(std::isnan(wide.decode(*wide.encode(std::nan("")))));
    // The quiet NaN whose mantissa is its top bit alone.
    for (const auto& [name, code] : {std::pair{"fp16", 0x7e00U}, {"bf16", 0x7fc0U}, {"e5m2", 0x7eU}}) {
        CHECK(Codec(number_format(name)).encode(std::nan("")) == code);
    }
    CHECK(Codec(number_format("e2m1"), {TieRule::to_even, Overflow::ieee}).encode(float_infinity) == 7U);
    CHECK(Codec(number_format("fp16"), {TieRule::to_even, Overflow::ieee}).encode(65520) == 0x7c00U);
    CHECK(Codec(number_format("int4")).encode(-100) == 8U);
    CHECK(Codec(number_format("int4"), {TieRule::to_even, Overflow::saturate, IntegerRange::symmetric})
              .encode(-100) == 9U);
}

TEST_CASE("what has no code is refused") {
    CHECK_FALSE(Codec(number_format("e2m1")).encode(std::nan("")));
    CHECK_FALSE(Codec(number_format("int8")).encode(std::nan("")));
    const Codec scale(number_format("e8m0"));
    CHECK_FALSE(scale.encode(0));
    CHECK_FALSE(scale.encode(-1));
    CHECK(scale.encode(1e-45) == 0U);
    CHECK(scale.encode(std::nan("")) == 0xffU);
    CHECK_THROWS_AS(Codec(number_format("int32")), std::invalid_argument);
}
