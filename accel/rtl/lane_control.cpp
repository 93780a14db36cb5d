// SPDX-License-Identifier: Apache-2.0
#include "accel/rtl/lane_control.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "accel/rtl/text.hpp"

namespace tilewright::accel {

namespace {

constexpr std::string_view accumulator_body = R"(
    logic @{range} kept;
    logic @{range} next;
    assign kept = clear_then ? '0 : sum;
@{addition}
    always_ff @(posedge clock)
        if (enable_then) sum <= next;
        else if (clear_then) sum <= '0;
)";

}  // namespace

std::string delay_text(const std::string& name, int bits, int stages) {
    const auto type = bits == 1 ? std::string("logic") : "logic " + bit_range(bits);
    if (stages == 1) {
        return fmt::format("    {0} {1}_then;\n    always_ff @(posedge clock) {1}_then <= {1};\n", type,
                           name);
    }
    const auto bottom = bits * (stages - 1);
    const auto oldest = bits == 1 ? std::to_string(bottom) : fmt::format("{}:{}", bits * stages - 1, bottom);
    return fill(R"(    logic @{all} @{name}_delay;
    @{type} @{name}_then;
    always_ff @(posedge clock) @{name}_delay <= {@{name}_delay@{younger}, @{name}};
    assign @{name}_then = @{name}_delay[@{oldest}];
)",
                {{"name", name},
                 {"all", bit_range(bits * stages)},
                 {"type", type},
                 {"younger", bit_range(bottom)},
                 {"oldest", oldest}});
}

std::string accumulator_text(const Accumulator& accumulator) {
    const auto addition = accumulator.carry.empty()
                              ? fmt::format("    assign next = kept + {};\n", accumulator.addend)
                              : fmt::format(
                                    "    logic unused_bit;\n"
                                    "    assign {{next, unused_bit}} = {{kept, 1'b1}} + {{{}, {}}};\n",
                                    accumulator.addend, accumulator.carry);
    return "\n    // The controls go along with the operands.\n" +
           delay_text("clear", 1, accumulator.stages) + delay_text("enable", 1, accumulator.stages) +
           fill(accumulator_body, {{"range", bit_range(accumulator.bits)}, {"addition", addition}});
}

std::string hex_of_binary(std::string binary) {
    binary.insert(0, (4 - binary.size() % 4) % 4, '0');
    std::string digits;
    for (std::size_t place = 0; place < binary.size(); place += 4) {
        unsigned digit = 0;
        for (std::size_t bit = place; bit < place + 4; ++bit)
            digit = 2 * digit + (binary[bit] == '1' ? 1 : 0);
        digits += "0123456789abcdef"[digit];
    }
    return digits;
}

}  // namespace tilewright::accel
