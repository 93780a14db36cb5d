// SPDX-License-Identifier: Apache-2.0
#include "accel/rtl/adder_tree.hpp"

#include <bit>

#include <fmt/format.h>

#include "accel/rtl/text.hpp"

namespace tilewright::accel {

namespace {

constexpr std::string_view adders = R"(
    // Level @{level}, @{nodes} x @{bits} bits.
    logic @{all} level_@{level};
)";

constexpr std::string_view plain_adder = R"(    for (genvar i = 0; i < @{pairs}; i++) begin : add_@{level}
        logic @{narrow} left;
        logic @{narrow} right;
        assign {right, left} = level_@{before}[@{two_narrow} * i +: @{two_narrow}];
        always_ff @(posedge clock) level_@{level}[@{bits} * i +: @{bits}] <= @{left} + @{right};
    end
)";

// The lowest bit of both operands makes the carry.
constexpr std::string_view carry_adder = R"(    for (genvar i = 0; i < @{pairs}; i++) begin : add_@{level}
        logic @{narrow} left;
        logic @{narrow} right;
        logic @{range} total;
        logic unused_bit;
        assign {right, left} = level_@{before}[@{two_narrow} * i +: @{two_narrow}];
        assign {total, unused_bit} = {@{left}, 1'b1} + {@{right}, carry_@{before}[2 * i]};
        always_ff @(posedge clock) level_@{level}[@{bits} * i +: @{bits}] <= total;
        always_ff @(posedge clock) carry_@{level}[i] <= carry_@{before}[2 * i + 1];
    end
)";

}  // namespace

int tree_levels(int leaves) {
    return std::bit_width(static_cast<unsigned>(leaves - 1));
}

std::string AdderTree::text() const {
    std::string text;
    int nodes = leaves;
    const auto extended = [&](const std::string& name, int from, int to) {
        return is_signed ? sign_extended(name, from, to) : zero_extended(name, from, to);
    };
    for (int level = 1; level <= levels(); ++level) {
        const auto from = bits[static_cast<std::size_t>(level - 1)];
        const auto to = bits[static_cast<std::size_t>(level)];
        const auto pairs = nodes / 2;
        const bool odd = nodes % 2 == 1;
        const auto next = pairs + (odd ? 1 : 0);
        const std::vector<std::pair<std::string_view, std::string>> values = {
            {"level", std::to_string(level)},      {"before", std::to_string(level - 1)},
            {"nodes", std::to_string(next)},       {"pairs", std::to_string(pairs)},
            {"bits", std::to_string(to)},          {"two_narrow", std::to_string(2 * from)},
            {"all", bit_range(next * to)},         {"range", bit_range(to)},
            {"narrow", bit_range(from)},           {"left", extended("left", from, to)},
            {"right", extended("right", from, to)}};
        text += fill(adders, values);
        if (carries) text += fmt::format("    logic {} carry_{};\n", bit_range(next), level);
        text += fill(carries ? carry_adder : plain_adder, values);
        if (odd) {
            text += fmt::format("    logic {0} last_{1};\n    assign last_{1} = level_{2}[{3} +: {4}];\n",
                                bit_range(from), level, level - 1, from * (nodes - 1), from);
            text += fmt::format("    always_ff @(posedge clock) level_{}[{} +: {}] <= {};\n", level,
                                to * pairs, to, extended(fmt::format("last_{}", level), from, to));
            if (carries) {
                text += fmt::format("    always_ff @(posedge clock) carry_{}[{}] <= carry_{}[{}];\n", level,
                                    pairs, level - 1, nodes - 1);
            }
        }
        nodes = next;
    }
    return text;
}

}  // namespace tilewright::accel
