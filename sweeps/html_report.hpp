// SPDX-License-Identifier: Apache-2.0
// A sweep's results as one HTML file that opens anywhere, without a network.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweeps/driver.hpp"
#include "sweeps/study.hpp"
#include "sweeps/table.hpp"
#include "sweeps/vega_library.hpp"

namespace tilewright::sweeps {

// A table column with numbers to plot, and which way is better.
struct ChartObjective {
    std::size_t column = 0;
    Goal goal = Goal::minimize;
};

struct HtmlReport {
    std::string title;
    std::string description;
    nlohmann::ordered_json provenance;  // shown as it is: versions, configuration, dates
    std::vector<std::string> warnings;  // sentences above the chart
    ResultTable table;
    std::vector<std::size_t> parameters;     // columns that points may be coloured by; the first at the start
    std::vector<ChartObjective> objectives;  // the first two are the axes at the start; fewer: no chart
    std::vector<std::size_t> competition;    // by row: those with the same number compete; empty: all
    std::string compared_within;             // what these have in common, in words; may be empty
};

// The report of a sweep, ready to be written.
HtmlReport make_html_report(const Study& study, const SweepOutcome& outcome,
                            nlohmann::ordered_json provenance);

struct RenderedHtml {
    std::string html;
    std::optional<std::string> warning;  // why there is no chart, if one was to be drawn
};

// The whole file as text. If Vega is not to be had, the page says so and has the table without the chart.
RenderedHtml render_html_report(const HtmlReport& report,
                                const std::filesystem::path& vega_folder = default_vega_folder());

// Renders and writes. Returns the warning for people, if any; throws FileError if the file cannot be written.
std::optional<std::string> write_html_report(
    const std::filesystem::path& path, const HtmlReport& report,
    const std::filesystem::path& vega_folder = default_vega_folder());

// Text for an element or a quoted attribute.
std::string escape_html(std::string_view text);

// JSON for inside a <script> element: no "<", ">" or "&" is left that HTML could read.
std::string json_for_script(const nlohmann::ordered_json& value);

}  // namespace tilewright::sweeps
