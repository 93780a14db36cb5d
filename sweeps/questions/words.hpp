// SPDX-License-Identifier: Apache-2.0
// Text of people as words.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tilewright::sweeps {

struct Word {
    std::string text;
    bool comma = false;    // behind it
    bool bracket = false;  // opens in front of it
};
// Lower case, but for the M of MJ and MW; without marks that separate: "Fine_grained, 4x8?" is fine, grained,
// 4x8. Signs of comparison are words of their own.
std::vector<Word> split_words(const std::string& text);
// So many words from one on, with a blank in between.
std::string join_words(const std::vector<Word>& words, std::size_t begin, std::size_t count);
// The words of a text with a blank in between.
std::string plain_words(const std::string& text);
// The number at the begin of a word, and where it ends.
std::optional<std::pair<double, std::size_t>> leading_number(const std::string& word);

}  // namespace tilewright::sweeps
