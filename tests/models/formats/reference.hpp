// SPDX-License-Identifier: Apache-2.0
// The formats a second time, in integers only and by another road: values are integers in units of the
// smallest step, and the nearest one is found by comparing exact distances. Covers every format whose values
// fit 100 bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "models/formats/codec.hpp"

namespace tilewright::test {

__extension__ typedef __int128 Integer;

struct ReferenceFormat {
    struct Value {
        std::uint32_t code;
        bool finite;
        Integer units;
    };
    int bits = 0;
    int step_exponent = 0;
    bool sign_magnitude = false;
    std::vector<Value> values;  // by code
    std::vector<Value> sorted;  // the finite ones by value

    // Nothing for formats of too wide a range: bf16, and powers of two with 7 or more exponent bits.
    static std::optional<ReferenceFormat> of(const std::string& name) {
        int exponent_bits = 0;
        int mantissa_bits = 0;
        ReferenceFormat result;
        if (std::sscanf(name.c_str(), "int%d", &result.bits) == 1 || name == "mxint8") {
            if (name == "mxint8") {
                result.bits = 8;
                result.step_exponent = -6;
            }
            for (std::uint32_t code = 0; code < 1U << result.bits; ++code) {
                const auto half = 1 << (result.bits - 1);
                const auto value = static_cast<int>(code);
                result.values.push_back({code, true, value >= half ? value - 2 * half : value});
            }
            result.sort();
            return result;
        }
        int bias = 0;
        if (name == "fp16") {
            exponent_bits = 5;
            mantissa_bits = 10;
            bias = 15;
        } else if (std::sscanf(name.c_str(), "e%dm%d", &exponent_bits, &mantissa_bits) == 2) {
            constexpr int biases[] = {0, 1, 1, 3, 7, 15, 31};
            if (exponent_bits > 6) return std::nullopt;
            bias = biases[exponent_bits];
        } else if (std::sscanf(name.c_str(), "pot%d", &exponent_bits) == 1) {
            exponent_bits -= 1;
            if (exponent_bits > 6) return std::nullopt;
            bias = (1 << exponent_bits) - 1;
        } else {
            return std::nullopt;
        }
        result.bits = 1 + exponent_bits + mantissa_bits;
        result.step_exponent = 1 - bias - mantissa_bits;
        result.sign_magnitude = true;
        const auto half = 1U << (result.bits - 1);
        for (std::uint32_t code = 0; code < 2 * half; ++code) {
            const auto magnitude = code % half;
            const auto exponent = magnitude >> mantissa_bits;
            const Integer mantissa = magnitude % (1U << mantissa_bits);
            const bool top = exponent == (1U << exponent_bits) - 1;
            bool finite = true;
            if (name == "e4m3") finite = magnitude != half - 1;
            if (name == "e5m2" || name == "fp16") finite = !top;
            const Integer units =
                exponent == 0 ? mantissa : (mantissa + (Integer{1} << mantissa_bits)) << (exponent - 1);
            result.values.push_back({code, finite, code >= half ? -units : units});
        }
        result.sort();
        return result;
    }

    // The code that a finite number saturates or rounds to; `symmetric` leaves out the most negative integer.
    // Searches among all codes of a narrow format, and among six neighbours in a wide one.
    std::uint32_t nearest(float number, models::TieRule ties, bool symmetric) const {
        // In units of 2^-26 of a step. What has bits below that is less than a quarter of a step: any other
        // number of that size rounds the same way.
        constexpr int extra = 26;
        int exponent = 0;
        const auto significand = static_cast<Integer>(std::ldexp(std::frexp(number, &exponent), 24));
        const auto shift = exponent - 24 - step_exponent + extra;
        Integer scaled = significand > 0 ? 1 : significand < 0 ? -1 : 0;
        if (shift >= 0) scaled = shift > 90 ? scaled << 120 : significand << shift;
        const Value* best = nullptr;
        const auto distance = [&](const Value& value) {
            const auto difference = scaled - (value.units << extra);
            return difference < 0 ? -difference : difference;
        };
        auto first = sorted.begin();
        auto last = sorted.end();
        if (bits > 6) {
            const auto place = std::lower_bound(first, last, scaled, [&](const Value& value, Integer target) {
                return (value.units << extra) < target;
            });
            first = place - std::min<std::ptrdiff_t>(3, place - first);
            last = place + std::min<std::ptrdiff_t>(3, last - place);
        }
        for (auto candidate = first; candidate != last; ++candidate) {
            const auto& value = *candidate;
            if (symmetric && !sign_magnitude && value.code == 1U << (bits - 1)) continue;
            if (sign_magnitude && std::signbit(number) != (value.code >= 1U << (bits - 1))) continue;
            if (best == nullptr || distance(value) < distance(*best)) {
                best = &value;
            } else if (distance(value) == distance(*best) && wins(value, *best, ties)) {
                best = &value;
            }
        }
        return best->code;
    }

  private:
    void sort() {
        for (const auto& value : values) {
            if (value.finite) sorted.push_back(value);
        }
        std::sort(sorted.begin(), sorted.end(),
                  [](const Value& a, const Value& b) { return a.units < b.units; });
    }

    static bool wins(const Value& challenger, const Value& holder, models::TieRule ties) {
        const auto magnitude = [](const Value& value) {
            return value.units < 0 ? -value.units : value.units;
        };
        switch (ties) {
            case models::TieRule::to_even:
                return challenger.code % 2 == 0;
            case models::TieRule::half_away:
                return magnitude(challenger) > magnitude(holder);
            case models::TieRule::half_up:
                return challenger.units > holder.units;
            case models::TieRule::half_down:
                return challenger.units < holder.units;
        }
        return false;
    }
};

}  // namespace tilewright::test
