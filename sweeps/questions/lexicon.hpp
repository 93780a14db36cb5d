// SPDX-License-Identifier: Apache-2.0
// The words of questions: those of every question, and the names, values and units of one study's table.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sweeps/questions/asked_column.hpp"
#include "sweeps/questions/query.hpp"
#include "sweeps/questions/words.hpp"

namespace tilewright::sweeps {

enum class TermKind {
    filler,      // "the", "designs": without a meaning of its own
    connective,  // "and"
    column,      // a name
    value,       // of text columns
    number,      // with its unit, if one follows
    comparison,  // "at most", "faster than"
    between,
    extreme,    // "lowest", "fastest", "best"
    aggregate,  // "average"
    count,      // "how many"
    group,      // "for each"
    by,         // a group or an order
    sort,       // "sorted by"
    direction,  // "descending"
    top,        // "top"
    ordinal,    // "second"
    pareto,
    misfit,    // "do not fit"
    negation,  // "not"
    without,
    with,
    alternative  // "or"
};

enum class Extreme { highest, lowest, best, worst };

// What some words mean without naming a column.
enum class Role { none, speed, energy, latency };

struct Term {
    TermKind kind = TermKind::filler;
    std::string text;                                                      // as it stands in the question
    bool comma = false;                                                    // behind it
    bool bracket = false;                                                  // opens in front of it
    std::size_t column = 0;                                                // of a column
    std::vector<std::pair<std::size_t, std::vector<std::string>>> values;  // by column that has them
    double number = 0;
    std::vector<std::pair<std::size_t, double>> units;  // columns that have it, and what it is in theirs
    Comparison comparison = Comparison::equal;
    bool trails = false;  // of the number before it: "or less"
    Extreme extreme = Extreme::highest;
    bool bounds = false;  // an extreme before a number may mean a bound: "maximum of 200"
    Aggregate aggregate = Aggregate::average;
    Role role = Role::none;
    bool descending = false;
    bool compares = false;  // an alternative whose sides are looked at apart: "vs"
};

inline Term term_of(TermKind kind) {
    Term term;
    term.kind = kind;
    return term;
}

class Lexicon {
  public:
    explicit Lexicon(const std::vector<AskedColumn>& columns);

    // The terms of a question, longest phrases first. Throws QuestionError (parse_question.hpp) for a word
    // that is none.
    std::vector<Term> read(const std::string& question) const;
    // The column of a role; nothing if the study has none.
    std::optional<std::size_t> column_of(Role role) const;
    // Which is better: what the study says of an objective; of speed, energy and latency it is known.
    std::optional<Goal> goal_of(std::size_t column) const;

  private:
    using Words = std::vector<Word>;

    void add(const std::string& phrase, Term term);
    void add_common_words();
    void add_column(std::size_t index);
    void add_values(std::size_t index);
    void add_labels_that_say_so();
    void add_value(const std::string& phrase, std::size_t index, const std::string& value);
    void add_units(std::size_t index);
    void add_unit(const std::string& phrase, std::size_t index, double scale);
    bool read_number(const Words& words, std::size_t& at, Term& term) const;
    std::size_t read_unit(const Words& words, std::size_t at, Term& term) const;
    bool read_phrase(const Words& words, std::size_t& at, Term& term) const;
    std::vector<std::string> own_words() const;

    std::vector<AskedColumn> columns_;
    std::map<std::string, Term> phrases_;  // by words with a blank in between
    std::map<std::string, std::vector<std::pair<std::size_t, double>>> units_;
    std::size_t longest_ = 1;  // phrase, in words
};

}  // namespace tilewright::sweeps
