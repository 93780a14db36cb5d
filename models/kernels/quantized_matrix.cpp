// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/quantized_matrix.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "models/formats/power_of_two.hpp"

namespace tilewright::models {

namespace {

float largest_magnitude(std::span<const float> values) {
    float absmax = 0;
    for (const auto value : values) absmax = std::max(absmax, std::abs(value));
    return absmax;
}

void require_finite(std::span<const float> values) {
    for (const auto value : values) {
        if (!std::isfinite(value)) throw std::invalid_argument("a weight is not finite");
    }
}

// Two exponents below the base, the first no larger than the second, and what they add up to.
struct PowerSum {
    double value;
    std::uint32_t field;
};

std::vector<PowerSum> power_sums(int scale_bits) {
    const auto half = scale_bits / 2;
    std::vector<PowerSum> sums;
    for (std::uint32_t i = 0; i >> half == 0; ++i) {
        for (auto j = i; j >> half == 0; ++j) {
            sums.push_back(
                {power_of_two(-static_cast<int>(i)) + power_of_two(-static_cast<int>(j)), i | j << half});
        }
    }
    std::sort(sums.begin(), sums.end(), [](const auto& a, const auto& b) { return a.value < b.value; });
    return sums;
}

// Finds the scale of a group and how it is stored.
class ScaleFinder {
  public:
    ScaleFinder(const Quantization& quantization, double matrix_absmax)
        : quantization_(quantization),
          largest_(largest_value(quantization.format)),
          fp16_(number_format("fp16")) {
        if (quantization.scale_kind != ScaleKind::sum_of_two_powers) return;
        sums_ = power_sums(quantization.scale_bits);
        // The largest sum, 2, covers the largest group.
        if (matrix_absmax > 0) {
            base_ = std::ilogb(matrix_absmax / largest_);
            while (std::ldexp(2.0, base_) < matrix_absmax / largest_) ++base_;
        }
    }

    int base() const { return base_; }

    std::uint32_t field(double absmax) const {
        const auto wanted = absmax / largest_;
        switch (quantization_.scale_kind) {
            case ScaleKind::floating_point:
                if (quantization_.scale_bits == 16) return *fp16_.encode(wanted);
                return std::bit_cast<std::uint32_t>(static_cast<float>(wanted));
            case ScaleKind::power_of_two: {
                if (absmax == 0) return 0;
                const auto exponent = covering_exponent(absmax, largest_);
                return static_cast<std::uint32_t>(std::clamp(exponent - quantization_.scale_exponent_min, 0,
                                                             (1 << quantization_.scale_bits) - 1));
            }
            default: {
                const auto relative = std::ldexp(wanted, -base_);
                const auto nearest =
                    std::min_element(sums_.begin(), sums_.end(), [&](const auto& a, const auto& b) {
                        return std::abs(a.value - relative) < std::abs(b.value - relative);
                    });
                return nearest->field;
            }
        }
    }

  private:
    const Quantization& quantization_;
    double largest_;
    Codec fp16_;
    std::vector<PowerSum> sums_;
    int base_ = 0;
};

// Nearest integers of up to 8 bits, in loops that compilers vectorise. Quotients are far below 2^31.
template <TieRule ties>
void round_integers(std::span<const float> values, double scale, int most, std::int8_t* units) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        auto quotient = static_cast<double>(values[i]) / scale;
        quotient = std::clamp(quotient, -1000.0, 1000.0);
        auto low = static_cast<std::int32_t>(quotient);
        low -= quotient < low ? 1 : 0;
        const auto rest = quotient - low;
        bool up = rest > 0.5;
        if constexpr (ties == TieRule::half_up) up = rest >= 0.5;
        if constexpr (ties == TieRule::half_away) up = up || (rest == 0.5 && quotient > 0);
        if constexpr (ties == TieRule::to_even) up = up || (rest == 0.5 && (low & 1) != 0);
        units[i] = static_cast<std::int8_t>(std::clamp(low + (up ? 1 : 0), -most, most));
    }
}

void round_integers(std::span<const float> values, double scale, int most, TieRule ties, std::int8_t* units) {
    switch (ties) {
        case TieRule::to_even:
            return round_integers<TieRule::to_even>(values, scale, most, units);
        case TieRule::half_away:
            return round_integers<TieRule::half_away>(values, scale, most, units);
        case TieRule::half_up:
            return round_integers<TieRule::half_up>(values, scale, most, units);
        case TieRule::half_down:
            return round_integers<TieRule::half_down>(values, scale, most, units);
    }
}

}  // namespace

UnitTable::UnitTable(const NumberFormat& format) {
    const auto exponent = unit_exponent(format);
    for (const auto value : decode_table(format)) {
        const auto units = std::ldexp(std::isfinite(value) ? value : 0.0, -exponent);
        if (std::abs(units) >= 0x1p62) {
            units_.clear();
            narrow_ = false;
            return;
        }
        units_.push_back(static_cast<std::int64_t>(units));
        // The code -2^(bits - 1) of an integer is never a result.
        if (std::abs(units) > 127 && !(format.family == FormatFamily::integer && format.bits == 8)) {
            narrow_ = false;
        }
    }
}

double decode_scale(const Quantization& quantization, std::uint32_t field) {
    switch (quantization.scale_kind) {
        case ScaleKind::power_of_two:
            return power_of_two(static_cast<int>(field) + quantization.scale_exponent_min);
        case ScaleKind::sum_of_two_powers: {
            const auto half = quantization.scale_bits / 2;
            const auto mask = (1U << half) - 1;
            return power_of_two(-static_cast<int>(field & mask)) +
                   power_of_two(-static_cast<int>(field >> half));
        }
        case ScaleKind::floating_point:
            if (quantization.scale_bits == 16) return decode(number_format("fp16"), field);
            return static_cast<double>(std::bit_cast<float>(field));
        case ScaleKind::none:
            break;
    }
    return 1;
}

QuantizedMatrix quantize_matrix(std::span<const float> weights, std::int64_t outputs, std::int64_t inputs,
                                const Quantization& quantization, TieRule ties) {
    require_finite(weights);
    QuantizedMatrix matrix;
    matrix.outputs = outputs;
    matrix.inputs = inputs;
    const ScaleFinder finder(quantization, static_cast<double>(largest_magnitude(weights)));
    matrix.scale_base = finder.base();
    const Codec codec(quantization.format, {ties, Overflow::saturate, IntegerRange::symmetric});
    const UnitTable table(quantization.format);
    const bool integer = quantization.format.family == FormatFamily::integer && table.narrow();
    if (table.narrow()) {
        matrix.units.resize(weights.size());
    } else {
        matrix.codes.resize(weights.size());
    }
    const auto group =
        quantization.group_size == 0 ? weights.size() : static_cast<std::size_t>(quantization.group_size);
    for (std::size_t begin = 0; begin < weights.size(); begin += group) {
        const auto part = weights.subspan(begin, std::min(group, weights.size() - begin));
        double scale = 1;
        if (quantization.group_size > 0) {
            const auto field = finder.field(static_cast<double>(largest_magnitude(part)));
            scale = decode_scale(quantization, field);
            matrix.scale_fields.push_back(field);
            matrix.scales.push_back(scale);
            scale = std::ldexp(scale, matrix.scale_base);
        }
        if (scale == 0) continue;  // all codes are 0
        if (integer) {
            round_integers(part, std::ldexp(scale, unit_exponent(quantization.format)),
                           (1 << (quantization.format.bits - 1)) - 1, ties, matrix.units.data() + begin);
            continue;
        }
        for (std::size_t i = 0; i < part.size(); ++i) {
            const auto code = static_cast<std::uint16_t>(*codec.encode(static_cast<double>(part[i]) / scale));
            if (table.narrow()) {
                matrix.units[begin + i] = static_cast<std::int8_t>(table[code]);
            } else {
                matrix.codes[begin + i] = code;
            }
        }
    }
    return matrix;
}

std::vector<double> dequantize_matrix(const QuantizedMatrix& matrix, const Quantization& quantization) {
    const auto values = decode_table(quantization.format);
    const auto step = power_of_two(unit_exponent(quantization.format));
    std::vector<double> result(static_cast<std::size_t>(matrix.outputs * matrix.inputs));
    for (std::size_t i = 0; i < result.size(); ++i) {
        result[i] = matrix.units.empty() ? values[matrix.codes[i]] : matrix.units[i] * step;
        if (quantization.group_size == 0) continue;
        result[i] *= std::ldexp(matrix.scales[i / static_cast<std::size_t>(quantization.group_size)],
                                matrix.scale_base);
    }
    return result;
}

}  // namespace tilewright::models
