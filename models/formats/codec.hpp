// SPDX-License-Identifier: Apache-2.0
// Numbers to codes and back, for formats of up to 16 bits, by table.
//
// decode_table() is the only place that knows what a code means. Conversion, quantization and the LUT
// multiplier are all derived from it.
//
// Rounding is to the nearest value with a tie rule, decided once on the exact input: the table of a Codec
// holds, for every two neighbouring values, the smallest double that goes to the upper one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "models/formats/number_format.hpp"

namespace tilewright::models {

// What happens to a number that lies exactly between two values.
enum class TieRule {
    to_even,    // to the even code; where there are no mantissa bits that is the lowest exponent bit
    half_away,  // away from zero
    half_up,    // toward +infinity (FPQVAR's kernel)
    half_down   // toward -infinity
};

enum class Overflow {
    saturate,  // the largest finite value, also for an infinite input
    ieee       // infinity or NaN where the format has them, else as above
};

// Which codes of an integer format are used as results.
enum class IntegerRange {
    full,      // two's complement, -2^(b-1) ... 2^(b-1) - 1
    symmetric  // without -2^(b-1), as quantizers use it; mxint8 is always so
};

struct Conversion {
    TieRule ties = TieRule::to_even;
    Overflow overflow = Overflow::saturate;
    IntegerRange range = IntegerRange::full;
};

// The value of one code, NaN and infinity included. Exact for every format. Throws std::out_of_range for a
// code that is wider than the format.
double decode(const NumberFormat& format, std::uint32_t code);

// The values of all codes, in code order. Throws std::invalid_argument for a format of more than 16 bits.
std::vector<double> decode_table(const NumberFormat& format);

// Largest finite value, as quantizers scale to it: for an integer 2^(bits-1) - 1 units.
double largest_value(const NumberFormat& format);

// Exponent of the smallest step: every finite value is an integer times 2^unit_exponent.
int unit_exponent(const NumberFormat& format);

class Codec {
  public:
    // Throws std::invalid_argument for a format of more than 16 bits. Tables are made once in a process for
    // a format and a conversion, by whichever thread asks first.
    explicit Codec(const NumberFormat& format, Conversion conversion = {});

    const NumberFormat& format() const { return format_; }

    // The value of a code below 2^bits.
    double decode(std::uint32_t code) const { return tables_->values[code]; }
    std::span<const double> values() const { return tables_->values; }

    // The code of a number; nothing when the format has none: NaN in a format without NaN, zero and negative
    // numbers in e8m0. A negative number that rounds to zero gives -0 where the format has it.
    std::optional<std::uint32_t> encode(double number) const;

  private:
    struct Tables {
        Tables(const NumberFormat& format, Conversion conversion);

        std::vector<double> values;
        // Signed floating point with a mantissa, ties to even: no search.
        bool arithmetic = false;
        std::uint32_t largest_magnitude = 0;
        std::uint32_t beyond_magnitude = 0;  // of what rounds to more than the largest value
        // The results in increasing order, and for each but the first the smallest double that is rounded to
        // it. With Overflow::ieee the first and last may be infinity or NaN.
        std::vector<std::uint16_t> codes;
        std::vector<double> thresholds;
        std::uint32_t zero = 0;
        std::optional<std::uint32_t> negative_zero;
        std::optional<std::uint32_t> not_a_number;
    };

    static std::shared_ptr<const Tables> shared_tables(const NumberFormat& format, Conversion conversion);
    // The magnitude bits of a finite number's code by arithmetic, for the formats that allow it.
    std::uint32_t rounded_magnitude(double magnitude) const;

    NumberFormat format_;
    std::shared_ptr<const Tables> tables_;
};

}  // namespace tilewright::models
