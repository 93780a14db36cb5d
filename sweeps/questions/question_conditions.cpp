// SPDX-License-Identifier: Apache-2.0
// Which points a question is about: comparisons with numbers, and values.
#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "sweeps/questions/parse_question.hpp"
#include "sweeps/questions/question_parser.hpp"

namespace tilewright::sweeps {

// A name that is a value, too, is one where that parameter stands beside it.
void QuestionParser::parse_name(const Term& term, bool negated) {
    if (goes_on_with(TermKind::column) && has(term, look()->column)) return parse_value(term, negated);
    const bool counted = &term != terms_.data() && (&term - 1)->kind == TermKind::count;
    const bool ordered = extreme_.has_value() || orders_;
    const auto figures = query_.figures.size();
    parse_column(term.column, negated);
    const bool of_designs = counted && at_ < terms_.size() && terms_[at_].text.starts_with("design");
    if ((counted && !of_designs) || ordered || term.values.empty() || query_.figures.size() == figures)
        return;
    throw QuestionError(
        fmt::format("\"{}\" is a figure and a value of {}; say \"{} {}\", or compare the figure", term.text,
                    name(term.values.front().first), name(term.values.front().first), term.text));
}

// "energy", "energy under 1 J", "tile 16", "fusion none".
void QuestionParser::parse_column(std::size_t column, bool negated) {
    if (parse_trailing(column, negated) || parse_values_behind(column, negated)) return;
    if (next_is(TermKind::negation)) {
        take();
        negated = true;
        if (parse_values_behind(column, negated)) return;
    }
    const auto* next = look();
    if (next != nullptr && next->kind == TermKind::comparison && next->role == Role::none) {
        const auto comparison = take().comparison;
        const bool different = comparison == Comparison::different;
        if ((different || comparison == Comparison::equal) && columns_[column].parameter()) {
            negated = negated != different;
            if (parse_values_behind(column, negated)) return;
            if (next_is(TermKind::number)) return equal(column, {value_of(column, take())}, negated);
            throw QuestionError(fmt::format("{} has no such value; it has {}", name(column),
                                            fmt::join(columns_[column].values, ", ")));
        }
        share_unit();
        compare(column, negated ? opposite(comparison) : comparison);
        return more_comparisons(column);
    }
    if (next != nullptr && next->kind == TermKind::between) {
        take();
        if (negated) throw QuestionError("\"not between\" is not understood; allowed: two questions");
        share_unit();
        return parse_between(column);
    }
    if (next != nullptr && next->kind == TermKind::number && next->units.empty() &&
        columns_[column].parameter()) {
        if (follows_extreme()) {
            throw QuestionError(
                fmt::format("\"{} {}\": is that the number of designs? Put a comma behind the {} that "
                            "it belongs to",
                            next->text, terms_[next_place() + 1].text, name(column)));
        }
        equal(column, {value_of(column, take())}, negated);
        return more_values(column, negated);
    }
    const auto none = none_of(column);
    if (negated && none) return equal(column, {*none}, false);
    if (negated) throw QuestionError(fmt::format("not what {}? Say a value", name(column)));
    if (!columns_[column].numeric && !columns_[column].parameter() && at_ < terms_.size() &&
        terms_[at_].kind == TermKind::column && !terms_[at_ - 1].comma) {
        throw QuestionError(fmt::format("{} has no value \"{}\"; it has {}", name(column), terms_[at_].text,
                                        fmt::join(columns_[column].values, ", ")));
    }
    if (!columns_[column].parameter() && at_ < terms_.size() && terms_[at_].kind == TermKind::connective &&
        figure_at(at_ + 1) && is_compared(at_ + 1)) {
        throw QuestionError(
            fmt::format("\"{} and {}\" compared together is not understood; allowed: a comparison "
                        "behind each",
                        name(column), name(terms_[at_ + 1].column)));
    }
    query_.figures.push_back(column);
    if (extreme_ && !columns_[column].parameter()) {
        set_order(column, descending(*extreme_, column));
        extreme_.reset();
    }
}

// The values of this column that stand behind it, be they words that mean something else by themselves. False
// if there are none.
bool QuestionParser::parse_values_behind(std::size_t column, bool negated) {
    for (auto i = at_; i < terms_.size(); ++i) {
        if (has(terms_[i], column)) {
            at_ = i + 1;
            equal(column, values_of(terms_[i], column), negated);
            more_values(column, negated);
            return true;
        }
        if (terms_[i].kind != TermKind::filler) break;
    }
    return false;
}

// "LUT over 10 % and under 20 %".
void QuestionParser::more_comparisons(std::size_t column) {
    for (;;) {
        auto at = next_place();
        if (at >= terms_.size() || terms_[at].kind != TermKind::connective) return;
        const auto& comparison = terms_[++at < terms_.size() ? at : 0];
        if (at + 1 >= terms_.size() || comparison.kind != TermKind::comparison ||
            comparison.role != Role::none)
            return;
        const auto& number = terms_[at + 1];
        const bool same =
            number.kind == TermKind::number && (number.units.empty() || has_unit(number, column)) &&
            !(at + 2 < terms_.size() && terms_[at + 2].kind == TermKind::column && !number.comma);
        if (!same) return;
        at_ = at + 1;
        compare(column, comparison.comparison);
    }
}

// "not W4A4 or W8A8", "tile 8, 16 and 64", "excluding tile 8 and tile 16".
void QuestionParser::more_values(std::size_t column, bool negated) {
    for (;;) {
        const auto here = at_;
        bool list = terms_[at_ - 1].comma;
        while (next_is(TermKind::connective) || next_is(TermKind::alternative)) {
            list = true;
            take();
        }
        if (list && next_is(TermKind::column) && look()->column == column) take();
        const auto* value = list ? look() : nullptr;
        const bool number = value != nullptr && value->kind == TermKind::number && value->units.empty() &&
                            columns_[column].numeric && columns_[column].parameter() && !follows_extreme() &&
                            !(next_place() + 1 < terms_.size() &&
                              terms_[next_place() + 1].kind == TermKind::column && !value->comma);
        const bool word = value != nullptr && value->kind == TermKind::value && has(*value, column);
        if (!number && !(word && negated)) {
            at_ = here;
            return;
        }
        alternative_ = true;
        const auto& taken = take();
        equal(column, number ? std::vector<std::string>{value_of(column, taken)} : values_of(taken, column),
              negated);
    }
}

// There is an "and", an "or" or a comma between the last value and the term that was taken last.
bool QuestionParser::joined() const {
    for (auto i = value_end_; i < at_; ++i) {
        const bool word = terms_[i].kind == TermKind::connective || terms_[i].kind == TermKind::alternative;
        if (word || (i > 0 && terms_[i - 1].comma)) return true;
    }
    return false;
}

// There is a "vs".
bool QuestionParser::compared() const {
    return std::any_of(terms_.begin() + static_cast<std::ptrdiff_t>(value_end_),
                       terms_.begin() + static_cast<std::ptrdiff_t>(at_),
                       [](const Term& term) { return term.compares; });
}

// "5 best" is no value of what stands before.
bool QuestionParser::follows_extreme() const {
    const auto next = next_place();
    return next + 1 < terms_.size() && !terms_[next].comma && terms_[next + 1].kind == TermKind::extreme;
}

// Behind the column that is named there stands a value of it: of a second one in "for each" also a number
// that begins nothing else.
bool QuestionParser::valued(std::size_t at) const {
    if (at + 1 >= terms_.size()) return false;
    const auto& behind = terms_[at + 1];
    if (has(behind, terms_[at].column)) return true;
    const bool counts = at + 2 < terms_.size() && !behind.comma && terms_[at + 2].kind == TermKind::extreme;
    return !query_.groups.empty() && behind.kind == TermKind::number && !counts &&
           columns_[terms_[at].column].numeric;
}

// The column's value of a number in a question.
std::string QuestionParser::value_of(std::size_t column, const Term& number) const {
    for (const auto& value : columns_[column].values) {
        if (columns_[column].numeric && std::stod(value) == number.number) return value;
    }
    throw QuestionError(fmt::format("{} has no value {}; it has {}", name(column), number.text,
                                    fmt::join(columns_[column].values, ", ")));
}

const std::vector<std::string>& QuestionParser::values_of(const Term& term, std::size_t column) {
    return std::find_if(term.values.begin(), term.values.end(),
                        [column](const auto& one) { return one.first == column; })
        ->second;
}

// "W4A4", "naive order".
void QuestionParser::parse_value(const Term& term, bool negated) {
    std::size_t column = term.values.front().first;
    if (term.values.size() > 1) {
        if (!goes_on_with(TermKind::column) || !has(term, look()->column)) {
            std::vector<std::string> names;
            for (const auto& [of, values] : term.values) {
                names.push_back(fmt::format("\"{} {}\"", name(of), term.text));
            }
            throw QuestionError(fmt::format("\"{}\" is a value of several parameters; say which: {}",
                                            term.text, fmt::join(names, " or ")));
        }
        column = take().column;
    } else if (goes_on_with(TermKind::column) && look()->column == column) {
        take();
    }
    equal(column, values_of(term, column), negated);
    more_values(column, negated);
}

// One of these values. Two such words about the same column are both true if they can be, and otherwise
// one of them is, if there is an "and", an "or" or a comma between them.
void QuestionParser::equal(std::size_t column, const std::vector<std::string>& values, bool negated) {
    const auto comparison = negated ? Comparison::different : Comparison::equal;
    const auto known =
        std::find_if(query_.conditions.begin(), query_.conditions.end(), [&](const Condition& condition) {
            return condition.column == column && condition.comparison == comparison &&
                   !condition.values.empty();
        });
    const bool in_list = joined();
    const bool behind_it = value_column_ == column;
    if (behind_it && compared()) {
        if (negated) throw QuestionError("\"not\" and \"vs\" together are not understood");
        compared_.push_back(column);
    }
    value_column_ = column;
    value_end_ = at_;
    if (known == query_.conditions.end()) {
        no_alternative();
        query_.conditions.push_back({column, comparison, 0, values});
        narrowed_ = false;
        return;
    }
    if (alternative_ && (!behind_it || narrowed_)) no_alternative();
    std::vector<std::string> both;
    std::vector<std::string> either;
    for (const auto& value : columns_[column].values) {
        const auto in = [&](const auto& all) {
            return std::find(all.begin(), all.end(), value) != all.end();
        };
        if (in(known->values) && in(values)) both.push_back(value);
        if (in(known->values) || in(values)) either.push_back(value);
    }
    if (!negated && both.empty() && (!in_list || narrowed_)) {
        throw QuestionError(fmt::format("no value of {} is both; it has {}", name(column),
                                        fmt::join(columns_[column].values, ", ")));
    }
    narrowed_ = !negated && !alternative_ && !both.empty();
    known->values = narrowed_ ? both : either;
    alternative_ = false;
}

// "Or" is understood between values of one column alone.
void QuestionParser::no_alternative() {
    if (!alternative_) return;
    throw QuestionError(
        "\"or\" is understood between values of one parameter only, and so is \"vs\"; allowed: two "
        "questions, or --sql");
}

// "Which do not fit".
void QuestionParser::parse_misfit(const Term& term) {
    if (query_.about_fitting || figure_at(next_place())) {
        throw QuestionError(
            fmt::format("\"{}\" is understood of designs as a whole, and without those that fit; "
                        "allowed: \"which do not fit\"",
                        term.text));
    }
    query_.fitting = false;
}

}  // namespace tilewright::sweeps
