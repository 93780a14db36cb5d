// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/numeric_input.hpp"
#include "sweeps/table.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;
using models::NumberFormat;

namespace {

constexpr int exact_digits = 17;

// JSON has no numbers that are not finite.
nlohmann::json number_cell(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    return value;
}

// From this magnitude on, all mantissa bits are there; nothing for integers.
nlohmann::json smallest_normal(const NumberFormat& format) {
    if (format.family == models::FormatFamily::integer) return {};
    return std::ldexp(1.0, (format.has_sign ? 1 : 0) - format.bias);
}

sweeps::ResultTable all_formats() {
    sweeps::ResultTable table;
    table.columns = {{"format", ""},   {"bits", ""},    {"exponent bits", ""},   {"mantissa bits", ""},
                     {"bias", ""},     {"largest", ""}, {"smallest normal", ""}, {"smallest step", ""},
                     {"infinity", ""}, {"nan", ""}};
    for (const auto& format : models::number_formats()) {
        const bool floating = format.family == models::FormatFamily::floating_point;
        table.rows.push_back(
            {{std::string(format.name), format.bits,
              floating ? nlohmann::json(format.exponent_bits) : nlohmann::json(),
              floating ? nlohmann::json(format.mantissa_bits) : nlohmann::json(),
              floating ? nlohmann::json(format.bias) : nlohmann::json(), models::largest_value(format),
              smallest_normal(format), std::ldexp(1.0, models::unit_exponent(format)),
              format.specials == models::SpecialCodes::infinities_too ? "yes" : "no",
              format.specials == models::SpecialCodes::none ? "no" : "yes"},
             false,
             "",
             ""});
    }
    return table;
}

sweeps::ResultTable code_table(const NumberFormat& format) {
    sweeps::ResultTable table;
    table.columns = {{"code", ""}, {"bits", ""}, {"value", ""}};
    const auto values = models::decode_table(format);
    for (std::size_t code = 0; code < values.size(); ++code) {
        table.rows.push_back({{fmt::format("{:x}", code), fmt::format("{:0{}b}", code, format.bits),
                               number_cell(values[code])},
                              false,
                              "",
                              ""});
    }
    return table;
}

}  // namespace

int formats_command(const std::vector<std::string>& arguments) {
    po::options_description options("Options");
    options.add_options()("json", "print the table as JSON");
    po::variables_map values;
    if (!parse_options(arguments, "formats [NAME] [OPTIONS]", options, "format", 0, 1, values))
        return success;
    sweeps::ResultTable table;
    if (values.count("format") == 0) {
        table = all_formats();
    } else {
        // A positional argument is a list of one.
        po::variables_map named;
        named.insert(
            {"format", po::variable_value(values["format"].as<std::vector<std::string>>().front(), false)});
        table = code_table(format_option(named, "format"));
    }
    if (values.count("json") > 0) {
        print_result(sweeps::table_to_json(table).dump(2) + "\n");
    } else {
        print_result(sweeps::format_table(table, exact_digits));
    }
    return success;
}

}  // namespace tilewright::cli
