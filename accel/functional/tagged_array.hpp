// SPDX-License-Identifier: Apache-2.0
// An on-chip tensor of a running program: numbers, each with the generation that made it (the repetition of
// its block), so that a read before the write, or after the next one, is found.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tilewright::accel {

class TaggedArray {
  public:
    // [tokens, width]; nothing has been made yet.
    TaggedArray(std::string name, std::int64_t tokens, std::int64_t width);

    // Throws FunctionalError for elements that it does not have.
    void write(std::int64_t token, std::int64_t begin, std::span<const double> values,
               std::int64_t generation);

    // They are not there any more.
    void drop(std::int64_t token);

    // Throw FunctionalError when an element is of another generation.
    void require(std::int64_t token, std::int64_t begin, std::int64_t size, std::int64_t generation) const;
    std::vector<double> read(std::int64_t token, std::int64_t begin, std::int64_t size,
                             std::int64_t generation) const;

    std::int64_t width() const { return width_; }

  private:
    void require_inside(std::int64_t at, std::int64_t size) const;

    std::string name_;
    std::int64_t width_;
    std::vector<double> values_;
    std::vector<std::int32_t> generations_;
};

// Elements of groups that share an exponent.
struct TaggedElements {
    TaggedArray values;
    TaggedArray exponents;  // one per group

    TaggedElements(const std::string& name, std::int64_t tokens, std::int64_t width, std::int64_t groups)
        : values(name, tokens, width), exponents("exponents of " + name, tokens, groups) {}
};

}  // namespace tilewright::accel
