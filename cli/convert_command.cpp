// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/numeric_input.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

namespace {

models::Overflow parse_overflow(const std::string& name) {
    if (name == "saturate") return models::Overflow::saturate;
    if (name == "ieee") return models::Overflow::ieee;
    throw UsageError("--overflow \"" + name + "\" is unknown; allowed: saturate, ieee");
}

}  // namespace

int convert_command(const std::vector<std::string>& arguments) {
    po::options_description options("Options");
    options.add_options()("format", po::value<std::string>(), "the format, see tilewright formats")(
        "round", po::value<std::string>()->default_value("rne"), tie_rule_help)(
        "overflow", po::value<std::string>()->default_value("saturate"),
        "too large numbers: saturate (the largest value, for infinity too) or ieee (infinity or NaN where "
        "the "
        "format has them)");
    po::variables_map values;
    if (!parse_options(arguments, "convert --format F [OPTIONS] < NUMBERS", options, "argument", 0, 0,
                       values)) {
        return success;
    }
    const models::Codec codec(
        format_option(values, "format"),
        {tie_rule_option(values), parse_overflow(values["overflow"].as<std::string>())});
    const std::string name(codec.format().name);
    std::string output;
    for_each_input_line([&](std::string_view text, std::int64_t line) {
        const auto code = codec.encode(read_number(text, line));
        if (!code) {
            refuse_line(line, "\"" + std::string(text) + "\" has no code in " + name,
                        codec.format().has_sign ? "numbers, inf, -inf" : "numbers above 0, nan");
        }
        // The shortest decimal that reads back.
        const auto value = codec.decode(*code);
        fmt::format_to(std::back_inserter(output), "{:x} {}\n", *code,
                       std::isnan(value) ? std::abs(value) : value);
    });
    print_result(output);
    return success;
}

}  // namespace tilewright::cli
