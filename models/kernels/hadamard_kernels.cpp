// SPDX-License-Identifier: Apache-2.0
// Highway compiles everything between HWY_BEFORE_NAMESPACE and HWY_AFTER_NAMESPACE once per instruction set,
// by including this file again.
#include "models/kernels/hadamard_kernels.hpp"

#include <algorithm>
#include <array>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/kernels/hadamard_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tilewright::models::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t most_lanes = 8;  // of 64 bits

// The stages of distance 1 and 2 of whole vectors; returns how many elements were taken.
template <class D, typename Number = hn::TFromD<D>>
HWY_INLINE std::size_t first_stages(D d, Number* HWY_RESTRICT x, std::size_t size) {
    const auto step = 4 * hn::Lanes(d);
    std::size_t i = 0;
    for (; i + step <= size; i += step) {
        auto a = hn::Zero(d);
        auto b = a;
        auto c = a;
        auto e = a;
        hn::LoadInterleaved4(d, x + i, a, b, c, e);
        const auto sum = hn::Add(a, b);
        const auto difference = hn::Sub(a, b);
        const auto other_sum = hn::Add(c, e);
        const auto other_difference = hn::Sub(c, e);
        hn::StoreInterleaved4(hn::Add(sum, other_sum), hn::Add(difference, other_difference),
                              hn::Sub(sum, other_sum), hn::Sub(difference, other_difference), d, x + i);
    }
    return i;
}

// One stage, whose distance is a multiple of the vectors' length.
template <class D, typename Number = hn::TFromD<D>>
HWY_INLINE void stage(D d, Number* HWY_RESTRICT x, std::size_t size, std::size_t distance) {
    for (std::size_t start = 0; start < size; start += 2 * distance) {
        for (auto i = start; i < start + distance; i += hn::Lanes(d)) {
            const auto upper = hn::LoadU(d, x + i);
            const auto lower = hn::LoadU(d, x + i + distance);
            hn::StoreU(hn::Add(upper, lower), d, x + i);
            hn::StoreU(hn::Sub(upper, lower), d, x + i + distance);
        }
    }
}

template <typename Number>
HWY_INLINE void butterflies(Number* HWY_RESTRICT x, std::size_t size, std::size_t points) {
    const hn::CappedTag<Number, most_lanes> wide;
    const hn::CappedTag<Number, 4> four;
    const hn::CappedTag<Number, 2> two;
    const hn::CappedTag<Number, 1> one;
    const auto done = points < 4 ? 0 : first_stages(wide, x, size);
    for (std::size_t distance = 1; distance < points; distance *= 2) {
        const auto from = distance <= 2 ? done : 0;
        if (distance % hn::Lanes(wide) == 0) {
            stage(wide, x + from, size - from, distance);
        } else if (distance % hn::Lanes(four) == 0) {
            stage(four, x + from, size - from, distance);
        } else if (distance % hn::Lanes(two) == 0) {
            stage(two, x + from, size - from, distance);
        } else {
            stage(one, x + from, size - from, distance);
        }
    }
}

// An element of the core times the vector, which is exact, added to the sum: rounded once, fused or not.
template <class D, class V>
HWY_INLINE V add_signed(D d, V sum, V vector, hn::TFromD<D> entry) {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) return hn::MulAdd(vector, hn::Set(d, entry), sum);
    return hn::Add(sum, hn::Mul(vector, hn::Set(d, entry)));
}

// Two vectors of elements of every run at a time, four rows of the core.
template <typename Number>
HWY_INLINE void core_product(Number* HWY_RESTRICT x, std::size_t points, const Number* HWY_RESTRICT core,
                             std::size_t order) {
    constexpr std::size_t largest_order = 40;
    constexpr std::size_t columns = 2 * most_lanes;
    const hn::CappedTag<Number, most_lanes> d;
    const auto lanes = hn::Lanes(d);
    HWY_ALIGN std::array<Number, largest_order * columns> inputs{};
    HWY_ALIGN std::array<Number, columns> row{};
    for (std::size_t begin = 0; begin < points; begin += 2 * lanes) {
        const auto count = std::min(2 * lanes, points - begin);
        for (std::size_t k = 0; k < order; ++k)
            std::copy_n(x + k * points + begin, count, &inputs[k * columns]);
        for (std::size_t i = 0; i < order; i += 4) {
            auto a0 = hn::Zero(d), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, e0 = a0, e1 = a0;
            for (std::size_t k = 0; k < order; ++k) {
                const auto left = hn::LoadU(d, &inputs[k * columns]);
                const auto right = hn::LoadU(d, &inputs[k * columns + lanes]);
                const auto* entry = core + i * order + k;
                a0 = add_signed(d, a0, left, entry[0]);
                a1 = add_signed(d, a1, right, entry[0]);
                b0 = add_signed(d, b0, left, entry[order]);
                b1 = add_signed(d, b1, right, entry[order]);
                c0 = add_signed(d, c0, left, entry[2 * order]);
                c1 = add_signed(d, c1, right, entry[2 * order]);
                e0 = add_signed(d, e0, left, entry[3 * order]);
                e1 = add_signed(d, e1, right, entry[3 * order]);
            }
            const auto store = [&](std::size_t to, auto left, auto right) HWY_ATTR {
                hn::StoreU(left, d, row.data());
                hn::StoreU(right, d, row.data() + lanes);
                std::copy_n(row.data(), count, x + to * points + begin);
            };
            store(i, a0, a1);
            store(i + 1, b0, b1);
            store(i + 2, c0, c1);
            store(i + 3, e0, e1);
        }
    }
}

HWY_ATTR void butterflies_of_doubles(double* x, std::size_t size, std::size_t points) {
    butterflies(x, size, points);
}
HWY_ATTR void butterflies_of_integers(std::int64_t* x, std::size_t size, std::size_t points) {
    butterflies(x, size, points);
}
HWY_ATTR void core_by_doubles(double* x, std::size_t points, const double* core, std::size_t order) {
    core_product(x, points, core, order);
}
HWY_ATTR void core_by_integers(std::int64_t* x, std::size_t points, const std::int64_t* core,
                               std::size_t order) {
    core_product(x, points, core, order);
}

}  // namespace tilewright::models::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tilewright::models {

HWY_EXPORT(butterflies_of_doubles);
HWY_EXPORT(butterflies_of_integers);
HWY_EXPORT(core_by_doubles);
HWY_EXPORT(core_by_integers);

void hadamard_butterflies(std::span<double> x, std::size_t points) {
    HWY_DYNAMIC_DISPATCH(butterflies_of_doubles)(x.data(), x.size(), points);
}

void hadamard_butterflies(std::span<std::int64_t> x, std::size_t points) {
    HWY_DYNAMIC_DISPATCH(butterflies_of_integers)(x.data(), x.size(), points);
}

void hadamard_core_product(std::span<double> x, std::span<const double> core, std::size_t order) {
    HWY_DYNAMIC_DISPATCH(core_by_doubles)(x.data(), x.size() / order, core.data(), order);
}

void hadamard_core_product(std::span<std::int64_t> x, std::span<const std::int64_t> core, std::size_t order) {
    HWY_DYNAMIC_DISPATCH(core_by_integers)(x.data(), x.size() / order, core.data(), order);
}

}  // namespace tilewright::models
#endif
