// SPDX-License-Identifier: Apache-2.0
#include "sweeps/questions/words.hpp"

#include <cctype>
#include <charconv>
#include <sstream>
#include <utility>

#include <fmt/format.h>

namespace tilewright::sweeps {

namespace {

// "250,000": a comma of whole thousands. Of other digits it may stand between two numbers.
bool within_number(const std::string& text, std::size_t comma) {
    const auto digit = [&](std::size_t at) {
        return at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0;
    };
    if (comma == 0 || !digit(comma - 1) || text.compare(comma + 1, 3, "000") != 0 || digit(comma + 4))
        return false;
    return comma + 4 >= text.size() || text[comma + 4] != ',' || !digit(comma + 5) ||
           within_number(text, comma + 4);
}

}  // namespace

std::vector<Word> split_words(const std::string& text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\'') continue;
        if (text.compare(i, 3, "\u2019") == 0) {  // an apostrophe, too
            i += 2;
            continue;
        }
        const bool mega =
            c == 'M' && i + 1 < text.size() && (text[i + 1] == 'J' || text[i + 1] == 'W') &&
            (i + 2 == text.size() || std::isalpha(static_cast<unsigned char>(text[i + 2])) == 0);
        if (mega) {  // not a thousandth
            plain += c;
            continue;
        }
        if (c == ',' && within_number(text, i)) continue;
        if (c == ',' || c == ';' || c == '(') {
            plain += c == '(' ? " ( " : " , ";
            continue;
        }
        const bool minus = c == '-' && i + 1 < text.size() &&
                           std::isdigit(static_cast<unsigned char>(text[i + 1])) != 0 &&
                           (plain.empty() || plain.back() == ' ');
        if (!minus && text.compare(i, 2, "!=") != 0 && std::string("_-:?!)\"").find(c) != std::string::npos) {
            plain += ' ';
        } else if (text.compare(i, 2, "!=") == 0 || text.compare(i, 2, "<>") == 0) {
            plain += " != ";
            ++i;
        } else if (c == '<' || c == '>' || c == '=') {
            const bool two = c != '=' && i + 1 < text.size() && text[i + 1] == '=';
            plain += fmt::format(" {}{} ", c, two ? "=" : "");
            i += two ? 1 : 0;
        } else {
            plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        }
    }
    std::vector<Word> words;
    std::istringstream stream(plain);
    bool bracket = false;
    for (std::string word; stream >> word;) {
        if (word == "(") {
            bracket = true;
            continue;
        }
        if (word == ",") {
            if (!words.empty()) words.back().comma = true;
            continue;
        }
        while (word.size() > 1 && word.back() == '.') word.pop_back();
        words.push_back({word, false, std::exchange(bracket, false)});
    }
    return words;
}

std::string join_words(const std::vector<Word>& words, std::size_t begin, std::size_t count) {
    std::string text;
    for (auto i = begin; i < begin + count; ++i) text += (i == begin ? "" : " ") + words[i].text;
    return text;
}

std::string plain_words(const std::string& text) {
    const auto words = split_words(text);
    return join_words(words, 0, words.size());
}

std::optional<std::pair<double, std::size_t>> leading_number(const std::string& word) {
    double value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end == word.data() ||
        std::isalpha(static_cast<unsigned char>(word[0])) != 0) {
        return {};
    }
    return std::pair{value, static_cast<std::size_t>(end - word.data())};
}

}  // namespace tilewright::sweeps
