// SPDX-License-Identifier: Apache-2.0
// What a question is not about: "not", "excluding", "without", and how far they reach.
#include <set>
#include <string>

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

// Behind fillers, but for verbs: "not W4A4 and are reordered" begins anew.
std::size_t QuestionParser::behind_fillers(std::size_t at) const {
    static const std::set<std::string> verbs = {"is", "are", "has", "have", "use", "uses", "that", "which"};
    while (at < terms_.size() && terms_[at].kind == TermKind::filler && verbs.count(terms_[at].text) == 0)
        ++at;
    return at;
}

bool QuestionParser::joins(std::size_t at) const {
    return at < terms_.size() &&
           (terms_[at].kind == TermKind::connective || terms_[at].kind == TermKind::alternative);
}

// A value, or a parameter with one behind it.
bool QuestionParser::says_value(std::size_t at) const {
    if (at >= terms_.size()) return false;
    return terms_[at].kind == TermKind::value || names_parameter(at) ||
           (terms_[at].kind == TermKind::number && names_parameter(at + 1));
}

void QuestionParser::require_end(bool negated, bool value) const {
    if (!negated) return;
    if (excludes()) {
        require_end_of_exclusion();
    } else if (value) {
        require_end_of_negation();
    }
}

// "Not W4A4 and tile 8", "not W4A4, naive and tile 8" may exclude all of them or ask for the rest; "not W4A4
// with tile 8" may exclude the two together.
void QuestionParser::require_end_of_negation() const {
    const auto ask_back = [this](std::size_t at) {
        throw QuestionError(
            fmt::format("\"{0}\" behind what is excluded: is that excluded, too? Say \"and not {0}\" "
                        "or \"and with {0}\"",
                        terms_[at].text));
    };
    auto at = behind_fillers(at_);
    bool comma = terms_[at_ - 1].comma;
    for (auto filler = at_; filler < at; ++filler) comma = comma || terms_[filler].comma;
    if (comma) {  // a list, if it ends as one
        while (says_value(at)) {
            const bool named =
                names_parameter(at) && at + 1 < terms_.size() &&
                (terms_[at + 1].kind == TermKind::number || terms_[at + 1].kind == TermKind::value);
            at = behind_fillers(at + (named || terms_[at].kind == TermKind::number ? 2 : 1));
        }
        if (at == behind_fillers(at_)) return;
    } else if (at < terms_.size() && (terms_[at].kind == TermKind::with || says_value(at))) {
        const auto value = terms_[at].kind == TermKind::with ? behind_fillers(at + 1) : at;
        if (says_value(value)) ask_back(value);
        return;
    }
    if (!joins(at)) return;
    while (joins(at)) at = behind_fillers(at + 1);
    if (says_value(at)) ask_back(at);
}

// "Not" is about what stands behind it; "excluding", "except", "without" may be about all that follows.
bool QuestionParser::excludes() const {
    return negation_ != "not" && negation_ != "no";
}

// A condition begins here.
bool QuestionParser::says_condition(std::size_t at) const {
    if (at >= terms_.size()) return false;
    switch (terms_[at].kind) {
        case TermKind::with:
        case TermKind::comparison:
        case TermKind::between:
        case TermKind::number:
        case TermKind::pareto:
        case TermKind::misfit:
            return true;
        case TermKind::column:
            return names_parameter(at) || is_compared(at);
        default:
            return says_value(at);
    }
}

// What is excluded ends the question, or the part up to a comma, or "and not", "and with" stands behind it,
// or "for".
void QuestionParser::require_end_of_exclusion() const {
    const auto plain = [this](std::size_t at) {  // fillers, up to "for"
        while (at < terms_.size() && terms_[at].kind == TermKind::filler && terms_[at].text != "for") ++at;
        return at;
    };
    const auto ask_back = [this](std::size_t at) {
        throw QuestionError(
            fmt::format("\"{}\" behind what is excluded: is that excluded, too? Say \"and not\" or "
                        "\"and with\" before it",
                        terms_[at].text));
    };
    auto at = at_;
    bool comma = terms_[at_ - 1].comma;
    for (; at < plain(at_); ++at) comma = comma || terms_[at].comma;
    if (!comma && !joins(at)) {
        if (says_condition(at)) ask_back(at);
        return;
    }
    // Behind a comma a list, if it ends as one.
    while (comma && at < terms_.size() && !joins(at)) ++at;
    if (!joins(at)) return;
    while (joins(at)) at = plain(at + 1);
    const bool anew =
        at < terms_.size() && (terms_[at].kind == TermKind::with || terms_[at].kind == TermKind::negation ||
                               terms_[at].kind == TermKind::without);
    if (!anew && says_condition(at)) ask_back(at);
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
    if (joins(at_)) {
        throw QuestionError(
            fmt::format("\"{} and\" is not understood; allowed: without it all are looked at, \"for "
                        "each\" one by one",
                        terms_[at_ - 1].text));
    }
    if (without) {
        require_no_bracket();
        negation_ = terms_[at_ - 1].text;
    }
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
        return require_end(true, true);
    }
    const auto figures = query_.figures.size();
    parse_column(column, false);
    if (query_.figures.size() > figures && columns_[column].parameter() && none) {
        equal(column, {*none}, true);
    }
}

}  // namespace tilewright::sweeps
