// SPDX-License-Identifier: Apache-2.0
#include "models/weights/counter_random.hpp"

#include <cmath>
#include <numbers>

namespace tilewright::models {

CounterRandom::CounterRandom(std::uint64_t seed, std::string_view name) {
    std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
    for (const auto letter : name) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
    key_ = mix_bits(hash ^ mix_bits(seed));
}

double CounterRandom::normal(std::uint64_t position) const {
    std::uint64_t sum = 0;
    for (std::uint64_t draw = 0; draw < 3; ++draw) {
        const auto four = bits(3 * position + draw);
        sum += (four & 0xffffU) + ((four >> 16) & 0xffffU) + ((four >> 32) & 0xffffU) + (four >> 48);
    }
    return (static_cast<double>(sum) + 6) * 0x1p-16 - 6;
}

const StudentTable& StudentTable::get() {
    static const StudentTable table;
    return table;
}

// With u = t / sqrt(6 + t^2) the density is 15/16 (1 - u^2)^2 on (-1, 1), so the probability of |t| being
// smaller is 15/8 (u - 2 u^3 / 3 + u^5 / 5), which Newton's method inverts.
StudentTable::StudentTable() {
    const auto count = static_cast<double>(magnitudes_.size());
    double u = 0;
    double sum_of_squares = 0;
    std::array<double, 1U << 15> quantiles{};
    for (std::size_t i = 0; i < magnitudes_.size(); ++i) {
        const auto target = (static_cast<double>(i) + 0.5) / count;
        for (int iteration = 0; iteration < 12; ++iteration) {
            const auto square = u * u;
            const auto probability = 15.0 / 8 * u * (1 - square * (2.0 / 3 - square / 5));
            u += (target - probability) / (15.0 / 8 * (1 - square) * (1 - square));
        }
        quantiles[i] = u * std::sqrt(6 / (1 - u * u));
        sum_of_squares += quantiles[i] * quantiles[i];
    }
    const auto scale = std::sqrt(count / sum_of_squares);
    for (std::size_t i = 0; i < magnitudes_.size(); ++i) {
        magnitudes_[i] = static_cast<float>(quantiles[i] * scale);
    }
}

double portable_exp(double x) {
    const auto halvings = std::floor(x / std::numbers::ln2 + 0.5);
    const auto rest = x - halvings * std::numbers::ln2;
    double sum = 1;
    for (int n = 18; n > 0; --n) sum = 1 + rest / n * sum;
    return std::ldexp(sum, static_cast<int>(halvings));
}

double portable_log(double x) {
    int exponent = 0;
    const auto fraction = std::frexp(x, &exponent);  // within [0.5, 1)
    // ln f = 2 artanh((f - 1) / (f + 1)), whose argument is within (-1/3, 0].
    const auto ratio = (fraction - 1) / (fraction + 1);
    double sum = 0;
    for (int n = 33; n > 0; n -= 2) sum = 1.0 / n + ratio * ratio * sum;
    return 2 * ratio * sum + exponent * std::numbers::ln2;
}

std::vector<float> normal_vector(std::uint64_t seed, std::string_view name, std::size_t size, double mean,
                                 double deviation) {
    const CounterRandom random(seed, name);
    std::vector<float> result(size);
    for (std::size_t i = 0; i < size; ++i)
        result[i] = static_cast<float>(mean + deviation * random.normal(i));
    return result;
}

}  // namespace tilewright::models
