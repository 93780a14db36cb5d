// SPDX-License-Identifier: Apache-2.0
#include "sweeps/html_report.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sweeps/atomic_file.hpp"
#include "sweeps/html_assets.hpp"

namespace tilewright::sweeps {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Beyond this the notes say nothing that the table does not say better.
constexpr std::size_t maximum_notes = 100;

ordered_json chart_data(const HtmlReport& report) {
    ordered_json data;
    data["columns"] = ordered_json::array();
    for (const ResultColumn& column : report.table.columns)
        data["columns"].push_back({{"name", column.name}, {"unit", column.unit}});
    data["parameters"] = report.parameters;
    data["objectives"] = ordered_json::array();
    for (const ChartObjective& objective : report.objectives)
        data["objectives"].push_back({{"column", objective.column},
                                      {"goal", objective.goal == Goal::maximize ? "maximize" : "minimize"}});
    data["rows"] = ordered_json::array();
    data["pareto"] = ordered_json::array();
    data["status"] = ordered_json::array();
    data["competition"] = report.competition.empty() ? std::vector<std::size_t>(report.table.rows.size(), 0)
                                                     : report.competition;
    for (const ResultRow& row : report.table.rows) {
        data["rows"].push_back(row.cells);
        data["pareto"].push_back(row.pareto);
        data["status"].push_back(report.table.shows_status ? row.status : "ok");
    }
    return data;
}

bool is_numeric(const ResultTable& table, std::size_t column) {
    return std::all_of(table.rows.begin(), table.rows.end(), [&](const ResultRow& row) {
        return row.cells[column].is_number() || row.cells[column].is_null();
    });
}

std::string header_cell(const ResultColumn& column, bool numeric) {
    const std::string unit =
        column.unit.empty() ? "" : fmt::format(" <span class=\"unit\">[{}]</span>", escape_html(column.unit));
    return fmt::format("<th scope=\"col\"{}><button type=\"button\">{}{}</button></th>",
                       numeric ? " class=\"number\"" : "", escape_html(column.name), unit);
}

std::string body_row(const ResultTable& table, std::size_t index, const std::vector<bool>& numeric) {
    const ResultRow& row = table.rows[index];
    std::string html = fmt::format("<tr data-row=\"{}\"{}>", index, row.pareto ? " class=\"front\"" : "");
    if (table.shows_pareto)
        html += fmt::format("<td class=\"mark\" data-value=\"{}\">{}</td>", row.pareto ? 0 : 1,
                            row.pareto ? "<span title=\"on the Pareto front\">&#9733;</span>" : "");
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
        const json& cell = row.cells[c];
        const std::string text = escape_html(format_cell(cell));
        html += numeric[c] ? fmt::format("<td class=\"number\" data-value=\"{}\">{}</td>",
                                         cell.is_null() ? "" : cell.dump(), text)
                           : fmt::format("<td>{}</td>", text);
    }
    if (table.shows_status)
        html += fmt::format("<td class=\"status{}\" title=\"{}\">{}{}</td>", row.status == "ok" ? "" : " bad",
                            escape_html(row.message), escape_html(readable_status(row.status)),
                            row.message.empty() ? "" : ": " + escape_html(row.message));
    return html + "</tr>\n";
}

std::string table_html(const ResultTable& table) {
    std::vector<bool> numeric;
    for (std::size_t c = 0; c < table.columns.size(); ++c) numeric.push_back(is_numeric(table, c));
    std::string html = "<table id=\"results\"><thead><tr>";
    if (table.shows_pareto)
        html +=
            "<th scope=\"col\" class=\"mark\"><button type=\"button\" title=\"Pareto "
            "front\">&#9733;</button></th>";
    for (std::size_t c = 0; c < table.columns.size(); ++c) html += header_cell(table.columns[c], numeric[c]);
    if (table.shows_status)
        html += "<th scope=\"col\" class=\"status\"><button type=\"button\">status</button></th>";
    html += "</tr></thead>\n<tbody>\n";
    for (std::size_t r = 0; r < table.rows.size(); ++r) html += body_row(table, r, numeric);
    return html + "</tbody></table>";
}

std::size_t count_status(const ResultTable& table, const std::string& status) {
    return static_cast<std::size_t>(std::count_if(
        table.rows.begin(), table.rows.end(), [&](const ResultRow& row) { return row.status == status; }));
}

std::string counts_html(const ResultTable& table) {
    std::string html = "<ul class=\"counts\">";
    const auto add = [&](std::size_t count, const char* what) {
        html += fmt::format("<li><b>{}</b>{}</li>", count, what);
    };
    add(table.rows.size(), "points");
    if (table.shows_pareto)
        add(static_cast<std::size_t>(std::count_if(table.rows.begin(), table.rows.end(),
                                                   [](const ResultRow& row) { return row.pareto; })),
            "on the Pareto front");
    if (table.shows_status) {
        add(count_status(table, "does_not_fit"), "do not fit the device");
        add(count_status(table, "failed"), "failed");
    }
    return html + "</ul>\n";
}

// Why points have no result, in words: the reader should not have to find them in the table.
std::string notes_html(const HtmlReport& report, const std::string& status, const char* title) {
    const std::size_t total = count_status(report.table, status);
    if (total == 0) return "";
    std::string html = fmt::format("<section><details{}><summary>{} ({})</summary>\n<ul class=\"notes\">\n",
                                   total <= 12 ? " open" : "", title, total);
    std::size_t written = 0;
    for (const ResultRow& row : report.table.rows) {
        if (row.status != status || written == maximum_notes) continue;
        std::vector<std::string> labels;
        for (const std::size_t column : report.parameters)
            labels.push_back(
                escape_html(report.table.columns[column].name + " " + format_cell(row.cells[column])));
        html += fmt::format("<li><b>{}</b>: {}</li>\n", fmt::join(labels, ", "), escape_html(row.message));
        ++written;
    }
    if (written < total) html += fmt::format("<li>and {} more, see the table</li>\n", total - written);
    return html + "</ul></details></section>\n";
}

std::string no_chart_html(std::string_view style, std::string_view why) {
    return fmt::format(
        "<section><div class=\"bar\"><h2>Trade-off</h2></div><p class=\"{}\">No chart: {}.</p></section>\n",
        style, escape_html(why));
}

std::string chart_html(const HtmlReport& report) {
    std::string html = "<section><div class=\"bar\"><h2>Trade-off</h2>";
    html +=
        "<label>horizontal <select id=\"axis-x\"></select></label>"
        "<label>vertical <select id=\"axis-y\"></select></label>";
    html += fmt::format("<label{}>colour <select id=\"color\"></select></label></div>\n",
                        report.parameters.size() > 1 ? "" : " hidden");
    return html +
           "<div id=\"chart\" role=\"img\" aria-label=\"Scatter plot of the points; the table below has the "
           "same "
           "figures\"><noscript>The chart needs JavaScript; the table below does not.</noscript></div>\n"
           "<p class=\"hint\">Large outlined points are on the Pareto front of all objectives" +
           (report.compared_within.empty()
                ? ""
                : fmt::format(", among points with the same {}", escape_html(report.compared_within))) +
           "; the dashed line joins the front of the two that are shown.</p></section>\n";
}

bool wants_chart(const HtmlReport& report) {
    return report.objectives.size() >= 2 && !report.parameters.empty();
}

}  // namespace

std::string escape_html(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        switch (c) {
            case '&':
                escaped += "&amp;";
                break;
            case '<':
                escaped += "&lt;";
                break;
            case '>':
                escaped += "&gt;";
                break;
            case '"':
                escaped += "&quot;";
                break;
            case '\'':
                escaped += "&#39;";
                break;
            default:
                escaped += c;
        }
    }
    return escaped;
}

std::string json_for_script(const ordered_json& value) {
    // Only strings can hold these characters, and there the \u form means the same.
    std::string escaped;
    for (const char c : value.dump(-1, ' ', false, ordered_json::error_handler_t::replace)) {
        if (c == '<' || c == '>' || c == '&')
            escaped += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        else
            escaped += c;
    }
    return escaped;
}

HtmlReport make_html_report(const Study& study, const SweepOutcome& outcome, ordered_json provenance) {
    HtmlReport report;
    report.title = study.name;
    report.description = study.description;
    report.provenance = std::move(provenance);
    report.warnings = outcome.warnings;
    report.table = result_table(study, outcome);
    for (std::size_t p = 0; p < study.parameters.size(); ++p) report.parameters.push_back(p);
    for (std::size_t o = 0; o < study.objectives.size(); ++o)
        report.objectives.push_back({study.parameters.size() + o, study.objectives[o].goal});
    report.competition = competitions(study, outcome.rows);
    std::vector<std::string> within;
    within.reserve(study.compare_within.size());
    for (const std::size_t p : study.compare_within) within.push_back(study.parameters[p].name);
    report.compared_within = fmt::format("{}", fmt::join(within, ", "));
    return report;
}

RenderedHtml render_html_report(const HtmlReport& report, const std::filesystem::path& vega_folder) {
    std::optional<std::string> warning;
    std::string vega;
    if (wants_chart(report)) {
        try {
            vega = load_vega_library(vega_folder);
        } catch (const VegaError& error) {
            warning = error.what();
        }
    }
    std::string html = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{0}</title>\n"
        "<style>\n{1}</style>\n</head>\n<body>\n<main>\n<h1>{0}</h1>\n<p class=\"description\">{2}</p>\n",
        escape_html(report.title), assets::report_css, escape_html(report.description));
    html += counts_html(report.table);
    for (const std::string& sentence : report.warnings)
        html += fmt::format("<section><p class=\"notice\">{}</p></section>\n", escape_html(sentence));
    if (report.objectives.size() < 2) {
        html += no_chart_html("hint", "one objective has no trade-off");
    } else if (wants_chart(report)) {
        html += warning ? no_chart_html("notice", *warning) : chart_html(report);
    }
    html +=
        "<section><div class=\"bar\"><h2>Results</h2><span id=\"shown\" class=\"hint\"></span>"
        "<label id=\"filter-label\" hidden>filter <input id=\"filter\" type=\"search\" "
        "placeholder=\"words, all must occur\"></label></div>\n<div class=\"scroll\">";
    html += table_html(report.table);
    html += "</div></section>\n";
    html += notes_html(report, "does_not_fit", "Points that do not fit");
    html += notes_html(report, "failed", "Points that failed");
    html += fmt::format(
        "<section><details><summary>Provenance</summary><pre>{}</pre></details></section>\n</main>\n",
        escape_html(report.provenance.dump(2, ' ', false, ordered_json::error_handler_t::replace)));
    html += fmt::format("<script type=\"application/json\" id=\"data\">{}</script>\n<script>\n{}</script>\n",
                        json_for_script(chart_data(report)), assets::table_js);
    if (!vega.empty())
        html += fmt::format("<script>\n{}</script>\n<script>\n{}</script>\n", vega, assets::chart_js);
    html += "</body>\n</html>\n";
    return {std::move(html), std::move(warning)};
}

std::optional<std::string> write_html_report(const std::filesystem::path& path, const HtmlReport& report,
                                             const std::filesystem::path& vega_folder) {
    RenderedHtml rendered = render_html_report(report, vega_folder);
    write_file_atomically(path, rendered.html);
    return rendered.warning;
}

}  // namespace tilewright::sweeps
