// SPDX-License-Identifier: Apache-2.0
// The points of a study in order: the Cartesian product of its parameters without the excluded ones.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "sweeps/point.hpp"
#include "sweeps/study.hpp"

namespace tilewright::sweeps {

class SpaceError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// Part `index` (counted from 1) of `count` disjoint parts of a space; the parts together are the space.
struct Shard {
    std::size_t index = 1;
    std::size_t count = 1;

    // Dealt out in turn, so that every shard gets its share of the expensive corner of a space.
    [[nodiscard]] bool contains(std::size_t point_index) const { return point_index % count == index - 1; }
};

// Parses "I/N" with 1 <= I <= N. Throws SpaceError.
Shard parse_shard(std::string_view text);

class Space {
  public:
    // Spaces beyond this are refused: a table of so many rows is of no use, and the index list has to be
    // held.
    static constexpr std::size_t maximum_points = 10'000'000;

    // Throws SpaceError if the product has more than maximum_points points or every point is excluded.
    // Keeps its own copy of the parameters.
    explicit Space(const Study& study);

    [[nodiscard]] std::size_t size() const { return included_.empty() ? product_ : included_.size(); }

    // Point `index` of size(); the last declared parameter varies fastest. Throws SpaceError if out of range.
    [[nodiscard]] Point point(std::size_t index) const;

    // The indices of a shard's points, ascending.
    [[nodiscard]] std::vector<std::size_t> indices(const Shard& shard) const;

  private:
    [[nodiscard]] std::vector<std::size_t> digits(std::size_t position) const;

    std::vector<Parameter> parameters_;
    std::size_t product_ = 1;
    std::vector<std::size_t> included_;  // positions in the whole product; empty if nothing is excluded
};

}  // namespace tilewright::sweeps
