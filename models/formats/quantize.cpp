// SPDX-License-Identifier: Apache-2.0
#include "models/formats/quantize.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace tilewright::models {

namespace {

constexpr int e8m0_bias = 127;
constexpr std::uint8_t e8m0_nan = 0xff;
constexpr auto least_float = std::numeric_limits<float>::denorm_min();

// A codec for f32 inputs in tight loops, for formats of up to 8 bits: one table access and one comparison.
//
// f32 magnitudes order as their bits. A midpoint has one mantissa bit more than the values, so within a
// bucket of floats that share their sign, exponent and that many mantissa bits only the first float can be a
// midpoint, and all others have the same code.
class FloatEncoder {
  public:
    explicit FloatEncoder(const Codec& codec) : codec_(codec) {
        const auto& format = codec.format();
        if (format.bits > 8) return;
        const bool integer = format.family == FormatFamily::integer;
        shift_ = float_mantissa_bits - (integer ? format.bits - 1 : format.mantissa_bits + 1);
        // A quarter of a step rounds to zero, twice the largest value saturates.
        least_ = float_bits(std::ldexp(1.0, unit_exponent(format) - 2));
        most_ = float_bits(2 * largest_value(format));
        first_bucket_ = least_ >> shift_;
        for (const std::uint32_t sign : {0U, sign_bit}) {
            auto& buckets = buckets_[sign == 0 ? 0 : 1];
            for (auto bucket = first_bucket_; bucket <= most_ >> shift_; ++bucket) {
                const auto start = bucket << shift_;
                buckets.push_back({code_of(start | sign), code_of((start + 1) | sign)});
            }
        }
    }

    const Codec& codec() const { return codec_; }

    // numbers without NaN
    void encode(std::span<const float> numbers, std::uint16_t* codes) const {
        if (buckets_[0].empty()) {
            for (std::size_t i = 0; i < numbers.size(); ++i) {
                codes[i] = static_cast<std::uint16_t>(*codec_.encode(numbers[i]));
            }
            return;
        }
        const auto inside = (1U << shift_) - 1;
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            const auto bits = std::bit_cast<std::uint32_t>(numbers[i]);
            const auto magnitude = std::clamp(bits & ~sign_bit, least_, most_);
            const auto& bucket = buckets_[bits >> 31][(magnitude >> shift_) - first_bucket_];
            codes[i] = (magnitude & inside) == 0 ? bucket.first : bucket.others;
        }
    }

  private:
    static constexpr int float_mantissa_bits = 23;
    static constexpr std::uint32_t sign_bit = 0x80000000;

    struct Bucket {
        std::uint16_t first;
        std::uint16_t others;
    };

    static std::uint32_t float_bits(double number) {
        return std::bit_cast<std::uint32_t>(static_cast<float>(number));
    }

    std::uint16_t code_of(std::uint32_t bits) const {
        return static_cast<std::uint16_t>(*codec_.encode(std::bit_cast<float>(bits)));
    }

    const Codec& codec_;
    int shift_ = 0;
    std::uint32_t least_ = 0;
    std::uint32_t most_ = 0;
    std::uint32_t first_bucket_ = 0;
    std::array<std::vector<Bucket>, 2> buckets_;  // [sign][bucket]; empty for wider formats
};

struct GroupStatistics {
    float absmax = 0;  // of the finite elements
    std::size_t nan_count = 0;
    std::size_t infinite_count = 0;
};

GroupStatistics survey(std::span<const float> values) {
    constexpr std::uint32_t infinite = 0x7f800000;
    std::uint32_t largest = 0;  // magnitudes order as their bits
    for (const auto value : values)
        largest = std::max(largest, std::bit_cast<std::uint32_t>(value) & 0x7fffffffU);
    GroupStatistics result;
    if (largest < infinite) {
        result.absmax = std::bit_cast<float>(largest);
        return result;
    }
    for (const auto value : values) {
        if (std::isnan(value)) {
            ++result.nan_count;
        } else if (std::isinf(value)) {
            ++result.infinite_count;
        } else {
            result.absmax = std::max(result.absmax, std::abs(value));
        }
    }
    return result;
}

float absmax_scale(float absmax, double largest) {
    if (absmax == 0) return 0;
    return std::max(absmax / static_cast<float>(largest), least_float);
}

// The smallest e with 2^e largest >= absmax.
int covering_exponent(double absmax, double largest) {
    int exponent = 0;
    const auto fraction = std::frexp(absmax / largest, &exponent);  // within [0.5, 1)
    if (fraction == 0.5) --exponent;
    // The quotient is rounded; the products below are exact.
    while (std::ldexp(largest, exponent) < absmax) ++exponent;
    while (std::ldexp(largest, exponent - 1) >= absmax) --exponent;
    return exponent;
}

float power_of_two_scale(float absmax, double largest) {
    if (absmax == 0) return 0;
    const auto exponent = std::clamp(covering_exponent(absmax, largest), -149, 127);
    return std::ldexp(1.0F, exponent);
}

// All elements of a group divided by its scale, as codes.
void encode_group(const FloatEncoder& encoder, std::span<const float> values, float scale, bool has_nan,
                  std::uint16_t* codes) {
    constexpr std::size_t chunk = 256;
    std::array<float, chunk> quotients{};
    const auto divisor = scale == 0 ? 1 : scale;
    for (std::size_t start = 0; start < values.size(); start += chunk) {
        const auto part = values.subspan(start, std::min(chunk, values.size() - start));
        for (std::size_t i = 0; i < part.size(); ++i) quotients[i] = part[i] / divisor;
        if (!has_nan) {
            encoder.encode({quotients.data(), part.size()}, codes + start);
            continue;
        }
        for (std::size_t i = 0; i < part.size(); ++i) {
            codes[start + i] = static_cast<std::uint16_t>(encoder.codec().encode(quotients[i]).value_or(0));
        }
    }
}

void require_group(std::size_t group) {
    if (group == 0) throw std::invalid_argument("a group has no elements; allowed: 1 or more");
}

}  // namespace

int mx_scale_exponent(const NumberFormat& format, float absmax, MxScaleMode mode) {
    const auto largest = largest_value(format);
    const int largest_exponent = std::ilogb(largest);
    int exponent = 0;
    const auto amount = static_cast<double>(absmax);
    switch (mode) {
        case MxScaleMode::floor:
            exponent = std::ilogb(amount) - largest_exponent;
            break;
        case MxScaleMode::ceil:
            exponent = std::ilogb(amount) - largest_exponent;
            if (amount != std::ldexp(1.0, std::ilogb(amount))) ++exponent;
            break;
        case MxScaleMode::even: {
            // Half a unit of the last mantissa bit is added; a carry reaches the exponent. In mxint8 and the
            // integers the bits behind the leading one are the mantissa.
            const auto mantissa_bits =
                format.mantissa_bits - (format.family == FormatFamily::integer ? 1 : 0);
            const auto binade = std::ilogb(amount);
            exponent = std::ilogb(amount + std::ldexp(0.5, binade - mantissa_bits)) - largest_exponent;
            break;
        }
        case MxScaleMode::rceil:
            exponent = covering_exponent(amount, largest);
            break;
    }
    return std::clamp(exponent, -e8m0_bias, e8m0_bias);
}

QuantizedGroups quantize_groups(std::span<const float> values, const NumberFormat& format,
                                const GroupScaling& scaling) {
    require_group(scaling.group);
    if (!format.has_sign) {
        throw std::invalid_argument("the format " + std::string(format.name) +
                                    " is for scales; allowed: formats with a sign");
    }
    const Codec codec(format, {scaling.ties, Overflow::saturate, IntegerRange::symmetric});
    const FloatEncoder encoder(codec);
    const auto largest = largest_value(format);
    QuantizedGroups result;
    result.codes.resize(values.size());
    for (std::size_t start = 0; start < values.size();
         start += std::min(scaling.group, values.size() - start)) {
        const auto group = values.subspan(start, std::min(scaling.group, values.size() - start));
        const auto statistics = survey(group);
        result.nan_count += statistics.nan_count;
        result.infinite_count += statistics.infinite_count;
        float scale = 0;
        if (scaling.rule == ScaleRule::mx) {
            if (statistics.nan_count + statistics.infinite_count > 0) {
                result.scale_codes.push_back(e8m0_nan);
                result.scales.push_back(std::numeric_limits<float>::quiet_NaN());
                continue;  // the codes stay 0
            }
            const auto exponent = statistics.absmax == 0
                                      ? -e8m0_bias
                                      : mx_scale_exponent(format, statistics.absmax, scaling.mx_mode);
            result.scale_codes.push_back(static_cast<std::uint8_t>(exponent + e8m0_bias));
            scale = std::ldexp(1.0F, exponent);
        } else {
            scale = scaling.rule == ScaleRule::absmax ? absmax_scale(statistics.absmax, largest)
                                                      : power_of_two_scale(statistics.absmax, largest);
        }
        result.scales.push_back(scale);
        encode_group(encoder, group, scale, statistics.nan_count > 0, result.codes.data() + start);
    }
    return result;
}

std::vector<float> dequantize_groups(const QuantizedGroups& quantized, const NumberFormat& format,
                                     std::size_t group) {
    require_group(group);
    const auto values = decode_table(format);
    std::vector<float> result;
    result.reserve(quantized.codes.size());
    for (std::size_t i = 0; i < quantized.codes.size(); ++i) {
        const auto scale = static_cast<double>(quantized.scales[i / group]);
        result.push_back(static_cast<float>(values[quantized.codes[i]] * scale));
    }
    return result;
}

DualGroups quantize_dual(std::span<const float> values, std::size_t group, TieRule ties) {
    require_group(group);
    const Codec negative(number_format("e1m2"), {ties, Overflow::saturate, IntegerRange::full});
    const Codec positive(number_format("e2m1"), {ties, Overflow::saturate, IntegerRange::full});
    const auto nonzero = [](float scale) { return scale == 0 ? 1 : scale; };
    DualGroups result;
    result.codes.resize(values.size());
    for (std::size_t start = 0; start < values.size(); start += std::min(group, values.size() - start)) {
        const auto part = values.subspan(start, std::min(group, values.size() - start));
        float lowest = 0;
        float highest = 0;
        for (const auto value : part) {
            if (!std::isfinite(value)) continue;
            lowest = std::min(lowest, value);
            highest = std::max(highest, value);
        }
        result.negative_scales.push_back(absmax_scale(-lowest, largest_value(negative.format())));
        result.positive_scales.push_back(absmax_scale(highest, largest_value(positive.format())));
        for (std::size_t i = 0; i < part.size(); ++i) {
            if (std::isnan(part[i])) {
                ++result.nan_count;
                continue;
            }
            const auto code =
                part[i] < 0 ? negative.encode(part[i] / nonzero(result.negative_scales.back()))
                            : positive.encode(std::abs(part[i]) / nonzero(result.positive_scales.back()));
            result.codes[start + i] = static_cast<std::uint8_t>(*code);
        }
    }
    return result;
}

std::vector<float> dequantize_dual(const DualGroups& quantized, std::size_t group) {
    require_group(group);
    const auto negative = decode_table(number_format("e1m2"));
    const auto positive = decode_table(number_format("e2m1"));
    std::vector<float> result;
    result.reserve(quantized.codes.size());
    for (std::size_t i = 0; i < quantized.codes.size(); ++i) {
        const auto code = quantized.codes[i];
        const bool is_negative = (code & 8U) != 0;
        const auto& scales = is_negative ? quantized.negative_scales : quantized.positive_scales;
        const auto value = is_negative ? negative[code] : positive[code];
        result.push_back(static_cast<float>(value * static_cast<double>(scales[i / group])));
    }
    return result;
}

}  // namespace tilewright::models
