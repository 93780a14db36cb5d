// SPDX-License-Identifier: Apache-2.0
// Exact dot products of small integers, one per group of consecutive elements: what a matrix unit sums before
// it applies the scales of a group. Operands are codes in units of their format (e2m1: -12 ... 12 halves).
//
// The fastest instructions of the processor at hand are chosen when the program starts; sums are exact, so
// all choices give the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tilewright::models {

// The longest group whose sum fits 32 bits whatever the operands: floor((2^31 - 1) / 128^2).
constexpr std::size_t longest_dot_group = 131'071;

// sums[g] = sum of a[i] b[i] over group g; the last group may be shorter. Throws std::invalid_argument for
// a group of 0 or more than longest_dot_group elements, for operands of different lengths, and when `sums` is
// not one per group.
void grouped_dot(std::span<const std::int8_t> a, std::span<const std::int8_t> b, std::size_t group,
                 std::span<std::int32_t> sums);

}  // namespace tilewright::models
