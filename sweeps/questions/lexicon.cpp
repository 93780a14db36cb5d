// SPDX-License-Identifier: Apache-2.0
#include "sweeps/questions/lexicon.hpp"

#include <algorithm>
#include <iterator>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "sweeps/questions/parse_question.hpp"

namespace tilewright::sweeps {

namespace {

constexpr const char* small_numbers[] = {"two",   "three", "four", "five", "six",
                                         "seven", "eight", "nine", "ten"};  // from two on

// The figures of reports that words of every question are about (configs/schemas/report.schema.json).
struct KnownFigure {
    const char* metric;
    Role role;
    std::vector<const char*> names;
};
const std::vector<KnownFigure>& known_figures() {
    static const std::vector<KnownFigure> figures = {
        {"/throughput/value", Role::speed, {"throughput", "speed", "rate"}},
        {"/energy/per_item_j", Role::energy, {"energy", "energy per item"}},
        {"/energy/total_j", Role::none, {"total energy"}},
        {"/latency_s", Role::latency, {"latency", "time"}},
        {"/power_w", Role::none, {"power"}},
        {"/bound/binds", Role::none, {"bound by", "bottleneck", "binds", "limits"}},
        {"/busiest/engine", Role::none, {"busiest", "busiest engine"}},
        // Behind the bound, so that a bottleneck is that of the simulation where a study shows both.
        {"/bottleneck/engine", Role::none, {"bottleneck", "critical path"}},
        {"/bound/simulated_over_bound", Role::none, {"over bound"}},
        {"/numerics/block_sqnr_db", Role::none, {"sqnr"}},
    };
    return figures;
}

}  // namespace

Lexicon::Lexicon(const std::vector<AskedColumn>& columns) : columns_(columns) {
    add_common_words();
    // Names of the study go before words of every question, and names of columns before values.
    for (std::size_t i = 0; i < columns_.size(); ++i) add_values(i);
    add_labels_that_say_so();
    for (const auto& figure : known_figures()) {
        const auto at = std::find_if(columns_.begin(), columns_.end(),
                                     [&](const auto& column) { return column.metric == figure.metric; });
        if (at == columns_.end()) continue;
        auto term = term_of(TermKind::column);
        term.column = static_cast<std::size_t>(at - columns_.begin());
        for (const auto* name : figure.names) add(name, term);
        const auto stroke = at->unit.find('/');
        if (figure.role == Role::energy && stroke != std::string::npos) {
            add("energy per " + at->unit.substr(stroke + 1), term);
        }
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) add_column(i);
    for (std::size_t i = 0; i < columns_.size(); ++i) add_units(i);
    // Understood everywhere, so that it can be said that a column is not a fraction.
    for (const auto* phrase : {"%", "percent"}) {
        if (units_.count(phrase) == 0) add_unit(phrase, columns_.size(), 0.01);
    }
}

void Lexicon::add(const std::string& phrase, Term term) {
    const auto words = split_words(phrase);
    if (words.empty()) return;
    longest_ = std::max(longest_, words.size());
    auto& known = phrases_[join_words(words, 0, words.size())];
    term.values = std::move(known.values);  // a name may be a value, too
    known = std::move(term);
}

void Lexicon::add_column(std::size_t index) {
    auto term = term_of(TermKind::column);
    term.column = index;
    // "The most tokens per second."
    const auto& unit = columns_[index].unit;
    const auto stroke = unit.find('/');
    const auto spelt = stroke == std::string::npos || unit.substr(stroke) != "/s"
                           ? unit
                           : unit.substr(0, stroke) + " per second";
    for (const auto& name : {unit, spelt}) {
        if (name != "of device" && phrases_.count(plain_words(name)) == 0) add(name, term);
    }
    add(columns_[index].name, term);
}

// A label and, of one with commas, its parts: "FP6, LUT" is one of those that are "FP6".
void Lexicon::add_values(std::size_t index) {
    for (const auto& value : columns_[index].values) {
        if (columns_[index].numeric) continue;
        add_value(value, index, value);
        std::istringstream parts(value);
        for (std::string part; std::getline(parts, part, ',');) {
            if (plain_words(part) != plain_words(value)) add_value(part, index, value);
            // "FP4" of "FP4 g64", unless it is a word of every question.
            const auto words = split_words(part);
            if (words.size() < 2) continue;
            const auto& first = words.front().text;
            const auto known = phrases_.find(first);
            if (known == phrases_.end() || known->second.kind == TermKind::value)
                add_value(first, index, value);
        }
    }
}

void Lexicon::add_value(const std::string& phrase, std::size_t index, const std::string& value) {
    const auto words = plain_words(phrase);
    const auto number = leading_number(words);
    if (words.empty() || (number && number->second == words.size())) return;
    // A word of every question is a value only where the column stands before it: see
    // QuestionParser::parse_values_behind().
    if (phrases_.count(words) == 0) add(words, term_of(TermKind::value));
    auto& all = phrases_.at(words).values;
    if (all.empty() || all.back().first != index) all.push_back({index, {}});
    all.back().second.push_back(value);
}

// Words that are a part of one label mean the others that hold them, too: "AI Engines" of "AI Engines, 256
// tiles" those of "out_proj on AI Engines, 32x32". Words that are a whole label mean that.
void Lexicon::add_labels_that_say_so() {
    const auto padded = [](const std::string& words) { return " " + words + " "; };
    for (auto& entry : phrases_) {
        const auto& phrase = entry.first;
        for (auto& of_column : entry.second.values) {
            const auto& labels = columns_[of_column.first].values;
            const auto is_phrase = [&](const auto& label) { return plain_words(label) == phrase; };
            if (std::any_of(labels.begin(), labels.end(), is_phrase)) continue;
            const auto parts = std::exchange(of_column.second, {});
            const auto says_so = [&](const auto& label) {
                return std::find(parts.begin(), parts.end(), label) != parts.end() ||
                       padded(plain_words(label)).find(padded(phrase)) != std::string::npos;
            };
            std::copy_if(labels.begin(), labels.end(), std::back_inserter(of_column.second), says_so);
        }
    }
}

void Lexicon::add_unit(const std::string& phrase, std::size_t index, double scale) {
    const auto words = split_words(phrase);
    longest_ = std::max(longest_, words.size());
    units_[join_words(words, 0, words.size())].emplace_back(index, scale);
}

// As it stands, with "per", up to its stroke, and with m, u and k of joules, watts and seconds.
void Lexicon::add_units(std::size_t index) {
    const auto& column = columns_[index];
    const std::vector<std::pair<std::string, std::string>> by_metric = {
        {"/latency_s", "s"}, {"/power_w", "W"}, {"/energy/total_j", "J"}};
    auto unit = column.unit;
    for (const auto& [metric, of_metric] : by_metric) {
        if (unit.empty() && column.metric == metric) unit = of_metric;
    }
    if (column.fraction()) {
        for (const auto* phrase : {"%", "percent"}) add_unit(phrase, index, 0.01);
    }
    if (unit.empty() && !column.parameter()) {
        add_unit("k", index, 1e3);  // "250k LUT"
        for (const auto* phrase : {"m", "million"}) add_unit(phrase, index, 1e6);
    }
    if (unit.empty() || unit == "of device") return;
    add_unit(unit, index, 1);
    const auto stroke = unit.find('/');
    const auto head = unit.substr(0, stroke);
    const auto tail = stroke == std::string::npos ? "" : unit.substr(stroke + 1);
    if (tail == "s") {
        add_unit(head + " per second", index, 1);
        if (head.size() > 1 && head.back() == 's') {  // "1 token/s"
            const auto one = head.substr(0, head.size() - 1);
            add_unit(one + "/s", index, 1);
            add_unit(one + " per second", index, 1);
        }
        add_unit("k " + unit, index, 1e3);
        if (head == "frames") add_unit("fps", index, 1);
        if (head == "tokens") {
            for (const auto* phrase : {"tok/s", "tps"}) add_unit(phrase, index, 1);
        }
        return;
    }
    if (head == "Hz") {
        for (const auto& [phrase, scale] : {std::pair{"kHz", 1e3}, {"MHz", 1e6}, {"GHz", 1e9}}) {
            add_unit(phrase, index, scale);
        }
        return;
    }
    const std::map<std::string, std::string> words = {{"J", "joule"}, {"W", "watt"}, {"s", "second"}};
    const auto word = words.find(head);
    if (word == words.end()) return;
    for (const auto& [prefix, name, scale] :
         {std::tuple{"", "", 1.0}, {"m", "milli", 1e-3}, {"u", "micro", 1e-6}, {"k", "kilo", 1e3}}) {
        for (const auto& spelt : {prefix + head, name + word->second, name + word->second + "s"}) {
            if (spelt != unit) add_unit(spelt, index, scale);
            if (tail.empty()) continue;
            if (spelt != head) add_unit(spelt + "/" + tail, index, scale);
            add_unit(spelt + " per " + tail, index, scale);
        }
    }
}

std::optional<std::size_t> Lexicon::column_of(Role role) const {
    for (const auto& figure : known_figures()) {
        if (figure.role != role) continue;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (columns_[i].metric == figure.metric) return i;
        }
    }
    return {};
}

std::optional<Goal> Lexicon::goal_of(std::size_t column) const {
    if (columns_[column].goal) return columns_[column].goal;
    for (const auto& figure : known_figures()) {
        if (figure.role == Role::none || columns_[column].metric != figure.metric) continue;
        return figure.role == Role::speed ? Goal::maximize : Goal::minimize;
    }
    return {};
}

// How many words at `at` are a unit.
std::size_t Lexicon::read_unit(const Words& words, std::size_t at, Term& term) const {
    for (auto count = std::min(longest_, words.size() - at); count > 0; --count) {
        const auto unit = units_.find(join_words(words, at, count));
        if (unit == units_.end()) continue;
        term.units = unit->second;
        return count;
    }
    return 0;
}

bool Lexicon::read_number(const Words& words, std::size_t& at, Term& term) const {
    const auto& word = words[at].text;
    const auto* const named = std::find(std::begin(small_numbers), std::end(small_numbers), word);
    term.kind = TermKind::number;
    if (named != std::end(small_numbers)) {
        term.number = static_cast<double>(named - std::begin(small_numbers)) + 2;
        ++at;
        return true;
    }
    const auto number = leading_number(word);
    if (!number) return false;
    term.number = number->first;
    if (number->second == word.size()) {
        const auto begin = ++at;
        at += begin < words.size() ? read_unit(words, begin, term) : 0;
        return true;
    }
    Words rest(words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
    rest.front().text = word.substr(number->second);
    const auto unit = read_unit(rest, 0, term);
    at += unit;
    return unit > 0;
}

bool Lexicon::read_phrase(const Words& words, std::size_t& at, Term& term) const {
    for (auto count = std::min(longest_, words.size() - at); count > 0; --count) {
        auto text = join_words(words, at, count);
        auto found = phrases_.find(text);
        if (found == phrases_.end() && text.size() > 2 && text.back() == 's') {  // a plural
            text.pop_back();
            found = phrases_.find(text);
        }
        if (found == phrases_.end()) continue;
        term = found->second;
        at += count;
        return true;
    }
    return false;
}

std::vector<std::string> Lexicon::own_words() const {
    std::vector<std::string> words;
    for (const auto& column : columns_) {
        words.push_back(column.name);
        if (column.numeric) continue;
        words.insert(words.end(), column.values.begin(), column.values.end());
    }
    return words;
}

std::vector<Term> Lexicon::read(const std::string& question) const {
    const auto words = split_words(question);
    std::vector<Term> terms;
    for (std::size_t at = 0; at < words.size();) {
        const auto begin = at;
        Term term;
        if (!read_phrase(words, at, term) && !read_number(words, at, term)) {
            throw QuestionError(fmt::format("\"{}\" is not understood", words[begin].text), words[begin].text,
                                own_words());
        }
        term.text = join_words(words, begin, at - begin);
        term.comma = words[at - 1].comma;
        term.bracket = words[begin].bracket;
        terms.push_back(std::move(term));
    }
    return terms;
}

}  // namespace tilewright::sweeps
