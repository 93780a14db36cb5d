// SPDX-License-Identifier: Apache-2.0
// Whether what has been read of a question makes up a query.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "sweeps/questions/parse_question.hpp"
#include "sweeps/questions/question_parser.hpp"

namespace tilewright::sweeps {

void QuestionParser::finish() {
    if (negated_) throw QuestionError("\"not\" what? Say a value behind it");
    if (alternative_) throw QuestionError("\"or\", or \"vs\", what? Say a value behind it");
    if (extreme_) throw QuestionError(fmt::format("\"{}\" in what? {}", extreme_->text, say_order()));
    if (orders_ && !query_.order) throw QuestionError("\"top\" in what? " + say_order());
    if (query_.aggregate && query_.order && !orders_groups_) {
        throw QuestionError("an average of the first ones is not understood; allowed: --sql");
    }
    if (query_.order && !query_.limit && !query_.groups.empty()) {
        throw QuestionError(
            "sorted for each of a group is not understood; allowed: \"sorted by\", or so many "
            "\"for each\"");
    }
    finish_comparisons();
    finish_figures();
    finish_groups();
}

// "Fastest W4A4 vs W8A8": of each.
void QuestionParser::finish_comparisons() {
    if (!query_.count && !query_.aggregate && !(query_.order && query_.limit)) return;
    for (const auto column : compared_) {
        if (std::find(query_.groups.begin(), query_.groups.end(), column) == query_.groups.end()) {
            query_.groups.push_back(column);
        }
    }
}

// What an average or a number of designs does not show.
void QuestionParser::finish_figures() {
    if (!query_.aggregate && !query_.count) return;
    for (const auto column : query_.figures) {
        const bool grouped =
            std::find(query_.groups.begin(), query_.groups.end(), column) != query_.groups.end();
        const bool group =
            columns_[column].parameter() && query_.aggregate && query_.order && query_.groups.empty();
        if (grouped || group) continue;
        const auto allowed = columns_[column].parameter()
                                 ? fmt::format("\"for each {}\", or a value of it", name(column))
                                 : std::string("two questions");
        throw QuestionError(
            fmt::format("{} is not looked at in such a question; allowed: {}", name(column), allowed));
    }
}

// Points that do not compete are looked at apart; and "which format has the lowest average energy?"
void QuestionParser::finish_groups() {
    if (query_.aggregate && query_.order && query_.groups.empty()) {
        // "Which format has the lowest average energy?"
        std::copy_if(query_.figures.begin(), query_.figures.end(), std::back_inserter(query_.groups),
                     [this](std::size_t column) { return columns_[column].parameter(); });
        if (query_.groups.empty()) {
            throw QuestionError("an average of what? Say the parameter: \"for each " + name(0) + "\"");
        }
    }
    if (!query_.groups.empty() && !query_.aggregate && !query_.count && !query_.order) {
        throw QuestionError(
            fmt::format("what for each {}? Say \"highest\", \"lowest\", \"best\", "
                        "\"average\" or \"how many\"",
                        name(query_.groups.front())));
    }
    if (query_.count && query_.order && !query_.aggregate) {
        throw QuestionError("\"how many\" has no order; allowed: without \"highest\" and the like");
    }
    const bool picks = query_.order && query_.limit;
    for (std::size_t i = columns_.size(); i-- > 0;) {
        if (!columns_[i].apart || !(picks || query_.aggregate) || is_fixed(i)) continue;
        if (picks && is_sought(i)) continue;
        if (query_.aggregate && query_.order) {
            throw QuestionError(fmt::format("points that differ in {} do not compete; say which: {}", name(i),
                                            fmt::join(columns_[i].values, ", ")));
        }
        query_.groups.insert(query_.groups.begin(), i);
    }
}

// "Which network has the highest SQNR?" lets them compete.
bool QuestionParser::is_sought(std::size_t column) const {
    for (std::size_t i = 1; i < terms_.size(); ++i) {
        const bool sought = terms_[i - 1].text == "which" || terms_[i - 1].text == "what";
        if (sought && terms_[i].kind == TermKind::column && terms_[i].column == column) return true;
    }
    return false;
}

// To one value, or each of them is a group.
bool QuestionParser::is_fixed(std::size_t column) const {
    const auto fixes = [column](const Condition& condition) {
        return condition.column == column && condition.comparison == Comparison::equal &&
               condition.values.size() == 1;
    };
    return std::find(query_.groups.begin(), query_.groups.end(), column) != query_.groups.end() ||
           std::any_of(query_.conditions.begin(), query_.conditions.end(), fixes);
}

}  // namespace tilewright::sweeps
