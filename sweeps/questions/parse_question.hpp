// SPDX-License-Identifier: Apache-2.0
// From a question in plain English to what it asks for.
//
// A word that has no meaning here, a value that several parameters have, a "best" of nothing, and what would
// get lost of a question are errors that say what would be understood. docs/questions.md tells what questions
// look like.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sweeps/questions/asked_column.hpp"
#include "sweeps/questions/query.hpp"

namespace tilewright::sweeps {

// The question is not understood; what() is a sentence.
class QuestionError : public std::runtime_error {
  public:
    explicit QuestionError(const std::string& sentence, std::string word = "",
                           std::vector<std::string> allowed = {})
        : std::runtime_error(sentence), word_(std::move(word)), allowed_(std::move(allowed)) {}

    // The word that is meant, and what could stand in its place; both may be empty.
    [[nodiscard]] const std::string& word() const { return word_; }
    [[nodiscard]] const std::vector<std::string>& allowed() const { return allowed_; }

  private:
    std::string word_;
    std::vector<std::string> allowed_;
};

Query parse_question(const std::string& question, const std::vector<AskedColumn>& columns);

}  // namespace tilewright::sweeps
