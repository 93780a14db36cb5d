// SPDX-License-Identifier: Apache-2.0
// Pieces of SystemVerilog text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/kernels/exact_number.hpp"

namespace tilewright::accel {

// Replaces every @{key} of a text. Throws std::logic_error for a key that has no value.
std::string fill(std::string_view text, const std::vector<std::pair<std::string_view, std::string>>& values);

// A name that a user chose, with spaces for what does not print.
std::string one_line(std::string text);

// The comment above a module: each line behind "// ", whatever names are in it.
std::string header_comment(const std::vector<std::string>& lines);

// "[7:0]"
std::string bit_range(int bits);

// "8'd144"
std::string sized(std::uint64_t value, int bits);

// A vector `name` of `from` bits as one of `to` >= from bits.
std::string zero_extended(const std::string& name, int from, int to);
std::string sign_extended(const std::string& name, int from, int to);

// Plus or minus `magnitude` of `bits` bits as two's complement of bits + 1.
std::string with_sign(const std::string& magnitude, int bits, const std::string& negative);

// The low `bits` bits in hexadecimal, with leading zeros.
std::string hex_digits(models::Int128 value, int bits);

// "2^-2"
std::string power_of_two(int exponent);

}  // namespace tilewright::accel
