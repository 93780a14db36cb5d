// SPDX-License-Identifier: Apache-2.0
#include "models/networks/mamba_preparation.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "models/calibration/linear_transform.hpp"
#include "models/index.hpp"
#include "models/kernels/group_quantizer.hpp"
#include "models/kernels/hadamard.hpp"

namespace tilewright::models {

namespace {

// A vector as it is kept on chip.
std::vector<double> in_fp16(std::vector<double> values) {
    static const GroupQuantizer fp16({.format = number_format("fp16")}, TieRule::to_even);
    fp16.round(values);
    return values;
}

// Rows of a matrix in binary32: each scaled by `input_scale` (if any) and, on request, rotated.
class MergedRows {
  public:
    MergedRows(const TensorView& view, std::span<const double> input_scale, bool rotate)
        : view_(view), input_scale_(input_scale), rotate_(rotate), row_(index(view.shape.back())) {}

    std::int64_t inputs() const { return view_.shape.back(); }
    std::int64_t outputs() const { return view_.elements() / inputs(); }

    void read(std::int64_t first, std::span<float> rows) {
        for (std::size_t begin = 0; begin < rows.size(); begin += row_.size(), ++first) {
            view_.read(first * inputs(), inputs(), row_.data());
            for (std::size_t k = 0; k < input_scale_.size(); ++k) row_[k] *= input_scale_[k];
            if (rotate_) hadamard_transform(row_);
            std::transform(row_.begin(), row_.end(), rows.begin() + static_cast<std::ptrdiff_t>(begin),
                           [](double value) { return static_cast<float>(value); });
        }
    }

    std::vector<float> all() {
        std::vector<float> rows(index(view_.elements()));
        read(0, rows);
        return rows;
    }

  private:
    const TensorView& view_;
    std::span<const double> input_scale_;
    bool rotate_;
    std::vector<double> row_;
};

QuantizedMatrix quantize_rows(MergedRows rows, const Recipe& recipe) {
    const auto quantization = for_inputs(recipe.weights, rows.inputs());
    if (quantization.scale_kind == ScaleKind::sum_of_two_powers) {
        return quantize_matrix(rows.all(), rows.outputs(), rows.inputs(), quantization, recipe.ties);
    }
    MatrixQuantizer quantizer(rows.outputs(), rows.inputs(), quantization, recipe.ties, 0);
    constexpr std::int64_t at_once = 8;  // a few rows stay in the cache
    std::vector<float> some(index(at_once * rows.inputs()));
    for (std::int64_t n = 0; n < rows.outputs(); n += at_once) {
        const auto count = index(std::min(at_once, rows.outputs() - n) * rows.inputs());
        rows.read(n, std::span(some).first(count));
        quantizer.add(std::span<const float>(some).first(count));
    }
    return quantizer.take();
}

// Q W, column by column; a few columns at a time, so that memory is read in lines.
void rotate_outputs(std::vector<float>& weights, std::int64_t outputs, std::int64_t inputs) {
    constexpr std::int64_t lines = 16;
    std::vector<double> columns(index(lines * outputs));
    for (std::int64_t k = 0; k < inputs; k += lines) {
        const auto count = std::min(lines, inputs - k);
        for (std::int64_t n = 0; n < outputs; ++n) {
            for (std::int64_t i = 0; i < count; ++i) {
                columns[index(i * outputs + n)] = static_cast<double>(weights[index(n * inputs + k + i)]);
            }
        }
        for (std::int64_t i = 0; i < count; ++i) {
            hadamard_transform(std::span(columns).subspan(index(i * outputs), index(outputs)));
        }
        for (std::int64_t n = 0; n < outputs; ++n) {
            for (std::int64_t i = 0; i < count; ++i) {
                weights[index(n * inputs + k + i)] = static_cast<float>(columns[index(i * outputs + n)]);
            }
        }
    }
}

// SmoothQuant, reading the weights row by row.
std::vector<double> smoothing_scales(const std::vector<double>& inputs, const TensorView& view,
                                     double alpha) {
    const auto channels = view.shape.back();
    std::vector<double> most_x(index(channels));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        auto& most = most_x[i % most_x.size()];
        most = std::max(most, std::abs(inputs[i]));
    }
    std::vector<double> most_w(index(channels));
    std::vector<double> row(index(channels));
    for (std::int64_t n = 0; n < view.elements() / channels; ++n) {
        view.read(n * channels, channels, row.data());
        for (std::size_t k = 0; k < row.size(); ++k) most_w[k] = std::max(most_w[k], std::abs(row[k]));
    }
    std::vector<double> scales(index(channels));
    for (std::size_t k = 0; k < scales.size(); ++k) {
        scales[k] = smooth_quant_scale(most_x[k], most_w[k], alpha);
    }
    return scales;
}

// Element-wise a / b, where an empty b is all ones.
std::vector<double> over(std::vector<double> a, const std::vector<double>& b) {
    for (std::size_t i = 0; i < b.size(); ++i) a[i] /= b[i];
    return a;
}

}  // namespace

Quantization for_inputs(const Quantization& quantization, std::int64_t inputs) {
    auto result = quantization;
    if (result.group_size > 0 && inputs % result.group_size != 0) result.group_size = inputs;
    return result;
}

QuantizedMambaBlock prepare_block(const MambaWeights& weights, const Recipe& recipe, int layer,
                                  const LinearInputs* calibration) {
    const auto& config = weights.config();
    const bool mamba2 = config.version == MambaVersion::mamba2;
    const auto prefix = "backbone.layers." + std::to_string(layer) + ".";
    const auto get = [&](const char* name) -> const TensorView& { return weights.tensor(prefix + name); };
    const auto quantize = [&](const TensorView& view, std::span<const double> scale, bool rotate) {
        return quantize_rows(MergedRows(view, scale, rotate), recipe);
    };
    if (recipe.smoothing_alpha && calibration == nullptr) {
        throw std::invalid_argument("smoothing needs calibration data");
    }
    QuantizedMambaBlock block;
    const auto norm = get("norm.weight").read_all();
    std::vector<double> in_smoothing;
    std::vector<double> out_smoothing;
    if (recipe.smoothing_alpha) {
        const auto alpha = *recipe.smoothing_alpha;
        in_smoothing = smoothing_scales(calibration->in_proj, get("mixer.in_proj.weight"), alpha);
        // Without a norm in front of it there is nothing that out_proj's scales could be merged into.
        if (mamba2)
            out_smoothing = smoothing_scales(calibration->out_proj, get("mixer.out_proj.weight"), alpha);
    }
    // A rotated stream has no channels left that could be scaled, so there smoothing is for out_proj alone.
    auto in_scale = in_smoothing;
    if (recipe.rotate_residual) {
        in_scale = norm;
    } else {
        block.norm = in_fp16(over(norm, in_smoothing));
    }
    block.in_proj = quantize(get("mixer.in_proj.weight"), in_scale, recipe.rotate_residual);

    block.taps = get("mixer.conv1d.weight").read_all();
    GroupQuantizer(recipe.convolution, recipe.ties).round(block.taps);
    block.convolution_bias = in_fp16(get("mixer.conv1d.bias").read_all());
    block.a = get("mixer.A_log").read_all();
    for (auto& value : block.a) value = static_cast<double>(static_cast<float>(std::exp(value)));
    block.d = in_fp16(get("mixer.D").read_all());
    if (mamba2) {
        block.dt_bias = in_fp16(get("mixer.dt_bias").read_all());
        block.gated_norm = in_fp16(over(get("mixer.norm.weight").read_all(), out_smoothing));
    } else {
        block.dt_bias = in_fp16(get("mixer.dt_proj.bias").read_all());
        block.x_proj = quantize(get("mixer.x_proj.weight"), {}, false);
        block.dt_proj = quantize(get("mixer.dt_proj.weight"), {}, false);
    }
    const auto& out_proj = get("mixer.out_proj.weight");
    if (!recipe.rotate_residual) {
        block.out_proj = quantize(out_proj, out_smoothing, recipe.online_hadamard);
        return block;
    }
    auto merged = MergedRows(out_proj, out_smoothing, recipe.online_hadamard).all();
    rotate_outputs(merged, config.d_model, config.d_inner());
    block.out_proj = quantize_matrix(merged, config.d_model, config.d_inner(), recipe.weights, recipe.ties);
    return block;
}

QuantizedMambaEnds prepare_ends(const MambaWeights& weights, const Recipe& recipe) {
    const auto& embedding = weights.tensor("backbone.embedding.weight");
    const auto norm = weights.tensor("backbone.norm_f.weight").read_all();
    const auto quantize = [&](std::span<const double> scale) {
        return quantize_rows(MergedRows(embedding, scale, recipe.rotate_residual), recipe);
    };
    QuantizedMambaEnds ends;
    ends.embedding = quantize({});
    if (recipe.rotate_residual) {
        ends.lm_head = quantize(norm);
    } else {
        ends.lm_head = ends.embedding;
        ends.final_norm = in_fp16(norm);
    }
    return ends;
}

}  // namespace tilewright::models
