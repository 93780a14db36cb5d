// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "sweeps/atomic_file.hpp"
#include "sweeps/html_report.hpp"
#include "tests/sweeps/fake_study.hpp"

using namespace tilewright::sweeps;
using Catch::Matchers::Contains;

namespace {

HtmlReport example(const std::string& title = "study") {
    HtmlReport report;
    report.title = title;
    report.table.columns = {{"format", ""}, {"throughput", "tokens/s"}, {"energy", "J"}};
    report.table.shows_pareto = true;
    report.table.shows_status = true;
    report.table.rows.push_back({{"W4A4", 7.5, 0.2}, true, "ok", ""});
    report.table.rows.push_back(
        {{"</script><b>", nullptr, nullptr}, false, "does_not_fit", "2110 DSP > 1968"});
    report.parameters = {0};
    report.objectives = {{1, Goal::maximize}, {2, Goal::minimize}};
    report.provenance = {{"version", "<1>"}};
    return report;
}

std::size_t count(const std::string& text, const std::string& wanted) {
    std::size_t found = 0;
    for (std::size_t at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) ++found;
    return found;
}

// A stand-in for the library's folder, so that the page can be tested where Vega is not installed.
void fill_with_modules(const std::filesystem::path& folder) {
    for (const char* name : {"util", "time", "format", "loader", "canvas", "statistics", "scale", "dataflow",
                             "expression", "event-selector", "scenegraph", "selection", "functions",
                             "runtime", "transforms", "view-transforms", "encode", "parser", "view"})
        std::ofstream(folder / fmt::format("vega-{}.min.js", name))
            << "var tag = '</script>';\n//# sourceMappingURL=vega.map\n";
}

}  // namespace

TEST_CASE("text is escaped for HTML and for scripts", "[sweeps]") {
    CHECK(escape_html("<a href='x'>\"&\"</a>") == "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;&lt;/a&gt;");
    const nlohmann::ordered_json value = {{"</script><!--", "a & b > c"}};
    const std::string text = json_for_script(value);
    CHECK(text.find_first_of("<>&") == std::string::npos);
    CHECK(nlohmann::ordered_json::parse(text) == value);
    CHECK_NOTHROW(json_for_script("\xff not UTF-8"));
}

TEST_CASE("the HTML report escapes what it is given and its data reads back", "[sweeps]") {
    const testing::ScratchFolder folder;
    fill_with_modules(folder.path());
    const HtmlReport report = example("<script>alert('x')</script> & co");
    const RenderedHtml rendered = render_html_report(report, folder.path());
    CHECK_FALSE(rendered.warning);
    const std::string& html = rendered.html;
    CHECK_THAT(html, Contains("<title>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; co</title>"));
    CHECK_THAT(html, Contains("&lt;/script&gt;&lt;b&gt;"));
    CHECK_THAT(html, Contains("2110 DSP &gt; 1968"));
    CHECK_THAT(html, Contains("&lt;1&gt;"));
    CHECK(html.find("alert('x')") == std::string::npos);
    CHECK(html.find("sourceMappingURL") == std::string::npos);
    CHECK(count(html, "<script") == count(html, "</script>"));
    CHECK(count(html, "</script>") == 4);  // data, table, Vega, chart
    CHECK(count(html, "<tr data-row=") == 2);

    const std::string opening = "<script type=\"application/json\" id=\"data\">";
    const std::size_t begin = html.find(opening) + opening.size();
    const nlohmann::json data =
        nlohmann::json::parse(html.substr(begin, html.find("</script>", begin) - begin));
    CHECK(data["rows"] == nlohmann::json::parse(R"([["W4A4",7.5,0.2],["</script><b>",null,null]])"));
    CHECK(data["objectives"][0] == nlohmann::json{{"column", 1}, {"goal", "maximize"}});
    CHECK(data["pareto"] == nlohmann::json{true, false});
    CHECK(data["competition"] == nlohmann::json{0, 0});
}

TEST_CASE("the HTML report needs nothing from the network", "[sweeps]") {
    const std::string html = render_html_report(example()).html;
    for (const char* reference : {" src=", "<link", "@import", "url(http"})
        CHECK(html.substr(0, html.find("<script")).find(reference) == std::string::npos);
    CHECK(html.find("<script src") == std::string::npos);
}

TEST_CASE("without Vega there is a table and a reason", "[sweeps]") {
    const testing::ScratchFolder folder;
    const std::filesystem::path vega = GENERATE("/nonexistent/vega", "");
    const RenderedHtml rendered = render_html_report(example(), vega);
    REQUIRE(rendered.warning);
    CHECK_THAT(*rendered.warning, Contains("libjs-vega"));
    CHECK_THAT(rendered.html, Contains("No chart:") && Contains("<tr data-row=\"1\"") && Contains("7.5"));
    CHECK(rendered.html.find("vega-parser") == std::string::npos);
    CHECK(write_html_report(folder / "x.html", example(), vega) == rendered.warning);
    CHECK(testing::read_file(folder / "x.html") == rendered.html);
    CHECK_THROWS_AS(write_html_report(folder / "missing/x.html", example(), vega), FileError);
}

TEST_CASE("with one objective there is no chart and no complaint, and the page says why", "[sweeps]") {
    HtmlReport report = example();
    report.objectives.pop_back();
    const RenderedHtml rendered = render_html_report(report, "/nonexistent/vega");
    CHECK_FALSE(rendered.warning);
    CHECK(rendered.html.find("id=\"chart\"") == std::string::npos);
    CHECK(rendered.html.find("No chart: one objective has no trade-off.") != std::string::npos);
}
