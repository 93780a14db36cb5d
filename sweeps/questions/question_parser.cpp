// SPDX-License-Identifier: Apache-2.0
#include "sweeps/questions/question_parser.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "sweeps/questions/parse_question.hpp"

namespace tilewright::sweeps {

Query QuestionParser::parse() {
    query_.about_fitting = std::any_of(terms_.begin(), terms_.end(), [](const Term& one) {
        return one.kind == TermKind::filler && one.text.starts_with("fit");
    });
    if (!query_.about_fitting && std::all_of(terms_.begin(), terms_.end(), [](const Term& term) {
            return term.kind == TermKind::filler;
        })) {
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

// Where the next term is that is no filler; how many terms there are behind the last.
std::size_t QuestionParser::next_place() const {
    auto next = at_;
    while (next < terms_.size() && terms_[next].kind == TermKind::filler) ++next;
    return next;
}

// One that the term before it is about: no "and" and no comma in between.
bool QuestionParser::goes_on_with(TermKind kind) const {
    if (!next_is(kind)) return false;
    for (auto i = at_ == 0 ? 0 : at_ - 1; i < next_place(); ++i) {
        if (terms_[i].comma) return false;
    }
    return true;
}

const Term& QuestionParser::take() {
    at_ = next_place() + 1;
    return terms_[at_ - 1];
}

void QuestionParser::parse_term() {
    if (look() == nullptr) {
        at_ = terms_.size();
        return;
    }
    const auto& term = take();
    const bool negated = std::exchange(negated_, false);
    if (negated && term.kind != TermKind::column && term.kind != TermKind::value &&
        term.kind != TermKind::number && term.kind != TermKind::comparison && term.kind != TermKind::pareto &&
        term.kind != TermKind::with) {
        throw QuestionError(
            fmt::format("\"not {}\" is not understood; allowed: a value, a comparison or "
                        "the Pareto front behind \"not\"",
                        term.text));
    }
    if (alternative_ && term.kind != TermKind::column && term.kind != TermKind::value &&
        term.kind != TermKind::number) {
        no_alternative();
    }
    switch (term.kind) {
        case TermKind::column:
            parse_name(term, negated);
            return require_end(negated, columns_[term.column].parameter());
        case TermKind::value:
            parse_value(term, negated);
            return require_end(negated, true);
        case TermKind::number:
            return parse_number(term, negated);
        case TermKind::comparison:
            parse_comparison(term, negated);
            return require_end(negated, false);
        case TermKind::extreme:
            return parse_extreme(term);
        case TermKind::aggregate:
            return parse_aggregate(term);
        case TermKind::count:
            // "How many DSP has it" is no question for a number of designs.
            if (query_.count) throw QuestionError("one number of designs at a time; allowed: two questions");
            query_.count = !figure_at(at_);
            return;
        case TermKind::group:
            return parse_groups(term);
        case TermKind::by:
            if (extreme_ && figure_at(next_place())) return;  // "3 best by energy"
            return orders_ ? parse_order(term) : parse_groups(term);
        case TermKind::sort:
            return parse_order(term);
        case TermKind::direction:
            if (!query_.order) throw QuestionError(fmt::format("\"{}\" what? {}", term.text, say_order()));
            if (query_.limit) {
                throw QuestionError(
                    fmt::format("\"{}\" of designs that are chosen is not understood; allowed: "
                                "behind \"sorted by\", or \"highest\", \"lowest\"",
                                term.text));
            }
            query_.order->descending = term.descending;
            return;
        case TermKind::top:
            return parse_top(term);
        case TermKind::ordinal:
            return parse_ordinal(term);
        case TermKind::pareto:
            parse_pareto(term, !negated);
            return require_end(negated, false);
        case TermKind::misfit:
            return parse_misfit(term);
        case TermKind::negation:
            if (at_ < terms_.size() && terms_[at_].text == "only")
                throw QuestionError("\"not only\" is not understood");
            require_no_bracket();
            negated_ = true;
            negation_ = term.text;
            return;
        case TermKind::without:
        case TermKind::with:
            return parse_with(negated || term.kind == TermKind::without);
        case TermKind::between:
            return parse_between_units();
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
    if (!number.units.empty() || number.number < 1 || number.number > 1e6 ||
        number.number != std::floor(number.number)) {
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
    if (picked_)
        throw QuestionError(
            "one \"highest\", \"best\" or the like at a time; allowed: two questions, or \"on the Pareto "
            "front\"");
    picked_ = true;
    if (next_is(TermKind::number) && (term.bounds || query_.left_out > 0)) {
        throw QuestionError(
            fmt::format("\"{} {}\" is not understood; allowed: \"at most\", \"at least\", or "
                        "\"highest\", \"lowest\"",
                        term.text, look()->text));
    }
    // "fastest 5", but "fastest 64 tile".
    const bool counted = next_is(TermKind::number) && !names_parameter(next_place() + 1);
    if (counted) {
        if (query_.limit)
            throw QuestionError(
                fmt::format("{} and {} designs: only one number at a time; allowed: two questions",
                            *query_.limit, look()->text));
        query_.limit = count_of(take());
    }
    if (!query_.limit) query_.limit = 1;
    if (term.role != Role::none) {
        const auto column = of_role(term);
        set_order(column, descending(term, column));
    } else if (next_is(TermKind::aggregate)) {
        parse_aggregate(take());
        set_order(query_.aggregate->column, descending(term, query_.aggregate->column));
        orders_groups_ = true;
    } else if (next_is(TermKind::column) && !columns_[look()->column].parameter()) {
        const auto column = take().column;
        set_order(column, descending(term, column));
        require_one_figure(column);
    } else if (const auto before = figure_before(term)) {
        set_order(*before, descending(term, *before));
    } else {
        extreme_ = term;
    }
    const auto behind = next_place() + 1;
    const bool valued =
        behind < terms_.size() && (terms_[behind].kind == TermKind::number || !terms_[behind].values.empty());
    if (goes_on_with(TermKind::column) && names_parameter(next_place()) && !valued &&
        terms_[at_ - 1].kind != TermKind::column) {
        throw QuestionError(
            fmt::format("\"{} {}\": designs are put in order, not values; allowed: \"{} for each {}\"",
                        term.text, look()->text, term.text, name(look()->column)));
    }
}

bool QuestionParser::names_parameter(std::size_t at) const {
    return at < terms_.size() && terms_[at].kind == TermKind::column &&
           columns_[terms_[at].column].parameter();
}

// "energy lowest".
std::optional<std::size_t> QuestionParser::figure_before(const Term& term) const {
    const auto here = static_cast<std::size_t>(&term - terms_.data());
    if (here == 0 || !figure_at(here - 1) || terms_[here - 1].comma) return {};
    return terms_[here - 1].column;
}

bool QuestionParser::figure_at(std::size_t at) const {
    return at < terms_.size() && terms_[at].kind == TermKind::column &&
           !columns_[terms_[at].column].parameter();
}

// There is one front. "Pareto optimal in energy" would be another.
void QuestionParser::parse_pareto(const Term& term, bool on_front) {
    const auto here = static_cast<std::size_t>(&term - terms_.data());
    if (here > 0 && figure_at(here - 1) && !terms_[here - 1].comma) {
        throw QuestionError(fmt::format("\"{} {}\": there is one front, of all objectives; allowed: \"{}\"",
                                        terms_[here - 1].text, term.text, term.text));
    }
    const bool narrower = at_ < terms_.size() && (terms_[at_].text == "in" || terms_[at_].text == "of" ||
                                                  terms_[at_].text == "for" || terms_[at_].text == "between");
    if (narrower && figure_at(next_place())) {
        std::vector<std::string> objectives;
        for (const auto& column : columns_) {
            if (column.goal) objectives.push_back(column.name);
        }
        throw QuestionError(
            fmt::format("\"{} {} {}\": the study's front is that of {} together; allowed: \"{}\"", term.text,
                        terms_[at_].text, name(look()->column), fmt::join(objectives, ", "), term.text));
    }
    query_.pareto = on_front;
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
    if (next_is(TermKind::comparison) || next_is(TermKind::between)) {
        throw QuestionError(fmt::format("a condition on an {} is not understood; allowed: --sql", term.text));
    }
}

// "for each format and tile".
void QuestionParser::parse_groups(const Term& term) {
    if (!next_is(TermKind::column)) {
        throw QuestionError(fmt::format("\"{}\" what? {}", term.text, "allowed: a parameter or a figure"));
    }
    if (!columns_[look()->column].groups() && term.kind == TermKind::by) return parse_order(term);
    // "for each format, fusion none" and "for each model, prompt 1024" go on with a condition.
    while (next_of_list(TermKind::column) && columns_[look()->column].groups() && !valued(next_place())) {
        query_.groups.push_back(take().column);
    }
    if (query_.groups.empty()) {
        throw QuestionError(
            fmt::format("\"{} {}\" is not understood: it has a value of its own for every "
                        "design; allowed: a parameter",
                        term.text, name(look()->column)));
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
    require_one_figure(column);
}

// No "and LUT" behind "lowest energy": what is it of?
void QuestionParser::require_one_figure(std::size_t column) const {
    if (at_ >= terms_.size() || terms_[at_].kind != TermKind::connective || !figure_at(at_ + 1)) return;
    if (is_compared(at_ + 1)) return;
    throw QuestionError(fmt::format("{} or {}: only one can come first; allowed: one of them", name(column),
                                    name(terms_[at_ + 1].column)));
}

// Whether a comparison stands behind.
bool QuestionParser::is_compared(std::size_t at) const {
    for (++at; at < terms_.size() &&
               (terms_[at].kind == TermKind::filler || terms_[at].kind == TermKind::negation);)
        ++at;
    return at < terms_.size() &&
           (terms_[at].kind == TermKind::comparison || terms_[at].kind == TermKind::between);
}

// "top 3 by throughput", "top 3 throughput".
void QuestionParser::parse_top(const Term& term) {
    if (query_.limit) {
        throw QuestionError(
            fmt::format("\"{}\" behind what is chosen already is not understood; allowed: "
                        "\"sorted by\" and a figure",
                        term.text));
    }
    query_.limit = next_is(TermKind::number) ? count_of(take()) : 1;
    if (figure_at(at_)) {
        const auto column = take().column;
        const auto goal = lexicon_.goal_of(column);
        return set_order(column, !goal || *goal == Goal::maximize);
    }
    orders_ = true;
}

Query parse_question(const std::string& question, const std::vector<AskedColumn>& columns) {
    return QuestionParser(question, columns).parse();
}

}  // namespace tilewright::sweeps
