// SPDX-License-Identifier: Apache-2.0
// How a network is quantized: a format, a group size and a scale for every class of tensor, where rotations
// stand, and how the hardware rounds and evaluates functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "models/formats/codec.hpp"
#include "models/formats/number_format.hpp"

namespace tilewright::models {

enum class ScaleKind { none, floating_point, power_of_two, sum_of_two_powers };

// Quantization of one class of tensors. Every `group_size` consecutive elements share one scale of
// `scale_bits` bits.
struct Quantization {
    NumberFormat format;
    std::int64_t group_size = 0;  // elements that share a scale; 0 when there are no scales
    ScaleKind scale_kind = ScaleKind::none;
    int scale_bits = 0;
    // Power-of-two scales: 2^scale_exponent_min is the smallest, 2^(scale_exponent_min + 2^scale_bits - 1)
    // the largest; what needs a larger one saturates.
    int scale_exponent_min = 0;
};

// How SiLU, softplus, exp and the reciprocal square root are evaluated.
enum class FunctionUnits {
    tables,  // 4096 entries, as the released LightMamba hardware does it (models/kernels/function_table.hpp)
    exact    // in binary64, rounded to binary32
};

struct Recipe {
    std::string name;
    Quantization weights;            // weights of the linear layers
    Quantization activations;        // inputs of the linear layers
    Quantization convolution;        // weights and state of the causal convolution
    Quantization state;              // hidden state h of the SSM
    NumberFormat ssm_intermediate;   // one element of B x, A h and their sum before requantization
    NumberFormat residual;           // residual stream between blocks
    int residual_fraction_bits = 0;  // integer residual stream: units of 2^-residual_fraction_bits
    TieRule ties = TieRule::to_even;
    FunctionUnits functions = FunctionUnits::exact;
    // The residual stream is kept rotated by a Hadamard matrix of d_model points that is merged into the
    // embedding, lm_head and the linear layers around it; the norms' scales are merged too.
    bool rotate_residual = false;
    bool online_hadamard = false;  // rotate the input of out_proj at run time
    // SmoothQuant: channel scales max|x|^alpha / max|w|^(1 - alpha), from calibration data, merged into the
    // norms and the linear layers behind them.
    std::optional<double> smoothing_alpha;

    // True when every requantization inside the SSM is a shift.
    bool power_of_two_ssm() const { return state.scale_kind == ScaleKind::power_of_two; }
};

inline bool is_floating(const Quantization& quantization) {
    return quantization.format.family == FormatFamily::floating_point;
}

// Bits of `elements` values without their scales.
std::int64_t value_bits(const Quantization& quantization, std::int64_t elements);

// Bits of the scales of `elements` values; a started group has a whole scale.
std::int64_t scale_bits(const Quantization& quantization, std::int64_t elements);

// Bytes of values and scales together, each rounded up to whole bytes.
std::int64_t stored_bytes(const Quantization& quantization, std::int64_t elements);

}  // namespace tilewright::models
