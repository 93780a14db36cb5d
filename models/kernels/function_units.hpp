// SPDX-License-Identifier: Apache-2.0
// SiLU, softplus, exp and the reciprocal square root as hardware evaluates them.
//
// FunctionUnits::tables: 4096 entries each, as in the released LightMamba hardware. The argument is rounded
// half up to the nearest grid point; outside the grid the asymptote is taken.
//
//   function     grid                        result in units of   largest error (tests/models/kernels)
//   silu(x)      -8 ... 8, step 2^-8         2^-12                0.0027 absolute (at -8)
//   softplus(x)  -16 ... 16, step 2^-7       2^-16                0.0040 absolute, 0.4 % + 2^-17 below 0
//   exp(-a)      0 ... 16, step 2^-8         2^-16                0.0020 absolute
//   1/sqrt(m)    m in 1 ... 4, step 3/4096   2^-16                0.02 % relative, any argument: m 4^e
//
// FunctionUnits::exact: binary64, rounded once to binary32.
#pragma once

#include <cstdint>
#include <vector>

#include "models/recipes/recipe.hpp"

namespace tilewright::models {

// The nearest binary32 number.
inline double to_float(double value) {
    return static_cast<double>(static_cast<float>(value));
}

// A function sampled at lower, lower + step, ...; values are rounded to `fraction_bits` behind the point.
class FunctionTable {
  public:
    static constexpr int entries = 4096;

    FunctionTable(double (*function)(double), double lower, double step, int fraction_bits);

    // Whether an argument lies on the grid after rounding.
    bool covers(double argument) const { return index(argument) >= 0 && index(argument) < entries; }
    // The entry nearest to the argument, which covers() has admitted.
    double operator()(double argument) const { return values_[static_cast<std::size_t>(index(argument))]; }

  private:
    std::int64_t index(double argument) const;

    double lower_;
    double step_;
    std::vector<double> values_;
};

class Functions {
  public:
    explicit Functions(FunctionUnits units);

    double silu(double x) const;          // x / (1 + exp(-x))
    double softplus(double x) const;      // log(1 + exp(x))
    double exp_negative(double a) const;  // exp(-a), a >= 0
    // 1 / sqrt(x), x > 0 and finite.
    double reciprocal_sqrt(double x) const;

  private:
    FunctionUnits units_;
    std::vector<FunctionTable> tables_;  // silu, softplus, exp, reciprocal square root; none for `exact`
};

}  // namespace tilewright::models
