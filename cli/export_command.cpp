// SPDX-License-Identifier: Apache-2.0
// The arithmetic of a design as SystemVerilog.
#include <filesystem>

#include "accel/design/config_error.hpp"
#include "accel/design/config_files.hpp"
#include "accel/rtl/design_modules.hpp"
#include "cli/command.hpp"
#include "cli/numeric_input.hpp"
#include "sweeps/atomic_file.hpp"
#include "sweeps/table.hpp"

namespace tilewright::cli {

namespace fs = std::filesystem;
namespace po = boost::program_options;

namespace {

std::vector<accel::RtlModule> modules_of(const accel::DesignDocument& document, const accel::Design& design) {
    try {
        return accel::design_modules(design);
    } catch (const accel::RtlError& error) {
        throw accel::ConfigError(document.file(), error.pointer(), error.what(),
                                 "allowed: " + error.allowed());
    }
}

// The folder, made if it is not there.
void make_folder(const fs::path& folder) {
    const auto refuse = [&](const std::string& why) {
        throw UsageError("--rtl " + folder.string() + ": " + why +
                         "; allowed: a folder that can be written, or the name of a new one");
    };
    if (folder.empty()) refuse("the name is empty");
    std::error_code error;
    fs::create_directories(folder, error);
    std::error_code ignored;
    const bool there = fs::is_directory(folder, ignored);
    if (!there && fs::exists(folder, ignored)) refuse("Not a directory");
    if (!there) refuse(error.message());
}

sweeps::ResultTable module_table(const std::vector<accel::RtlModule>& modules) {
    sweeps::ResultTable table;
    table.columns = {{"module", ""}, {"computes", ""}, {"latency", "cycles"}, {"vectors", ""}};
    for (const auto& module : modules) {
        table.rows.push_back(
            {{module.name + ".sv", module.summary, module.latency, module.vector_count}, false, "", ""});
    }
    return table;
}

}  // namespace

int export_command(const std::vector<std::string>& arguments) {
    po::options_description options("Options");
    options.add_options()("rtl", po::value<std::string>(),
                          "folder for SystemVerilog of the design's multipliers, dot-product lanes and "
                          "quantizers, each with a testbench")(
        "set", po::value<std::vector<std::string>>()->composing(),
        "/json/pointer=VALUE: change the design first; may be repeated")("json", "print the modules as JSON");
    po::variables_map values;
    if (!parse_options(arguments, "export DESIGN.json --rtl DIR [OPTIONS]", options, "design", 1, 1, values))
        return success;
    if (values.count("rtl") == 0) throw UsageError("--rtl is missing; allowed: --rtl DIR");
    auto document = accel::DesignDocument::load(values["design"].as<std::vector<std::string>>().front());
    if (values.count("set") > 0) {
        for (const auto& assignment : values["set"].as<std::vector<std::string>>())
            document.assign(assignment);
    }
    const auto design = document.parse();
    const auto modules = modules_of(document, design);
    const fs::path folder = values["rtl"].as<std::string>();
    make_folder(folder);
    for (const auto& module : modules) {
        sweeps::write_file_atomically(folder / (module.name + ".sv"), module.source);
        sweeps::write_file_atomically(folder / (module.name + "_tb.sv"), module.bench);
        sweeps::write_file_atomically(folder / (module.name + "_tb.hex"), module.vectors);
    }
    sweeps::write_file_atomically(folder / "README.md", accel::modules_readme(design, modules));
    const auto table = module_table(modules);
    print_result(values.count("json") > 0 ? sweeps::table_to_json(table).dump(2) + "\n"
                                          : sweeps::format_table(table));
    return success;
}

}  // namespace tilewright::cli
