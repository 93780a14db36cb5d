// SPDX-License-Identifier: Apache-2.0
// The terms of one question, read from left to right, and the query that comes of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sweeps/questions/lexicon.hpp"
#include "sweeps/questions/query.hpp"

namespace tilewright::sweeps {

// Members throw QuestionError.
class QuestionParser {
  public:
    QuestionParser(const std::string& question, const std::vector<AskedColumn>& columns)
        : columns_(columns), lexicon_(columns), terms_(lexicon_.read(question)) {}

    Query parse();

  private:
    const std::string& name(std::size_t column) const { return columns_[column].name; }
    std::string names_of_all() const;
    std::string names_of_figures() const;
    std::size_t next_place() const;
    const Term* look() const { return next_place() < terms_.size() ? &terms_[next_place()] : nullptr; }
    bool next_is(TermKind kind) const {
        const auto* next = look();
        return next != nullptr && next->kind == kind;
    }
    bool goes_on_with(TermKind kind) const;
    bool next_of_list(TermKind kind);
    const Term& take();
    void parse_term();
    void parse_name(const Term& term, bool negated);
    void parse_pareto(const Term& term, bool on_front);
    bool figure_at(std::size_t at) const;
    bool names_parameter(std::size_t at) const;
    std::string example() const;
    std::string say_order() const;
    void parse_column(std::size_t column, bool negated);
    bool follows_extreme() const;
    bool valued(std::size_t at) const;
    void share_unit();
    void parse_between(std::size_t column);
    void parse_between_units();
    void require_plain_number() const;
    void more_comparisons(std::size_t column);
    void more_values(std::size_t column, bool negated);
    bool joined() const;
    bool compared() const;
    static bool has_unit(const Term& number, std::size_t column);
    bool parse_values_behind(std::size_t column, bool negated);
    static Comparison opposite(Comparison comparison);
    void require_no_bracket() const;
    // Throws where it is not clear how far the negation of what has been parsed, a value or not, reaches.
    void require_end(bool negated, bool value) const;
    void require_end_of_negation() const;
    void require_end_of_exclusion() const;
    bool excludes() const;
    bool says_condition(std::size_t at) const;
    std::size_t behind_fillers(std::size_t at) const;
    bool joins(std::size_t at) const;
    bool says_value(std::size_t at) const;
    std::string value_of(std::size_t column, const Term& number) const;
    static bool has(const Term& term, std::size_t column) {
        return std::any_of(term.values.begin(), term.values.end(),
                           [column](const auto& one) { return one.first == column; });
    }
    static const std::vector<std::string>& values_of(const Term& term, std::size_t column);
    double in_unit(const Term& number, std::size_t column) const;
    void require_number(std::size_t column) const;
    void compare(std::size_t column, Comparison comparison);
    void parse_comparison(const Term& term, bool negated);
    void compare_number(const Term& number, Comparison comparison, const std::string& said);
    bool trails(std::size_t at) const;
    bool parse_trailing(std::size_t column, bool negated);
    void parse_ordinal(const Term& term);
    std::size_t of_role(const Term& term) const;
    void parse_value(const Term& term, bool negated);
    void equal(std::size_t column, const std::vector<std::string>& values, bool negated);
    void no_alternative();
    std::size_t count_of(const Term& number) const;
    void parse_number(const Term& term, bool negated);
    bool is_best_high(std::size_t column) const;
    bool descending(const Term& extreme, std::size_t column) const;
    void set_order(std::size_t column, bool descending);
    void parse_extreme(const Term& term);
    std::optional<std::size_t> figure_before(const Term& term) const;
    void parse_aggregate(const Term& term);
    void parse_groups(const Term& term);
    void parse_order(const Term& term);
    std::optional<std::string> none_of(std::size_t column) const;
    void parse_with(bool without);
    void parse_top(const Term& term);
    void parse_misfit(const Term& term);
    void require_one_figure(std::size_t column) const;
    bool is_compared(std::size_t at) const;
    void finish();
    void finish_comparisons();
    void finish_figures();
    void finish_groups();
    bool is_fixed(std::size_t column) const;
    bool is_sought(std::size_t column) const;

    const std::vector<AskedColumn>& columns_;
    Lexicon lexicon_;
    std::vector<Term> terms_;
    std::size_t at_ = 0;  // behind the last one that has been taken
    Query query_;
    std::optional<Term> extreme_;              // "best": of what is still to come
    std::vector<std::size_t> compared_;        // whose values are looked at apart
    std::optional<std::size_t> value_column_;  // of the last value,
    std::size_t value_end_ = 0;                // behind which it ended
    bool narrowed_ = false;                    // two values that both hold
    bool picked_ = false;                      // "highest" and the like has been there
    bool orders_groups_ = false;               // "lowest average"
    bool negated_ = false;
    std::string negation_;  // the word for the last one
    bool alternative_ = false;
    bool orders_ = false;  // "top": what by is still to come
};

}  // namespace tilewright::sweeps
