// SPDX-License-Identifier: Apache-2.0
// What the commands of the arithmetic share: options that name formats and rules, and the lines of standard
// input.
//
// Lines are counted from 1, blank ones are skipped, spaces around a line do not matter. A line that cannot be
// read is a UsageError "stdin#LINE: what is wrong; what is allowed". Commands print when all of their input
// has been read.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <boost/program_options.hpp>

#include "models/formats/codec.hpp"

namespace tilewright::cli {

// The format that an option names, of up to `most_bits` bits. Throws UsageError.
const models::NumberFormat& format_option(const boost::program_options::variables_map& values,
                                          const std::string& option, int most_bits = 16);

// --round
models::TieRule tie_rule_option(const boost::program_options::variables_map& values);

// The help of --round.
extern const char* const tie_rule_help;

// A required option above 0. Throws UsageError.
std::int64_t count_option(const boost::program_options::variables_map& values, const std::string& option);

// Calls `read` with every line that is not blank, trimmed, and its number.
void for_each_input_line(const std::function<void(std::string_view line, std::int64_t number)>& read);

// The UsageError of a line.
[[noreturn]] void refuse_line(std::int64_t number, const std::string& wrong, const std::string& allowed);

// A decimal, nan, inf, -inf, or 0x and eight hex digits, the bits of an f32. Decimals beyond f64 become
// infinite or zero.
double read_number(std::string_view text, std::int64_t line);

// As above, rounded once to f32. Finite decimals beyond f32 are refused.
float read_float(std::string_view text, std::int64_t line);

std::int64_t read_integer(std::string_view text, std::int64_t line);

// One code in hex, without 0x, of a format of up to 16 bits.
std::uint16_t read_code(std::string_view text, const models::NumberFormat& format, std::int64_t line);

std::string_view trim(std::string_view text);

// Writes to standard output and makes sure that it arrived; throws std::runtime_error if not.
void print_result(const std::string& text);

}  // namespace tilewright::cli
