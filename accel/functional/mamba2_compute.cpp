// SPDX-License-Identifier: Apache-2.0
// What the matrix, vector and Hadamard engines compute. Every function reads at once and returns what is to
// happen when the instruction completes.
#include <algorithm>

#include "accel/functional/functional_error.hpp"
#include "accel/functional/mamba2_executor.hpp"
#include "models/index.hpp"

namespace tilewright::accel {

namespace {

using models::index;

}  // namespace

Mamba2Executor::Commit Mamba2Executor::compute(const Step& step) {
    switch (instruction(step).opcode) {
        case Opcode::embedding:
            return embedding(step);
        case Opcode::norm:
            return norm(step);
        case Opcode::hadamard:
            return hadamard(step);
        case Opcode::matmul:
            return matmul(step);
        case Opcode::convolution:
            return convolution(step);
        case Opcode::softplus:
            return softplus(step);
        case Opcode::discretize:
            return discretize(step);
        case Opcode::gate:
            return gate(step);
        case Opcode::residual_add:
            return residual_add(step);
        case Opcode::ssm_fused:
            return ssm_fused(step);
        case Opcode::ssm_operator:
            return ssm_operator(step);
        default:
            throw FunctionalError("a block of Mamba2 has no such operation");
    }
}

Mamba2Executor::Commit Mamba2Executor::embedding(const Step& step) {
    const auto width = design_.network.d_model;
    const auto& work = instruction(step);
    const auto pieces = looked_up();
    const auto piece = std::find_if(pieces.begin(), pieces.end(), [&](const auto& one) {
        return one.tokens.begin == work.m0 && one.tokens.size == work.m;
    });
    const auto dma = weight_dma(LinearEngine::pl);
    const auto& transfers = program_.sections[step.section].streams[dma];
    const auto load = std::find_if(transfers.begin(), transfers.end(), [&](const auto& one) {
        return piece != pieces.end() && one.opcode == Opcode::load && one.address == piece->address;
    });
    const auto found = weights_.find({dma, step.section, 0, index(load - transfers.begin())});
    if (found == weights_.end()) throw FunctionalError("the embedding's rows are not in the buffer");
    models::QuantizedMatrix rows;
    rows.outputs = work.m;
    rows.inputs = width;
    rows.units = found->second.units;
    rows.codes = found->second.codes;
    rows.scales = found->second.scales;
    rows.scale_base = instance_.ends->embedding.scale_base;
    auto values = models::dequantize_matrix(rows, design_.recipe.weights);
    for (auto& value : values) value = ops_.to_residual(value);
    return [this, width, work, values = std::move(values)] {
        for (std::int64_t i = 0; i < work.m; ++i) {
            residual_.write(work.m0 + i, 0, std::span(values).subspan(index(i * width), index(width)), 0);
        }
    };
}

Mamba2Executor::Commit Mamba2Executor::publish_input(Linear& linear, std::int64_t token,
                                                     models::QuantizedRow row, std::int64_t generation) {
    return [&linear, token, generation, row = std::move(row)] {
        linear.inputs[index(token)] = row;
        linear.input_generation[index(token)] = generation;
    };
}

Mamba2Executor::Commit Mamba2Executor::norm(const Step& step) {
    const auto& work = instruction(step);
    const auto& name = op(step).name;
    const bool gated = name.ends_with("mixer.norm");
    const bool last = name.ends_with("norm_f");
    const auto generation = step.repetition;
    std::vector<Commit> commits;
    for (std::int64_t i = 0; i < work.m; ++i) {
        // The last norm looks at the last token alone.
        const auto token = last ? tokens_ - 1 : work.m0 + i;
        if (gated) {
            const auto values = ops_.rms_norm(gated_.read(token, 0, gated_.width(), generation),
                                              block(generation).gated_norm);
            if (design_.recipe.online_hadamard) {
                commits.emplace_back(
                    [this, token, generation, values] { normed_.write(token, 0, values, generation); });
            } else {
                commits.push_back(
                    publish_input(out_proj_, token, out_proj_.kernel->quantize_input(values), generation));
            }
            continue;
        }
        auto& linear = last ? lm_head_ : in_proj_;
        const auto source = last ? std::int64_t{design_.network.layers} : generation;
        const auto values = ops_.rms_norm(residual_.read(token, 0, residual_.width(), source),
                                          last ? instance_.ends->final_norm : block(generation).norm);
        commits.push_back(
            publish_input(linear, last ? 0 : token, linear.kernel->quantize_input(values), generation));
    }
    return [commits = std::move(commits)] {
        for (const auto& commit : commits) commit();
    };
}

Mamba2Executor::Commit Mamba2Executor::hadamard(const Step& step) {
    const auto& work = instruction(step);
    const auto generation = step.repetition;
    std::vector<Commit> commits;
    for (std::int64_t token = work.m0; token < work.m0 + work.m; ++token) {
        const auto values = ops_.hadamard(normed_.read(token, 0, normed_.width(), generation));
        commits.push_back(
            publish_input(out_proj_, token, out_proj_.kernel->quantize_input(values), generation));
    }
    return [commits = std::move(commits)] {
        for (const auto& commit : commits) commit();
    };
}

Mamba2Executor::Linear& Mamba2Executor::linear_of(const Step& step) {
    const auto& name = op(step).name;
    if (name.ends_with("in_proj")) return in_proj_;
    if (name.ends_with("out_proj")) return out_proj_;
    return lm_head_;
}

// The tile's weights out of the chunks that hold them.
Mamba2Executor::TileWeights Mamba2Executor::tile_weights(const Step& step, const StreamTile& tile) const {
    TileWeights result;
    const auto group = design_.recipe.weights.group_size;
    const auto end = tile.begin + tile.n * tile.k;
    for (auto at = tile.begin; at < end;) {
        const auto source = order_of(step)->source(step.position, at);
        const auto found =
            weights_.find({weight_dma(linear_engine(step)), step.section, step.repetition, source.load});
        if (found == weights_.end()) {
            throw FunctionalError("weights " + std::to_string(at) + " and following are not in the buffer");
        }
        const auto& chunk = found->second;
        const auto stop = std::min(end, source.end);
        const auto from = at - chunk.begin;
        const auto to = stop - chunk.begin;
        if (!chunk.units.empty()) {
            result.units.insert(result.units.end(), chunk.units.begin() + from, chunk.units.begin() + to);
        } else {
            result.codes.insert(result.codes.end(), chunk.codes.begin() + from, chunk.codes.begin() + to);
        }
        for (auto g = at; group > 0 && g < stop; g = (g / group + 1) * group) {
            // A group that began in an earlier chunk has its scale already.
            if (g % group != 0 && g != tile.begin) continue;
            result.scales.push_back(chunk.scales[index(g / group - chunk.first_group)]);
        }
        at = stop;
    }
    return result;
}

Mamba2Executor::Commit Mamba2Executor::matmul(const Step& step) {
    const auto& work = instruction(step);
    auto& linear = linear_of(step);
    const auto generation = step.repetition;
    const auto& tile = order_of(step)->tile(step.position);
    const auto weights = tile_weights(step, tile);
    const auto outputs = linear.outputs.width();
    const auto group = design_.recipe.weights.group_size;
    const auto scales_per_row = group == 0 ? 0 : tile.k / group;
    if (&linear != &lm_head_) {
        const auto& matrices = block(generation);
        linear.scale_base = &linear == &in_proj_ ? matrices.in_proj.scale_base : matrices.out_proj.scale_base;
    }
    struct Output {
        std::int64_t token;
        std::int64_t n;
        double value;
    };
    std::vector<Output> made;
    for (std::int64_t token = work.m0; token < work.m0 + work.m; ++token) {
        if (linear.input_generation[index(token)] != generation) {
            throw FunctionalError("the inputs of token " + std::to_string(token) + " are not there");
        }
        for (std::int64_t i = 0; i < tile.n; ++i) {
            const auto at = index(token * outputs + tile.n0 + i);
            auto& sum = linear.sums[at];
            auto& summed = linear.summed[at];
            if (tile.k0 == 0) {
                sum = {};
                summed = 0;
            }
            if (summed != tile.k0) {
                throw FunctionalError("output " + std::to_string(tile.n0 + i) + " has summed " +
                                      std::to_string(summed) + " inputs where " + std::to_string(tile.k0) +
                                      " come before this tile");
            }
            const auto row = [&](const auto& all, std::int64_t size) {
                const std::span from(all);
                return all.empty() ? from : from.subspan(index(i * size), index(size));
            };
            linear.kernel->accumulate(sum, linear.inputs[index(token)], tile.k0, tile.k,
                                      row(weights.units, tile.k), row(weights.codes, tile.k),
                                      row(weights.scales, scales_per_row));
            summed += tile.k;
            if (summed == op(step).k) {
                made.push_back({token, tile.n0 + i, linear.kernel->finish(sum, linear.scale_base)});
            }
        }
    }
    return [&linear, generation, made = std::move(made)] {
        for (const auto& output : made) {
            linear.outputs.write(output.token, output.n, std::span(&output.value, 1), generation);
        }
    };
}

Mamba2Executor::Commit Mamba2Executor::convolution(const Step& step) {
    const auto& work = instruction(step);
    const auto generation = step.repetition;
    if (taps_generation_ != generation || window_generation_ != generation) {
        throw FunctionalError("weights or state of the convolution are not in the buffer");
    }
    auto window = window_;
    std::vector<models::Elements> made;
    for (std::int64_t token = work.m0; token < work.m0 + work.m; ++token) {
        const auto raw =
            in_proj_.outputs.read(token, design_.network.d_inner() + work.n0, work.n, generation);
        made.push_back(ops_.convolve(raw, work.n0, taps_, block(generation).convolution_bias, window));
    }
    return [this, work, generation, made = std::move(made), window = std::move(window)] {
        const auto channels = design_.network.convolution_channels();
        for (std::int64_t tap = 0; tap < design_.network.convolution_width; ++tap) {
            std::copy_n(window.begin() + tap * channels + work.n0, work.n,
                        window_.begin() + tap * channels + work.n0);
        }
        for (std::int64_t i = 0; i < work.m; ++i) {
            write_elements(convolved_, work.m0 + i, work.n0, made[index(i)], generation);
        }
    };
}

void Mamba2Executor::write_elements(TaggedElements& target, std::int64_t token, std::int64_t begin,
                                    const models::Elements& elements, std::int64_t generation) const {
    target.values.write(token, begin, elements.values, generation);
    const std::vector<double> exponents(elements.exponents.begin(), elements.exponents.end());
    target.exponents.write(token, begin / static_cast<std::int64_t>(ops_.element().group()), exponents,
                           generation);
}

Mamba2Executor::Commit Mamba2Executor::softplus(const Step& step) {
    const auto& work = instruction(step);
    const auto generation = step.repetition;
    const auto& network = design_.network;
    const auto dt_begin = 2 * network.d_inner() + 2 * network.groups * network.d_state;
    const auto bias = std::span(block(generation).dt_bias).subspan(work.n0, work.n);
    std::vector<models::Elements> made;
    for (std::int64_t token = work.m0; token < work.m0 + work.m; ++token) {
        made.push_back(
            ops_.step_sizes(in_proj_.outputs.read(token, dt_begin + work.n0, work.n, generation), bias));
    }
    return [this, work, generation, made = std::move(made)] {
        for (std::int64_t i = 0; i < work.m; ++i) {
            write_elements(dt_, work.m0 + i, work.n0, made[index(i)], generation);
        }
    };
}

Mamba2Executor::Commit Mamba2Executor::gate(const Step& step) {
    const auto& work = instruction(step);
    const auto generation = step.repetition;
    std::vector<std::vector<double>> made;
    for (std::int64_t token = work.m0; token < work.m0 + work.m; ++token) {
        made.push_back(ops_.gate(y_.read(token, work.n0, work.n, generation),
                                 in_proj_.outputs.read(token, work.n0, work.n, generation)));
    }
    return [this, work, generation, made = std::move(made)] {
        for (std::int64_t i = 0; i < work.m; ++i) {
            gated_.write(work.m0 + i, work.n0, made[index(i)], generation);
        }
    };
}

Mamba2Executor::Commit Mamba2Executor::residual_add(const Step& step) {
    const auto& work = instruction(step);
    const auto generation = step.repetition;
    std::vector<std::vector<double>> made;
    for (std::int64_t token = work.m0; token < work.m0 + work.m; ++token) {
        auto sum = residual_.read(token, work.n0, work.n, generation);
        const auto update = out_proj_.outputs.read(token, work.n0, work.n, generation);
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = ops_.add_residual(sum[i], update[i]);
        made.push_back(std::move(sum));
    }
    return [this, work, generation, made = std::move(made)] {
        for (std::int64_t i = 0; i < work.m; ++i) {
            residual_.write(work.m0 + i, work.n0, made[index(i)], generation + 1);
        }
    };
}

}  // namespace tilewright::accel
