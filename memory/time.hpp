// SPDX-License-Identifier: Apache-2.0
// Simulated time as a whole number of femtoseconds, so that no clock period of a device has to be rounded by
// more than 1 fs and sums are exact. An int64 holds 9,223 s.
#pragma once

#include <cmath>
#include <cstdint>

namespace tilewright::memory {

using TimeFs = std::int64_t;

inline constexpr TimeFs fs_per_s = 1'000'000'000'000'000;
inline constexpr TimeFs fs_per_us = 1'000'000'000;

// Period of a clock, rounded to the nearest femtosecond.
inline TimeFs period_fs(double frequency_hz) {
    return std::llround(1e15 / frequency_hz);
}

inline double seconds(TimeFs time) {
    return static_cast<double>(time) * 1e-15;
}

// Time that `bytes` take at a rate, rounded up.
inline TimeFs transfer_fs(std::int64_t bytes, double bytes_per_s) {
    return static_cast<TimeFs>(std::ceil(static_cast<double>(bytes) / bytes_per_s * 1e15));
}

}  // namespace tilewright::memory
