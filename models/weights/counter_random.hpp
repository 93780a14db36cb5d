// SPDX-License-Identifier: Apache-2.0
// Random numbers that are functions of a key and a position: any element of a tensor can be drawn alone, and
// all platforms draw the same, which the distributions of the standard library do not promise.
//
// Only +, -, *, / and sqrt of IEEE 754 are used, in a fixed order, so results do not depend on a libm either.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tilewright::models {

// The mixing function of SplitMix64 (Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators,
// OOPSLA 2014, with Stafford's variant 13 constants).
constexpr std::uint64_t mix_bits(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

class CounterRandom {
  public:
    // Streams with different seeds or names are unrelated.
    CounterRandom(std::uint64_t seed, std::string_view name);

    std::uint64_t bits(std::uint64_t position) const {
        return mix_bits(key_ + (position + 1) * 0x9e3779b97f4a7c15U);
    }
    // Within (0, 1): an odd multiple of 2^-53.
    double uniform(std::uint64_t position) const {
        return (static_cast<double>(bits(position) >> 12) + 0.5) * 0x1p-52;
    }
    // Mean 0, variance 1, within +-6: twelve uniform numbers of 16 bits (Irwin and Hall), nearly normal.
    double normal(std::uint64_t position) const;

  private:
    std::uint64_t key_;
};

// Student's t distribution with six degrees of freedom, scaled to variance 1, cut at its 1 - 2^-16 quantile:
// 2^15 equally likely magnitudes. Six is the smallest even number whose fourth moment is finite (kurtosis 6
// without the cut), and even numbers have a closed cumulative distribution.
class StudentTable {
  public:
    static const StudentTable& get();

    // From 16 random bits: the sign and one of the magnitudes.
    float operator()(std::uint32_t sixteen_bits) const {
        const auto magnitude = magnitudes_[sixteen_bits & 0x7fffU];
        return (sixteen_bits & 0x8000U) != 0 ? -magnitude : magnitude;
    }

  private:
    StudentTable();
    std::array<float, 1U << 15> magnitudes_{};
};

// Numbers of mean and deviation as given, from the stream of a seed and a name.
std::vector<float> normal_vector(std::uint64_t seed, std::string_view name, std::size_t size, double mean,
                                 double deviation);

// e^x and ln x, the latter for x > 0, to about 1e-15, by basic operations alone.
double portable_exp(double x);
double portable_log(double x);

}  // namespace tilewright::models
