// SPDX-License-Identifier: Apache-2.0
#include "cli/numeric_input.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <stdexcept>

#include <fmt/format.h>

#include "accel/design/schema.hpp"
#include "cli/command.hpp"

namespace tilewright::cli {

namespace {

constexpr const char* number_forms =
    "a decimal number, nan, inf, -inf, or 0x and eight hex digits (the bits of an f32)";

// For messages: short, and without characters that a terminal would not show.
std::string quoted(std::string_view text) {
    constexpr std::size_t longest = 40;
    auto shown = std::string(text.substr(0, longest));
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
    return "\"" + shown + (text.size() > longest ? "...\"" : "\"");
}

// All of the text as a number in the given base.
template <typename Integer>
bool parse_whole(std::string_view text, Integer& value, int base) {
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

bool is_bits(std::string_view text) {
    return text.starts_with("0x") || text.starts_with("0X");
}

float read_bits(std::string_view text, std::int64_t line) {
    constexpr std::size_t digits = 8;
    std::uint32_t bits = 0;
    if (text.size() != 2 + digits || !parse_whole(text.substr(2), bits, 16)) {
        refuse_line(line, quoted(text) + " is not the bits of an f32", "0x and eight hex digits");
    }
    return std::bit_cast<float>(bits);
}

// A decimal in the precision of Real. Out of range, it becomes infinite or the nearest number around zero.
template <typename Real>
Real read_decimal(std::string_view text, std::int64_t line) {
    const auto digits = text.starts_with('+') ? text.substr(1) : text;
    Real value = 0;
    const auto* end = digits.data() + digits.size();
    const auto result = std::from_chars(digits.data(), end, value);
    const bool has_sign_only = text.starts_with('+') && digits.starts_with('-');
    if (result.ec == std::errc::invalid_argument || result.ptr != end || has_sign_only ||
        digits.find('(') != std::string_view::npos) {
        refuse_line(line, quoted(text) + " is not a number", number_forms);
    }
    if (result.ec == std::errc::result_out_of_range) {
        const std::string copy(digits);
        if constexpr (std::is_same_v<Real, float>) {
            value = std::strtof(copy.c_str(), nullptr);
        } else {
            value = std::strtod(copy.c_str(), nullptr);
        }
    }
    return value;
}

bool names_infinity(std::string_view text) {
    const auto letters = text.find_first_not_of("+-");
    return letters != std::string_view::npos && (text[letters] == 'i' || text[letters] == 'I');
}

}  // namespace

const char* const tie_rule_help =
    "numbers between two values: rne (to even), half_away (from zero), half_up (toward +infinity) or "
    "half_down (toward -infinity)";

const models::NumberFormat& format_option(const boost::program_options::variables_map& values,
                                          const std::string& option, int most_bits) {
    if (values.count(option) == 0) {
        throw UsageError("--" + option +
                         " is missing; allowed: the name of a format, see tilewright formats");
    }
    const auto name = values[option].as<std::string>();
    std::string list;
    std::vector<std::string> names;
    for (const auto& format : models::number_formats()) {
        if (format.bits > most_bits) continue;
        if (format.name == name) return format;
        names.emplace_back(format.name);
        list += (list.empty() ? "" : ", ") + names.back();
    }
    const auto near = accel::nearest_spelling(name, names);
    const bool wide = models::find_number_format(name) != nullptr;
    throw UsageError(fmt::format("--{} \"{}\" {}{}; allowed: {}", option, name,
                                 wide ? "has too many bits" : "is unknown",
                                 near.empty() || wide ? "" : ", did you mean \"" + near + "\"?", list));
}

models::TieRule tie_rule_option(const boost::program_options::variables_map& values) {
    const auto name = values["round"].as<std::string>();
    if (name == "rne") return models::TieRule::to_even;
    if (name == "half_away") return models::TieRule::half_away;
    if (name == "half_up") return models::TieRule::half_up;
    if (name == "half_down") return models::TieRule::half_down;
    throw UsageError("--round \"" + name + "\" is unknown; allowed: rne, half_away, half_up, half_down");
}

std::int64_t count_option(const boost::program_options::variables_map& values, const std::string& option) {
    if (values.count(option) == 0) throw UsageError("--" + option + " is missing; allowed: 1 or more");
    const auto count = values[option].as<std::int64_t>();
    if (count < 1) throw UsageError(fmt::format("--{} {} is too small; allowed: 1 or more", option, count));
    return count;
}

void for_each_input_line(const std::function<void(std::string_view, std::int64_t)>& read) {
    std::string line;
    std::int64_t number = 0;
    // std::cin reads through stdio and takes an error there for the end.
    const auto check = [] {
        if (std::ferror(stdin) != 0)
            throw UsageError(fmt::format("stdin: cannot be read: {}", std::strerror(errno)));
    };
    while (std::getline(std::cin, line)) {
        check();
        ++number;
        const auto text = trim(line);
        if (!text.empty()) read(text, number);
    }
    check();
}

void refuse_line(std::int64_t number, const std::string& wrong, const std::string& allowed) {
    throw UsageError(fmt::format("stdin#{}: {}; allowed: {}", number, wrong, allowed));
}

double read_number(std::string_view text, std::int64_t line) {
    return is_bits(text) ? static_cast<double>(read_bits(text, line)) : read_decimal<double>(text, line);
}

float read_float(std::string_view text, std::int64_t line) {
    if (is_bits(text)) return read_bits(text, line);
    const auto value = read_decimal<float>(text, line);
    if (std::isinf(value) && !names_infinity(text)) {
        refuse_line(line, quoted(text) + " is beyond f32", "magnitudes up to 3.4028235e+38, inf, -inf");
    }
    return value;
}

std::int64_t read_integer(std::string_view text, std::int64_t line) {
    std::int64_t value = 0;
    const auto digits = text.starts_with('+') && !text.starts_with("+-") ? text.substr(1) : text;
    if (!parse_whole(digits, value, 10)) {
        refuse_line(line, quoted(text) + " is not an integer", "integers of 64 bits");
    }
    return value;
}

std::uint16_t read_code(std::string_view text, const models::NumberFormat& format, std::int64_t line) {
    const auto largest = (1U << format.bits) - 1;
    std::uint64_t code = 0;
    if (!parse_whole(text, code, 16) || code > largest) {
        refuse_line(line, quoted(text) + " is not a code of " + std::string(format.name),
                    fmt::format("hex codes from 0 to {:x}", largest));
    }
    return static_cast<std::uint16_t>(code);
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t\r";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

void print_result(const std::string& text) {
    std::cout << text << std::flush;
    if (!std::cout) throw std::runtime_error("stdout: writing failed");
}

}  // namespace tilewright::cli
