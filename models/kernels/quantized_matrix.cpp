// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/quantized_matrix.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>

#include "models/formats/group_kernels.hpp"
#include "models/formats/power_of_two.hpp"

namespace tilewright::models {

namespace {

float checked_magnitude(std::uint32_t bits) {
    const auto absmax = std::bit_cast<float>(bits);
    if (!std::isfinite(absmax)) throw std::invalid_argument("a weight is not finite");
    return absmax;
}

}  // namespace

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
    // Two exponents below the base, the first no larger than the second, and what they add up to.
    struct PowerSum {
        double value;
        std::uint32_t field;
    };

    static std::vector<PowerSum> power_sums(int scale_bits) {
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

    Quantization quantization_;
    double largest_;
    Codec fp16_;
    std::vector<PowerSum> sums_;
    int base_ = 0;
};

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
    static const auto fp16 = number_format("fp16");
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
            if (quantization.scale_bits == 16) return decode(fp16, field);
            return static_cast<double>(std::bit_cast<float>(field));
        case ScaleKind::none:
            break;
    }
    return 1;
}

struct MatrixQuantizer::Rules {
    ScaleFinder finder;
    Codec codec;
    UnitTable table;
    std::optional<EncodeRule> fast;  // nothing: by the codec
};

MatrixQuantizer::MatrixQuantizer(std::int64_t outputs, std::int64_t inputs, const Quantization& quantization,
                                 TieRule ties, float largest_weight)
    : quantization_(quantization),
      rules_(std::make_unique<Rules>(
          Rules{ScaleFinder(quantization, static_cast<double>(largest_weight)),
                Codec(quantization.format, {ties, Overflow::saturate, IntegerRange::symmetric}),
                UnitTable(quantization.format), encode_rule(quantization.format, ties)})) {
    matrix_.outputs = outputs;
    matrix_.inputs = inputs;
    matrix_.scale_base = rules_->finder.base();
    const auto elements = static_cast<std::size_t>(outputs * inputs);
    if (rules_->table.narrow()) {
        matrix_.units.resize(elements);
    } else {
        matrix_.codes.resize(elements);
    }
}

MatrixQuantizer::~MatrixQuantizer() = default;

void MatrixQuantizer::add(std::span<const float> rows) {
    const bool scaled = quantization_.group_size > 0;
    const auto group = static_cast<std::size_t>(scaled ? quantization_.group_size : matrix_.inputs);
    const auto groups = (rows.size() + group - 1) / group;
    std::vector<std::uint32_t> magnitudes(groups);
    group_magnitudes(rows, group, magnitudes);
    std::vector<float> divisors(groups, 1.0F);
    for (std::size_t g = 0; g < groups; ++g) {
        const auto absmax = checked_magnitude(magnitudes[g]);
        if (!scaled) continue;
        const auto field = rules_->finder.field(static_cast<double>(absmax));
        matrix_.scale_fields.push_back(field);
        matrix_.scales.push_back(decode_scale(quantization_, field));
        divisors[g] = static_cast<float>(std::ldexp(matrix_.scales.back(), matrix_.scale_base));
        // A scale of zero stands for a group so small that all its codes are zero.
        if (divisors[g] == 0) divisors[g] = std::numeric_limits<float>::infinity();
    }
    encode(rows, group, divisors);
    done_ += rows.size();
}

void MatrixQuantizer::encode(std::span<const float> rows, std::size_t group,
                             std::span<const float> divisors) {
    const auto& [finder, codec, table, fast] = *rules_;
    if (fast && table.narrow()) {
        encode_group_units(rows, group, divisors, *fast,
                           std::span(matrix_.units).subspan(done_, rows.size()));
        return;
    }
    if (fast) {
        encode_groups(rows, group, divisors, *fast, std::span(matrix_.codes).subspan(done_, rows.size()));
        return;
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto quotient = static_cast<double>(rows[i] / divisors[i / group]);
        const auto code = static_cast<std::uint16_t>(*codec.encode(quotient));
        if (table.narrow()) {
            matrix_.units[done_ + i] = static_cast<std::int8_t>(table[code]);
        } else {
            matrix_.codes[done_ + i] = code;
        }
    }
}

QuantizedMatrix quantize_matrix(std::span<const float> weights, std::int64_t outputs, std::int64_t inputs,
                                const Quantization& quantization, TieRule ties) {
    std::array<std::uint32_t, 1> magnitude{};
    group_magnitudes(weights, weights.size(), magnitude);
    MatrixQuantizer quantizer(outputs, inputs, quantization, ties, checked_magnitude(magnitude[0]));
    quantizer.add(weights);
    return quantizer.take();
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
