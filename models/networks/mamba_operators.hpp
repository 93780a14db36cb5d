// SPDX-License-Identifier: Apache-2.0
// The element-wise operators of a Mamba block as a recipe's hardware computes them, one token at a time and
// on any range of channels or heads that holds whole groups. Values are binary64 numbers that the formats
// represent exactly (see group_quantizer.hpp).
//
// "Element" is the format of Recipe::convolution, in groups along channels, heads or states: inputs, outputs
// and weights of the convolution, z, dt, exp(A dt), dt B, y. The SSM for channel c, state n:
//
//   bx = dt B x          exact product of two elements, rounded to the intermediate format
//   ah = exp(A dt) h     the same
//   s  = bx + ah         aligned to the larger unit of the two, the other shifted right and rounded (an
//   integer
//                        intermediate; a floating-point one rounds the exact sum)
//   h  = s rounded to the state's format in groups along the channels: what is kept
//   y  = sum over n of s, rounded to the state's format in groups along n, times C; exact, plus D x, rounded
//   to
//        an element
//
// Source: the released LightMamba hardware, which quantizes h twice a step.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/kernels/function_units.hpp"
#include "models/kernels/group_quantizer.hpp"
#include "models/networks/mamba.hpp"
#include "models/recipes/recipe.hpp"

namespace tilewright::models {

// Rounded values and, for every group, the exponent of their common unit.
struct Elements {
    std::vector<double> values;
    std::vector<int> exponents;
};

// What a block of the network remembers between tokens.
struct QuantizedBlockState {
    std::vector<double> window;  // [width, channels]: the last inputs of the convolution, oldest first
    Elements hidden;             // [d_inner / group, d_state, group], group: channels that share a scale
};

class MambaOperators {
  public:
    MambaOperators(const Recipe& recipe, const MambaConfig& config);

    const GroupQuantizer& element() const { return element_; }
    const GroupQuantizer& state() const { return state_; }
    const GroupQuantizer& residual() const { return residual_; }
    const Functions& functions() const { return functions_; }
    std::int64_t state_group() const { return static_cast<std::int64_t>(state_.group()); }

    QuantizedBlockState initial_state() const;

    // y = x / rms(x) * weight, in binary32 steps: the reciprocal root is a function unit's, both products are
    // rounded. An empty weight is all ones. The sum of squares is in binary64, in order.
    std::vector<double> rms_norm(std::span<const double> x, std::span<const double> weight) const;

    // Rounds raw numbers to elements.
    Elements to_elements(std::span<const double> raw) const;

    // One token through the convolution and SiLU: `raw` are the inputs of channels [first, first + size).
    // Moves these channels' window on. `taps` is [channels, width], rounded; `bias` by channel.
    Elements convolve(std::span<const double> raw, std::int64_t first, std::span<const double> taps,
                      std::span<const double> bias, std::span<double> window) const;

    // dt = softplus(raw + bias), rounded.
    Elements step_sizes(std::span<const double> raw, std::span<const double> bias) const;

    // exp(-a dt), rounded: one per head in groups of heads (Mamba2, `a` by head), or [channels, d_state] in
    // groups of states (Mamba1, `a` likewise). `a` is positive.
    Elements decays(std::span<const double> dt, std::span<const double> a) const;

    // dt B for every row of dt, [rows, d_state] in groups of states.
    Elements input_gains(std::span<const double> dt, std::span<const double> b) const;

    // Products and their sum for one channel and all states, with the exponents of their units (empty for a
    // floating-point intermediate format).
    struct Row {
        std::vector<double> values;
        std::vector<int> exponents;  // by state
    };
    // `gains` are the dt B of the channel's row and `gain_exponents` by group of states.
    Row outer_product(std::span<const double> gains, std::span<const int> gain_exponents, double x,
                      int x_exponent) const;
    // `decays` and their exponents by state.
    Row decay_state(std::span<const double> decays, std::span<const int> decay_exponents,
                    const Elements& hidden, std::int64_t channel) const;
    std::vector<double> add_rows(const Row& a, const Row& b) const;
    // Keeps s of a whole group of channels, [group, d_state], as h.
    void store_state(std::span<const double> sums, std::int64_t first_channel, Elements& hidden) const;
    // sum over states of (s rounded) C, + d x. Not yet rounded.
    double contract_state(std::span<const double> sums, std::span<const double> c, double d, double x) const;

    // y silu(z): z and silu(z) are elements, the product of two elements is exact.
    std::vector<double> gate(std::span<const double> y, std::span<const double> z_raw) const;

    // Orthonormal transform of a token's channels: rounded to integers of 16 bits with one power-of-two scale
    // for the token, transformed exactly, multiplied by 1/sqrt(n) in binary32.
    std::vector<double> hadamard(std::span<const double> values) const;

    // residual + update in the residual's format: fixed point saturates.
    double add_residual(double residual, double update) const;
    // A number in the residual's format.
    double to_residual(double value) const;

  private:
    double round_product(double value, int exponent) const;
    std::size_t hidden_index(std::int64_t channel, std::int64_t state) const;

    Recipe recipe_;
    MambaConfig config_;
    GroupQuantizer element_;
    GroupQuantizer state_;
    GroupQuantizer residual_;
    GroupQuantizer hadamard_input_;
    std::vector<Codec> intermediate_;  // a floating-point one of up to 16 bits
    Functions functions_;
    bool integer_intermediate_ = false;
};

}  // namespace tilewright::models
