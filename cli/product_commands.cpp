// SPDX-License-Identifier: Apache-2.0
// Exact products and dot products: the commands multiply and dot.
#include <fmt/format.h>

#include "accel/cost/cost_constants.hpp"
#include "accel/cost/lut_multiplier.hpp"
#include "cli/command.hpp"
#include "cli/numeric_input.hpp"
#include "models/kernels/exact_dot.hpp"
#include "models/kernels/lut_multiplier.hpp"
#include "sweeps/table.hpp"

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

namespace {

// What a multiplier of these formats costs, beside those that it replaces.
void print_costs(const models::NumberFormat& a, const models::NumberFormat& b, bool as_json) {
    const auto& constants = accel::default_cost_constants();
    const auto cost = accel::lut_multiplier_cost(a, b, constants);
    sweeps::ResultTable table;
    table.columns = {{"multiplier", ""}, {"LUT", ""}, {"DSP", ""}, {"product bits", ""}, {"source", ""}};
    const auto row = [&](const std::string& name, double lut, double dsp, const nlohmann::json& bits,
                         const char* source) {
        table.rows.push_back({{name, lut, dsp, bits, source}, false, "", ""});
    };
    row(fmt::format("{} x {}, LUT", a.name, b.name), cost.lut, 0, cost.product_bits,
        cost.from_structure ? "structure: a LUT6 a product bit" : "synthesis");
    row("int4 x int4, LUT", constants.int4_multiplier_lut, 0, 7, "synthesis");
    row("int8 x int8, LUT", constants.int8_multiplier_lut, 0, 15, "synthesis");
    row("int4 x int4, a quarter of a DSP block", 3 * constants.packing_correction_lut / 4, 1.0 / 4, 7,
        "packing");
    row("int8 x int8, half a DSP block", constants.packing_correction_lut / 2, 1.0 / 2, 15, "packing");
    row("int8 x int8, a third of a DSP58", 0, 1.0 / 3, 15, "dot-product mode");
    print_result(as_json ? sweeps::table_to_json(table).dump(2) + "\n" : sweeps::format_table(table, 4));
}

}  // namespace

int multiply_command(const std::vector<std::string>& arguments) {
    constexpr int widest = 8;
    constexpr int widest_product = 62;
    auto options = pair_options();
    options.add_options()("cost", "print what the multiplier costs instead of its table")(
        "json", "print the costs as JSON");
    po::variables_map values;
    if (!parse_options(arguments, "multiply --a F --b F [--cost [--json]]", options, "argument", 0, 0,
                       values)) {
        return success;
    }
    if (values.count("json") > 0 && values.count("cost") == 0) {
        throw UsageError("--json is of --cost; allowed: with --cost, or without --json");
    }
    const auto& a = format_option(values, "a", widest);
    const auto& b = format_option(values, "b", widest);
    if (values.count("cost") > 0) {
        if (models::product_format(a, b).magnitude_bits > widest_product) {
            throw UsageError(
                fmt::format("products of {} and {} are too wide for lookup tables; allowed: up to {} bits",
                            a.name, b.name, widest_product));
        }
        print_costs(a, b, values.count("json") > 0);
        return success;
    }
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
