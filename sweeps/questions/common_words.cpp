// SPDX-License-Identifier: Apache-2.0
// The words that mean the same in every question.
#include "sweeps/questions/lexicon.hpp"

namespace tilewright::sweeps {

void Lexicon::add_common_words() {
    const auto add_all = [this](const std::vector<const char*>& phrases, const Term& term) {
        for (const auto* phrase : phrases) add(phrase, term);
    };
    const auto compare = [&](Comparison comparison, const std::vector<const char*>& phrases,
                             Role role = Role::none) {
        auto term = term_of(TermKind::comparison);
        term.comparison = comparison;
        term.role = role;
        add_all(phrases, term);
    };
    const auto extreme = [&](Extreme which, const std::vector<const char*>& phrases, Role role = Role::none,
                             bool bounds = false) {
        auto term = term_of(TermKind::extreme);
        term.extreme = which;
        term.role = role;
        term.bounds = bounds;
        add_all(phrases, term);
    };
    const auto aggregate = [&](Aggregate which, const std::vector<const char*>& phrases) {
        auto term = term_of(TermKind::aggregate);
        term.aggregate = which;
        add_all(phrases, term);
    };
    const auto fillers = split_words(
        "a about accelerator accelerators achieve achieves all among an any are as at build can "
        "configuration configurations could design designs do does find fit fits fitting for "
        "from get give go goes had has have i in is it its list make makes me need needs of on "
        "one ones only point points reach reaches run runs setting should show size take takes "
        "tell that the their them there these they this those to value values was we were what "
        "whats when where which whose will would you your");
    for (const auto& word : fillers) add(word.text, term_of(TermKind::filler));
    add_all({"and", "also"}, term_of(TermKind::connective));
    compare(Comparison::less,
            {"<", "under", "below", "less than", "fewer than", "lower than", "smaller than"});
    compare(Comparison::at_most, {"<=", "at most", "no more than", "not more than", "up to", "within",
                                  "less than or equal to", "no greater than"});
    compare(Comparison::greater,
            {">", "over", "above", "more than", "greater than", "higher than", "larger than", "exceeding"});
    compare(Comparison::at_least, {">=", "at least", "no less than", "not less than", "no fewer than",
                                   "not fewer than", "greater than or equal to", "more than or equal to"});
    compare(Comparison::less,
            {"but under", "but below", "but less than", "but fewer than", "but lower than"});
    compare(Comparison::at_most, {"but at most", "but no more than"});
    compare(Comparison::greater,
            {"but over", "but above", "but more than", "but greater than", "but higher than"});
    compare(Comparison::at_least, {"but at least", "but no less than"});
    auto trailing = term_of(TermKind::comparison);
    trailing.trails = true;
    trailing.comparison = Comparison::at_most;
    add_all({"or less", "or fewer", "or lower", "or below", "or under", "or smaller"}, trailing);
    trailing.comparison = Comparison::at_least;
    add_all({"or more", "or greater", "or higher", "or above", "or over", "or larger"}, trailing);
    compare(Comparison::different, {"!=", "different from"});
    compare(Comparison::equal, {"=", "equal to", "equals", "exactly"});
    compare(Comparison::greater, {"faster than"}, Role::speed);
    compare(Comparison::less, {"slower than"}, Role::speed);
    add("between", term_of(TermKind::between));
    extreme(Extreme::highest, {"highest", "largest", "greatest", "biggest"});
    extreme(Extreme::lowest, {"lowest", "smallest", "fewest", "shortest"});
    extreme(Extreme::highest, {"most", "maximum", "maximal", "max"}, Role::none, true);
    extreme(Extreme::lowest, {"least", "minimum", "minimal", "min"}, Role::none, true);
    extreme(Extreme::best, {"best"});
    extreme(Extreme::worst, {"worst"});
    extreme(Extreme::best, {"fastest", "quickest"}, Role::speed);
    extreme(Extreme::worst, {"slowest"}, Role::speed);
    extreme(Extreme::best, {"most efficient", "most energy efficient"}, Role::energy);
    extreme(Extreme::worst, {"least efficient", "least energy efficient"}, Role::energy);
    aggregate(Aggregate::average, {"average", "mean"});
    aggregate(Aggregate::sum, {"sum", "total"});
    add_all({"how many", "number of", "total number of", "count", "count of"}, term_of(TermKind::count));
    add_all({"for each", "for every", "in each", "of each", "each", "every", "per", "grouped by"},
            term_of(TermKind::group));
    add("by", term_of(TermKind::by));
    add_all({"in order of", "sorted by", "ordered by", "ranked by", "sort by", "order by", "rank by"},
            term_of(TermKind::sort));
    auto direction = term_of(TermKind::direction);
    add_all({"ascending", "increasing"}, direction);
    direction.descending = true;
    add_all({"descending", "decreasing"}, direction);
    add_all({"top", "first"}, term_of(TermKind::top));
    auto ordinal = term_of(TermKind::ordinal);
    for (const auto& [word, digits] :
         {std::pair{"second", "2nd"}, {"third", "3rd"}, {"fourth", "4th"}, {"fifth", "5th"}}) {
        ordinal.number = digits[0] - '0';
        add_all({word, digits}, ordinal);
    }
    add_all({"pareto", "pareto front", "pareto optimal", "on the front", "not dominated"},
            term_of(TermKind::pareto));
    add_all({"do not fit", "does not fit", "dont fit", "doesnt fit", "not fit", "not fitting"},
            term_of(TermKind::misfit));
    add_all({"not", "except", "excluding", "other than", "but not", "all but", "all except"},
            term_of(TermKind::negation));
    add_all({"without", "no"}, term_of(TermKind::without));
    add_all({"with", "using", "use", "uses"}, term_of(TermKind::with));
    auto alternative = term_of(TermKind::alternative);
    add("or", alternative);
    alternative.compares = true;
    add_all({"vs", "versus", "compared with", "compared to"}, alternative);
}

}  // namespace tilewright::sweeps
