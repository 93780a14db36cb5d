// SPDX-License-Identifier: Apache-2.0
#include "models/networks/quantized_mamba.hpp"

#include <algorithm>
#include <cmath>

#include "models/index.hpp"
#include "models/kernels/hadamard.hpp"

namespace tilewright::models {

QuantizedMamba::QuantizedMamba(const MambaConfig& config, const Recipe& recipe, int accumulator_bits)
    : config_(config),
      recipe_(recipe),
      operators_(recipe, config),
      in_proj_(recipe.weights, recipe.activations, config.d_model, accumulator_bits, recipe.ties),
      out_proj_(recipe.weights, recipe.activations, config.d_inner(), accumulator_bits, recipe.ties) {
    if (config.version == MambaVersion::mamba1) {
        const auto rank = config.dt_rank();
        dt_proj_.emplace_back(for_inputs(recipe.weights, rank), for_inputs(recipe.activations, rank), rank,
                              accumulator_bits, recipe.ties);
    }
}

std::vector<double> QuantizedMamba::scan(const QuantizedMambaBlock& weights, const Elements& convolved,
                                         std::span<const double> dt_raw, QuantizedBlockState& state,
                                         BlockTaps* taps) const {
    const bool mamba2 = config_.version == MambaVersion::mamba2;
    const auto inner = config_.d_inner();
    const auto states = config_.d_state;
    const auto group = operators_.state_group();
    const auto element_group = static_cast<std::int64_t>(operators_.element().group());
    const auto head_channels = mamba2 ? config_.head_dim : 1;
    const auto group_channels = mamba2 ? inner / config_.groups : inner;  // channels that share B and C
    const std::span<const double> all(convolved.values);

    std::vector<double> b;
    std::vector<double> c;
    std::vector<double> raw(dt_raw.begin(), dt_raw.end());
    if (mamba2) {
        const auto shared = config_.groups * states;
        b.assign(all.begin() + inner, all.begin() + inner + shared);
        c.assign(all.begin() + inner + shared, all.end());
    } else {
        const auto selected = select(weights, all);
        const auto rank = config_.dt_rank();
        const std::span<const double> from(selected);
        b = operators_.to_elements(from.subspan(index(rank), index(states))).values;
        c = operators_.to_elements(from.subspan(index(rank + states), index(states))).values;
        raw = dt_proj_[0].apply(weights.dt_proj, from.first(index(rank)));
    }
    const auto dt = operators_.step_sizes(raw, weights.dt_bias);
    if (taps != nullptr) taps->add("dt", dt.values);
    const auto decays = operators_.decays(dt.values, weights.a);
    const auto gain_groups = index(static_cast<std::int64_t>(operators_.element().groups(index(states))));

    std::vector<double> y(index(inner));
    std::vector<double> sums(index(group * states));
    std::vector<double> decay_row(index(states));
    std::vector<int> decay_exponents(index(states));
    Elements gains;
    std::int64_t gains_of = -1;  // the head whose dt B is at hand
    for (std::int64_t first = 0; first < inner; first += group) {
        for (std::int64_t i = 0; i < group; ++i) {
            const auto channel = first + i;
            const auto head = channel / head_channels;
            const auto shared =
                std::span<const double>(b).subspan(index(channel / group_channels * states), index(states));
            if (head != gains_of) {
                gains = operators_.input_gains(std::span(dt.values).subspan(index(head), 1), shared);
                gains_of = head;
                for (std::int64_t n = 0; n < states; ++n) {
                    const auto at = mamba2 ? head : head * states + n;
                    decay_row[index(n)] = decays.values[index(at)];
                    // Mamba1: every channel's states begin a group of their own.
                    const auto exponent =
                        mamba2 ? head / element_group
                               : head * static_cast<std::int64_t>(gain_groups) + n / element_group;
                    decay_exponents[index(n)] = decays.exponents[index(exponent)];
                }
            }
            const auto bx = operators_.outer_product(gains.values, gains.exponents, all[index(channel)],
                                                     convolved.exponents[index(channel / element_group)]);
            const auto ah = operators_.decay_state(decay_row, decay_exponents, state.hidden, channel);
            const auto s = operators_.add_rows(bx, ah);
            std::copy(s.begin(), s.end(), sums.begin() + i * states);
            const auto c_row =
                std::span<const double>(c).subspan(index(channel / group_channels * states), index(states));
            y[index(channel)] =
                operators_.contract_state(s, c_row, weights.d[index(head)], all[index(channel)]);
        }
        operators_.store_state(sums, first, state.hidden);
    }
    return operators_.to_elements(y).values;
}

std::vector<double> QuantizedMamba::select(const QuantizedMambaBlock& weights,
                                           std::span<const double> x) const {
    return out_proj_.apply(weights.x_proj, x);  // the same number of inputs as out_proj
}

void QuantizedMamba::block(const QuantizedMambaBlock& weights, std::span<double> residual,
                           QuantizedBlockState& state, BlockTaps* taps) const {
    const bool mamba2 = config_.version == MambaVersion::mamba2;
    const auto inner = config_.d_inner();
    const auto channels = config_.convolution_channels();
    const auto tap = [&](const char* name, std::span<const double> values) {
        if (taps != nullptr) taps->add(name, values);
    };
    const auto normed = operators_.rms_norm(residual, weights.norm);
    tap("norm", normed);
    const auto projected = in_proj_.apply(weights.in_proj, normed);
    tap("in_proj", projected);
    const std::span<const double> from(projected);
    const auto z = from.subspan(index(mamba2 ? 0 : inner), index(inner));
    const auto convolved = operators_.convolve(from.subspan(index(mamba2 ? inner : 0), index(channels)), 0,
                                               weights.taps, weights.convolution_bias, state.window);
    tap("conv1d", convolved.values);
    const auto dt_raw = mamba2 ? from.last(index(config_.heads())) : std::span<const double>();
    const auto y = scan(weights, convolved, dt_raw, state, taps);
    tap("scan", y);
    auto gated = operators_.gate(y, z);
    tap("gate", gated);
    if (mamba2) {
        gated = operators_.rms_norm(gated, weights.gated_norm);
        tap("gated_norm", gated);
    }
    if (recipe_.online_hadamard) gated = operators_.hadamard(gated);
    const auto update = out_proj_.apply(weights.out_proj, gated);
    tap("out_proj", update);
    for (std::size_t i = 0; i < residual.size(); ++i) {
        residual[i] = operators_.add_residual(residual[i], update[i]);
    }
    tap("block", residual);
}

std::vector<double> QuantizedMamba::embed(const QuantizedMambaEnds& ends, std::int64_t token) const {
    const auto d_model = config_.d_model;
    QuantizedMatrix row;
    row.outputs = 1;
    row.inputs = d_model;
    row.scale_base = ends.embedding.scale_base;
    const auto cut = [&](const auto& from, auto& to, std::int64_t per_row) {
        if (from.empty()) return;
        to.assign(from.begin() + token * per_row, from.begin() + (token + 1) * per_row);
    };
    cut(ends.embedding.units, row.units, d_model);
    cut(ends.embedding.codes, row.codes, d_model);
    cut(ends.embedding.scales, row.scales, ends.embedding.groups_of_row(recipe_.weights.group_size));
    auto values = dequantize_matrix(row, recipe_.weights);
    for (auto& value : values) value = operators_.to_residual(value);
    return values;
}

std::vector<double> QuantizedMamba::logits(const QuantizedMambaEnds& ends,
                                           std::span<const double> residual) const {
    return in_proj_.apply(ends.lm_head, operators_.rms_norm(residual, ends.final_norm));
}

std::vector<double> QuantizedMamba::unrotated(std::span<const double> residual) const {
    std::vector<double> values(residual.begin(), residual.end());
    if (recipe_.rotate_residual) hadamard_transform(values, Direction::inverse);
    return values;
}

std::vector<double> QuantizedMamba::rotated(std::span<const double> residual) const {
    std::vector<double> values(residual.begin(), residual.end());
    if (recipe_.rotate_residual) hadamard_transform(values);
    for (auto& value : values) value = operators_.to_residual(value);
    return values;
}

}  // namespace tilewright::models
