// SPDX-License-Identifier: Apache-2.0
#include "accel/functional/tagged_array.hpp"

#include <algorithm>
#include <utility>

#include "accel/functional/functional_error.hpp"

namespace tilewright::accel {

TaggedArray::TaggedArray(std::string name, std::int64_t tokens, std::int64_t width)
    : name_(std::move(name)),
      width_(width),
      values_(static_cast<std::size_t>(tokens * width)),
      generations_(static_cast<std::size_t>(tokens * width), -1) {}

void TaggedArray::require_inside(std::int64_t at, std::int64_t size) const {
    if (at >= 0 && at + size <= static_cast<std::int64_t>(values_.size())) return;
    throw FunctionalError("elements " + std::to_string(at) + " to " + std::to_string(at + size) + " of " +
                          name_ + ", which has " + std::to_string(values_.size()));
}

void TaggedArray::write(std::int64_t token, std::int64_t begin, std::span<const double> values,
                        std::int64_t generation) {
    const auto at = token * width_ + begin;
    require_inside(at, static_cast<std::int64_t>(values.size()));
    std::copy(values.begin(), values.end(), values_.begin() + at);
    std::fill_n(generations_.begin() + at, values.size(), static_cast<std::int32_t>(generation));
}

void TaggedArray::drop(std::int64_t token) {
    require_inside(token * width_, width_);
    std::fill_n(generations_.begin() + token * width_, width_, -1);
}

void TaggedArray::require(std::int64_t token, std::int64_t begin, std::int64_t size,
                          std::int64_t generation) const {
    const auto at = token * width_ + begin;
    require_inside(at, size);
    for (auto i = at; i < at + size; ++i) {
        const auto found = generations_[static_cast<std::size_t>(i)];
        if (found == generation) continue;
        throw FunctionalError("element " + std::to_string(i - token * width_) + " of " + name_ + ", token " +
                              std::to_string(token) + ", is read as of generation " +
                              std::to_string(generation) + " but is " +
                              (found < 0 ? "not made yet" : "of generation " + std::to_string(found)));
    }
}

std::vector<double> TaggedArray::read(std::int64_t token, std::int64_t begin, std::int64_t size,
                                      std::int64_t generation) const {
    require(token, begin, size, generation);
    const auto at = token * width_ + begin;
    return {values_.begin() + at, values_.begin() + at + size};
}

}  // namespace tilewright::accel
