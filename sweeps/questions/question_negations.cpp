// SPDX-License-Identifier: Apache-2.0
// What a question is not about: "not", "excluding", "without", and how far they reach.
#include <fmt/format.h>

#include "sweeps/questions/parse_question.hpp"
#include "sweeps/questions/question_parser.hpp"

namespace tilewright::sweeps {

Comparison QuestionParser::opposite(Comparison comparison) {
    switch (comparison) {
        case Comparison::less:
            return Comparison::at_least;
        case Comparison::at_most:
            return Comparison::greater;
        case Comparison::greater:
            return Comparison::at_most;
        case Comparison::at_least:
            return Comparison::less;
        case Comparison::equal:
            return Comparison::different;
        case Comparison::different:
            break;
    }
    return Comparison::equal;
}

// "Not (W4A4 with tile 8)" excludes the two together, which a list of conditions cannot say.
void QuestionParser::require_no_bracket() const {
    if (at_ >= terms_.size() || !terms_[at_].bracket) return;
    throw QuestionError(
        fmt::format("\"{} (\" is not understood; allowed: two questions, or --sql", terms_[at_ - 1].text));
}

// "Excluding W4A4 and tile 8" may exclude tile 8, too, or ask for it.
void QuestionParser::require_end_of_negation() const {
    auto i = at_;
    const auto joins = [this](std::size_t at) {
        return at < terms_.size() &&
               (terms_[at].kind == TermKind::connective || terms_[at].kind == TermKind::alternative);
    };
    if (terms_[at_ - 1].comma || !joins(i)) return;
    while (joins(i)) ++i;
    if (i >= terms_.size()) return;
    const auto& next = terms_[i];
    const bool value = next.kind == TermKind::value ||
                       (next.kind == TermKind::column && columns_[next.column].parameter()) ||
                       (next.kind == TermKind::number && names_parameter(i + 1));
    if (!value) return;
    throw QuestionError(
        fmt::format("\"{} {}\" behind what is excluded: is that excluded, too? Say \"not {}\" "
                    "or \"with {}\"",
                    terms_[i - 1].text, next.text, next.text, next.text));
}

// The value of a parameter that means that there is none of it.
std::optional<std::string> QuestionParser::none_of(std::size_t column) const {
    for (const auto& value : columns_[column].values) {
        const bool none = value == "none" || value == "off" || value == "false" || value == "0";
        if (none && columns_[column].parameter()) return value;
    }
    return {};
}

// "without fusion", "with fusion": of parameters that can be none of it.
void QuestionParser::parse_with(bool without) {
    if (without) require_no_bracket();
    if (!next_is(TermKind::column) || !look()->values.empty()) {
        negated_ = without;
        return;
    }
    const auto column = look()->column;
    const auto none = none_of(column);
    if (without && !columns_[column].parameter()) {
        throw QuestionError(fmt::format(
            "\"without {}\" is not understood; allowed: \"without\" and a parameter", name(column)));
    }
    if (without && !none) {
        throw QuestionError(fmt::format("{} cannot be none; it is one of {}", name(column),
                                        fmt::join(columns_[column].values, ", ")));
    }
    take();
    if (without) {
        equal(column, {*none}, false);
        return require_end_of_negation();
    }
    const auto figures = query_.figures.size();
    parse_column(column, false);
    if (query_.figures.size() > figures && columns_[column].parameter() && none) {
        equal(column, {*none}, true);
    }
}

}  // namespace tilewright::sweeps
