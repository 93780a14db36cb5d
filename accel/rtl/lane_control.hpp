// SPDX-License-Identifier: Apache-2.0
// What ends both kinds of lanes: an accumulator behind a pipeline, with its control signals.
#pragma once

#include <string>

namespace tilewright::accel {

struct Accumulator {
    int stages = 1;      // registers from the operands to `addend`
    std::string addend;  // of `bits` bits
    std::string carry;   // one more to add; empty: nothing
    int bits = 1;
};

// `sum` from the ports clock, clear and enable.
std::string accumulator_text(const Accumulator& accumulator);

// `name` of `bits` bits, `stages` cycles later, as `<name>_then`.
std::string delay_text(const std::string& name, int bits, int stages);

// Hexadecimal digits of binary ones.
std::string hex_of_binary(std::string binary);

}  // namespace tilewright::accel
