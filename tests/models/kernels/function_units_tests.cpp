// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

#include "models/kernels/function_units.hpp"

using namespace tilewright::models;

namespace {

struct Worst {
    double absolute = 0;
    double relative = 0;
};

// Largest errors over a fine sweep, in extended precision.
template <typename Approximate, typename Exact>
Worst sweep(double from, double to, Approximate approximate, Exact exact) {
    Worst worst;
    constexpr int steps = 1'000'000;
    for (int i = 0; i <= steps; ++i) {
        const auto x = from + (to - from) * i / steps;
        const auto truth = exact(static_cast<long double>(x));
        const auto error = std::abs(static_cast<long double>(approximate(x)) - truth);
        worst.absolute = std::max(worst.absolute, static_cast<double>(error));
        if (truth != 0)
            worst.relative = std::max(worst.relative, static_cast<double>(error / std::abs(truth)));
    }
    return worst;
}

long double silu(long double x) {
    return x / (1 + std::exp(-x));
}
long double softplus(long double x) {
    return std::log1p(std::exp(x));
}

}  // namespace

TEST_CASE("tables stay within their stated errors") {
    const Functions tables(FunctionUnits::tables);
    const auto table_silu = sweep(
        -20, 20, [&](double x) { return tables.silu(x); }, silu);
    CHECK(table_silu.absolute <= 0.0027);
    CHECK(table_silu.absolute > 0.0020);
    CHECK(sweep(
              -20, 20, [&](double x) { return tables.softplus(x); }, softplus)
              .absolute <= 0.0040);
    const auto low = sweep(
        -8, 0, [&](double x) { return tables.softplus(x); }, softplus);
    CHECK(low.relative <= 0.004 + 0x1p-17 / static_cast<double>(softplus(-8)));
    CHECK(sweep(
              0, 20, [&](double a) { return tables.exp_negative(a); },
              [](long double a) { return std::exp(-a); })
              .absolute <= 0.0020);
    for (const auto scale : {1e-12, 1e-3, 1.0, 1e6}) {
        CHECK(sweep(
                  scale, 17 * scale, [&](double x) { return tables.reciprocal_sqrt(x); },
                  [](long double x) { return 1 / std::sqrt(x); })
                  .relative <= 0.0002);
    }
}

TEST_CASE("exact functions are rounded to binary32") {
    const Functions exact(FunctionUnits::exact);
    CHECK(sweep(
              -20, 20, [&](double x) { return exact.silu(x); }, silu)
              .relative <= 0x1p-23);
    CHECK(sweep(
              0, 20, [&](double a) { return exact.exp_negative(a); },
              [](long double a) { return std::exp(-a); })
              .relative <= 0x1p-23);
    CHECK(exact.silu(0.3) == static_cast<double>(static_cast<float>(exact.silu(0.3))));
}
