// SPDX-License-Identifier: Apache-2.0
#include "accel/rtl/multiplier.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "accel/rtl/test_bench.hpp"
#include "accel/rtl/text.hpp"

namespace tilewright::accel {

using models::NumberFormat;

namespace {

bool floating(const NumberFormat& format) {
    return format.family == models::FormatFamily::floating_point;
}

// The highest shift of a significand: of two exponent fields, 0 and 1, neither is shifted.
int largest_shift(const NumberFormat& format) {
    return (1 << format.exponent_bits) - 2;
}

// Significand and shift of a floating-point code `<operand>_code`.
std::string significand_text(const std::string& operand, const NumberFormat& format) {
    const auto mantissa = format.mantissa_bits;
    auto text = fill(R"(
    logic @{exponent_range} @{operand}_exponent;
    logic @{operand}_normal;
    logic @{significand_range} @{operand}_significand;
    assign @{operand}_exponent = @{operand}_code[@{high}:@{mantissa}];
    assign @{operand}_normal = |@{operand}_exponent;
)",
                     {{"operand", operand},
                      {"exponent_range", bit_range(format.exponent_bits)},
                      {"significand_range", bit_range(mantissa + 1)},
                      {"high", fmt::format("{}", format.bits - 2)},
                      {"mantissa", fmt::format("{}", mantissa)}});
    text += mantissa == 0 ? fmt::format("    assign {0}_significand = {0}_normal;\n", operand)
                          : fmt::format("    assign {0}_significand = {{{0}_normal, {0}_code{1}}};\n",
                                        operand, bit_range(mantissa));
    if (largest_shift(format) == 0) return text;
    return text + fmt::format(
                      "    logic {1} {0}_shift;  // the two lowest exponents have the same step\n"
                      "    assign {0}_shift = {0}_exponent - {2};\n",
                      operand, bit_range(format.exponent_bits),
                      zero_extended(operand + "_normal", 1, format.exponent_bits));
}

int significand_bits(const NumberFormat& a, const NumberFormat& b) {
    const auto largest = [](const NumberFormat& format) { return (2U << format.mantissa_bits) - 1; };
    return static_cast<int>(std::bit_width(largest(a) * largest(b)));
}

// Bits of a format's values in units of its smallest step, as two's complement.
int unit_bits(const NumberFormat& format) {
    if (!floating(format)) return format.bits;
    return 1 + std::ilogb(models::largest_value(format)) - models::unit_exponent(format) + 1;
}

// `<operand>_units`: a code as an integer.
std::string units_text(const std::string& operand, const NumberFormat& format) {
    const auto bits = unit_bits(format);
    auto text = fmt::format("\n    logic signed {} {}_units;\n", bit_range(bits), operand);
    if (!floating(format)) return text + fmt::format("    assign {0}_units = {0}_code;\n", operand);
    text = significand_text(operand, format) + text;
    const bool shifted = largest_shift(format) > 0;
    const auto significand = zero_extended(operand + "_significand", format.mantissa_bits + 1, bits - 1) +
                             (shifted ? fmt::format(" << {}_shift", operand) : "");
    const auto sign = fmt::format("{}_code[{}]", operand, format.bits - 1);
    return text + fmt::format(
                      "    logic {1} {0}_magnitude;\n    assign {0}_magnitude = {2};\n"
                      "    assign {0}_units = {3};\n",
                      operand, bit_range(bits - 1), significand,
                      with_sign(operand + "_magnitude", bits - 1, sign));
}

void require_sign(const NumberFormat& format) {
    if (format.has_sign) return;
    throw std::invalid_argument(std::string(format.name) + " has no sign; allowed: formats with a sign");
}

}  // namespace

std::vector<std::uint32_t> finite_codes(const NumberFormat& format) {
    std::vector<std::uint32_t> codes;
    const auto values = models::decode_table(format);
    for (std::uint32_t code = 0; code < values.size(); ++code) {
        if (std::isfinite(values[code])) codes.push_back(code);
    }
    return codes;
}

RtlMultiplier::RtlMultiplier(const NumberFormat& weights, const NumberFormat& inputs, MultiplierKind kind)
    : weights_(weights), inputs_(inputs), kind_(kind), table_(weights, inputs) {
    require_sign(weights);
    require_sign(inputs);
    if (kind == MultiplierKind::lut && floating(weights) && floating(inputs)) {
        structure_ =
            table_.lut6_count() ? MultiplierStructure::table : MultiplierStructure::shifted_mantissas;
    }
    for (const auto weight : finite_codes(weights_)) {
        for (const auto input : finite_codes(inputs_)) {
            largest_ = std::max(largest_, std::abs(table_.units(weight, input)));
        }
    }
}

std::string RtlMultiplier::name() const {
    return fmt::format("multiply_{}_{}", weights_.name, inputs_.name);
}

std::string RtlMultiplier::table_body() const {
    const auto weight_bits = weights_.bits - 1;
    const auto input_bits = inputs_.bits - 1;
    std::string rows;
    for (std::uint32_t weight = 0; weight >> weight_bits == 0; ++weight) {
        for (std::uint32_t input = 0; input >> input_bits == 0; ++input) {
            rows += fmt::format("            {}'b{:0{}b}_{:0{}b}: magnitude = {};\n",
                                weight_bits + input_bits, weight, weight_bits, input, input_bits,
                                sized(static_cast<std::uint64_t>(units(weight, input)), magnitude_bits()));
        }
    }
    return fmt::format(
        "    logic {0} weight_magnitude;\n    logic {1} input_magnitude;\n"
        "    assign weight_magnitude = weight_code{0};\n    assign input_magnitude = input_code{1};\n\n"
        "    always_comb\n        case ({{weight_magnitude, input_magnitude}})\n{2}"
        "            default: magnitude = {3};\n        endcase\n",
        bit_range(weight_bits), bit_range(input_bits), rows, sized(0, magnitude_bits()));
}

std::string RtlMultiplier::shifted_body() const {
    const auto bits = significand_bits(weights_, inputs_);
    auto text = significand_text("weight", weights_) + significand_text("input", inputs_);
    text += fmt::format("\n    logic {} significands;\n    assign significands = {} * {};\n", bit_range(bits),
                        zero_extended("weight_significand", weights_.mantissa_bits + 1, bits),
                        zero_extended("input_significand", inputs_.mantissa_bits + 1, bits));
    std::string shift;
    const auto sum_bits = 1 + std::max(weights_.exponent_bits, inputs_.exponent_bits);
    const auto add_shift = [&](const char* operand, const NumberFormat& format) {
        if (largest_shift(format) == 0) return;
        shift += (shift.empty() ? "" : " + ") +
                 zero_extended(fmt::format("{}_shift", operand), format.exponent_bits, sum_bits);
    };
    add_shift("weight", weights_);
    add_shift("input", inputs_);
    const auto significands = zero_extended("significands", bits, magnitude_bits());
    if (shift.empty()) return text + fmt::format("    assign magnitude = {};\n", significands);
    return text + fmt::format(
                      "    logic {} shift;\n    assign shift = {};\n"
                      "    assign magnitude = {} << shift;\n",
                      bit_range(sum_bits), shift, significands);
}

std::string RtlMultiplier::signed_body() const {
    const auto operand = [&](const std::string& name, const NumberFormat& format) {
        const auto bits = unit_bits(format);
        if (bits >= product_bits()) return name + "_units";
        return fmt::format("$signed({})", sign_extended(name + "_units", bits, product_bits()));
    };
    return units_text("weight", weights_) + units_text("input", inputs_) +
           fmt::format("\n    assign product = {} * {};\n", operand("weight", weights_),
                       operand("input", inputs_));
}

RtlModule RtlMultiplier::module(const std::vector<std::string>& origin) const {
    RtlModule module;
    module.name = name();
    module.summary = fmt::format("exact product of {} and {} codes", weights_.name, inputs_.name);
    std::vector<std::string> lines = {
        fmt::format("The exact product of a weight in {} and an input in {}, of codes.", weights_.name,
                    inputs_.name),
        "", fmt::format("product: two's complement, in units of {}", power_of_two(lsb_exponent()))};
    std::string ports;
    std::string body;
    switch (structure_) {
        case MultiplierStructure::table:
            body = table_body();
            lines.emplace_back("Structure: a table of magnitudes, the exclusive or of the signs");
            break;
        case MultiplierStructure::shifted_mantissas:
            body = shifted_body();
            lines.emplace_back("Structure: product of the significands, shifted by the sum of the exponents");
            break;
        case MultiplierStructure::signed_product:
            body = signed_body();
            lines.emplace_back(kind_ == MultiplierKind::dsp ? "Structure: a signed product in a DSP block"
                                                            : "Structure: a signed product");
            break;
    }
    const auto product_type = fmt::format("logic signed {}", bit_range(product_bits()));
    if (sign_magnitude()) {
        ports =
            fmt::format("    output {} product,\n    output logic {} magnitude,\n    output logic negative\n",
                        product_type, bit_range(magnitude_bits()));
        body = fmt::format("    assign negative = weight_code[{}] ^ input_code[{}];\n", weights_.bits - 1,
                           inputs_.bits - 1) +
               body + "\n    assign product = " + with_sign("magnitude", magnitude_bits(), "negative") +
               ";\n";
        lines.emplace_back("magnitude, negative: the same apart, for adders that take up the sign");
    } else {
        ports = fmt::format("    (* use_dsp = \"{}\" *) output {} product\n",
                            kind_ == MultiplierKind::dsp ? "yes" : "no", product_type);
    }
    if (finite_codes(weights_).size() < 1U << weights_.bits ||
        finite_codes(inputs_).size() < 1U << inputs_.bits) {
        lines.emplace_back(
            "Codes of infinity and NaN, which quantizers do not make, give no defined product");
    }
    lines.emplace_back("Latency: combinational");
    lines.insert(lines.end(), origin.begin(), origin.end());
    module.source = header_comment(lines) +
                    fmt::format(
                        "module {} (\n    input logic {} weight_code,\n    input logic {} input_code,\n"
                        "{});\n{}endmodule\n",
                        module.name, bit_range(weights_.bits), bit_range(inputs_.bits), ports, body);
    add_vectors(module);
    return module;
}

void RtlMultiplier::add_vectors(RtlModule& module) const {
    TestBench bench({{"weight_code", weights_.bits}, {"input_code", inputs_.bits}},
                    {"product", product_bits(), true}, false);
    if (sign_magnitude()) bench.leave_open({{"magnitude", magnitude_bits()}, {"negative", 1}});
    for (const auto weight : finite_codes(weights_)) {
        for (const auto input : finite_codes(inputs_)) {
            bench.add({hex_digits(weight, weights_.bits), hex_digits(input, inputs_.bits)},
                      hex_digits(units(weight, input), product_bits()));
        }
    }
    bench.finish(module);
    module.exhaustive = true;
}

}  // namespace tilewright::accel
