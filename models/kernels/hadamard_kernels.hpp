// SPDX-License-Identifier: Apache-2.0
// The two halves of a Hadamard transform, with the widest vectors that the processor has. Sums are added up
// in one order on all of them: the results are the same to the last bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tilewright::models {

// In place: each run of `points` elements, a power of two, becomes H times itself, H in Sylvester order.
// x.size() is a multiple of it.
void hadamard_butterflies(std::span<double> x, std::size_t points);
void hadamard_butterflies(std::span<std::int64_t> x, std::size_t points);

// In place: run i becomes the sum over k of core[i * order + k] times run k, beginning with k = 0; there are
// `order` runs, a multiple of 4 and at most 40. The entries of the core are +1 and -1.
void hadamard_core_product(std::span<double> x, std::span<const double> core, std::size_t order);
void hadamard_core_product(std::span<std::int64_t> x, std::span<const std::int64_t> core, std::size_t order);

}  // namespace tilewright::models
