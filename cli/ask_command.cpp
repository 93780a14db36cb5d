// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "accel/design/schema.hpp"
#include "cli/command.hpp"
#include "cli/loaded_study.hpp"
#include "sweeps/driver.hpp"
#include "sweeps/questions/parse_question.hpp"
#include "sweeps/questions/points_database.hpp"
#include "sweeps/questions/query.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

namespace {

sweeps::SweepOutcome results_of(const LoadedStudy& loaded, const std::string& store) {
    std::error_code error;
    if (std::filesystem::file_size(store, error) == 0 || error) {
        throw UsageError((error ? "there is no file " : "there is nothing in the file ") + store +
                         "; allowed: what tilewright sweep --store has written for this study");
    }
    auto outcome = sweeps::stored_results(
        loaded.study, store, build_identity(),
        [&loaded](const auto& point) { return design_of(loaded.base, point).canonical().dump(); });
    if (outcome.rows.empty()) {
        throw UsageError(store +
                         " has no result of this study from this program; allowed: run tilewright "
                         "sweep with --store " +
                         store + " first");
    }
    return outcome;
}

std::string names_of(const std::vector<sweeps::AskedColumn>& columns) {
    std::string names;
    for (const auto& column : columns) names += (names.empty() ? "" : ", ") + sweeps::sql_name(column.name);
    return names;
}

sweeps::Query query_of(const std::string& question, const std::vector<sweeps::AskedColumn>& columns) {
    try {
        return sweeps::parse_question(question, columns);
    } catch (const sweeps::QuestionError& error) {
        const auto near = accel::nearest_spelling(error.word(), error.allowed());
        auto sentence = std::string(error.what());
        if (!near.empty()) sentence += ", did you mean \"" + near + "\"?";
        if (!error.allowed().empty()) {
            sentence += "; a question is about " + names_of(columns) + " and their values";
        }
        throw UsageError(sentence);
    }
}

}  // namespace

int ask_command(const std::vector<std::string>& arguments) {
    po::options_description options("Options");
    options.add_options()("store", po::value<std::string>(), "SQLite file that tilewright sweep has filled")(
        "sql", "the question is a statement in SQL that reads the table \"points\"")(
        "json", "print statement and answer as JSON");
    po::variables_map values;
    if (!parse_options(arguments, "ask STUDY.json QUESTION --store F.db [OPTIONS]", options, "study", 2, 2,
                       values))
        return success;
    if (values.count("store") == 0) {
        throw UsageError("--store is missing; allowed: the file that tilewright sweep --store has filled");
    }
    const auto& words = values["study"].as<std::vector<std::string>>();
    const auto loaded = load_study(words[0]);
    const auto outcome = results_of(loaded, values["store"].as<std::string>());
    const auto table = sweeps::result_table(loaded.study, outcome);
    sweeps::ResultTable answer;
    std::string sql = words[1];
    std::optional<std::int64_t> misfits;  // that have the parameters which are asked for
    bool tells_misfits = false;
    const auto columns = sweeps::asked_columns(loaded.study, table);
    try {
        const sweeps::PointsDatabase points(table);
        if (values.count("sql") > 0) {
            answer = points.answer(sql);
        } else {
            const auto query = query_of(words[1], columns);
            sql = sweeps::to_sql(query, columns);
            answer = points.answer(sql);
            sweeps::add_units(answer, columns);
            if (query.fitting) {
                const auto count = points.answer(sweeps::misfits_sql(query, columns));
                misfits = count.rows.front().cells.front().get<std::int64_t>();
                // Where a number, an average or a whole group would be another one with them.
                const bool sums_up = query.count || query.aggregate || !query.groups.empty();
                tells_misfits = *misfits > 0 && (query.about_fitting || sums_up || answer.rows.empty());
            }
        }
    } catch (const sweeps::QueryError& error) {
        throw UsageError(fmt::format("{}; the table \"points\" has {}", error.what(), names_of(columns)));
    }

    if (values.count("json") > 0) {
        nlohmann::ordered_json document = {{"question", words[1]},
                                           {"sql", sql},
                                           {"points", outcome.points},
                                           {"points_with_result", outcome.rows.size()},
                                           {"answer", sweeps::table_to_json(answer)}};
        if (misfits) document["others_do_not_fit"] = *misfits;
        std::cout << document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n"
                  << std::flush;
    } else {
        std::cout << sql << "\n\n"
                  << (answer.rows.empty() ? "no design is like that\n" : sweeps::format_table(answer))
                  << std::flush;
    }
    if (tells_misfits) {
        std::cerr << fmt::format("tilewright: {} more with the parameters that are asked for {} not fit\n",
                                 *misfits, *misfits == 1 ? "does" : "do");
    }
    for (const auto& warning : outcome.warnings) std::cerr << "tilewright: " << warning << "\n";
    if (outcome.rows.size() < outcome.points) {
        std::cerr << fmt::format(
            "tilewright: {} of {} points have no result in the store, since they were not computed or "
            "failed, and are not looked at, nor for the Pareto front; tilewright sweep adds them or says "
            "why not\n",
            outcome.points - outcome.rows.size(), outcome.points);
    }
    return success;
}

}  // namespace tilewright::cli
