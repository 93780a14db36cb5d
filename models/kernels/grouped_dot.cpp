// SPDX-License-Identifier: Apache-2.0
// Highway compiles everything between HWY_BEFORE_NAMESPACE and HWY_AFTER_NAMESPACE once per instruction set,
// by including this file again.
#include "models/kernels/grouped_dot.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/kernels/grouped_dot.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tilewright::models::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// `count` products in whole vectors of D16 from the start; returns their sum and how many were taken.
template <class D16>
HWY_INLINE std::int32_t dot_vectors(D16 d16, const std::int8_t* HWY_RESTRICT a,
                                    const std::int8_t* HWY_RESTRICT b, std::size_t count, std::size_t& done) {
    const hn::Rebind<std::int8_t, D16> d8;
    const hn::Repartition<std::int32_t, D16> d32;
    const auto step = hn::Lanes(d16);
    auto sum = hn::Zero(d32);
    auto other = hn::Zero(d32);  // the second half of the lanes, on targets that widen so
    std::size_t i = done;
    for (; i + step <= count; i += step) {
        const auto wide_a = hn::PromoteTo(d16, hn::LoadU(d8, a + i));
        const auto wide_b = hn::PromoteTo(d16, hn::LoadU(d8, b + i));
        sum = hn::ReorderWidenMulAccumulate(d32, wide_a, wide_b, sum, other);
    }
    if (i == done) return 0;
    done = i;
    return hn::GetLane(hn::SumOfLanes(d32, hn::Add(sum, other)));
}

HWY_ATTR std::int32_t dot(const std::int8_t* HWY_RESTRICT a, const std::int8_t* HWY_RESTRICT b,
                          std::size_t count) {
    const hn::ScalableTag<std::int16_t> full;
    const hn::CappedTag<std::int16_t, 8> small;
    std::size_t done = 0;
    auto sum = dot_vectors(full, a, b, count, done);
    if (done < count) sum += dot_vectors(small, a, b, count, done);
    for (; done < count; ++done) sum += a[done] * b[done];
    return sum;
}

HWY_ATTR void dot_groups(const std::int8_t* HWY_RESTRICT a, const std::int8_t* HWY_RESTRICT b,
                         std::size_t count, std::size_t group, std::int32_t* HWY_RESTRICT sums) {
    for (std::size_t start = 0; start < count; start += group) {
        *sums++ = dot(a + start, b + start, std::min(group, count - start));
    }
}

}  // namespace tilewright::models::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tilewright::models {

HWY_EXPORT(dot_groups);

void grouped_dot(std::span<const std::int8_t> a, std::span<const std::int8_t> b, std::size_t group,
                 std::span<std::int32_t> sums) {
    if (group == 0 || group > longest_dot_group) {
        throw std::invalid_argument("a dot product in groups of " + std::to_string(group) +
                                    "; allowed: 1 to " + std::to_string(longest_dot_group));
    }
    const auto groups = a.size() / group + (a.size() % group == 0 ? 0 : 1);
    if (a.size() != b.size() || sums.size() != groups) {
        throw std::invalid_argument("a dot product of " + std::to_string(a.size()) + " and " +
                                    std::to_string(b.size()) + " elements into " +
                                    std::to_string(sums.size()) + " sums; allowed: equal numbers and " +
                                    std::to_string(groups) + " sums");
    }
    HWY_DYNAMIC_DISPATCH(dot_groups)(a.data(), b.data(), a.size(), group, sums.data());
}

}  // namespace tilewright::models
#endif
