// SPDX-License-Identifier: Apache-2.0
#include "accel/functional/tagged_rows.hpp"

#include "accel/functional/functional_error.hpp"

namespace tilewright::accel {

RowTags::RowTags(std::string name, std::int64_t rows)
    : name_(std::move(name)), tags_(static_cast<std::size_t>(rows)) {}

void RowTags::check_inside(const models::RowRange& range) const {
    if (range.begin >= 0 && range.begin < range.end && range.end <= rows()) return;
    throw FunctionalError("rows " + std::to_string(range.begin) + " to " + std::to_string(range.end) +
                          " of " + name_ + ", which has " + std::to_string(rows()));
}

void RowTags::make(const models::RowRange& range, std::int64_t generation) {
    check_inside(range);
    for (auto row = range.begin; row < range.end; ++row) {
        tags_[static_cast<std::size_t>(row)] = {generation, true};
    }
}

void RowTags::drop(const models::RowRange& range) {
    check_inside(range);
    for (auto row = range.begin; row < range.end; ++row) tags_[static_cast<std::size_t>(row)].there = false;
}

void RowTags::miss(std::int64_t row, const std::string& wanted) const {
    const auto& tag = tags_[static_cast<std::size_t>(row)];
    std::string found = "not made yet";
    if (tag.generation >= 0) {
        found =
            (tag.there ? "of generation " : "gone, and was of generation ") + std::to_string(tag.generation);
    }
    throw FunctionalError("row " + std::to_string(row) + " of " + name_ + " is read" + wanted + " but is " +
                          found);
}

void RowTags::require(const models::RowRange& range, std::int64_t generation) const {
    check_inside(range);
    for (auto row = range.begin; row < range.end; ++row) {
        const auto& tag = tags_[static_cast<std::size_t>(row)];
        if (!tag.there || tag.generation != generation) {
            miss(row, " as of generation " + std::to_string(generation));
        }
    }
}

std::int64_t RowTags::generation(std::int64_t row) const {
    check_inside({row, row + 1});
    const auto& tag = tags_[static_cast<std::size_t>(row)];
    if (!tag.there) miss(row, "");
    return tag.generation;
}

}  // namespace tilewright::accel
