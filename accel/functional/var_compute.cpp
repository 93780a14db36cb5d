// SPDX-License-Identifier: Apache-2.0
// What the engines of a VAR program compute.
#include <algorithm>

#include "accel/functional/functional_error.hpp"
#include "accel/functional/var_executor.hpp"
#include "accel/schedule/var_schedule.hpp"
#include "models/networks/transformer_operators.hpp"

namespace tilewright::accel {

namespace {

std::size_t index(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

std::vector<float> floats(const std::vector<double>& numbers) {
    std::vector<float> result;
    result.reserve(numbers.size());
    for (const auto number : numbers) result.push_back(static_cast<float>(number));
    return result;
}

std::vector<double> doubles(std::span<const float> numbers) {
    return {numbers.begin(), numbers.end()};
}

// Positions of AdaLN's vectors.
enum ModulationVector : std::int64_t { gamma1, gamma2, scale1, scale2, shift1, shift2 };

}  // namespace

VarExecutor::Commit VarExecutor::compute(const Step& step) {
    switch (instruction(step).opcode) {
        case Opcode::norm:
            return norm(step);
        case Opcode::hadamard:
            return hadamard(step);
        case Opcode::quantize:
            return op(step).name.ends_with("keys.quantize") || op(step).name.ends_with("values.quantize")
                       ? quantize_cache(step)
                       : quantize(step);
        case Opcode::matmul:
            if (op(step).kind == models::OperatorKind::linear) return matmul(step);
            return op(step).name.ends_with("scores") ? scores(step) : weighted_values(step);
        case Opcode::l2_norm:
            return l2_norm(step);
        case Opcode::softmax:
            return softmax(step);
        case Opcode::activation:
            return activation(step);
        case Opcode::residual_add:
            return residual_add(step);
        default:
            throw FunctionalError("a block of VAR has no such operation");
    }
}

VarExecutor::Layer& VarExecutor::layer_of(const std::string& operator_name) {
    const auto name = short_name(operator_name);
    for (auto& layer : layers_) {
        if (name == layer.name || name.starts_with(layer.name + ".")) return layer;
    }
    throw FunctionalError("no linear layer is called " + name);
}

VarExecutor::Commit VarExecutor::publish(const Step& step, TaggedArray& target, Rows rows) const {
    return [&target, made = generation(step), rows = std::move(rows)] {
        for (std::size_t i = 0; i < rows.values.size(); ++i) {
            target.write(rows.begin + static_cast<std::int64_t>(i), rows.column, rows.values[i], made);
        }
    };
}

std::vector<float> VarExecutor::modulation(const Step& step, std::int64_t row, std::int64_t vector) const {
    const auto image = row / var_.network.scale_tokens(scale_of(step));
    return floats(
        modulation_[index(generation(step) % 2)].read(image * 6 + vector, 0, width_, generation(step)));
}

// Elements of the biases and query factors that the block has loaded.
std::vector<float> VarExecutor::vectors(const Step& step, std::int64_t begin, std::int64_t size) const {
    return floats(vectors_[index(generation(step) % 2)].read(0, begin, size, generation(step)));
}

// Where the cache has a row of [images x tokens] of a scale.
std::int64_t VarExecutor::cache_row(std::size_t scale, std::int64_t row) const {
    const auto tokens = var_.network.scale_tokens(scale);
    return row / tokens * var_.network.tokens() + var_.network.tokens_until(scale) + row % tokens;
}

VarExecutor::Commit VarExecutor::norm(const Step& step) {
    const auto& work = instruction(step);
    const bool first = op(step).name.ends_with("attn.norm");
    // The first norm of a block reads what the block before it made, or the scale's input.
    Rows rows{work.m0, 0, {}};
    for (std::int64_t row = work.m0; row < std::int64_t{work.m0} + work.m; ++row) {
        const auto x = floats(residual_.read(row, 0, width_, first ? generation(step) : middle(step)));
        const auto made = models::modulated_layer_norm(x, modulation(step, row, first ? scale1 : scale2),
                                                       modulation(step, row, first ? shift1 : shift2));
        rows.values.push_back(doubles(made));
    }
    return publish(step, layers_[first ? qkv_linear : fc1_linear].input, std::move(rows));
}

VarExecutor::Commit VarExecutor::hadamard(const Step& step) {
    const auto& work = instruction(step);
    auto& layer = layer_of(op(step).name);
    const auto& weights = block(step).*layer.weights;
    Rows rows{work.m0, work.n0, {}};
    for (std::int64_t row = work.m0; row < std::int64_t{work.m0} + work.m; ++row) {
        auto x = floats(layer.input.read(row, work.n0, work.n, generation(step)));
        for (std::size_t c = 0; !weights.reciprocal_scales.empty() && c < x.size(); ++c) {
            x[c] *= weights.reciprocal_scales[work.n0 + c];
        }
        models::rotate_float(x, weights.rotation_block, weights.rotation_signs);
        rows.values.push_back(doubles(x));
    }
    return publish(step, layer.rotated, std::move(rows));
}

// The row is rounded as a whole when it is multiplied: groups do not depend on each other.
VarExecutor::Commit VarExecutor::quantize(const Step& step) {
    const auto& work = instruction(step);
    auto& layer = layer_of(op(step).name);
    const auto& weights = block(step).*layer.weights;
    const bool rotated = weights.rotation_block > 0;
    Rows rows{work.m0, work.n0, {}};
    for (std::int64_t row = work.m0; row < std::int64_t{work.m0} + work.m; ++row) {
        auto x = floats((rotated ? layer.rotated : layer.input).read(row, work.n0, work.n, generation(step)));
        for (std::size_t c = 0; !rotated && !weights.reciprocal_scales.empty() && c < x.size(); ++c) {
            x[c] *= weights.reciprocal_scales[work.n0 + c];
        }
        rows.values.push_back(doubles(x));
    }
    return publish(step, layer.rounded, std::move(rows));
}

VarExecutor::TileWeights VarExecutor::tile_weights(const Step& step, const VarWeightOrder::Use& use) const {
    const auto& pass = order_of(step).passes()[use.pass];
    const auto& tile = pass.tiles[use.tile];
    const auto begin = tile.begin;
    const auto end = begin + tile.n * tile.k;
    const auto group = pass.format.group_size;
    TileWeights result;
    for (const auto& load : pass.loads) {
        if (load.end <= begin || load.begin >= end) continue;
        const auto found =
            weights_.find({weight_dma(linear_engine(step)), step.section, step.repetition, load.position});
        if (found == weights_.end()) {
            throw FunctionalError("weights of the tile are not in the buffer: load " +
                                  std::to_string(load.position));
        }
        const auto& chunk = found->second;
        const auto from = std::max(begin, load.begin);
        const auto to = std::min(end, load.end);
        const auto append = [&](auto& target, const auto& source) {
            if (source.empty()) return;
            target.insert(target.end(), source.begin() + (from - load.begin),
                          source.begin() + (to - load.begin));
        };
        append(result.units, chunk.units);
        append(result.codes, chunk.codes);
        if (group == 0) continue;
        // A group that goes on from the load before has its scale already.
        for (auto g = (from + group - 1) / group; g * group < to; ++g) {
            result.scales.push_back(chunk.scales[index(g - load.begin / group)]);
        }
    }
    return result;
}

VarExecutor::Commit VarExecutor::matmul(const Step& step) {
    const auto& work = instruction(step);
    auto& layer = layer_of(op(step).name);
    const auto& weights = block(step).*layer.weights;
    const auto use = order_of(step).use(step.position);
    const auto tile = tile_weights(step, use);
    const auto inputs = std::int64_t{work.k};
    const auto group = order_of(step).passes()[use.pass].format.group_size;
    const auto groups = group == 0 ? 0 : inputs / group;
    const auto bias = vectors(step, layer.first_bias + work.n0, work.n);
    Rows rows{work.m0, work.n0, {}};
    for (std::int64_t row = work.m0; row < std::int64_t{work.m0} + work.m; ++row) {
        const auto x = layer.rounded.read(row, 0, inputs, generation(step));
        std::vector<double> y;
        y.reserve(work.n);
        std::visit(
            [&](const auto& kernel) {
                const auto input = kernel.quantize_input(x);
                for (std::int64_t n = 0; n < work.n; ++n) {
                    models::LinearSum sum;
                    const auto part = [&](const auto& all, std::int64_t size) {
                        return all.empty() ? std::span(all)
                                           : std::span(all).subspan(index(n * size), index(size));
                    };
                    kernel.accumulate(sum, input, 0, inputs, part(tile.units, inputs),
                                      part(tile.codes, inputs), part(tile.scales, groups));
                    const auto value = static_cast<float>(kernel.finish(sum, weights.matrix.scale_base));
                    y.push_back(value + bias[index(n)]);
                }
            },
            *layer.kernel);
        rows.values.push_back(std::move(y));
    }
    const bool values =
        &layer == &layers_[qkv_linear] && work.n0 >= 2 * width_ && !network_.cache_quantizer();
    if (!values) return publish(step, layer.output, std::move(rows));
    // Without a format of its own the cache has values as they are.
    return [this, write = publish(step, layer.output, rows), rows, scale = scale_of(step),
            tag = generation(step)] {
        write();
        for (std::size_t i = 0; i < rows.values.size(); ++i) {
            values_.write(cache_row(scale, rows.begin + static_cast<std::int64_t>(i)),
                          rows.column - 2 * width_, rows.values[i], tag);
        }
    };
}

VarExecutor::Commit VarExecutor::l2_norm(const Step& step) {
    const auto& work = instruction(step);
    const bool query = op(step).name.ends_with("q_norm");
    const auto tokens = var_.network.scale_tokens(scale_of(step));
    auto& target = query ? queries_ : normed_keys_;
    std::vector<std::tuple<std::int64_t, std::int64_t, std::vector<double>>> made;
    const auto factors = vectors(step, block_vector_elements(var_.network) - heads_, heads_);
    for (std::int64_t at = work.m0; at < std::int64_t{work.m0} + work.m; ++at) {
        const auto pair = at / tokens;
        const auto row = pair / heads_ * tokens + at % tokens;
        const auto head = pair % heads_;
        auto x = floats(
            layers_[qkv_linear].output.read(row, (query ? 0 : width_) + head * dim_, dim_, generation(step)));
        models::l2_normalise(x, query ? factors[index(head)] : 1.0F);
        made.emplace_back(row, head * dim_, doubles(x));
    }
    // Without a format of its own the cache has keys as they are.
    const bool keep = !query && !network_.cache_quantizer();
    return [this, &target, tag = generation(step), made = std::move(made), keep, scale = scale_of(step)] {
        for (const auto& [row, column, x] : made) {
            target.write(row, column, x, tag);
            if (keep) keys_.write(cache_row(scale, row), column, x, tag);
        }
    };
}

VarExecutor::Commit VarExecutor::quantize_cache(const Step& step) {
    const auto& work = instruction(step);
    const bool keys = op(step).name.ends_with("keys.quantize");
    std::vector<std::pair<std::int64_t, std::vector<double>>> made;
    for (std::int64_t row = work.m0; row < std::int64_t{work.m0} + work.m; ++row) {
        auto x = keys ? normed_keys_.read(row, work.n0, work.n, generation(step))
                      : layers_[qkv_linear].output.read(row, 2 * width_ + work.n0, work.n, generation(step));
        network_.cache_quantizer()->round(x);
        made.emplace_back(cache_row(scale_of(step), row), std::move(x));
    }
    return [&target = keys ? keys_ : values_, tag = generation(step), column = std::int64_t{work.n0},
            made = std::move(made)] {
        for (const auto& [row, x] : made) target.write(row, column, x, tag);
    };
}

VarExecutor::Commit VarExecutor::scores(const Step& step) {
    const auto& work = instruction(step);
    const auto tokens = var_.network.scale_tokens(scale_of(step));
    std::vector<std::pair<std::int64_t, std::vector<float>>> made;
    for (std::int64_t at = work.m0; at < std::int64_t{work.m0} + work.m; ++at) {
        const auto pair = at / tokens;
        const auto image = pair / heads_;
        const auto column = pair % heads_ * dim_;
        const auto q = floats(queries_.read(image * tokens + at % tokens, column, dim_, generation(step)));
        std::vector<float> keys;
        for (std::int64_t t = 0; t < work.n; ++t) {
            const auto key =
                floats(keys_.read(image * var_.network.tokens() + t, column, dim_, generation(step)));
            keys.insert(keys.end(), key.begin(), key.end());
        }
        made.emplace_back(at, models::attention_scores(q, keys, index(dim_)));
    }
    return [this, tag = 2 * generation(step), made = std::move(made)] {
        for (const auto& [at, scores] : made) {
            scores_[at] = scores;
            scores_tag_[at] = tag;
        }
    };
}

VarExecutor::Commit VarExecutor::softmax(const Step& step) {
    const auto& work = instruction(step);
    const auto tag = 2 * generation(step);
    std::vector<std::pair<std::int64_t, std::vector<float>>> made;
    for (std::int64_t at = work.m0; at < std::int64_t{work.m0} + work.m; ++at) {
        if (scores_tag_[at] != tag)
            throw FunctionalError("the scores of row " + std::to_string(at) + " are not there");
        auto shares = scores_[at];
        models::softmax_float(shares);
        made.emplace_back(at, std::move(shares));
    }
    return [this, tag, made = std::move(made)] {
        for (const auto& [at, shares] : made) {
            scores_[at] = shares;
            scores_tag_[at] = tag + 1;
        }
    };
}

VarExecutor::Commit VarExecutor::weighted_values(const Step& step) {
    const auto& work = instruction(step);
    const auto tokens = var_.network.scale_tokens(scale_of(step));
    std::vector<std::tuple<std::int64_t, std::int64_t, std::vector<double>>> made;
    for (std::int64_t at = work.m0; at < std::int64_t{work.m0} + work.m; ++at) {
        if (scores_tag_[at] != 2 * generation(step) + 1) {
            throw FunctionalError("the shares of row " + std::to_string(at) + " are not there");
        }
        const auto pair = at / tokens;
        const auto image = pair / heads_;
        const auto column = pair % heads_ * dim_;
        std::vector<float> values;
        for (std::int64_t t = 0; t < work.k; ++t) {
            const auto value =
                floats(values_.read(image * var_.network.tokens() + t, column, dim_, generation(step)));
            values.insert(values.end(), value.begin(), value.end());
        }
        std::vector<float> out(index(dim_));
        models::weighted_sum(scores_[at], values, index(dim_), out);
        made.emplace_back(image * tokens + at % tokens, column, doubles(out));
    }
    return [this, tag = generation(step), made = std::move(made)] {
        for (const auto& [row, column, out] : made) layers_[proj_linear].input.write(row, column, out, tag);
    };
}

VarExecutor::Commit VarExecutor::activation(const Step& step) {
    const auto& work = instruction(step);
    Rows rows{work.m0, work.n0, {}};
    for (std::int64_t row = work.m0; row < std::int64_t{work.m0} + work.m; ++row) {
        auto x = floats(layers_[fc1_linear].output.read(row, work.n0, work.n, generation(step)));
        for (auto& value : x) value = models::gelu_float(value);
        rows.values.push_back(doubles(x));
    }
    return publish(step, layers_[fc2_linear].input, std::move(rows));
}

// Both additions of a block change the residual stream: from the block's generation to one between, and from
// there to the next block's.
VarExecutor::Commit VarExecutor::residual_add(const Step& step) {
    const auto& work = instruction(step);
    const bool first = op(step).name.ends_with("attn.gamma");
    auto& layer = layers_[first ? proj_linear : fc2_linear];
    const auto from = first ? generation(step) : middle(step);
    Rows rows{work.m0, work.n0, {}};
    for (std::int64_t row = work.m0; row < std::int64_t{work.m0} + work.m; ++row) {
        auto x = floats(residual_.read(row, work.n0, work.n, from));
        const auto update = floats(layer.output.read(row, work.n0, work.n, generation(step)));
        const auto gamma = modulation(step, row, first ? gamma1 : gamma2);
        for (std::size_t c = 0; c < x.size(); ++c) {
            const auto scaled = gamma[work.n0 + c] * update[c];
            x[c] += scaled;
        }
        rows.values.push_back(doubles(x));
    }
    const auto to = first ? middle(step) : generation(step) + 1;
    return [this, to, rows = std::move(rows)] {
        for (std::size_t i = 0; i < rows.values.size(); ++i) {
            residual_.write(rows.begin + static_cast<std::int64_t>(i), rows.column, rows.values[i], to);
        }
    };
}

}  // namespace tilewright::accel
