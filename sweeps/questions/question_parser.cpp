// SPDX-License-Identifier: Apache-2.0
#include "sweeps/questions/question_parser.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "sweeps/questions/parse_question.hpp"

namespace tilewright::sweeps {

Query QuestionParser::parse() {
    if (std::all_of(terms_.begin(), terms_.end(),
                    [](const Term& term) { return term.kind == TermKind::filler; })) {
        throw QuestionError("the question names nothing of the study; it is about " + names_of_all());
    }
    while (at_ < terms_.size()) parse_term();
    finish();
    return query_;
}

std::string QuestionParser::names_of_all() const {
    std::vector<std::string> names;
    for (const auto& column : columns_) names.push_back(column.name);
    return fmt::format("{}", fmt::join(names, ", "));
}

std::string QuestionParser::names_of_figures() const {
    std::vector<std::string> names;
    for (const auto& column : columns_) {
        if (!column.parameter() && column.numeric) names.push_back(column.name);
    }
    return fmt::format("{}", fmt::join(names, ", "));
}

// Another one, with or without an "and" before it; the "and" is taken only if it is there.
bool QuestionParser::next_of_list(TermKind kind) {
    const auto here = at_;
    while (next_is(TermKind::connective)) take();
    if (next_is(kind)) return true;
    at_ = here;
    return false;
}

// The next term that is no filler; null behind the last.
const Term* QuestionParser::look() {
    while (at_ < terms_.size() && terms_[at_].kind == TermKind::filler) ++at_;
    return at_ < terms_.size() ? &terms_[at_] : nullptr;
}

void QuestionParser::parse_term() {
    if (look() == nullptr) return;
    const auto& term = take();
    const bool negated = std::exchange(negated_, false);
    if (negated && term.kind != TermKind::column && term.kind != TermKind::value &&
        term.kind != TermKind::number && term.kind != TermKind::comparison && term.kind != TermKind::pareto) {
        throw QuestionError(
            fmt::format("\"not {}\" is not understood; allowed: a value, a comparison or "
                        "the Pareto front behind \"not\"",
                        term.text));
    }
    switch (term.kind) {
        case TermKind::column:
            return parse_column(term.column, negated);
        case TermKind::value:
            return parse_value(term, negated);
        case TermKind::number:
            return parse_number(term, negated);
        case TermKind::comparison:
            return parse_comparison(term, negated);
        case TermKind::extreme:
            return parse_extreme(term);
        case TermKind::aggregate:
            return parse_aggregate(term);
        case TermKind::count:
            // "How many DSP has it" is no question for a number of designs.
            if (next_is(TermKind::column) && !columns_[terms_[at_].column].parameter()) return;
            query_.count = true;
            return;
        case TermKind::group:
            return parse_groups(term);
        case TermKind::by:
            return orders_ ? parse_order(term) : parse_groups(term);
        case TermKind::sort:
            return parse_order(term);
        case TermKind::direction:
            if (!query_.order) throw QuestionError(fmt::format("\"{}\" what? {}", term.text, say_order()));
            query_.order->descending = term.descending;
            return;
        case TermKind::top:
            orders_ = true;
            query_.limit = next_is(TermKind::number) ? count_of(take()) : 1;
            return;
        case TermKind::pareto:
            query_.pareto = !negated;
            return;
        case TermKind::misfit:
            query_.fitting = false;
            return;
        case TermKind::negation:
            negated_ = true;
            return;
        case TermKind::without:
        case TermKind::with:
            return parse_with(term);
        case TermKind::between:
            throw QuestionError("\"between\" of what? Say it behind a name: \"" + example() +
                                " between 1 and 2\"");
        case TermKind::alternative:
            alternative_ = true;
            return;
        case TermKind::connective:
        case TermKind::filler:
            return;
    }
}

std::string QuestionParser::example() const {
    const auto figures = names_of_figures();
    return figures.substr(0, figures.find(','));
}

std::string QuestionParser::say_order() const {
    return "allowed: a figure, " + names_of_figures();
}

std::size_t QuestionParser::of_role(const Term& term) const {
    const auto column = lexicon_.column_of(term.role);
    if (!column) {
        throw QuestionError(fmt::format("\"{}\": the study shows nothing that tells; it shows {}", term.text,
                                        names_of_all()));
    }
    return *column;
}

std::size_t QuestionParser::count_of(const Term& number) const {
    if (number.number < 1 || number.number > 1e6 || number.number != std::floor(number.number)) {
        throw QuestionError(fmt::format("{} is no number of designs; allowed: 1 or more", number.text));
    }
    return static_cast<std::size_t>(number.number);
}

bool QuestionParser::is_best_high(std::size_t column) const {
    const auto goal = lexicon_.goal_of(column);
    if (goal) return *goal == Goal::maximize;
    throw QuestionError(
        fmt::format("the study does not say which {} is better; allowed: highest, lowest", name(column)));
}

bool QuestionParser::descending(const Term& extreme, std::size_t column) const {
    switch (extreme.extreme) {
        case Extreme::highest:
            return true;
        case Extreme::lowest:
            return false;
        case Extreme::best:
            return extreme.role == Role::none ? is_best_high(column) : extreme.role == Role::speed;
        case Extreme::worst:
            break;
    }
    return extreme.role == Role::none ? !is_best_high(column) : extreme.role != Role::speed;
}

void QuestionParser::set_order(std::size_t column, bool descending) {
    if (query_.order && (query_.order->column != column || query_.order->descending != descending)) {
        throw QuestionError(
            fmt::format("{} or {}: only one can come first; allowed: one of them, or "
                        "\"on the Pareto front\"",
                        name(query_.order->column), name(column)));
    }
    if (!columns_[column].numeric) {
        throw QuestionError(fmt::format("{} is no number; {}", name(column), say_order()));
    }
    query_.order = Order{column, descending};
}

// "highest throughput", "fastest", "lowest average energy".
void QuestionParser::parse_extreme(const Term& term) {
    if (next_is(TermKind::number) && terms_[at_].units.empty()) query_.limit = count_of(take());
    if (!query_.limit) query_.limit = 1;
    if (term.role != Role::none) {
        const auto column = of_role(term);
        return set_order(column, descending(term, column));
    }
    if (next_is(TermKind::aggregate)) parse_aggregate(take());
    std::optional<std::size_t> column;
    if (query_.aggregate) {
        column = query_.aggregate->column;
    } else if (next_is(TermKind::column)) {
        column = take().column;
    } else if (const auto before = figure_before(term)) {
        column = before;
    } else {
        extreme_ = term;
        return;
    }
    set_order(*column, descending(term, *column));
}

// "energy lowest".
std::optional<std::size_t> QuestionParser::figure_before(const Term& term) const {
    for (const auto* before = &term; before != terms_.data();) {
        --before;
        if (before->kind == TermKind::filler) continue;
        const bool figure = before->kind == TermKind::column && !before->comma;
        if (figure && !columns_[before->column].parameter()) return before->column;
        break;
    }
    return {};
}

// "average energy".
void QuestionParser::parse_aggregate(const Term& term) {
    if (!next_is(TermKind::column)) {
        throw QuestionError(fmt::format("\"{}\" of what? {}", term.text, say_order()));
    }
    const auto column = take().column;
    if (!columns_[column].numeric) {
        throw QuestionError(fmt::format("{} is no number; {}", name(column), say_order()));
    }
    if (query_.aggregate) throw QuestionError("one average or total at a time; allowed: two questions");
    query_.aggregate = AggregatedColumn{term.aggregate, column};
}

// "for each format and tile".
void QuestionParser::parse_groups(const Term& term) {
    if (!next_is(TermKind::column)) {
        throw QuestionError(fmt::format("\"{}\" what? {}", term.text, "allowed: a parameter or a figure"));
    }
    if (!columns_[terms_[at_].column].parameter() && term.kind == TermKind::by) return parse_order(term);
    while (next_of_list(TermKind::column) && columns_[terms_[at_].column].parameter()) {
        query_.groups.push_back(take().column);
    }
    if (query_.groups.empty()) {
        throw QuestionError(
            fmt::format("\"{} {}\" is not understood: it has a value of its own for every "
                        "design; allowed: a parameter",
                        term.text, name(terms_[at_].column)));
    }
}

// "sorted by energy": the best first, or the highest.
void QuestionParser::parse_order(const Term& term) {
    if (!next_is(TermKind::column)) {
        throw QuestionError(fmt::format("\"{}\" what? {}", term.text, say_order()));
    }
    const auto column = take().column;
    orders_ = false;
    const auto goal = lexicon_.goal_of(column);
    set_order(column, goal ? *goal == Goal::maximize : !columns_[column].parameter());
}

void QuestionParser::finish() {
    if (negated_) throw QuestionError("\"not\" what? Say a value behind it");
    no_alternative_left();
    if (extreme_) throw QuestionError(fmt::format("\"{}\" in what? {}", extreme_->text, say_order()));
    if (orders_ && !query_.order) {
        const auto figure =
            std::find_if(query_.figures.begin(), query_.figures.end(),
                         [this](std::size_t column) { return !columns_[column].parameter(); });
        if (figure == query_.figures.end()) throw QuestionError("\"top\" in what? " + say_order());
        const auto goal = lexicon_.goal_of(*figure);
        set_order(*figure, !goal || *goal == Goal::maximize);
    }
    if (query_.aggregate && query_.order && query_.groups.empty()) {
        // "Which format has the lowest average energy?"
        std::copy_if(query_.figures.begin(), query_.figures.end(), std::back_inserter(query_.groups),
                     [this](std::size_t column) { return columns_[column].parameter(); });
        if (query_.groups.empty()) {
            throw QuestionError("an average of what? Say the parameter: \"for each " + name(0) + "\"");
        }
    }
    if (query_.aggregate && query_.order && query_.order->column != query_.aggregate->column) {
        throw QuestionError("groups are ordered by the figure that is averaged; allowed: " +
                            name(query_.aggregate->column));
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
}

void QuestionParser::no_alternative_left() {
    if (alternative_) throw QuestionError("\"or\" what? Say a value behind it");
}

Query parse_question(const std::string& question, const std::vector<AskedColumn>& columns) {
    return QuestionParser(question, columns).parse();
}

}  // namespace tilewright::sweeps
