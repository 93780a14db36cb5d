// SPDX-License-Identifier: Apache-2.0
// Questions that are made from what they mean, any words, and statements of people.
#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <rapidcheck.h>

#include "tests/sweeps/asked_study.hpp"

using namespace tilewright::sweeps;
using nlohmann::json;
using testing::asked;

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
    for (const auto* statement :
         {"DELETE FROM points", "DROP TABLE points", "SELECT 1; SELECT 2", "", "SELEC",
          "SELECT nothing FROM points", "SELECT 1 AS a, 2 AS a", "SELECT \"nothing\" FROM points",
          "ATTACH 'f.db' AS f", "PRAGMA user_version = 3"}) {
        CAPTURE(statement);
        CHECK_THROWS_AS(database.answer(statement), QueryError);
    }
    CHECK(database.answer("SELECT * FROM points").rows.size() == 2);
    table.columns = {{"DSP", ""}, {"dsp", ""}};
    CHECK_THROWS_AS(PointsDatabase(table), QueryError);
}
