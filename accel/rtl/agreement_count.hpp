// SPDX-License-Identifier: Apache-2.0
// How many signs of two rows agree, as a combinational module: XNOR gates and counters. The first level
// counts three gates in two lookup tables, the next ones up to six bits of equal weight in three, until no
// weight has more than two bits; an adder makes the number. That is the structure of the cost constant
// popcount_lut_per_bit.
#pragma once

#include <string>
#include <vector>

#include "accel/rtl/rtl_module.hpp"

namespace tilewright::accel {

// Bits of a count of up to `bits` ones.
int count_width(int bits);

std::string agreement_count_name(int bits);
RtlModule agreement_count(int bits, const std::vector<std::string>& origin);

}  // namespace tilewright::accel
