// SPDX-License-Identifier: Apache-2.0
// A study: which parameters of a base design to vary, and what to optimise.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweeps/point.hpp"

namespace tilewright::sweeps {

// What is wrong with a study, and where. what() holds the sentence without the pointer.
class StudyError : public std::runtime_error {
  public:
    StudyError(std::string pointer, const std::string& sentence)
        : std::runtime_error(sentence), pointer_(std::move(pointer)) {}

    // JSON pointer into the study document, for `FILE#/pointer: sentence`.
    [[nodiscard]] const std::string& pointer() const { return pointer_; }

  private:
    std::string pointer_;
};

struct ParameterValue {
    std::string label;                    // unique within its parameter
    nlohmann::json cell;                  // what tables show: the plain value, or the label
    std::vector<Assignment> assignments;  // what choosing this value sets in the design
};

struct Parameter {
    std::string name;
    std::vector<ParameterValue> values;  // never empty
};

enum class Goal { maximize, minimize };

struct Objective {
    std::string name;
    std::string metric;  // JSON pointer into the report, to a number
    Goal goal = Goal::minimize;
    std::string unit;  // for people; may be empty
};

// A further figure of the report that tables show.
struct Column {
    std::string name;
    std::string metric;  // JSON pointer into the report
    std::string unit;
};

// A conjunction: a point is excluded if it has all of these (parameter index, value index).
using Exclusion = std::vector<std::pair<std::size_t, std::size_t>>;

struct Study {
    std::string name;
    std::string description;
    std::string base;      // the base design's file, relative to the study's own
    std::string fidelity;  // "bound" or "timing"
    std::vector<Parameter> parameters;
    std::vector<Exclusion> exclude;
    std::vector<std::size_t> compare_within;  // parameters: points that differ in one do not compete
    std::vector<Objective> objectives;
    std::vector<Column> columns;
};

// Parses a document that has passed configs/schemas/study.schema.json. Throws StudyError for what a schema
// cannot express: names used twice, unknown parameters and labels in `exclude` and
// `compare_within`, malformed JSON pointers, a
// plain value without a pointer to put it at, two parameters that set the same place.
Study parse_study(const nlohmann::json& document);

// The label of a plain value: its compact JSON text, strings without quotes.
std::string label_of(const nlohmann::json& value);

}  // namespace tilewright::sweeps
