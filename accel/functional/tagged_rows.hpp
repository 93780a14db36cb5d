// SPDX-License-Identifier: Apache-2.0
// Feature maps on the chip of a running program, row by row: what is there, and which generation made it (the
// unit that reads it), so that a read before the write, behind the next one, or of what a buffer holds no
// more is found.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "models/kernels/feature_map.hpp"

namespace tilewright::accel {

// Of rows whose data lie elsewhere.
class RowTags {
  public:
    // Nothing has been made yet.
    RowTags(std::string name, std::int64_t rows);

    // Throw FunctionalError for rows that are not in the image; require() also when one of them is of another
    // generation, not made yet, or not there any more.
    void make(const models::RowRange& rows, std::int64_t generation);
    void drop(const models::RowRange& rows);
    void require(const models::RowRange& rows, std::int64_t generation) const;

    // Of a row that is there; throws FunctionalError for one that is not.
    std::int64_t generation(std::int64_t row) const;
    std::int64_t rows() const { return static_cast<std::int64_t>(tags_.size()); }

  private:
    struct Tag {
        std::int64_t generation = -1;
        bool there = false;
    };
    void check_inside(const models::RowRange& rows) const;
    [[noreturn]] void miss(std::int64_t row, const std::string& wanted) const;

    std::string name_;
    std::vector<Tag> tags_;
};

// With their numbers. Rows that are not there take no memory.
template <typename Number>
class TaggedRows {
  public:
    TaggedRows(std::string name, std::int64_t rows)
        : tags_(std::move(name), rows), values_(static_cast<std::size_t>(rows)) {}

    // `values`: the rows one behind the other, of equal lengths.
    void write(const models::RowRange& rows, std::span<const Number> values, std::int64_t generation) {
        tags_.make(rows, generation);
        const auto size = values.size() / static_cast<std::size_t>(rows.count());
        for (auto row = rows.begin; row < rows.end; ++row, values = values.subspan(size)) {
            at(row).assign(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(size));
        }
    }

    // Throws FunctionalError as RowTags::require().
    std::vector<Number> read(const models::RowRange& rows, std::int64_t generation) const {
        tags_.require(rows, generation);
        std::vector<Number> values;
        for (auto row = rows.begin; row < rows.end; ++row) {
            const auto& part = values_[static_cast<std::size_t>(row)];
            values.insert(values.end(), part.begin(), part.end());
        }
        return values;
    }

    void drop(const models::RowRange& rows) {
        tags_.drop(rows);
        for (auto row = rows.begin; row < rows.end; ++row) std::vector<Number>().swap(at(row));
    }

    std::int64_t generation(std::int64_t row) const { return tags_.generation(row); }

  private:
    std::vector<Number>& at(std::int64_t row) { return values_[static_cast<std::size_t>(row)]; }

    RowTags tags_;
    std::vector<std::vector<Number>> values_;
};

}  // namespace tilewright::accel
