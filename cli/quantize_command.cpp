// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/numeric_input.hpp"
#include "models/formats/quantize.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

namespace {

models::ScaleRule parse_scale(const std::string& name) {
    if (name == "absmax") return models::ScaleRule::absmax;
    if (name == "pot") return models::ScaleRule::power_of_two;
    if (name == "mx") return models::ScaleRule::mx;
    throw UsageError("--scale \"" + name + "\" is unknown; allowed: absmax, pot, mx");
}

models::MxScaleMode parse_mx_mode(const std::string& name) {
    if (name == "floor") return models::MxScaleMode::floor;
    if (name == "ceil") return models::MxScaleMode::ceil;
    if (name == "even") return models::MxScaleMode::even;
    if (name == "rceil") return models::MxScaleMode::rceil;
    throw UsageError("--mx-mode \"" + name + "\" is unknown; allowed: floor, ceil, even, rceil");
}

std::string format_groups(const models::QuantizedGroups& quantized, std::size_t group) {
    std::string output;
    auto place = std::back_inserter(output);
    for (std::size_t i = 0; i < quantized.codes.size(); ++i) {
        if (i % group == 0) {
            if (i > 0) output += '\n';
            if (quantized.scale_codes.empty()) {
                fmt::format_to(place, "{}", quantized.scales[i / group]);
            } else {
                fmt::format_to(place, "{:x}", quantized.scale_codes[i / group]);
            }
        }
        fmt::format_to(place, " {:x}", quantized.codes[i]);
    }
    if (!output.empty()) output += '\n';
    return output;
}

// NaN and infinity do not end the command, but nobody shall overlook them.
void report_special(const models::QuantizedGroups& quantized, const models::NumberFormat& format, bool mx) {
    const auto report = [&](std::size_t count, const char* what, const std::string& became) {
        if (count == 0) return;
        std::cerr << fmt::format("tilewright: stdin: {} of {} numbers {} {}: {}\n", count,
                                 quantized.codes.size(), count == 1 ? "is" : "are", what, became);
    };
    const std::string block = "the scale of the block is NaN";
    const std::string nan =
        format.specials == models::SpecialCodes::none ? "code 0, the format has no NaN" : "the format's NaN";
    report(quantized.nan_count, "NaN", mx ? block : nan);
    report(quantized.infinite_count, "infinite", mx ? block : "the largest value");
}

}  // namespace

int quantize_command(const std::vector<std::string>& arguments) {
    po::options_description options("Options");
    options.add_options()("format", po::value<std::string>(), "the format, see tilewright formats")(
        "group", po::value<std::int64_t>()->default_value(32),
        "consecutive numbers that share a scale; the last group may be shorter")(
        "scale", po::value<std::string>()->default_value("absmax"),
        "absmax (absmax / largest value), pot (the power of two above that) or mx (OCP MX, an E8M0 code)")(
        "mx-mode", po::value<std::string>()->default_value("floor"),
        "exponent of an mx scale: floor, ceil, even or rceil; of --scale mx")(
        "round", po::value<std::string>()->default_value("rne"), tie_rule_help);
    po::variables_map values;
    if (!parse_options(arguments, "quantize --format F [OPTIONS] < NUMBERS", options, "argument", 0, 0,
                       values)) {
        return success;
    }
    const auto& format = format_option(values, "format");
    if (!format.has_sign) {
        throw UsageError("--format \"" + std::string(format.name) +
                         "\" is for scales; allowed: formats with a sign, see tilewright formats");
    }
    models::GroupScaling scaling;
    scaling.group = static_cast<std::size_t>(count_option(values, "group"));
    scaling.rule = parse_scale(values["scale"].as<std::string>());
    if (!values["mx-mode"].defaulted() && scaling.rule != models::ScaleRule::mx) {
        throw UsageError("--mx-mode is of --scale mx; allowed: with it, or without --mx-mode");
    }
    scaling.mx_mode = parse_mx_mode(values["mx-mode"].as<std::string>());
    scaling.ties = tie_rule_option(values);
    std::vector<float> numbers;
    for_each_input_line(
        [&](std::string_view text, std::int64_t line) { numbers.push_back(read_float(text, line)); });
    const auto quantized = models::quantize_groups(numbers, format, scaling);
    print_result(format_groups(quantized, scaling.group));
    report_special(quantized, format, scaling.rule == models::ScaleRule::mx);
    return success;
}

}  // namespace tilewright::cli
