// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/hadamard.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "models/kernels/hadamard_kernels.hpp"

namespace tilewright::models {

namespace {

constexpr std::array<int, 4> cores = {12, 20, 28, 40};

// Legendre symbol of a modulo a prime: 0, 1 for a square, -1 otherwise.
int legendre(int a, int prime) {
    const auto rest = ((a % prime) + prime) % prime;
    if (rest == 0) return 0;
    for (int root = 1; root < prime; ++root) {
        if (root * root % prime == rest) return 1;
    }
    return -1;
}

// A square matrix while it is filled.
class SignMatrix {
  public:
    explicit SignMatrix(std::size_t order, std::int8_t fill = 0)
        : order_(order), entries_(order * order, fill) {}

    void set(int row, int column, int entry) {
        const auto place = static_cast<std::size_t>(row) * order_ + static_cast<std::size_t>(column);
        entries_[place] = static_cast<std::int8_t>(entry);
    }

    std::vector<std::int8_t> take() { return std::move(entries_); }

  private:
    std::size_t order_;
    std::vector<std::int8_t> entries_;
};

std::vector<std::int8_t> paley_first(int prime) {
    SignMatrix matrix(static_cast<std::size_t>(prime) + 1, 1);
    for (int i = 0; i < prime; ++i) {
        matrix.set(0, i + 1, -1);
        for (int j = 0; j < prime; ++j) {
            if (legendre(j - i, prime) == 1) matrix.set(i + 1, j + 1, -1);
        }
    }
    return matrix.take();
}

std::vector<std::int8_t> paley_second(int prime) {
    const auto half = prime + 1;
    SignMatrix matrix(2 * static_cast<std::size_t>(half));
    for (int i = 0; i < half; ++i) {
        for (int j = 0; j < half; ++j) {
            const int entry = i == j ? 0 : (i == 0 || j == 0) ? 1 : legendre(j - i, prime);
            const bool diagonal = entry == 0;
            matrix.set(2 * i, 2 * j, diagonal ? 1 : entry);
            matrix.set(2 * i, 2 * j + 1, diagonal ? -1 : entry);
            matrix.set(2 * i + 1, 2 * j, diagonal ? -1 : entry);
            matrix.set(2 * i + 1, 2 * j + 1, diagonal ? -1 : -entry);
        }
    }
    return matrix.take();
}

std::vector<std::int8_t> doubled(const std::vector<std::int8_t>& a, std::size_t order) {
    const auto n = 2 * order;
    std::vector<std::int8_t> matrix(n * n);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            const auto entry = a[i % order * order + j % order];
            matrix[i * n + j] = static_cast<std::int8_t>(i >= order && j >= order ? -entry : entry);
        }
    }
    return matrix;
}

template <typename Number>
struct Matrices {
    std::vector<Number> forward;
    std::vector<Number> inverse;  // the transpose

    explicit Matrices(const std::vector<std::int8_t>& matrix, std::size_t order)
        : forward(matrix.begin(), matrix.end()), inverse(forward) {
        for (std::size_t i = 0; i < order; ++i) {
            for (std::size_t j = 0; j < i; ++j) std::swap(inverse[i * order + j], inverse[j * order + i]);
        }
    }
    const std::vector<Number>& towards(Direction direction) const {
        return direction == Direction::forward ? forward : inverse;
    }
};

struct Core {
    std::vector<std::int8_t> matrix;
    Matrices<double> doubles;
    Matrices<std::int64_t> integers;

    Core(const std::vector<std::int8_t>& entries, std::size_t order)
        : matrix(entries), doubles(entries, order), integers(entries, order) {}
};

// The cores are built once.
const Core& stored_core(int order) {
    static const Core twelve = {paley_first(11), 12};
    static const Core twenty = {paley_first(19), 20};
    static const Core twenty_eight = {paley_second(13), 28};
    static const Core forty = {doubled(twenty.matrix, 20), 40};
    static const Core one = {{1}, 1};
    switch (order) {
        case 1:
            return one;
        case 12:
            return twelve;
        case 20:
            return twenty;
        case 28:
            return twenty_eight;
        case 40:
            return forty;
        default:
            throw std::invalid_argument("no Hadamard core of order " + std::to_string(order) +
                                        "; allowed: 1, 12, 20, 28, 40");
    }
}

HadamardShape checked_shape(std::size_t n) {
    const auto shape = find_hadamard_shape(n);
    if (!shape) {
        throw std::invalid_argument("no Hadamard transform of " + std::to_string(n) +
                                    " points; allowed: 1, 12, 20, 28 or 40 times a power of two");
    }
    return *shape;
}

// H x or H^T x without a factor. Butterflies within each run of 2^stages, then the core across the runs.
template <typename Number>
void transform(std::span<Number> x, HadamardShape shape, Direction direction) {
    hadamard_butterflies(x, std::size_t{1} << shape.stages);
    if (shape.core == 1) return;
    const auto& core = stored_core(shape.core);
    const auto order = static_cast<std::size_t>(shape.core);
    if constexpr (std::is_same_v<Number, double>) {
        hadamard_core_product(x, core.doubles.towards(direction), order);
    } else {
        hadamard_core_product(x, core.integers.towards(direction), order);
    }
}

void multiply_by_signs(std::span<double> x, std::span<const std::int8_t> signs) {
    for (std::size_t i = 0; i < signs.size(); ++i) {
        if (signs[i] < 0) x[i] = -x[i];
    }
}

void check_signs(std::size_t size, std::size_t block, std::span<const std::int8_t> signs) {
    if (block == 0 || size % block != 0) {
        throw std::invalid_argument(std::to_string(size) + " elements are not whole blocks of " +
                                    std::to_string(block));
    }
    if (!signs.empty() && signs.size() != size) {
        throw std::invalid_argument(std::to_string(signs.size()) + " signs for " + std::to_string(size) +
                                    " elements");
    }
    if (std::any_of(signs.begin(), signs.end(), [](auto sign) { return sign != 1 && sign != -1; })) {
        throw std::invalid_argument("a sign is neither 1 nor -1");
    }
}

}  // namespace

std::optional<HadamardShape> find_hadamard_shape(std::size_t n) {
    if (n == 0) return std::nullopt;
    if (std::has_single_bit(n)) return HadamardShape{1, std::countr_zero(n)};
    // The largest core first: 40 x 128 rather than 20 x 256.
    for (auto core = cores.rbegin(); core != cores.rend(); ++core) {
        const auto order = static_cast<std::size_t>(*core);
        if (n % order == 0 && std::has_single_bit(n / order)) {
            return HadamardShape{*core, std::countr_zero(n / order)};
        }
    }
    return std::nullopt;
}

std::vector<std::int8_t> hadamard_core(int order) {
    return stored_core(order).matrix;
}

void hadamard_transform(std::span<double> x, Direction direction) {
    transform(x, checked_shape(x.size()), direction);
    const auto root = std::sqrt(static_cast<double>(x.size()));
    for (auto& value : x) value /= root;
}

void hadamard_transform_integer(std::span<std::int64_t> x, Direction direction) {
    const auto shape = checked_shape(x.size());
    const auto limit = std::numeric_limits<std::int64_t>::max() / static_cast<std::int64_t>(x.size());
    if (std::any_of(x.begin(), x.end(), [&](auto value) { return value > limit || value < -limit; })) {
        throw std::overflow_error("the transform of " + std::to_string(x.size()) +
                                  " integers might exceed 63 bits; allowed: magnitudes up to " +
                                  std::to_string(limit));
    }
    transform(x, shape, direction);
}

void rotate(std::span<double> x, std::size_t block, std::span<const std::int8_t> signs, Direction direction) {
    check_signs(x.size(), block, signs);
    checked_shape(block);
    if (direction == Direction::forward) multiply_by_signs(x, signs);
    for (std::size_t start = 0; start < x.size(); start += block) {
        hadamard_transform(x.subspan(start, block), direction);
    }
    if (direction == Direction::inverse) multiply_by_signs(x, signs);
}

void merge_rotation_into_inputs(std::span<double> weights, std::size_t columns, std::size_t block,
                                std::span<const std::int8_t> signs) {
    check_signs(columns, block, signs);
    if (columns == 0 || weights.size() % columns != 0) {
        throw std::invalid_argument("the weights are not whole rows");
    }
    // Row w of W becomes w R^T, that is R w.
    for (std::size_t start = 0; start < weights.size(); start += columns) {
        rotate(weights.subspan(start, columns), block, signs);
    }
}

void merge_rotation_into_outputs(std::span<double> weights, std::size_t rows, std::size_t block,
                                 std::span<const std::int8_t> signs) {
    check_signs(rows, block, signs);
    if (rows == 0 || weights.size() % rows != 0) {
        throw std::invalid_argument("the weights are not whole columns");
    }
    const auto columns = weights.size() / rows;
    std::vector<double> column(rows);
    for (std::size_t j = 0; j < columns; ++j) {
        for (std::size_t i = 0; i < rows; ++i) column[i] = weights[i * columns + j];
        rotate(column, block, signs);
        for (std::size_t i = 0; i < rows; ++i) weights[i * columns + j] = column[i];
    }
}

}  // namespace tilewright::models
