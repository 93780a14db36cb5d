// SPDX-License-Identifier: Apache-2.0
// What the engines of a transformer's program compute.
#include <algorithm>
#include <charconv>

#include "accel/functional/float_bytes.hpp"
#include "accel/functional/functional_error.hpp"
#include "accel/functional/transformer_executor.hpp"
#include "accel/schedule/transformer_schedule.hpp"
#include "models/index.hpp"
#include "models/networks/transformer_operators.hpp"

namespace tilewright::accel {

namespace {

using models::index;

// Of a block of attention, behind the operator's name ("attn.scores.3"); 0 for the only one.
std::size_t attention_number(const models::Operator& op) {
    const auto digits = op.name.substr(op.name.find_last_of('.') + 1);
    std::size_t number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return number;
}

bool is_first_norm(const models::Operator& op) {
    return short_name(op.name) == "attn.norm";
}

}  // namespace

TransformerExecutor::Commit TransformerExecutor::compute(const Step& step) {
    if (!in_blocks(step)) return compute_own(step);
    const auto name = short_name(op(step).name);
    switch (instruction(step).opcode) {
        case Opcode::norm:
            return norm(step);
        case Opcode::hadamard:
            return hadamard(step);
        case Opcode::quantize:
            return name == "attn.keys.quantize" || name == "attn.values.quantize" ? quantize_cache(step)
                                                                                  : quantize(step);
        case Opcode::matmul:
            if (op(step).kind == models::OperatorKind::linear) return matmul(step);
            return name.starts_with("attn.scores") ? scores(step) : weighted_values(step);
        case Opcode::softmax:
            return softmax(step);
        case Opcode::activation:
            return activation(step);
        case Opcode::residual_add:
            return residual_add(step);
        default:
            return compute_own(step);
    }
}

TransformerExecutor::Commit TransformerExecutor::compute_own(const Step& /*step*/) {
    throw FunctionalError("the network's blocks have no such operation");
}

TransformerExecutor::Layer& TransformerExecutor::layer_of(const std::string& operator_name) {
    const auto name = short_name(operator_name);
    for (auto& layer : layers_) {
        if (name == layer.name || name.starts_with(layer.name + ".")) return layer;
    }
    throw FunctionalError("no linear layer is called " + name);
}

TransformerExecutor::Commit TransformerExecutor::publish(const Step& step, TaggedArray& target,
                                                         Rows rows) const {
    return [&target, made = generation(step), rows = std::move(rows)] {
        for (std::size_t i = 0; i < rows.values.size(); ++i) {
            target.write(rows.begin + static_cast<std::int64_t>(i), rows.column, rows.values[i], made);
        }
    };
}

// The first norm of a block reads what the block before it made, or the step's input.
TransformerExecutor::Commit TransformerExecutor::norm(const Step& step) {
    const auto& work = instruction(step);
    const bool first = is_first_norm(op(step));
    Rows rows{work.m0, 0, {}};
    for (std::int64_t row = work.m0; row < std::int64_t{work.m0} + work.m; ++row) {
        const auto x = floats(residual_.read(row, 0, block_.width, first ? generation(step) : middle(step)));
        rows.values.push_back(doubles(normed(step, first, row, x)));
    }
    return publish(step, layers_[first ? qkv_linear : fc1_linear].input, std::move(rows));
}

TransformerExecutor::Commit TransformerExecutor::hadamard(const Step& step) {
    const auto& work = instruction(step);
    auto& layer = layer_of(op(step).name);
    const auto& linear = weights(step.repetition, layer.linear);
    Rows rows{work.m0, work.n0, {}};
    for (std::int64_t row = work.m0; row < std::int64_t{work.m0} + work.m; ++row) {
        auto x = floats(layer.input.read(row, work.n0, work.n, generation(step)));
        for (std::size_t c = 0; !linear.reciprocal_scales.empty() && c < x.size(); ++c) {
            x[c] *= linear.reciprocal_scales[work.n0 + c];
        }
        models::rotate_float(x, linear.rotation_block, linear.rotation_signs);
        rows.values.push_back(doubles(x));
    }
    return publish(step, layer.rotated, std::move(rows));
}

// Codes are made of the row as a whole, when it is multiplied: groups do not depend on each other.
TransformerExecutor::Commit TransformerExecutor::quantize(const Step& step) {
    const auto& work = instruction(step);
    auto& layer = layer_of(op(step).name);
    const auto& linear = weights(step.repetition, layer.linear);
    const bool rotated = linear.rotation_block > 0;
    Rows rows{work.m0, work.n0, {}};
    for (std::int64_t row = work.m0; row < std::int64_t{work.m0} + work.m; ++row) {
        auto x = floats((rotated ? layer.rotated : layer.input).read(row, work.n0, work.n, generation(step)));
        for (std::size_t c = 0; !rotated && !linear.reciprocal_scales.empty() && c < x.size(); ++c) {
            x[c] *= linear.reciprocal_scales[work.n0 + c];
        }
        rows.values.push_back(doubles(x));
    }
    return publish(step, layer.rounded, std::move(rows));
}

TransformerExecutor::TileWeights TransformerExecutor::tile_weights(const Step& step,
                                                                   LinearEngine kind) const {
    const auto& order = order_of(step, kind);
    const auto use = order.use(step.position);
    const auto& pass = order.passes()[use.pass];
    const auto& tile = pass.tiles[use.tile];
    const auto begin = tile.begin;
    const auto end = begin + tile.n * tile.k;
    const auto group = pass.format.group_size;
    TileWeights result;
    const auto ends_before = [](const TransformerWeightOrder::Load& load, std::int64_t at) {
        return load.end <= at;
    };
    auto at = std::lower_bound(pass.loads.begin(), pass.loads.end(), begin, ends_before);
    for (; at != pass.loads.end() && at->begin < end; ++at) {
        const auto& load = *at;
        const auto found = weights_.find({weight_dma(kind), step.section, step.repetition, load.position});
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
            result.scales.push_back(chunk.scales[index(g - chunk.first_group)]);
        }
    }
    return result;
}

std::vector<std::uint16_t> TransformerExecutor::end_weights(const Step& step) const {
    return tile_weights(step, LinearEngine::pl).codes;
}

// The whole row, rounded for the first tile that it meets.
template <typename Kernel>
const auto& TransformerExecutor::input_row(const Step& step, Layer& layer, std::int64_t row,
                                           const Kernel& kernel) const {
    using Row = decltype(kernel.quantize_input({}));
    auto& [made, input] = layer.inputs.try_emplace(row, -1, Row{}).first->second;
    // It must still be there for the later ones.
    layer.rounded.require(row, 0, layer.rounded.width(), generation(step));
    if (made != generation(step)) {
        input = kernel.quantize_input(layer.rounded.read(row, 0, layer.rounded.width(), generation(step)));
        made = generation(step);
    }
    return std::get<Row>(input);
}

TransformerExecutor::Commit TransformerExecutor::matmul(const Step& step) {
    const auto& work = instruction(step);
    auto& layer = layer_of(op(step).name);
    const auto& linear = weights(step.repetition, layer.linear);
    const auto tile = tile_weights(step, linear_engine(step));
    const auto inputs = std::int64_t{work.k};
    const auto group = layer.weight_group;
    const auto groups = group == 0 ? 0 : inputs / group;
    const auto bias = vectors(step, layer.first_bias + work.n0, work.n);
    Rows rows{work.m0, work.n0, {}};
    for (std::int64_t row = work.m0; row < std::int64_t{work.m0} + work.m; ++row) {
        std::vector<double> y;
        y.reserve(work.n);
        std::visit(
            [&](const auto& kernel) {
                const auto& input = input_row(step, layer, row, kernel);
                for (std::int64_t n = 0; n < work.n; ++n) {
                    models::LinearSum sum;
                    const auto part = [&](const auto& all, std::int64_t size) {
                        return all.empty() ? std::span(all)
                                           : std::span(all).subspan(index(n * size), index(size));
                    };
                    kernel.accumulate(sum, input, 0, inputs, part(tile.units, inputs),
                                      part(tile.codes, inputs), part(tile.scales, groups));
                    const auto value = static_cast<float>(kernel.finish(sum, linear.matrix.scale_base));
                    y.push_back(value + bias[index(n)]);
                }
            },
            *layer.kernel);
        rows.values.push_back(std::move(y));
    }
    auto write = publish(step, layer.output, rows);
    if (layer.linear != qkv_linear || cache_quantizer_ != nullptr) return write;
    return [this, step, write = std::move(write), rows = std::move(rows)] {
        write();
        keep_unrounded(step, rows);
    };
}

TransformerExecutor::Commit TransformerExecutor::quantize_cache(const Step& step) {
    const auto& work = instruction(step);
    const bool keys = short_name(op(step).name) == "attn.keys.quantize";
    if (cache_quantizer_ == nullptr) throw FunctionalError("the cache has no format to round to");
    std::vector<std::pair<std::int64_t, std::vector<double>>> made;
    for (std::int64_t row = work.m0; row < std::int64_t{work.m0} + work.m; ++row) {
        auto x = unrounded(step, keys, row, work.n0, work.n);
        cache_quantizer_->round(x);
        made.emplace_back(cache_row(step, row), std::move(x));
    }
    return [this, step, keys, column = std::int64_t{work.n0}, made = std::move(made)] {
        for (const auto& [row, x] : made) write_cache(step, keys, row, column, x);
    };
}

std::vector<float> TransformerExecutor::gather(const Step& step, const TaggedArray& cache,
                                               const AttentionRow& row) const {
    std::vector<float> all;
    all.reserve(row.cache_rows.size() * index(block_.head_dim));
    for (const auto at : row.cache_rows) {
        for (const auto number : cache.read(at, row.cache_column, block_.head_dim, generation(step))) {
            all.push_back(static_cast<float>(number));
        }
    }
    return all;
}

TransformerExecutor::Commit TransformerExecutor::scores(const Step& step) {
    const auto& work = instruction(step);
    const auto number = attention_number(op(step));
    std::vector<std::pair<ScoresKey, std::vector<float>>> made;
    for (std::int64_t at = work.m0; at < std::int64_t{work.m0} + work.m; ++at) {
        const auto row = attention_row(step, number, at, work.n);
        const auto q = query(step, row.row, row.head);
        made.emplace_back(ScoresKey{number, at},
                          models::attention_scores(q, gather(step, keys_, row), index(block_.head_dim)));
    }
    return [this, tag = 2 * generation(step), made = std::move(made)] {
        for (const auto& [key, numbers] : made) scores_[key] = {tag, numbers};
    };
}

const std::vector<float>& TransformerExecutor::scores_of(const Step& step, std::int64_t at,
                                                         bool shares) const {
    const auto found = scores_.find({attention_number(op(step)), at});
    if (found == scores_.end() || found->second.tag != 2 * generation(step) + (shares ? 1 : 0)) {
        throw FunctionalError(std::string("the ") + (shares ? "shares" : "scores") + " of row " +
                              std::to_string(at) + " are not there");
    }
    return found->second.numbers;
}

TransformerExecutor::Commit TransformerExecutor::softmax(const Step& step) {
    const auto& work = instruction(step);
    const auto number = attention_number(op(step));
    std::vector<std::pair<ScoresKey, std::vector<float>>> made;
    for (std::int64_t at = work.m0; at < std::int64_t{work.m0} + work.m; ++at) {
        auto shares = scores_of(step, at, false);
        models::softmax_float(shares);
        made.emplace_back(ScoresKey{number, at}, std::move(shares));
    }
    return [this, tag = 2 * generation(step) + 1, made = std::move(made)] {
        for (const auto& [key, numbers] : made) scores_[key] = {tag, numbers};
    };
}

TransformerExecutor::Commit TransformerExecutor::weighted_values(const Step& step) {
    const auto& work = instruction(step);
    std::vector<std::tuple<std::int64_t, std::int64_t, std::vector<double>>> made;
    for (std::int64_t at = work.m0; at < std::int64_t{work.m0} + work.m; ++at) {
        const auto row = attention_row(step, attention_number(op(step)), at, work.k);
        std::vector<float> out(index(block_.head_dim));
        models::weighted_sum(scores_of(step, at, true), gather(step, values_, row), out.size(), out);
        made.emplace_back(row.row, row.head * block_.head_dim, doubles(out));
    }
    return [this, tag = generation(step), made = std::move(made)] {
        for (const auto& [row, column, out] : made) layers_[proj_linear].input.write(row, column, out, tag);
    };
}

TransformerExecutor::Commit TransformerExecutor::activation(const Step& step) {
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
TransformerExecutor::Commit TransformerExecutor::residual_add(const Step& step) {
    const auto& work = instruction(step);
    const bool first = short_name(op(step).name).starts_with("attn.");
    auto& layer = layers_[first ? proj_linear : fc2_linear];
    const auto from = first ? generation(step) : middle(step);
    Rows rows{work.m0, work.n0, {}};
    for (std::int64_t row = work.m0; row < std::int64_t{work.m0} + work.m; ++row) {
        auto x = floats(residual_.read(row, work.n0, work.n, from));
        auto update = floats(layer.output.read(row, work.n0, work.n, generation(step)));
        scale_update(step, first, row, work.n0, update);
        for (std::size_t c = 0; c < x.size(); ++c) x[c] += update[c];
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
