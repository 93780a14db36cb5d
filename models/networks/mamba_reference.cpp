// SPDX-License-Identifier: Apache-2.0
#include "models/networks/mamba_reference.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "models/index.hpp"
#include "models/networks/tokens.hpp"

namespace tilewright::models {

namespace {

double silu(double x) {
    return x / (1 + std::exp(-x));
}
// log(1 + exp(x)) without overflow.
double softplus(double x) {
    return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

double dot(const double* a, const double* b, std::int64_t count) {
    // Four sums in a fixed pattern: fast, and the same on every machine.
    double sums[4] = {0, 0, 0, 0};
    std::int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
        for (int lane = 0; lane < 4; ++lane) sums[lane] += a[i + lane] * b[i + lane];
    }
    for (; i < count; ++i) sums[0] += a[i] * b[i];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// [tokens, inputs] x [outputs, inputs]^T.
std::vector<double> linear(const TensorView& matrix, const std::vector<double>& input, std::int64_t tokens) {
    const auto outputs = matrix.shape[0];
    const auto inputs = matrix.shape[1];
    std::vector<double> result(index(tokens * outputs));
    std::vector<double> row(index(inputs));
    for (std::int64_t n = 0; n < outputs; ++n) {
        matrix.read(n * inputs, inputs, row.data());
        for (std::int64_t t = 0; t < tokens; ++t) {
            result[index(t * outputs + n)] = dot(&input[index(t * inputs)], row.data(), inputs);
        }
    }
    return result;
}

void rms_norm(double* values, const std::vector<double>& weight) {
    const auto count = static_cast<std::int64_t>(weight.size());
    const auto mean = dot(values, values, count) / static_cast<double>(count);
    const auto scale = 1 / std::sqrt(mean + mamba_norm_epsilon);
    for (std::size_t i = 0; i < weight.size(); ++i) values[i] *= scale * weight[i];
}

// Columns [begin, begin + size) of a [tokens, width] matrix.
std::vector<double> columns(const std::vector<double>& matrix, std::int64_t tokens, std::int64_t width,
                            std::int64_t begin, std::int64_t size) {
    std::vector<double> result(index(tokens * size));
    for (std::int64_t t = 0; t < tokens; ++t) {
        std::copy_n(&matrix[index(t * width + begin)], size, &result[index(t * size)]);
    }
    return result;
}

}  // namespace

MambaReference::MambaReference(const MambaWeights& network) : config_(network.config()) {
    embedding_ = &network.tensor("backbone.embedding.weight");
    final_norm_ = network.tensor("backbone.norm_f.weight").read_all();
    const bool mamba2 = config_.version == MambaVersion::mamba2;
    for (int layer = 0; layer < config_.layers; ++layer) {
        const auto prefix = "backbone.layers." + std::to_string(layer) + ".";
        const auto get = [&](const std::string& name) -> const TensorView& {
            return network.tensor(prefix + name);
        };
        Block block;
        block.norm = get("norm.weight").read_all();
        block.in_proj = &get("mixer.in_proj.weight");
        block.convolution_weight = get("mixer.conv1d.weight").read_all();
        block.convolution_bias = get("mixer.conv1d.bias").read_all();
        block.a = get("mixer.A_log").read_all();
        for (auto& value : block.a) value = -std::exp(value);
        block.d = get("mixer.D").read_all();
        block.out_proj = &get("mixer.out_proj.weight");
        if (mamba2) {
            block.dt_bias = get("mixer.dt_bias").read_all();
            block.gated_norm = get("mixer.norm.weight").read_all();
        } else {
            block.x_proj = &get("mixer.x_proj.weight");
            block.dt_proj = &get("mixer.dt_proj.weight");
            block.dt_bias = get("mixer.dt_proj.bias").read_all();
        }
        blocks_.push_back(std::move(block));
    }
}

MambaState MambaReference::initial_state() const {
    MambaState state;
    state.blocks.resize(blocks_.size());
    for (auto& block : state.blocks) {
        block.window.assign(index((config_.convolution_width - 1) * config_.convolution_channels()), 0);
        block.hidden.assign(index(config_.d_inner() * config_.d_state), 0);
    }
    return state;
}

std::vector<double> MambaReference::embed(std::span<const std::int64_t> tokens) const {
    const auto width = config_.d_model;
    std::vector<double> rows(tokens.size() * index(width));
    for (std::size_t t = 0; t < tokens.size(); ++t) {
        require_token(tokens[t], config_.vocabulary, t);
        embedding_->read(tokens[t] * width, width, &rows[t * index(width)]);
    }
    return rows;
}

MambaOutput MambaReference::run(std::span<const std::int64_t> tokens, MambaState& state, ScanForm scan,
                                std::int64_t chunk, bool keep_blocks) const {
    const auto count = static_cast<std::int64_t>(tokens.size());
    const auto width = config_.d_model;
    auto residual = embed(tokens);
    MambaOutput output;
    for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
        block(blocks_[layer], residual, count, state.blocks[layer], scan, chunk);
        if (keep_blocks) output.blocks.push_back(residual);
    }
    for (std::int64_t t = 0; t < count; ++t) rms_norm(&residual[index(t * width)], final_norm_);
    output.logits = linear(*embedding_, residual, count);
    return output;
}

std::vector<LinearInputs> MambaReference::run_blocks(std::vector<double>& residual, MambaState& state,
                                                     ScanForm scan, std::int64_t chunk,
                                                     std::vector<BlockTaps>* taps) const {
    const auto tokens = static_cast<std::int64_t>(residual.size()) / config_.d_model;
    if (residual.size() != index(tokens * config_.d_model)) {
        throw std::invalid_argument("a residual of " + std::to_string(residual.size()) +
                                    " elements is not whole tokens of " + std::to_string(config_.d_model));
    }
    std::vector<LinearInputs> inputs;
    for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
        auto* block_taps = taps == nullptr ? nullptr : &taps->emplace_back();
        inputs.push_back(
            block(blocks_[layer], residual, tokens, state.blocks[layer], scan, chunk, block_taps));
    }
    return inputs;
}

LinearInputs MambaReference::block(const Block& weights, std::vector<double>& residual, std::int64_t tokens,
                                   MambaState::Block& state, ScanForm scan, std::int64_t chunk,
                                   BlockTaps* taps) const {
    const auto tap = [&](const char* name, const std::vector<double>& values) {
        if (taps != nullptr) taps->add(name, values);
    };
    const auto inner = config_.d_inner();
    const auto width = config_.in_proj_outputs();
    const bool mamba2 = config_.version == MambaVersion::mamba2;
    auto normed = residual;
    for (std::int64_t t = 0; t < tokens; ++t) rms_norm(&normed[index(t * config_.d_model)], weights.norm);
    tap("norm", normed);
    const auto projected = linear(*weights.in_proj, normed, tokens);
    tap("in_proj", projected);
    const auto channels = config_.convolution_channels();
    const auto z = columns(projected, tokens, width, mamba2 ? 0 : inner, inner);
    const auto convolved =
        convolve(weights, columns(projected, tokens, width, mamba2 ? inner : 0, channels), tokens, state);
    tap("conv1d", convolved);

    ScanInput input;
    input.x = columns(convolved, tokens, channels, 0, inner);
    if (mamba2) {
        const auto shared = config_.groups * config_.d_state;
        input.b = columns(convolved, tokens, channels, inner, shared);
        input.c = columns(convolved, tokens, channels, inner + shared, shared);
        input.dt = columns(projected, tokens, width, width - config_.heads(), config_.heads());
    } else {
        const auto rank = config_.dt_rank();
        const auto selected = linear(*weights.x_proj, input.x, tokens);
        const auto selected_width = rank + 2 * config_.d_state;
        input.b = columns(selected, tokens, selected_width, rank, config_.d_state);
        input.c = columns(selected, tokens, selected_width, rank + config_.d_state, config_.d_state);
        input.dt = linear(*weights.dt_proj, columns(selected, tokens, selected_width, 0, rank), tokens);
    }
    for (std::size_t i = 0; i < input.dt.size(); ++i) {
        input.dt[i] = softplus(input.dt[i] + weights.dt_bias[i % weights.dt_bias.size()]);
    }
    tap("dt", input.dt);
    auto y = mamba2 && scan == ScanForm::chunked ? scan_chunked(weights, input, tokens, chunk, state.hidden)
                                                 : scan_recurrent(weights, input, tokens, state.hidden);
    tap("scan", y);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] *= silu(z[i]);
    tap("gate", y);
    if (mamba2) {
        for (std::int64_t t = 0; t < tokens; ++t) rms_norm(&y[index(t * inner)], weights.gated_norm);
        tap("gated_norm", y);
    }
    const auto update = linear(*weights.out_proj, y, tokens);
    tap("out_proj", update);
    for (std::size_t i = 0; i < residual.size(); ++i) residual[i] += update[i];
    tap("block", residual);
    return {std::move(normed), std::move(y)};
}

std::vector<double> MambaReference::convolve(const Block& weights, const std::vector<double>& input,
                                             std::int64_t tokens, MambaState::Block& state) const {
    const auto channels = config_.convolution_channels();
    const auto taps = config_.convolution_width;
    // The window of earlier inputs, then this run's.
    auto history = state.window;
    history.insert(history.end(), input.begin(), input.end());
    std::vector<double> result(index(tokens * channels));
    for (std::int64_t t = 0; t < tokens; ++t) {
        for (std::int64_t ch = 0; ch < channels; ++ch) {
            auto sum = weights.convolution_bias[index(ch)];
            for (std::int64_t tap = 0; tap < taps; ++tap) {
                sum += weights.convolution_weight[index(ch * taps + tap)] *
                       history[index((t + tap) * channels + ch)];
            }
            result[index(t * channels + ch)] = silu(sum);
        }
    }
    state.window.assign(history.end() - static_cast<std::ptrdiff_t>(state.window.size()), history.end());
    return result;
}

std::vector<double> MambaReference::scan_recurrent(const Block& weights, const ScanInput& input,
                                                   std::int64_t tokens, std::vector<double>& hidden) const {
    const auto inner = config_.d_inner();
    const auto states = config_.d_state;
    const bool mamba2 = config_.version == MambaVersion::mamba2;
    const auto head_channels = mamba2 ? config_.head_dim : 1;
    const auto heads = inner / head_channels;
    const auto group_heads = mamba2 ? heads / config_.groups : heads;
    const auto groups = mamba2 ? config_.groups : 1;
    std::vector<double> y(index(tokens * inner));
    std::vector<double> decay(index(states));
    for (std::int64_t t = 0; t < tokens; ++t) {
        for (std::int64_t head = 0; head < heads; ++head) {
            const auto dt = input.dt[index(t * heads + head)];
            for (std::int64_t n = 0; n < states; ++n) {
                decay[index(n)] = std::exp(dt * weights.a[index(mamba2 ? head : head * states + n)]);
            }
            const auto shared = (t * groups + head / group_heads) * states;
            const auto* b = &input.b[index(shared)];
            const auto* c = &input.c[index(shared)];
            for (std::int64_t p = 0; p < head_channels; ++p) {
                const auto channel = head * head_channels + p;
                const auto x = input.x[index(t * inner + channel)];
                auto* h = &hidden[index(channel * states)];
                for (std::int64_t n = 0; n < states; ++n) h[n] = decay[index(n)] * h[n] + dt * x * b[n];
                y[index(t * inner + channel)] = dot(h, c, states) + weights.d[index(head)] * x;
            }
        }
    }
    return y;
}

// State-space duality (Dao and Gu 2024, section 6). With s_t the sum of dt A up to t inside a chunk,
//   y_t = sum over u <= t of (C_t . B_u) exp(s_t - s_u) dt_u x_u   + exp(s_t) C_t h_in
//   h_out = exp(s_end) h_in + sum over u of exp(s_end - s_u) dt_u x_u B_u.
std::vector<double> MambaReference::scan_chunked(const Block& weights, const ScanInput& input,
                                                 std::int64_t tokens, std::int64_t chunk,
                                                 std::vector<double>& hidden) const {
    const auto inner = config_.d_inner();
    const auto states = config_.d_state;
    const auto head_channels = config_.head_dim;
    const auto heads = config_.heads();
    const auto groups = config_.groups;
    std::vector<double> y(index(tokens * inner));
    for (std::int64_t begin = 0; begin < tokens; begin += chunk) {
        const auto size = std::min(chunk, tokens - begin);
        for (std::int64_t head = 0; head < heads; ++head) {
            const auto group = head / (heads / groups);
            const auto shared = [&](std::int64_t t) {
                return index(((begin + t) * groups + group) * states);
            };
            std::vector<double> sum(index(size));  // s_t
            double running = 0;
            for (std::int64_t t = 0; t < size; ++t) {
                running += input.dt[index((begin + t) * heads + head)] * weights.a[index(head)];
                sum[index(t)] = running;
            }
            std::vector<double> weight(index(size * size));  // (C B^T) o L, dt included
            for (std::int64_t t = 0; t < size; ++t) {
                for (std::int64_t u = 0; u <= t; ++u) {
                    weight[index(t * size + u)] = dot(&input.c[shared(t)], &input.b[shared(u)], states) *
                                                  std::exp(sum[index(t)] - sum[index(u)]) *
                                                  input.dt[index((begin + u) * heads + head)];
                }
            }
            for (std::int64_t p = 0; p < head_channels; ++p) {
                const auto channel = head * head_channels + p;
                const auto x = [&](std::int64_t t) { return input.x[index((begin + t) * inner + channel)]; };
                auto* h = &hidden[index(channel * states)];
                for (std::int64_t t = 0; t < size; ++t) {
                    double value = weights.d[index(head)] * x(t);
                    for (std::int64_t u = 0; u <= t; ++u) value += weight[index(t * size + u)] * x(u);
                    value += std::exp(sum[index(t)]) * dot(&input.c[shared(t)], h, states);
                    y[index((begin + t) * inner + channel)] = value;
                }
                for (std::int64_t n = 0; n < states; ++n) h[n] *= std::exp(running);
                for (std::int64_t u = 0; u < size; ++u) {
                    const auto factor = std::exp(running - sum[index(u)]) *
                                        input.dt[index((begin + u) * heads + head)] * x(u);
                    const auto* b = &input.b[shared(u)];
                    for (std::int64_t n = 0; n < states; ++n) h[n] += factor * b[n];
                }
            }
        }
    }
    return y;
}

}  // namespace tilewright::models
