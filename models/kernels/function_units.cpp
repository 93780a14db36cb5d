// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/function_units.hpp"

#include <algorithm>
#include <cmath>

#include "models/formats/power_of_two.hpp"

namespace tilewright::models {

namespace {

double silu_of(double x) {
    return x / (1 + std::exp(-x));
}
double softplus_of(double x) {
    return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}
double exp_negative_of(double a) {
    return std::exp(-a);
}
double reciprocal_sqrt_of(double m) {
    return 1 / std::sqrt(m);
}

enum Table : std::size_t { silu_table, softplus_table, exp_table, reciprocal_sqrt_table };

}  // namespace

FunctionTable::FunctionTable(double (*function)(double), double lower, double step, int fraction_bits)
    : lower_(lower), step_(step) {
    values_.reserve(entries);
    for (int i = 0; i < entries; ++i) {
        const auto value = function(lower + step * i);
        values_.push_back(std::nearbyint(value * power_of_two(fraction_bits)) * power_of_two(-fraction_bits));
    }
}

std::int64_t FunctionTable::index(double argument) const {
    const auto place = std::floor((argument - lower_) / step_ + 0.5);
    return static_cast<std::int64_t>(std::clamp(place, -1.0, static_cast<double>(entries)));
}

Functions::Functions(FunctionUnits units) : units_(units) {
    if (units == FunctionUnits::exact) return;
    tables_.emplace_back(silu_of, -8, 0x1p-8, 12);
    tables_.emplace_back(softplus_of, -16, 0x1p-7, 16);
    tables_.emplace_back(exp_negative_of, 0, 0x1p-8, 16);
    tables_.emplace_back(reciprocal_sqrt_of, 1, 3.0 / FunctionTable::entries, 16);
}

double Functions::silu(double x) const {
    if (units_ == FunctionUnits::exact) return to_float(silu_of(x));
    const auto& table = tables_[silu_table];
    return table.covers(x) ? table(x) : std::max(x, 0.0);
}

double Functions::softplus(double x) const {
    if (units_ == FunctionUnits::exact) return to_float(softplus_of(x));
    const auto& table = tables_[softplus_table];
    return table.covers(x) ? table(x) : std::max(x, 0.0);
}

double Functions::exp_negative(double a) const {
    if (units_ == FunctionUnits::exact) return to_float(exp_negative_of(a));
    const auto& table = tables_[exp_table];
    return table.covers(a) ? table(a) : 0.0;
}

double Functions::reciprocal_sqrt(double x) const {
    if (units_ == FunctionUnits::exact) return to_float(reciprocal_sqrt_of(x));
    // x = m 4^e with m in [1, 4).
    const auto binade = std::ilogb(x);
    const auto e = binade >= 0 ? binade / 2 : -((1 - binade) / 2);
    const auto m = std::ldexp(x, -2 * e);
    const auto& table = tables_[reciprocal_sqrt_table];
    return std::ldexp(table.covers(m) ? table(m) : 0.5, -e);
}

}  // namespace tilewright::models
