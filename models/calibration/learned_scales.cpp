// SPDX-License-Identifier: Apache-2.0
#include "models/calibration/learned_scales.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "models/kernels/hadamard.hpp"

namespace tilewright::models {

namespace {

// An operand in front of rounding and behind it.
struct Operand {
    std::vector<double> exact;
    RoundedOperand rounded;
};

// The gradient of the loss by an operand's exact elements from that by its rounded ones, in place.
void pass_through_rounding(const Operand& operand, const OperandRounding& rounding,
                           std::vector<double>& gradient) {
    if (rounding.dual || rounding.scaling.rule != ScaleRule::absmax) return;  // scales as constants
    const auto group = rounding.scaling.group;
    const auto largest = largest_value(rounding.format);
    const auto magnitude_less = [](double a, double b) { return std::abs(a) < std::abs(b); };
    for (std::size_t start = 0; start < gradient.size(); start += group) {
        const auto scale = operand.rounded.scales[start];
        if (scale == 0) continue;
        const auto begin = operand.exact.begin() + static_cast<std::ptrdiff_t>(start);
        const auto top = std::max_element(begin, begin + static_cast<std::ptrdiff_t>(group), magnitude_less);
        double by_scale = 0;
        for (auto i = start; i < start + group; ++i) {
            by_scale += gradient[i] * (operand.rounded.values[i] - operand.exact[i]) / scale;
        }
        const auto place = static_cast<std::size_t>(top - operand.exact.begin());
        gradient[place] += by_scale / largest * (*top < 0 ? -1 : 1);
    }
}

// Rows R^T r: the gradient in front of the rotation.
void rotate_back(const LinearTransform& transform, std::vector<double>& matrix, std::size_t channels) {
    if (transform.rotation_block == 0) return;
    const auto block = transform.rotation_block;
    const std::span<double> all(matrix);
    for (std::size_t start = 0; start < matrix.size(); start += channels) {
        for (std::size_t k = 0; k < channels; k += block) {
            rotate(all.subspan(start + k, block), block, transform.rotation_signs, Direction::inverse);
        }
    }
}

class Fit {
  public:
    Fit(const LinearSample& sample, LinearTransform transform, const LinearRounding& rounding)
        : sample_(sample),
          transform_(std::move(transform)),
          rounding_(rounding),
          exact_(linear_outputs(sample.inputs, sample.weights, sample.channels)) {
        for (const auto y : exact_) signal_ += y * y;
    }

    // The error at exp(log_scales), and its gradient.
    double evaluate(const std::vector<double>& log_scales, std::vector<double>& gradient) {
        const auto channels = sample_.channels;
        transform_.channel_scales.resize(channels);
        for (std::size_t k = 0; k < channels; ++k) transform_.channel_scales[k] = std::exp(log_scales[k]);
        Operand inputs{{sample_.inputs.begin(), sample_.inputs.end()}, {}};
        Operand weights{{sample_.weights.begin(), sample_.weights.end()}, {}};
        apply_to_inputs(transform_, inputs.exact, channels);
        merge_into_weights(transform_, weights.exact, channels);
        inputs.rounded = round_operand(inputs.exact, channels, rounding_.inputs);
        weights.rounded = round_operand(weights.exact, channels, rounding_.weights);
        auto difference = linear_outputs(inputs.rounded.values, weights.rounded.values, channels);
        double noise = 0;
        for (std::size_t i = 0; i < difference.size(); ++i) {
            difference[i] -= exact_[i];
            noise += difference[i] * difference[i];
        }
        gradient.assign(channels, 0);
        if (signal_ == 0) return noise == 0 ? 0 : std::numeric_limits<double>::infinity();
        by_scales(difference, inputs, weights, gradient);
        return noise / signal_;
    }

    const LinearTransform& transform() const { return transform_; }

  private:
    void by_scales(const std::vector<double>& difference, const Operand& inputs, const Operand& weights,
                   std::vector<double>& gradient) const {
        const auto channels = sample_.channels;
        const auto outputs = sample_.outputs();
        std::vector<double> by_inputs(inputs.exact.size());
        std::vector<double> by_weights(weights.exact.size());
        for (std::size_t t = 0; t < sample_.tokens(); ++t) {
            for (std::size_t n = 0; n < outputs; ++n) {
                const auto factor = 2 * difference[t * outputs + n] / signal_;
                for (std::size_t k = 0; k < channels; ++k) {
                    by_inputs[t * channels + k] += factor * weights.rounded.values[n * channels + k];
                    by_weights[n * channels + k] += factor * inputs.rounded.values[t * channels + k];
                }
            }
        }
        pass_through_rounding(inputs, rounding_.inputs, by_inputs);
        pass_through_rounding(weights, rounding_.weights, by_weights);
        rotate_back(transform_, by_inputs, channels);
        rotate_back(transform_, by_weights, channels);
        // x / s and w s, by ln s.
        for (std::size_t i = 0; i < by_inputs.size(); ++i) {
            const auto k = i % channels;
            gradient[k] -= by_inputs[i] * sample_.inputs[i] / transform_.channel_scales[k];
        }
        for (std::size_t i = 0; i < by_weights.size(); ++i) {
            const auto k = i % channels;
            gradient[k] += by_weights[i] * sample_.weights[i] * transform_.channel_scales[k];
        }
    }

    LinearSample sample_;
    LinearTransform transform_;
    LinearRounding rounding_;
    std::vector<double> exact_;
    double signal_ = 0;
};

}  // namespace

LearnedScales learn_channel_scales(const LinearSample& sample, const LinearTransform& start,
                                   const LinearRounding& rounding, const LearnedScalesOptions& options) {
    constexpr double beta_mean = 0.9;
    constexpr double beta_square = 0.999;
    constexpr double epsilon = 1e-8;
    LearnedScales result;
    result.initial_error = output_error(sample, start, rounding);
    result.error = result.initial_error;
    result.transform = start;
    std::vector<double> log_scales(sample.channels);
    for (std::size_t k = 0; k < start.channel_scales.size(); ++k) {
        log_scales[k] = std::log(start.channel_scales[k]);
    }
    Fit fit(sample, start, rounding);
    std::vector<double> gradient(sample.channels);
    std::vector<double> mean(sample.channels);
    std::vector<double> square(sample.channels);
    for (int iteration = 0; iteration <= options.iterations; ++iteration) {
        const auto error = fit.evaluate(log_scales, gradient);
        if (error < result.error) {
            result.error = error;
            result.transform = fit.transform();
            result.best_iteration = iteration;
        }
        for (std::size_t k = 0; k < sample.channels; ++k) {
            mean[k] += (1 - beta_mean) * (gradient[k] - mean[k]);
            square[k] += (1 - beta_square) * (gradient[k] * gradient[k] - square[k]);
            const auto unbiased_mean = mean[k] / (1 - std::pow(beta_mean, iteration + 1));
            const auto unbiased_square = square[k] / (1 - std::pow(beta_square, iteration + 1));
            log_scales[k] -= options.learning_rate * unbiased_mean / (std::sqrt(unbiased_square) + epsilon);
        }
    }
    return result;
}

}  // namespace tilewright::models
