// SPDX-License-Identifier: Apache-2.0
#include "models/networks/mamba_operators.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "models/index.hpp"
#include "models/kernels/hadamard.hpp"

namespace tilewright::models {

namespace {

// Fixed point as a format without scales would be: integers of 2^-fraction_bits.
Quantization residual_quantization(const Recipe& recipe) {
    Quantization quantization;
    quantization.format = recipe.residual;
    if (recipe.residual.family == FormatFamily::integer) {
        quantization.format.fraction_bits = recipe.residual_fraction_bits;
    }
    return quantization;
}

// 16-bit integers with one power-of-two scale, chosen for every token.
Quantization wide_integers(std::int64_t group) {
    Quantization quantization;
    quantization.format = number_format("int16");
    quantization.group_size = group;
    quantization.scale_kind = ScaleKind::power_of_two;
    quantization.scale_bits = 8;
    quantization.scale_exponent_min = -127;
    return quantization;
}

}  // namespace

MambaOperators::MambaOperators(const Recipe& recipe, const MambaConfig& config)
    : recipe_(recipe),
      config_(config),
      element_(recipe.convolution, recipe.ties),
      state_(recipe.state, recipe.ties),
      residual_(residual_quantization(recipe), recipe.ties),
      hadamard_input_(wide_integers(config.d_inner()), recipe.ties),
      functions_(recipe.functions),
      integer_intermediate_(recipe.ssm_intermediate.family == FormatFamily::integer) {
    if (!integer_intermediate_ && recipe.ssm_intermediate.bits <= 16) {
        intermediate_.emplace_back(recipe.ssm_intermediate,
                                   Conversion{recipe.ties, Overflow::saturate, IntegerRange::symmetric});
    }
}

QuantizedBlockState MambaOperators::initial_state() const {
    QuantizedBlockState state;
    state.window.assign(index(config_.convolution_width * config_.convolution_channels()), 0);
    state.hidden.values.assign(index(config_.d_inner() * config_.d_state), 0);
    state.hidden.exponents.assign(index(config_.d_inner() / state_group() * config_.d_state), 0);
    std::vector<double> zeros(state_.group());
    std::vector<int> exponent(1);
    state_.round(zeros, exponent);
    std::fill(state.hidden.exponents.begin(), state.hidden.exponents.end(), exponent[0]);
    return state;
}

std::vector<double> MambaOperators::rms_norm(std::span<const double> x,
                                             std::span<const double> weight) const {
    double sum = 0;
    for (const auto value : x) sum += value * value;
    const auto scale = functions_.reciprocal_sqrt(sum / static_cast<double>(x.size()) + mamba_norm_epsilon);
    std::vector<double> result(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        result[i] = to_float(x[i] * scale);
        if (!weight.empty()) result[i] = to_float(result[i] * weight[i]);
    }
    return result;
}

Elements MambaOperators::to_elements(std::span<const double> raw) const {
    Elements result;
    result.values.assign(raw.begin(), raw.end());
    result.exponents.resize(element_.groups(raw.size()));
    element_.round(result.values, result.exponents);
    return result;
}

Elements MambaOperators::convolve(std::span<const double> raw, std::int64_t first,
                                  std::span<const double> taps, std::span<const double> bias,
                                  std::span<double> window) const {
    const auto channels = config_.convolution_channels();
    const auto width = config_.convolution_width;
    auto inputs = to_elements(raw);
    std::vector<double> outputs(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        const auto channel = first + static_cast<std::int64_t>(i);
        for (std::int64_t tap = 0; tap + 1 < width; ++tap) {
            window[index(tap * channels + channel)] = window[index((tap + 1) * channels + channel)];
        }
        window[index((width - 1) * channels + channel)] = inputs.values[i];
        double sum = bias[index(channel)];
        for (std::int64_t tap = 0; tap < width; ++tap) {
            sum += taps[index(channel * width + tap)] * window[index(tap * channels + channel)];
        }
        outputs[i] = functions_.silu(sum);
    }
    return to_elements(outputs);
}

Elements MambaOperators::step_sizes(std::span<const double> raw, std::span<const double> bias) const {
    std::vector<double> dt(raw.size());
    for (std::size_t i = 0; i < dt.size(); ++i) dt[i] = functions_.softplus(raw[i] + bias[i]);
    return to_elements(dt);
}

Elements MambaOperators::decays(std::span<const double> dt, std::span<const double> a) const {
    const auto states = a.size() / dt.size();  // 1 in Mamba2
    std::vector<double> values(a.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = functions_.exp_negative(dt[i / states] * a[i]);
    }
    if (states == 1) return to_elements(values);
    Elements result;
    for (std::size_t row = 0; row < dt.size(); ++row) {
        auto rounded = to_elements(std::span(values).subspan(row * states, states));
        result.values.insert(result.values.end(), rounded.values.begin(), rounded.values.end());
        result.exponents.insert(result.exponents.end(), rounded.exponents.begin(), rounded.exponents.end());
    }
    return result;
}

Elements MambaOperators::input_gains(std::span<const double> dt, std::span<const double> b) const {
    Elements result;
    std::vector<double> row(b.size());
    for (const auto step : dt) {
        for (std::size_t n = 0; n < b.size(); ++n) row[n] = step * b[n];
        auto rounded = to_elements(row);
        result.values.insert(result.values.end(), rounded.values.begin(), rounded.values.end());
        result.exponents.insert(result.exponents.end(), rounded.exponents.begin(), rounded.exponents.end());
    }
    return result;
}

double MambaOperators::round_product(double value, int exponent) const {
    if (integer_intermediate_) {
        return round_to_fixed_point(value, exponent, recipe_.ssm_intermediate.bits, recipe_.ties);
    }
    if (intermediate_.empty()) return to_float(value);
    return intermediate_[0].decode(*intermediate_[0].encode(value));
}

std::size_t MambaOperators::hidden_index(std::int64_t channel, std::int64_t state) const {
    const auto group = state_group();
    return index((channel / group * config_.d_state + state) * group + channel % group);
}

MambaOperators::Row MambaOperators::outer_product(std::span<const double> gains,
                                                  std::span<const int> gain_exponents, double x,
                                                  int x_exponent) const {
    Row row;
    row.values.resize(gains.size());
    row.exponents.resize(gains.size());
    for (std::size_t n = 0; n < gains.size(); ++n) {
        row.exponents[n] = gain_exponents[n / element_.group()] + x_exponent;
        row.values[n] = round_product(gains[n] * x, row.exponents[n]);
    }
    return row;
}

MambaOperators::Row MambaOperators::decay_state(std::span<const double> decays,
                                                std::span<const int> decay_exponents, const Elements& hidden,
                                                std::int64_t channel) const {
    Row row;
    row.values.resize(decays.size());
    row.exponents.resize(decays.size());
    const auto group = channel / state_group();
    for (std::size_t n = 0; n < decays.size(); ++n) {
        const auto state = static_cast<std::int64_t>(n);
        row.exponents[n] = decay_exponents[n] + hidden.exponents[index(group * config_.d_state + state)];
        row.values[n] =
            round_product(decays[n] * hidden.values[hidden_index(channel, state)], row.exponents[n]);
    }
    return row;
}

std::vector<double> MambaOperators::add_rows(const Row& a, const Row& b) const {
    std::vector<double> sums(a.values.size());
    for (std::size_t n = 0; n < sums.size(); ++n) {
        sums[n] = round_product(a.values[n] + b.values[n], std::max(a.exponents[n], b.exponents[n]));
    }
    return sums;
}

void MambaOperators::store_state(std::span<const double> sums, std::int64_t first_channel,
                                 Elements& hidden) const {
    const auto group = state_group();
    const auto states = config_.d_state;
    const auto first_row = first_channel / group * states;
    std::vector<double> values(index(group));
    for (std::int64_t n = 0; n < states; ++n) {
        for (std::int64_t c = 0; c < group; ++c) values[index(c)] = sums[index(c * states + n)];
        const auto place = index(first_row + n);
        state_.round(values, std::span(hidden.exponents).subspan(place, 1));
        std::copy(values.begin(), values.end(),
                  hidden.values.begin() + static_cast<std::ptrdiff_t>(place) * group);
    }
}

double MambaOperators::contract_state(std::span<const double> sums, std::span<const double> c, double d,
                                      double x) const {
    std::vector<double> rounded(sums.begin(), sums.end());
    state_.round(rounded);
    double sum = 0;
    for (std::size_t n = 0; n < rounded.size(); ++n) sum += rounded[n] * c[n];
    return sum + d * x;
}

std::vector<double> MambaOperators::gate(std::span<const double> y, std::span<const double> z_raw) const {
    auto gates = to_elements(z_raw).values;
    for (auto& value : gates) value = functions_.silu(value);
    gates = to_elements(gates).values;
    for (std::size_t i = 0; i < gates.size(); ++i) gates[i] *= y[i];
    return gates;
}

std::vector<double> MambaOperators::hadamard(std::span<const double> values) const {
    std::vector<double> rounded(values.begin(), values.end());
    std::vector<int> exponent(1);
    hadamard_input_.round(rounded, exponent);
    std::vector<std::int64_t> integers;
    integers.reserve(rounded.size());
    for (const auto value : rounded) {
        integers.push_back(static_cast<std::int64_t>(std::ldexp(value, -exponent[0])));
    }
    hadamard_transform_integer(integers);
    const auto factor = to_float(1 / std::sqrt(static_cast<double>(values.size())));
    for (std::size_t i = 0; i < rounded.size(); ++i) {
        rounded[i] = std::ldexp(to_float(to_float(static_cast<double>(integers[i])) * factor), exponent[0]);
    }
    return rounded;
}

double MambaOperators::to_residual(double value) const {
    double result = value;
    residual_.round(std::span(&result, 1));
    return result;
}

double MambaOperators::add_residual(double residual, double update) const {
    // The update is brought to the residual's format first; the sum of two of its numbers is exact in
    // binary64.
    return to_residual(residual + to_residual(update));
}

}  // namespace tilewright::models
