// SPDX-License-Identifier: Apache-2.0
#include "sweeps/vega_library.hpp"

#include <array>
#include <fstream>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

#include "sweeps/html_assets.hpp"

namespace tilewright::sweeps {
namespace {

struct Module {
    std::string_view name;  // as other modules ask for it
    std::string_view file;
};

// In the order of their dependencies.
constexpr std::array<Module, 19> modules{{
    {"vega-util", "vega-util.min.js"},
    {"vega-time", "vega-time.min.js"},
    {"vega-format", "vega-format.min.js"},
    {"vega-loader", "vega-loader.min.js"},
    {"vega-canvas", "vega-canvas.min.js"},
    {"vega-statistics", "vega-statistics.min.js"},
    {"vega-scale", "vega-scale.min.js"},
    {"vega-dataflow", "vega-dataflow.min.js"},
    {"vega-expression", "vega-expression.min.js"},
    {"vega-event-selector", "vega-event-selector.min.js"},
    {"vega-scenegraph", "vega-scenegraph.min.js"},
    {"vega-selections", "vega-selection.min.js"},
    {"vega-functions", "vega-functions.min.js"},
    {"vega-runtime", "vega-runtime.min.js"},
    {"vega-transforms", "vega-transforms.min.js"},
    {"vega-view-transforms", "vega-view-transforms.min.js"},
    {"vega-encode", "vega-encode.min.js"},
    {"vega-parser", "vega-parser.min.js"},
    {"vega-view", "vega-view.min.js"},
}};

std::string read_module(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    if (!stream || !(text << stream.rdbuf()))
        throw VegaError(
            fmt::format("cannot read {} of the Vega charting library; install Debian's package libjs-vega",
                        file.string()));
    std::string script = text.str();
    // The maps stay behind in the package.
    const std::size_t map = script.rfind("\n//# sourceMappingURL=");
    if (map != std::string::npos) script.erase(map);
    // Inside a string or a regular expression, the only places where it can stand, both mean the same.
    for (std::size_t at = script.find("</script"); at != std::string::npos;
         at = script.find("</script", at + 3))
        script.replace(at, 2, "<\\/");
    return script;
}

}  // namespace

std::filesystem::path default_vega_folder() {
    return TILEWRIGHT_VEGA_FOLDER;
}

std::string load_vega_library(const std::filesystem::path& folder) {
    if (folder.empty())
        throw VegaError(
            "no Vega charting library was found when this program was configured; "
            "install Debian's package libjs-vega and configure again");
    std::string library = "/*\n" + std::string(assets::vega_license) + "*/\n";
    library += assets::vega_loader_begin;
    for (const Module& module : modules)
        library += fmt::format("load(\"{}\", function (define, module, exports) {{\n{}\n}});\n", module.name,
                               read_module(folder / module.file));
    library += assets::vega_loader_end;
    return library;
}

}  // namespace tilewright::sweeps
