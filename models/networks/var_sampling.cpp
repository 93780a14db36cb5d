// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/networks/var_image.hpp"
#include "models/weights/counter_random.hpp"

namespace tilewright::models {

namespace {

// Codes by falling logit; equal ones in order.
std::vector<std::int64_t> ranked(std::span<const double> logits) {
    std::vector<std::int64_t> codes(logits.size());
    std::iota(codes.begin(), codes.end(), 0);
    std::stable_sort(codes.begin(), codes.end(), [&](auto a, auto b) {
        return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
    });
    return codes;
}

std::vector<double> shares(std::span<const double> logits, std::span<const std::int64_t> codes) {
    const auto largest = logits[static_cast<std::size_t>(codes.front())];
    std::vector<double> result;
    double sum = 0;
    for (const auto code : codes) {
        result.push_back(std::exp(logits[static_cast<std::size_t>(code)] - largest));
        sum += result.back();
    }
    for (auto& share : result) share /= sum;
    return result;
}

std::int64_t sample(std::span<const double> logits, const VarSampling& sampling, double uniform) {
    auto codes = ranked(logits);
    if (sampling.greedy) return codes.front();
    if (sampling.top_k > 0 && static_cast<std::size_t>(sampling.top_k) < codes.size()) {
        // Codes as likely as the last one stay too.
        const auto least =
            logits[static_cast<std::size_t>(codes[static_cast<std::size_t>(sampling.top_k) - 1])];
        std::erase_if(codes, [&](auto code) { return logits[static_cast<std::size_t>(code)] < least; });
    }
    if (sampling.top_p > 0) {
        // The unlikeliest go as long as they have no more than 1 - p together.
        const auto all = shares(logits, codes);
        double tail = 0;
        while (codes.size() > 1 && tail + all[codes.size() - 1] <= 1 - sampling.top_p) {
            tail += all[codes.size() - 1];
            codes.pop_back();
        }
    }
    const auto likely = shares(logits, codes);
    double sum = 0;
    for (std::size_t i = 0; i < codes.size(); ++i) {
        sum += likely[i];
        if (uniform < sum) return codes[i];
    }
    return codes.back();
}

}  // namespace

std::vector<std::int64_t> sample_codes(std::span<const double> logits, std::int64_t codebook,
                                       const VarSampling& sampling, std::size_t scale) {
    const CounterRandom random(sampling.seed, "var codes of scale " + std::to_string(scale));
    const auto width = static_cast<std::size_t>(codebook);
    std::vector<std::int64_t> codes;
    for (std::size_t row = 0; row * width < logits.size(); ++row) {
        codes.push_back(sample(logits.subspan(row * width, width), sampling, random.uniform(row)));
    }
    return codes;
}

}  // namespace tilewright::models
