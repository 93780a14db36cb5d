// SPDX-License-Identifier: Apache-2.0
// Numerics of a design: its operators against float64, and its program carried out on data against the
// kernels.
#include <iostream>

#include "accel/design/config_error.hpp"
#include "accel/design/json_file.hpp"
#include "accel/design/parse_transformer_recipe.hpp"
#include "accel/report/evaluate.hpp"
#include "cli/command.hpp"
#include "models/networks/var_ablation.hpp"
#include "sweeps/table.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;
using nlohmann::json;
using nlohmann::ordered_json;

namespace {

sweeps::ResultTable operator_table(const ordered_json& numerics) {
    sweeps::ResultTable table;
    table.columns = {{"operator", ""}, {"SQNR, dB", ""}, {"cosine", ""}, {"max abs error", ""}};
    for (const auto& row : numerics.at("operators")) {
        table.rows.push_back(
            {{row.at("name"), row.at("sqnr_db"), row.at("cosine"), row.at("max_abs_error")}, false, "", ""});
    }
    return table;
}

// Of a transformer recipe without a design: what each of its parts earns on a synthetic VAR block.
int check_transformer_recipe(const std::string& file, std::int64_t width, bool as_json) {
    constexpr std::int64_t head_dim = 64;
    if (width < head_dim || width % head_dim != 0) {
        throw UsageError("--width " + std::to_string(width) +
                         " is no width of a VAR block; allowed: multiples of " + std::to_string(head_dim));
    }
    const auto recipe = accel::load_transformer_recipe(file);
    models::VarConfig config;
    config.name = "var block";
    config.depth = 1;
    config.width = width;
    config.heads = width / head_dim;
    config.scales = {1, 2, 3, 4, 5};
    accel::check_transformer_recipe(recipe, accel::block_of(config), file, "");
    sweeps::ResultTable table;
    table.columns = {{"recipe up to", ""}, {"block update SQNR, dB", ""}};
    auto rows = ordered_json::array();
    for (const auto& step : models::var_ablation(models::make_var_sample(config), recipe)) {
        table.rows.push_back({{step.name, step.sqnr_db}, false, "", ""});
        rows.push_back({{"step", step.name}, {"sqnr_db", step.sqnr_db}});
    }
    if (as_json) {
        std::cout << rows.dump(2) << "\n";
        return success;
    }
    std::cout << recipe.name << " on a synthetic VAR block of " << width
              << " channels, five scales, against float64 on an image that calibration has not seen\n\n"
              << sweeps::format_table(table, 4);
    return success;
}

}  // namespace

int check_command(const std::vector<std::string>& arguments) {
    po::options_description options("Options");
    options.add_options()("set", po::value<std::vector<std::string>>()->composing(),
                          "/json/pointer=VALUE: change the design before it is checked; may be repeated")(
        "layers", po::value<int>()->default_value(1), "blocks to carry out on data; 0: all of the network's")(
        "width", po::value<std::int64_t>()->default_value(256),
        "for a transformer recipe: channels of the block")("json", "print the numerics as JSON");
    po::variables_map values;
    if (!parse_options(arguments, "check DESIGN.json|RECIPE.json [OPTIONS]", options, "design", 1, 1, values))
        return success;
    const auto file = values["design"].as<std::vector<std::string>>().front();
    const auto content = accel::read_json_file(file);
    if (content.is_object() && content.value("kind", json()) == "transformer") {
        for (const auto* option : {"layers", "set"}) {
            if (values.count(option) == 0 || values[option].defaulted()) continue;
            throw UsageError("--" + std::string(option) +
                             " is of a design; allowed: without it, for a recipe");
        }
        return check_transformer_recipe(file, values["width"].as<std::int64_t>(), values.count("json") > 0);
    }
    const bool recipe = content.is_object() && !content.contains("engines") &&
                        (content.contains("activations") || content.contains("convolutions"));
    if (recipe) {
        throw accel::ConfigError(
            file, "", "is a recipe that is checked with a design",
            "allowed: a design with it (--set /recipe=...), or a recipe of kind \"transformer\"");
    }
    if (!values["width"].defaulted())
        throw UsageError("--width is of a transformer recipe; allowed: without it, for a design");
    auto document = accel::DesignDocument::load(file);
    if (values.count("set") > 0) {
        for (const auto& assignment : values["set"].as<std::vector<std::string>>())
            document.assign(assignment);
    }
    const auto layers = values["layers"].as<int>();
    const auto all = document.parse().blocks();
    if (layers < 0 || layers > all) {
        throw UsageError("--layers " + std::to_string(layers) + " is not in the network; allowed: 0 to " +
                         std::to_string(all));
    }
    const auto design = document.parse();
    if (layers > 0) {
        document.set(design.var                ? "/network/depth"
                     : design.super_resolution ? "/network/blocks"
                                               : "/network/layers",
                     layers);
    }
    // A block is like the others, and lm_head like its linear layers.
    const bool part = layers > 0 && layers < all;
    if ((design.var || design.gpt) && part) document.set("/workload/ends", false);
    if (design.is_mamba() && part) document.set("/workload/lm_head", false);
    auto evaluation = accel::evaluate(document, accel::Fidelity::functional);
    accel::add_numerics(evaluation);
    const auto report = accel::make_report(document, evaluation);
    const auto& numerics = report.at("numerics");
    if (values.count("json") > 0) {
        std::cout << numerics.dump(2) << "\n";
    } else {
        std::cout << evaluation.design.name << ": " << evaluation.design.recipe_name() << " on "
                  << evaluation.design.network_name() << ", against float64 ("
                  << numerics.at("data").get<std::string>() << ")\n\n"
                  << sweeps::format_table(operator_table(numerics), 4)
                  << "\naccumulator: " << numerics.at("accumulator_bits") << " bits, "
                  << numerics.at("required_accumulator_bits") << " needed\n";
        if (evaluation.functional) {
            std::cout << "functional: " << evaluation.design.blocks() << " blocks, "
                      << evaluation.functional->values << " values compared with the kernels, "
                      << evaluation.functional->mismatches << " mismatches\n";
        }
    }
    if (!evaluation.overflow.empty()) {
        std::cerr << "tilewright: " << document.file() << "#: does not fit " << evaluation.design.device.name
                  << ": " << evaluation.overflow << "; its program was not carried out\n";
        return does_not_fit;
    }
    if (evaluation.functional && evaluation.functional->mismatches > 0) {
        std::cerr << "tilewright: " << document.file() << "#: " << evaluation.functional->first_mismatch
                  << "\n";
        return check_failed;
    }
    return success;
}

}  // namespace tilewright::cli
