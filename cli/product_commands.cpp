// SPDX-License-Identifier: Apache-2.0
// Exact products and dot products: the commands multiply and dot.
#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/numeric_input.hpp"
#include "models/kernels/exact_dot.hpp"
#include "models/kernels/lut_multiplier.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

namespace {

po::options_description pair_options() {
    po::options_description options("Options");
    options.add_options()("a", po::value<std::string>(),
                          "format of the left factors, see tilewright formats")(
        "b", po::value<std::string>(), "format of the right factors");
    return options;
}

std::vector<std::uint16_t> read_codes(std::string_view text, const models::NumberFormat& format,
                                      std::int64_t line) {
    std::vector<std::uint16_t> codes;
    if (trim(text).empty()) return codes;
    for (;;) {
        const auto comma = text.find(',');
        codes.push_back(read_code(trim(text.substr(0, comma)), format, line));
        if (comma == std::string_view::npos) return codes;
        text.remove_prefix(comma + 1);
    }
}

}  // namespace

int multiply_command(const std::vector<std::string>& arguments) {
    constexpr int widest = 8;
    constexpr int widest_product = 62;
    po::variables_map values;
    if (!parse_options(arguments, "multiply --a F --b F", pair_options(), "argument", 0, 0, values)) {
        return success;
    }
    const auto& a = format_option(values, "a", widest);
    const auto& b = format_option(values, "b", widest);
    std::optional<models::LutMultiplier> multiplier;
    if (models::product_format(a, b).magnitude_bits <= widest_product) multiplier.emplace(a, b);
    std::string output;
    for (std::uint32_t left = 0; left >> a.bits == 0; ++left) {
        for (std::uint32_t right = 0; right >> b.bits == 0; ++right) {
            const auto product = multiplier ? multiplier->product(left, right)
                                            : models::decode_exact(a, left) * models::decode_exact(b, right);
            fmt::format_to(std::back_inserter(output), "{:x} {:x} {}\n", left, right,
                           models::to_decimal(product));
        }
    }
    print_result(output);
    return success;
}

int dot_command(const std::vector<std::string>& arguments) {
    po::variables_map values;
    if (!parse_options(arguments, "dot --a F --b F < CODES", pair_options(), "argument", 0, 0, values)) {
        return success;
    }
    const auto& a = format_option(values, "a");
    const auto& b = format_option(values, "b");
    const models::ExactDot exact(a, b);
    std::string output;
    for_each_input_line([&](std::string_view text, std::int64_t line) {
        constexpr const char* form = "codesA;codesB, hex codes with commas between them";
        const auto middle = text.find(';');
        if (middle == std::string_view::npos || text.find(';', middle + 1) != std::string_view::npos) {
            refuse_line(line, "the line is not two lists", form);
        }
        const auto left = read_codes(text.substr(0, middle), a, line);
        const auto right = read_codes(text.substr(middle + 1), b, line);
        if (left.size() != right.size()) {
            refuse_line(line, fmt::format("{} codes and {} codes", left.size(), right.size()),
                        "lists of equal length");
        }
        output += models::to_decimal(exact.dot(left, right)) + "\n";
    });
    print_result(output);
    return success;
}

}  // namespace tilewright::cli
