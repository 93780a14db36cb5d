// SPDX-License-Identifier: Apache-2.0
// Hadamard transforms of n = core * 2^stages points, core in {1, 12, 20, 28, 40}.
//
// y = (H_core kron H_2^stages) x: element k 2^stages + j belongs to row k of the core and point j of the
// butterflies, which are in Sylvester order. The cores, with rows that hold +1 and -1 only and H H^T = n I:
//   12, 20  Paley's first construction over the integers modulo 11 and 19: H[0][0] = 1, H[0][j] = -1, H[i][0]
//   = 1,
//           H[1+i][1+j] = +1 where (j - i) is zero or a quadratic non-residue, else -1
//   28      Paley's second construction over the integers modulo 13: the symmetric conference matrix C of
//   order 14
//           (C[0][j] = C[i][0] = 1, C[1+i][1+j] = Legendre symbol of j - i, zero on the diagonal), its zeros
//           replaced by [[1, -1], [-1, -1]] and +-1 by +-[[1, 1], [1, -1]]
//   40      [[A, A], [A, -A]] with A the core of 20
// 12, 20 and 40 are not symmetric, so the inverse is the transpose over n.
// (R. E. A. C. Paley, On Orthogonal Matrices, J. Math. Phys. 12, 1933.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tilewright::models {

struct HadamardShape {
    int core = 1;
    int stages = 0;  // butterflies over 2^stages points

    friend bool operator==(const HadamardShape&, const HadamardShape&) = default;
};

// How n points are split; nothing when there is no transform of n points. Multiples of 40 use the core of 40.
std::optional<HadamardShape> find_hadamard_shape(std::size_t n);

// The matrix of a core, row by row, entries +1 and -1. Throws std::invalid_argument for any other order.
std::vector<std::int8_t> hadamard_core(int order);

enum class Direction { forward, inverse };

// In place, orthonormal: x becomes H x / sqrt(n), or H^T x / sqrt(n). Throws std::invalid_argument when there
// is no transform of x.size() points.
void hadamard_transform(std::span<double> x, Direction direction = Direction::forward);

// In place, exact and without a factor: x becomes H x, or H^T x (so that there and back multiplies by n).
// Throws as above, and std::overflow_error when a result might exceed 63 bits.
void hadamard_transform_integer(std::span<std::int64_t> x, Direction direction = Direction::forward);

// The rotation R = (I kron H_block / sqrt(block)) diag(signs), in place: each run of `block` elements of x is
// multiplied by its signs, then transformed. The inverse is R^T. `signs` holds x.size() entries +1 or -1, or
// none for all +1. Throws std::invalid_argument when x is not whole blocks or signs do not match.
void rotate(std::span<double> x, std::size_t block, std::span<const std::int8_t> signs = {},
            Direction direction = Direction::forward);

// Merges R into weights offline: W (rows of `columns` elements, the inputs) becomes W R^T, so that
// (W R^T)(R x) = W x for inputs rotated online. Throws as rotate().
void merge_rotation_into_inputs(std::span<double> weights, std::size_t columns, std::size_t block,
                                std::span<const std::int8_t> signs = {});

// The same for outputs: W (`rows` x columns) becomes R W, so that its outputs come out rotated.
void merge_rotation_into_outputs(std::span<double> weights, std::size_t rows, std::size_t block,
                                 std::span<const std::int8_t> signs = {});

}  // namespace tilewright::models
