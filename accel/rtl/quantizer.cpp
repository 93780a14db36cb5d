// SPDX-License-Identifier: Apache-2.0
#include "accel/rtl/quantizer.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "accel/rtl/test_bench.hpp"
#include "accel/rtl/text.hpp"
#include "models/kernels/threshold_quantizer.hpp"
#include "models/weights/counter_random.hpp"

namespace tilewright::accel {

using models::IntegerRange;
using models::TieRule;

namespace {

constexpr int widest_format = 8;
constexpr int widest_input = 48;
constexpr int exhaustive_bits = 16;
constexpr int binary32_bits = 24;

bool integer(const models::NumberFormat& format) {
    return format.family == models::FormatFamily::integer;
}

const char* rule_text(TieRule ties) {
    switch (ties) {
        case TieRule::to_even:
            return "to the even code";
        case TieRule::half_away:
            return "away from zero";
        case TieRule::half_up:
            return "toward +infinity";
        case TieRule::half_down:
            return "toward -infinity";
    }
    return "";
}

// Whether a number halfway to magnitude code `code` becomes that and not the one below.
bool tie_goes_out(TieRule ties, bool negative, std::uint32_t code) {
    switch (ties) {
        case TieRule::to_even:
            return code % 2 == 0;
        case TieRule::half_away:
            return true;
        case TieRule::half_up:
            return !negative;
        case TieRule::half_down:
            return negative;
    }
    return false;
}

constexpr std::string_view header = R"(module @{name} (
    input logic signed @{input} value,
    output logic @{output} code
);
    // The magnitude, of negative numbers less one unit.
    logic negative;
    logic @{input} folded;
    assign negative = value[@{sign}];
    assign folded = value ^ {@{bits}{negative}};
)";

}  // namespace

RtlQuantizer::RtlQuantizer(const models::NumberFormat& format, TieRule ties, IntegerRange range)
    : format_(format), ties_(ties), range_(range) {
    if (format.bits > widest_format || !format.has_sign) {
        throw std::invalid_argument(fmt::format(
            "{} has {}; allowed: formats of at most {} bits with a sign", format.name,
            format.has_sign ? fmt::format("{} bits", format.bits) : std::string("no sign"), widest_format));
    }
    values_ = models::decode_table(format);
    auto largest = models::largest_value(format);
    if (integer(format) && range == IntegerRange::full) largest += 1;
    // Beyond the largest value there are inputs to saturate, and midpoints are whole units.
    const auto reach = std::ilogb(largest) + 1;
    input_bits_ = std::max(format.bits > 6 ? 16 : 12, reach - models::unit_exponent(format) + 2);
    unit_exponent_ = reach - (input_bits_ - 1);
    if (input_bits_ > widest_input) {
        throw std::invalid_argument(
            fmt::format("the values of {} need a fixed-point input of {} bits; allowed: {}", format.name,
                        input_bits_, widest_input));
    }
}

std::string RtlQuantizer::name() const {
    return fmt::format("quantize_{}{}_from_fixed{}", format_.name, full_range() ? "_full" : "", input_bits_);
}

bool RtlQuantizer::full_range() const {
    return integer(format_) && range_ == IntegerRange::full;
}

int RtlQuantizer::magnitude_bits() const {
    return format_.bits - (full_range() ? 0 : 1);
}

std::uint64_t RtlQuantizer::threshold(bool negative, std::uint32_t code) const {
    const auto never = std::uint64_t{1} << static_cast<unsigned>(input_bits_ - 1);
    const auto half = 1U << static_cast<unsigned>(format_.bits - 1);
    if (integer(format_) && code >= half && !(code == half && negative)) return never;
    if (!std::isfinite(values_[code])) return never;
    // The lowest code of an integer is also the magnitude of its value.
    const auto middle = (values_[code - 1] + std::abs(values_[code])) / 2;
    const auto units = static_cast<std::uint64_t>(std::ldexp(middle, -unit_exponent_));
    const bool out = tie_goes_out(ties_, negative, code);
    return units - (negative ? 1 : 0) + (out ? 0 : 1);
}

// One bit of the magnitude: the thresholds by the sign, where that matters, and the bits above.
std::string RtlQuantizer::step(int bit) const {
    const auto bits_above = magnitude_bits() - 1 - bit;
    std::vector<std::uint64_t> tables[2];
    for (const bool negative : {false, true}) {
        for (std::uint32_t above = 0; above >> static_cast<unsigned>(bits_above) == 0; ++above) {
            const auto code = (2 * above + 1) << static_cast<unsigned>(bit);
            tables[negative ? 1 : 0].push_back(threshold(negative, code));
        }
    }
    const bool by_sign = tables[0] != tables[1];
    auto table = tables[0];
    if (by_sign) table.insert(table.end(), tables[1].begin(), tables[1].end());
    const auto choice_bits = bits_above + (by_sign ? 1 : 0);
    std::string choice = by_sign ? "negative" : "";
    for (int above = magnitude_bits() - 1; above > bit; --above) {
        choice += fmt::format("{}bit_{}", choice.empty() ? "" : ", ", above);
    }
    const auto name = fmt::format("threshold_{}", bit);
    auto text = fmt::format("\n    logic {} {};\n", bit_range(input_bits_), name);
    if (table.size() == 1) {
        text += fmt::format("    assign {} = {};\n", name, sized(table[0], input_bits_));
    } else {
        text += fmt::format("    always_comb\n        case ({{{}}})\n", choice);
        for (std::size_t i = 0; i + 1 < table.size(); ++i) {
            text += fmt::format("            {}'d{}: {} = {};\n", choice_bits, i, name,
                                sized(table[i], input_bits_));
        }
        text += fmt::format("            default: {} = {};\n        endcase\n", name,
                            sized(table.back(), input_bits_));
    }
    return text + fmt::format("    logic bit_{0};\n    assign bit_{0} = folded >= {1};\n", bit, name);
}

RtlModule RtlQuantizer::module(const std::vector<std::string>& origin) const {
    RtlModule module;
    module.name = name();
    module.summary = fmt::format("the code of {} nearest to a fixed-point number", format_.name);
    std::vector<std::string> lines = {
        fmt::format("The code of {} that is nearest to a number, ties {}; saturates.", format_.name,
                    rule_text(ties_)),
        "",
        fmt::format("value: the number over its scale, two's complement in units of {}",
                    power_of_two(unit_exponent_)),
        !integer(format_) ? "code: a negative number that rounds to zero gives -0"
        : full_range()    ? "code: two's complement, the lowest code included"
                          : "code: two's complement, without the lowest code",
        "Latency: combinational"};
    lines.insert(lines.end(), origin.begin(), origin.end());
    auto text = fill(header, {{"name", module.name},
                              {"input", bit_range(input_bits_)},
                              {"output", bit_range(format_.bits)},
                              {"sign", std::to_string(input_bits_ - 1)},
                              {"bits", std::to_string(input_bits_)}});
    std::string magnitude;
    for (int bit = magnitude_bits() - 1; bit >= 0; --bit) {
        text += step(bit);
        magnitude += fmt::format("{}bit_{}", magnitude.empty() ? "" : ", ", bit);
    }
    text += fmt::format("\n    logic {} magnitude;\n    assign magnitude = {{{}}};\n",
                        bit_range(magnitude_bits()), magnitude);
    if (!integer(format_)) {
        text += "    assign code = {negative, magnitude};\n";
    } else if (full_range()) {
        text += fmt::format("    assign code = (magnitude ^ {{{}{{negative}}}}) + {};\n", format_.bits,
                            zero_extended("negative", 1, format_.bits));
    } else {
        text += "    assign code = " + with_sign("magnitude", magnitude_bits(), "negative") + ";\n";
    }
    module.source = header_comment(lines) + text + "endmodule\n";
    add_vectors(module);
    return module;
}

std::function<std::uint32_t(std::int64_t)> RtlQuantizer::encoder() const {
    const auto unit = std::ldexp(1.0, unit_exponent_);
    if (input_bits_ > binary32_bits || full_range()) {
        const models::Codec codec(format_, {ties_, models::Overflow::saturate, range_});
        return [codec, unit](std::int64_t input) { return *codec.encode(static_cast<double>(input) * unit); };
    }
    const models::ThresholdQuantizer quantizer(format_, ties_);
    const auto thresholds = quantizer.scaled(1);
    return [quantizer, thresholds, unit](std::int64_t input) {
        return quantizer.encode(static_cast<float>(static_cast<double>(input) * unit), thresholds);
    };
}

std::vector<std::int64_t> RtlQuantizer::sampled_inputs() const {
    const auto largest = (std::int64_t{1} << static_cast<unsigned>(input_bits_ - 1)) - 1;
    std::set<std::int64_t> inputs = {-largest - 1, -largest, -1, 0, 1, largest};
    for (const bool negative : {false, true}) {
        for (std::uint32_t code = 1; code >> static_cast<unsigned>(magnitude_bits()) == 0; ++code) {
            const auto middle = static_cast<std::int64_t>(threshold(negative, code));
            for (auto near = middle - 2; near <= middle + 2; ++near) {
                if (near >= 0 && near <= largest) inputs.insert(negative ? -near - 1 : near);
            }
        }
    }
    constexpr std::uint64_t random_inputs = 4096;
    const models::CounterRandom random(1, "vectors of a quantizer");
    for (std::uint64_t i = 0; i < random_inputs; ++i) {
        // Of all magnitudes alike.
        const auto bits = random.bits(i);
        const auto magnitude = static_cast<std::int64_t>(bits >> 1) & largest;
        const auto shift = bits >> 58;
        const auto small = magnitude >> (shift % static_cast<unsigned>(input_bits_ - 1));
        inputs.insert((bits & 1U) != 0 ? -small - 1 : small);
    }
    return {inputs.begin(), inputs.end()};
}

void RtlQuantizer::add_vectors(RtlModule& module) const {
    TestBench bench({{"value", input_bits_, true}}, {"code", format_.bits}, false);
    const auto encode = encoder();
    const auto add = [&](std::int64_t input) {
        bench.add({hex_digits(input, input_bits_)}, hex_digits(encode(input), format_.bits));
    };
    module.exhaustive = input_bits_ <= exhaustive_bits;
    if (module.exhaustive) {
        const auto half = std::int64_t{1} << static_cast<unsigned>(input_bits_ - 1);
        for (auto input = -half; input < half; ++input) add(input);
    } else {
        for (const auto input : sampled_inputs()) add(input);
    }
    bench.finish(module);
}

}  // namespace tilewright::accel
