// SPDX-License-Identifier: Apache-2.0
// Numbers in a question: their units, how they compare, and how many designs they ask for.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "sweeps/questions/parse_question.hpp"
#include "sweeps/questions/question_parser.hpp"

namespace tilewright::sweeps {

// "between 10 and 20 %", "between 1 mJ and 2", "above 10 and below 20 mJ": the unit is that of both.
void QuestionParser::share_unit() {
    if (!next_is(TermKind::number)) return;
    auto& first = terms_[next_place()];
    auto second = next_place() + 1;
    if (!joins(second)) return;
    while (joins(second)) ++second;
    if (second < terms_.size() && terms_[second].kind == TermKind::comparison &&
        terms_[second].role == Role::none)
        ++second;
    if (second >= terms_.size() || terms_[second].kind != TermKind::number) return;
    if (second + 1 < terms_.size() && terms_[second + 1].kind == TermKind::column && !terms_[second].comma)
        return;
    if (first.units.empty()) {
        first.units = terms_[second].units;
    } else if (terms_[second].units.empty()) {
        terms_[second].units = first.units;
    }
}

// Two numbers behind "between".
void QuestionParser::parse_between(std::size_t column) {
    compare(column, Comparison::at_least);
    while (next_is(TermKind::connective)) take();
    compare(column, Comparison::at_most);
    const auto& upper = query_.conditions.back();
    if (upper.number < query_.conditions[query_.conditions.size() - 2].number) {
        throw QuestionError(
            fmt::format("nothing is between the larger and the smaller number; allowed: the smaller {} first",
                        name(column)));
    }
}

// "Between 4 and 5 tokens/s", with no name before it.
void QuestionParser::parse_between_units() {
    share_unit();
    const auto* number = look();
    if (number == nullptr || number->kind != TermKind::number || number->units.size() != 1) {
        throw QuestionError("\"between\" of what? Say it behind a name: \"" + example() +
                            " between 1 and 2\"");
    }
    parse_between(number->units.front().first);
}

bool QuestionParser::has_unit(const Term& number, std::size_t column) {
    return std::any_of(number.units.begin(), number.units.end(),
                       [column](const auto& unit) { return unit.first == column; });
}

// What a number is in the unit of a column.
double QuestionParser::in_unit(const Term& number, std::size_t column) const {
    if (number.units.empty()) {
        if (!columns_[column].fraction() || number.number <= 1) return number.number;
        throw QuestionError(fmt::format("{} is a fraction, up to 1; allowed: {}", name(column),
                                        number.number <= 100 ? number.text + " %" : "0 to 100 %"));
    }
    for (const auto& [of, scale] : number.units) {
        // By whole numbers: 35 % is the number that 0.35 is.
        if (of == column) return scale < 1 ? number.number / std::round(1 / scale) : number.number * scale;
    }
    const auto& unit = columns_[column].unit;
    throw QuestionError(fmt::format("{} is not in the unit of {}{}", number.text, name(column),
                                    unit.empty() ? "" : ", which is " + unit));
}

void QuestionParser::require_number(std::size_t column) const {
    if (columns_[column].numeric) return;
    throw QuestionError(fmt::format("{} is no number; it is one of {}", name(column),
                                    fmt::join(columns_[column].values, ", ")));
}

// The number behind a comparison.
void QuestionParser::compare(std::size_t column, Comparison comparison) {
    require_number(column);
    if (!next_is(TermKind::number)) {
        throw QuestionError(fmt::format("{} is compared with no number", name(column)));
    }
    query_.conditions.push_back({column, comparison, in_unit(take(), column), {}});
    no_alternative();
    require_plain_number();
}

// No "10 % of the lowest", no "2 times the energy".
void QuestionParser::require_plain_number() const {
    if (at_ >= terms_.size() || (terms_[at_].text != "of" && terms_[at_].text != "times")) return;
    throw QuestionError(fmt::format("\"{} {}\" is not understood; allowed: a number with its unit, or --sql",
                                    terms_[at_ - 1].text, terms_[at_].text));
}

// "under 1 J", "less than 200 DSP", "faster than 5 tokens/s".
void QuestionParser::parse_comparison(const Term& term, bool negated) {
    const auto comparison = negated ? opposite(term.comparison) : term.comparison;
    if (term.trails) throw QuestionError(fmt::format("\"{}\" what? Say a number before it", term.text));
    if (term.role != Role::none) return compare(of_role(term), comparison);
    if (!next_is(TermKind::number)) {
        throw QuestionError(fmt::format("\"{}\" what? Say a number behind it", term.text));
    }
    compare_number(take(), comparison, term.text + " ");
}

// The number that was taken last but for its comparison: of the column behind it, or of the one that has its
// unit. `said`: how it compares, in the question.
void QuestionParser::compare_number(const Term& number, Comparison comparison, const std::string& said) {
    std::optional<std::size_t> column;
    const bool percent = number.text.ends_with("%") || number.text.ends_with("percent");
    if (goes_on_with(TermKind::column) &&
        (percent || number.units.empty() || has_unit(number, look()->column))) {
        column = take().column;
        require_number(*column);
    } else if (number.units.size() == 1 && !percent) {
        column = number.units.front().first;
    } else {
        throw QuestionError(fmt::format("\"{}{}\" of what? Say a name before it: \"{} {}{}\"", said,
                                        number.text, example(), said, number.text));
    }
    query_.conditions.push_back({*column, comparison, in_unit(number, *column), {}});
    no_alternative();
    require_plain_number();
    require_one_figure(*column);
}

// "or less", behind a number.
bool QuestionParser::trails(std::size_t at) const {
    return at < terms_.size() && terms_[at].kind == TermKind::comparison && terms_[at].trails;
}

// "energy 1 J or less". False if no such comparison stands there.
bool QuestionParser::parse_trailing(std::size_t column, bool negated) {
    if (!next_is(TermKind::number) || !trails(next_place() + 1)) return false;
    require_number(column);
    const auto& number = take();
    const auto comparison = take().comparison;
    query_.conditions.push_back(
        {column, negated ? opposite(comparison) : comparison, in_unit(number, column), {}});
    no_alternative();
    return true;
}

// "second fastest": of all the others none but so many come first.
void QuestionParser::parse_ordinal(const Term& term) {
    if (!next_is(TermKind::extreme) || query_.limit) {
        throw QuestionError(fmt::format("\"{}\" what? Allowed: \"{} fastest\", \"{} lowest energy\"",
                                        term.text, term.text, term.text));
    }
    query_.limit = 1;
    query_.left_out = static_cast<std::size_t>(term.number) - 1;
}

// "5 fastest", "8 lanes".
void QuestionParser::parse_number(const Term& term, bool negated) {
    const auto behind = next_place();
    if (trails(behind)) {
        const auto& comparison = take();
        return compare_number(term, negated ? opposite(comparison.comparison) : comparison.comparison, "");
    }
    if (goes_on_with(TermKind::column) && trails(behind + 1)) {
        const auto column = take().column;
        const auto comparison = take().comparison;
        require_number(column);
        query_.conditions.push_back(
            {column, negated ? opposite(comparison) : comparison, in_unit(term, column), {}});
        return no_alternative();
    }
    const auto* next = look();
    if (next != nullptr && next->kind == TermKind::extreme) {
        if (negated)
            throw QuestionError(fmt::format("all but \"{} {}\" is not understood", term.text, next->text));
        query_.limit = count_of(term);
        return;
    }
    if (next != nullptr && next->kind == TermKind::column && columns_[next->column].parameter()) {
        const auto column = take().column;
        return equal(column, {value_of(column, term)}, negated);
    }
    throw QuestionError(fmt::format("{} of what? Say a name before it, or how it compares: \"at least {}\"",
                                    term.text, term.text));
}

}  // namespace tilewright::sweeps
