// SPDX-License-Identifier: Apache-2.0
// Questions in plain English: answers against the rows themselves, and what is refused.
#include <algorithm>
#include <functional>
#include <map>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <rapidcheck.h>

#include "sweeps/driver.hpp"
#include "sweeps/questions/parse_question.hpp"
#include "sweeps/questions/points_database.hpp"
#include "sweeps/questions/query.hpp"
#include "tests/sweeps/fake_study.hpp"

using namespace tilewright::sweeps;
using Catch::Contains;
using nlohmann::json;

namespace {

// The fake study with a parameter that can be none, labels in parts, and numbers written as text.
struct Asked {
    Study study;
    SweepOutcome outcome;
    ResultTable table;
    std::vector<AskedColumn> columns;

    Asked() {
        auto document = testing::study_document();
        document["objectives"][1]["unit"] = "J/token";
        const auto place = [](const char* label, const char* pointer) {
            return json{{"label", label}, {"set", {{pointer, label}}}};
        };
        document["parameters"].push_back(
            {{"name", "fusion"}, {"pointer", "/mapping/fusion"}, {"values", {"none", "fine_grained"}}});
        document["parameters"].push_back({{"name", "unit"},
                                          {"values",
                                           {place("DSP, 32x32", "/u"), place("DSP, 32x64", "/u"),
                                            place("LUT, 32x64", "/u"), place("none", "/u")}}});
        document["parameters"].push_back(
            {{"name", "vector lanes"}, {"values", {place("32", "/l"), place("64", "/l")}}});
        document["parameters"].push_back(
            {{"name", "link"}, {"values", {place("on", "/k"), place("off", "/k")}}});
        document["columns"].push_back({{"name", "area"}, {"metric", "/resources/lut/fraction"}});
        study = parse_study(document);
        outcome = run_sweep(study, testing::quiet(), testing::fake_evaluation, testing::fake_key);
        table = result_table(study, outcome);
        columns = asked_columns(study, table);
    }

    std::string sql(const std::string& question) const {
        return to_sql(parse_question(question, columns), columns);
    }
    json ask(const std::string& question) const {
        return table_to_json(PointsDatabase(table).answer(sql(question)));
    }
    // The rows themselves, with their status.
    std::vector<json> rows(const std::function<bool(const json&)>& chosen) const {
        std::vector<json> result;
        for (const auto& row : table_to_json(table)) {
            if (chosen(row)) result.push_back(row);
        }
        return result;
    }
};

const Asked& asked() {
    static const Asked all;
    return all;
}

bool ok(const json& row) {
    return row.at("status") == "ok";
}

// Of each answer the cells that the row has.
bool same_points(const json& answer, const std::vector<json>& rows) {
    if (answer.size() != rows.size()) return false;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        for (const auto& [name, cell] : answer[i].items()) {
            // The database stores text that is a number as one.
            const auto text =
                rows[i].at(name).is_string() ? rows[i].at(name).get<std::string>() : rows[i].at(name).dump();
            if (cell != rows[i].at(name) && label_of(cell) != text) return false;
        }
    }
    return true;
}

std::string refusal(const std::string& question) {
    try {
        return "understood: " + asked().sql(question);
    } catch (const QuestionError& error) {
        return error.what();
    }
}

}  // namespace

TEST_CASE("a question chooses the points that it describes", "[questions]") {
    const auto& all = asked();
    const auto check = [&](const std::string& question, const std::function<bool(const json&)>& chosen) {
        CAPTURE(question, all.sql(question));
        const auto rows = all.rows(chosen);
        CHECK(!rows.empty());
        CHECK(rows.size() < all.table.rows.size());
        CHECK(same_points(all.ask(question), rows));
    };
    check("Which W4A4 designs are there?",
          [](const json& row) { return ok(row) && row.at("format") == "W4A4"; });
    check("show W4A4 and w8a8 with tile 16 or 32", [](const json& row) {
        return ok(row) && row.at("format") != "W16A16" && (row.at("tile") == 16 || row.at("tile") == 32);
    });
    check("designs with energy under 200 mJ per token",
          [](const json& row) { return ok(row) && row.at("energy").get<double>() < 0.2; });
    check("at least 20 tokens/s and energy not above 0.15 J", [](const json& row) {
        return ok(row) && row.at("throughput").get<double>() >= 20 && row.at("energy").get<double>() <= 0.15;
    });
    check("faster than 30 tokens per second",
          [](const json& row) { return ok(row) && row.at("throughput").get<double>() > 30; });
    check("energy between 0.1 and 0.2 J", [](const json& row) {
        return ok(row) && row.at("energy").get<double>() >= 0.1 && row.at("energy").get<double>() <= 0.2;
    });
    check("luts <= 20% but not W4A4", [](const json& row) {
        return ok(row) && row.at("luts").get<double>() <= 0.2 && row.at("format") != "W4A4";
    });
    check("less than 600 DSP without fusion", [](const json& row) {
        return ok(row) && row.at("DSP").get<double>() < 600 && row.at("fusion") == "none";
    });
    check("with fusion, port = 512", [](const json& row) {
        return ok(row) && row.at("fusion") == "fine_grained" && row.at("port") == 512;
    });
    check("fine-grained fusion and 64 vector lanes", [](const json& row) {
        return ok(row) && row.at("fusion") == "fine_grained" && row.at("vector lanes") == "64";
    });
    check("vector lanes above 32", [](const json& row) { return ok(row) && row.at("vector lanes") == "64"; });
    // Parts of a label: both hold if they can.
    check("32x64 unit", [](const json& row) {
        return ok(row) && (row.at("unit") == "DSP, 32x64" || row.at("unit") == "LUT, 32x64");
    });
    check("32x64 LUT unit", [](const json& row) { return ok(row) && row.at("unit") == "LUT, 32x64"; });
    check("not under 0.15 J",
          [](const json& row) { return ok(row) && row.at("energy").get<double>() >= 0.15; });
    // A word of every question is a value behind its parameter only.
    check("link on", [](const json& row) { return ok(row) && row.at("link") == "on"; });
    check("W4A4 on the Pareto front", [](const json& row) {
        return ok(row) && row.at("format") == "W4A4" && row.at("pareto").get<bool>();
    });
    check("unit none", [](const json& row) { return ok(row) && row.at("unit") == "none"; });
    check("Which points do not fit?", [](const json& row) { return row.at("status") == "does_not_fit"; });
    check("which are Pareto-optimal?",
          [](const json& row) { return ok(row) && row.at("pareto").get<bool>(); });
    check("W8A8 but not on the Pareto front", [](const json& row) {
        return ok(row) && row.at("format") == "W8A8" && !row.at("pareto").get<bool>();
    });
}

TEST_CASE("a question puts points in order", "[questions]") {
    const auto& all = asked();
    const auto check = [&](const std::string& question, std::size_t count, const char* by, bool descending,
                           const std::function<bool(const json&)>& chosen) {
        CAPTURE(question, all.sql(question));
        auto rows = all.rows(chosen);
        std::stable_sort(rows.begin(), rows.end(), [&](const json& a, const json& b) {
            const auto one = a.at(by).get<double>();
            const auto other = b.at(by).get<double>();
            return descending ? one > other : one < other;
        });
        REQUIRE(rows.size() > count);
        if (count > 0) rows.resize(count);
        CHECK(same_points(all.ask(question), rows));
    };
    const auto w8a8 = [](const json& row) { return ok(row) && row.at("format") == "W8A8"; };
    check("What is the fastest design?", 1, "throughput", true, ok);
    check("the slowest W8A8 design", 1, "throughput", false, w8a8);
    check("Which design has the lowest energy per token?", 1, "energy", false, ok);
    check("the 7 most efficient", 7, "energy", false, ok);
    check("three best W8A8 designs in energy", 3, "energy", false, w8a8);
    check("worst throughput", 1, "throughput", true, [](const json& row) {
        // The rows above are sorted: the worst is the last one of them.
        return ok(row) && row.at("throughput") == asked().ask("slowest")[0].at("throughput");
    });
    check("energy lowest", 1, "energy", false, ok);
    check("energy above -5 J, energy lowest", 1, "energy", false, ok);
    check("top 5 by luts", 5, "luts", false, ok);
    check("top 4 throughput", 4, "throughput", true, ok);
    check("W8A8 sorted by energy, descending", 0, "energy", true, w8a8);
    check("fewest DSP", 1, "DSP", false, ok);
    check("how many DSP has the fastest design?", 1, "throughput", true, ok);
    check("which has the most tokens per second", 1, "throughput", true, ok);
}

TEST_CASE("a question counts, averages and looks at groups", "[questions]") {
    const auto& all = asked();
    CHECK(all.ask("how many designs?")[0].at("designs") == all.rows(ok).size());
    CHECK(
        all.ask("number of W4A4 designs with tile 8")[0].at("designs") ==
        all.rows([](const json& row) { return ok(row) && row.at("format") == "W4A4" && row.at("tile") == 8; })
            .size());

    std::map<std::pair<std::string, int>, std::vector<json>> groups;
    for (const auto& row : all.rows(ok)) groups[{row.at("format"), row.at("tile")}].push_back(row);
    const auto averages = all.ask("average energy for each format and tile");
    REQUIRE(averages.size() == groups.size());
    for (const auto& answer : averages) {
        const auto& rows = groups.at({answer.at("format"), answer.at("tile")});
        double sum = 0;
        for (const auto& row : rows) sum += row.at("energy").get<double>();
        CHECK(answer.at("designs") == rows.size());
        CHECK(answer.at("average energy").get<double>() ==
              Approx(sum / static_cast<double>(rows.size())).epsilon(1e-12));
    }
    const auto fastest = all.ask("two fastest for each format and tile");
    REQUIRE(fastest.size() == 2 * groups.size());
    for (std::size_t i = 0; i < fastest.size(); i += 2) {
        auto rows = groups.at({fastest[i].at("format"), fastest[i].at("tile")});
        std::stable_sort(rows.begin(), rows.end(), [](const json& a, const json& b) {
            return a.at("throughput").get<double>() > b.at("throughput").get<double>();
        });
        CHECK(same_points(json{fastest[i], fastest[i + 1]}, {rows[0], rows[1]}));
    }
    // Groups come in the order of the table, not of the alphabet.
    CHECK(averages.front().at("format") == "W4A4");
    CHECK(averages.back().at("format") == "W16A16");
    const auto lowest = all.ask("Which format has the lowest average energy?");
    REQUIRE(lowest.size() == 1);
    CHECK(lowest[0].at("format") == "W4A4");
    const auto misfits = all.ask("how many do not fit, by format");
    REQUIRE(misfits.size() == 2);
    CHECK(misfits[0].at("designs").get<std::size_t>() + misfits[1].at("designs").get<std::size_t>() ==
          all.rows([](const json& row) { return row.at("status") == "does_not_fit"; }).size());
}

TEST_CASE("what a question leaves open is asked back", "[questions]") {
    CHECK_THAT(refusal("which dsign is fastest"), Contains("\"dsign\" is not understood"));
    CHECK_THAT(refusal("best"), Contains("\"best\" in what?") && Contains("throughput, energy, luts, DSP"));
    CHECK_THAT(refusal("none"), Contains("\"fusion none\" or \"unit none\""));
    CHECK_THAT(refusal("tile 12"), Contains("tile has no value 12; it has 8, 16, 32, 64"));
    CHECK_THAT(refusal("energy under 5 tokens/s"), Contains("not in the unit of energy, which is J/token"));
    CHECK_THAT(refusal("under 5"), Contains("of what?"));
    CHECK_THAT(refusal("energy under"), Contains("compared with no number"));
    CHECK_THAT(refusal("format under 5"), Contains("format is no number; it is one of W4A4, W8A8, W16A16"));
    CHECK_THAT(refusal("highest throughput and lowest energy"), Contains("on the Pareto front"));
    CHECK_THAT(refusal("best DSP"), Contains("does not say which DSP is better"));
    CHECK_THAT(refusal("throughput by format"), Contains("what for each format?"));
    CHECK_THAT(refusal("fastest for each energy"), Contains("allowed: a parameter"));
    CHECK_THAT(refusal("W4A4 or energy under 1"), Contains("\"or\" is understood between values"));
    CHECK_THAT(refusal("without format"), Contains("format cannot be none"));
    CHECK_THAT(refusal("top 0 by energy"), Contains("no number of designs"));
    CHECK_THAT(refusal("top 5"), Contains("\"top\" in what?"));
    CHECK_THAT(refusal("average"), Contains("\"average\" of what?"));
    CHECK_THAT(refusal("not fastest"), Contains("\"not fastest\" is not understood"));
    CHECK_THAT(refusal("energy under 0.2 J, W4A4, lowest"), Contains("\"lowest\" in what?"));
    CHECK_THAT(refusal("area under 30"), Contains("area is a fraction, up to 1; allowed: 30 %"));
    CHECK_THAT(refusal("tile 16, 64"), Contains("64 of what?"));
    CHECK_THAT(refusal("DSP under 1,000"), Contains("000 of what?"));
    CHECK_THAT(refusal("energy under and 5"), Contains("compared with no number"));
    CHECK_THAT(refusal("not"), Contains("\"not\" what?"));
    CHECK_THAT(refusal("what is the"), Contains("names nothing of the study"));
    CHECK_THAT(refusal(""), Contains("names nothing of the study"));
}

namespace {

// A query, and a question that asks for it.
struct Phrased {
    Query query;
    std::string question;
};

std::string number_text(int hundredths) {
    return fmt::format("{}", hundredths / 100.0);
}

Phrased phrased() {
    const auto& columns = asked().columns;
    const auto pick = [](std::size_t count) { return *rc::gen::inRange<std::size_t>(0, count); };
    const auto one_of = [&](const std::vector<std::string>& words) { return words[pick(words.size())]; };
    Phrased result;
    auto& query = result.query;
    std::string& text = result.question;
    static const std::vector<std::pair<Comparison, std::vector<std::string>>> comparisons = {
        {Comparison::less, {"under", "below", "less than", "<"}},
        {Comparison::at_most, {"at most", "no more than", "<=", "not above"}},
        {Comparison::greater, {"over", "above", "more than", ">"}},
        {Comparison::at_least, {"at least", "no less than", ">=", "not below"}}};
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (pick(3) != 0) continue;
        if (!columns[i].parameter()) {
            const auto& [comparison, words] = comparisons[pick(comparisons.size())];
            const int number = *rc::gen::inRange(0, columns[i].fraction() ? 101 : 10000);
            query.conditions.push_back({i, comparison, number / 100.0, {}});
            text += fmt::format("{} {} {} {}, ", columns[i].name, one_of({"is", "", "that is"}),
                                one_of(words), number_text(number));
        } else {
            const bool negated = pick(4) == 0;
            const auto& value = columns[i].values[pick(columns[i].values.size())];
            query.conditions.push_back({i, negated ? Comparison::different : Comparison::equal, 0, {value}});
            text += fmt::format("{} {} {} and ", columns[i].name, negated ? "not" : one_of({"", "is", "="}),
                                value);
        }
    }
    if (pick(3) == 0) {
        query.pareto = true;
        text += "on the Pareto front ";
    }
    std::vector<std::size_t> figures;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (!columns[i].parameter()) figures.push_back(i);
    }
    const auto figure = figures[pick(figures.size())];
    const bool descending = pick(2) == 0;
    switch (pick(4)) {
        case 0:
            query.order = Order{figure, descending};
            query.limit = 1 + pick(9);
            text += fmt::format("the {} {} {}", *query.limit, descending ? "highest" : "lowest",
                                columns[figure].name);
            break;
        case 1:
            query.aggregate = AggregatedColumn{Aggregate::average, figure};
            text += "average " + columns[figure].name;
            break;
        case 2:
            query.count = true;
            text += "how many designs";
            break;
        default:
            return result;
    }
    if (pick(2) == 0) {
        const auto group = pick(asked().study.parameters.size());
        query.groups.push_back(group);
        text += one_of({" for each ", " by ", " per "}) + columns[group].name;
    }
    return result;
}

}  // namespace

TEST_CASE("a question is read as it was meant", "[questions]") {
    CHECK(rc::check([] {
        const auto all = phrased();
        if (all.question.empty()) return;
        // A "=" of SQL text needs no figure that is shown.
        RC_ASSERT(asked().sql(all.question) == to_sql(all.query, asked().columns));
    }));
}

TEST_CASE("any words are an answer or a sentence", "[questions]") {
    const std::vector<std::string> words = {
        "W4A4",    "none",    "tile",    "energy",  "throughput", "fusion",     "16",   "0.5",   "J",
        "under",   "at",      "least",   "between", "and",        "or",         "not",  "best",  "highest",
        "fastest", "average", "how",     "many",    "for",        "each",       "by",   "top",   "pareto",
        "do",      "fit",     "without", "with",    "sorted",     "descending", "DSP",  "32x64", "%",
        "five",    "the",     "unit",    ",",       "format",     "faster",     "than", "count", "vector",
        "lanes",   "luts",    "most",    "5",       "exactly"};
    int answers = 0;
    CHECK(rc::check([&] {
        const auto chosen =
            *rc::gen::resize(8, rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(words)));
        const auto question = fmt::format("{}", fmt::join(chosen, " "));
        try {
            asked().ask(question);
            ++answers;
        } catch (const QuestionError& error) {
            RC_ASSERT(std::string(error.what()).size() > 10);
        }
    }));
    CHECK(answers > 0);
}

TEST_CASE("statements of people read the table and change nothing", "[questions]") {
    ResultTable table;
    table.shows_pareto = table.shows_status = true;
    table.columns = {{"a \"b\"", "J"}, {"it's", ""}};
    table.rows = {{{1.5, "x, 'y'"}, true, "ok", ""}, {{nullptr, "2"}, false, "does_not_fit", "12 of 10"}};
    const PointsDatabase database(table);
    const auto rows = table_to_json(database.answer(R"(SELECT *, "a ""b""" * 2 AS twice FROM points;)"));
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].at("a \"b\"") == 1.5);
    CHECK(rows[0].at("it's") == "x, 'y'");
    CHECK(rows[0].at("twice") == 3.0);
    CHECK(rows[0].at("pareto") == 1);
    CHECK(rows[1].at("a \"b\"").is_null());
    CHECK(rows[1].at("message") == "12 of 10");
    CHECK(database.answer("SELECT \"a \"\"b\"\"\" FROM points").columns[0].unit == "J");
    for (const auto* statement :
         {"DELETE FROM points", "DROP TABLE points", "SELECT 1; SELECT 2", "", "SELEC",
          "SELECT nothing FROM points", "ATTACH 'f.db' AS f", "PRAGMA user_version = 3"}) {
        CAPTURE(statement);
        CHECK_THROWS_AS(database.answer(statement), QueryError);
    }
    CHECK(database.answer("SELECT * FROM points").rows.size() == 2);
    table.columns = {{"DSP", ""}, {"dsp", ""}};
    CHECK_THROWS_AS(PointsDatabase(table), QueryError);
}
