// SPDX-License-Identifier: Apache-2.0
#include "accel/functional/var_executor.hpp"

#include <algorithm>
#include <tuple>

#include "accel/functional/float_bytes.hpp"
#include "accel/functional/functional_error.hpp"
#include "models/index.hpp"
#include "models/networks/transformer_operators.hpp"

namespace tilewright::accel {

namespace {

using models::index;

// Positions of AdaLN's vectors.
enum ModulationVector : std::int64_t { gamma1, gamma2, scale1, scale2, shift1, shift2 };

// Biases and query factors in the order in which they lie in memory.
std::vector<float> vectors_of(const models::QuantizedVarBlock& block) {
    std::vector<float> all;
    for (const auto* part :
         {&block.qkv.bias, &block.proj.bias, &block.fc1.bias, &block.fc2.bias, &block.query_factors}) {
        all.insert(all.end(), part->begin(), part->end());
    }
    return all;
}

TransformerKernels kernels_of(const VarDesign& var, const models::QuantizedVar& network) {
    TransformerKernels kernels(network);
    for (std::size_t scale = 0; scale < var.network.scales.size(); ++scale) {
        kernels.rows.push_back(var.step.batch() * var.network.scale_tokens(scale));
    }
    kernels.cache_rows = var.step.batch() * var.network.tokens();
    kernels.cache_width = var.network.width;
    kernels.vector_elements = block_vector_elements(var.network);
    return kernels;
}

}  // namespace

VarExecutor::VarExecutor(const Design& design, const TileProgram& program,
                         const models::QuantizedVar& network, const VarInstance& instance)
    : TransformerExecutor(design, program, kernels_of(*design.var, network), instance.inputs),
      var_(*design.var),
      network_(network),
      instance_(instance),
      dim_(block_.head_dim),
      batch_(var_.step.batch()),
      layout_(lay_out_var(design)),
      modulation_(2, TaggedArray("the modulation", batch_ * 6, block_.width)),
      queries_("the queries", batch_ * var_.network.scale_tokens(var_.network.scales.size() - 1),
               block_.width),
      normed_keys_("the normalised keys", batch_ * var_.network.scale_tokens(var_.network.scales.size() - 1),
                   block_.width),
      ends_(var_),
      stored_logits_(var_.network.scales.size()) {
    if (var_.adaln && var_.network.shared_adaln) throw FunctionalError("data of a shared AdaLN");
    place_weights(layout_);
    place_ends();
    for (std::int64_t number = 0; number < block_.blocks; ++number) {
        if (!var_.adaln) {
            place_vectors(layout_.modulation, layout_.modulation_stride, number,
                          instance_.modulation[index(number)]);
        }
        place_vectors(layout_.vectors, layout_.vectors_stride, number, vectors_of(block(number)));
    }
}

const models::QuantizedTransformerLinear& VarExecutor::weights(std::int64_t number,
                                                               TransformerLinear linear) const {
    return linear_of(block(number), linear);
}

VarExecutor::Placed VarExecutor::input_of(std::size_t step) const {
    if (!var_.ends) return {{layout_.inputs, instance_.inputs[step]}};
    if (step == 0) return {};
    return {{layout_.inputs, instance_.maps[step]}};
}

void VarExecutor::take_numbers(const Step& step, std::span<const double> numbers) {
    if (!in_blocks(step)) return take_end_numbers(step, numbers);
    if (instruction(step).address != layout_.modulation) {
        return TransformerExecutor::take_numbers(step, numbers);
    }
    for (std::int64_t row = 0; row < rows_in(numbers); ++row) {
        modulation_[index(generation(step) % 2)].write(row, 0, row_of(numbers, row), generation(step));
    }
}

std::vector<float> VarExecutor::modulation(const Step& step, std::int64_t row, std::int64_t vector) const {
    const auto image = row / var_.network.scale_tokens(step_of(step));
    return floats(
        modulation_[index(generation(step) % 2)].read(image * 6 + vector, 0, block_.width, generation(step)));
}

std::pair<std::int64_t, std::int64_t> VarExecutor::heads_of(std::int64_t group) const {
    const auto first = group * heads_per_tile(design_);
    return {first, std::min(heads_per_tile(design_), block_.heads - first)};
}

std::vector<VarExecutor::CacheVector> VarExecutor::cache_vectors(const Step& step) const {
    const auto found =
        std::find(layout_.cache_piece.begin(), layout_.cache_piece.end(), instruction(step).address);
    if (found == layout_.cache_piece.end()) throw FunctionalError("a transfer of no piece of the cache");
    const auto piece = found - layout_.cache_piece.begin();
    const auto scale = index(piece / head_groups(design_));
    const auto [first, count] = heads_of(piece % head_groups(design_));
    std::vector<CacheVector> vectors;
    for (const bool key : {true, false}) {
        for (std::int64_t image = 0; image < batch_; ++image) {
            const auto row = image * var_.network.tokens() + var_.network.tokens_until(scale);
            for (auto head = first; head < first + count; ++head) {
                for (std::int64_t t = 0; t < var_.network.scale_tokens(scale); ++t) {
                    vectors.push_back({key, row + t, head * dim_});
                }
            }
        }
    }
    return vectors;
}

// Where the cache has a row of [images x tokens] of a scale.
std::int64_t VarExecutor::cache_row(const Step& step, std::int64_t row) const {
    const auto tokens = var_.network.scale_tokens(step_of(step));
    return row / tokens * var_.network.tokens() + var_.network.tokens_until(step_of(step)) + row % tokens;
}

std::vector<double> VarExecutor::unrounded(const Step& step, bool keys, std::int64_t row, std::int64_t begin,
                                           std::int64_t size) const {
    return keys ? normed_keys_.read(row, begin, size, generation(step))
                : qkv_output().read(row, 2 * block_.width + begin, size, generation(step));
}

// Values; the keys' norm is still to come.
void VarExecutor::keep_unrounded(const Step& step, const Rows& products) {
    const auto first = 2 * block_.width;
    if (products.column < first) return;
    for (std::size_t i = 0; i < products.values.size(); ++i) {
        write_cache(step, false, cache_row(step, products.begin + static_cast<std::int64_t>(i)),
                    products.column - first, products.values[i]);
    }
}

std::vector<float> VarExecutor::normed(const Step& step, bool first, std::int64_t row,
                                       std::span<const float> x) const {
    return models::modulated_layer_norm(x, modulation(step, row, first ? scale1 : scale2),
                                        modulation(step, row, first ? shift1 : shift2));
}

void VarExecutor::scale_update(const Step& step, bool first, std::int64_t row, std::int64_t column,
                               std::span<float> update) const {
    const auto gamma = modulation(step, row, first ? gamma1 : gamma2);
    for (std::size_t c = 0; c < update.size(); ++c) update[c] *= gamma[index(column) + c];
}

// Rows are [images x heads x tokens].
VarExecutor::AttentionRow VarExecutor::attention_row(const Step& step, std::size_t /*number*/,
                                                     std::int64_t at, std::int64_t keys) const {
    const auto tokens = var_.network.scale_tokens(step_of(step));
    const auto image = at / tokens / block_.heads;
    AttentionRow row;
    row.row = image * tokens + at % tokens;
    row.head = at / tokens % block_.heads;
    row.cache_column = row.head * dim_;
    for (std::int64_t t = 0; t < keys; ++t) row.cache_rows.push_back(image * var_.network.tokens() + t);
    return row;
}

std::vector<float> VarExecutor::query(const Step& step, std::int64_t row, std::int64_t head) const {
    return floats(queries_.read(row, head * dim_, dim_, generation(step)));
}

// Norms of queries and keys.
VarExecutor::Commit VarExecutor::compute_own(const Step& step) {
    const auto& work = instruction(step);
    if (!in_blocks(step)) return compute_ends(step);
    if (work.opcode != Opcode::l2_norm) return TransformerExecutor::compute_own(step);
    const bool queries = op(step).name.ends_with("q_norm");
    auto& target = queries ? queries_ : normed_keys_;
    std::vector<std::tuple<std::int64_t, std::int64_t, std::vector<double>>> made;
    const auto factors = vectors(step, block_vector_elements(var_.network) - block_.heads, block_.heads);
    for (std::int64_t at = work.m0; at < std::int64_t{work.m0} + work.m; ++at) {
        const auto place = attention_row(step, 0, at, 0);
        auto x = floats(qkv_output().read(place.row, (queries ? 0 : block_.width) + place.cache_column, dim_,
                                          generation(step)));
        models::l2_normalise(x, queries ? factors[index(place.head)] : 1.0F);
        made.emplace_back(place.row, place.cache_column, doubles(x));
    }
    // Without a format of its own the cache has keys as they are.
    const bool keep = !queries && !network_.cache_quantizer();
    return [this, step, &target, made = std::move(made), keep] {
        for (const auto& [row, column, x] : made) {
            target.write(row, column, x, generation(step));
            if (keep) write_cache(step, true, cache_row(step, row), column, x);
        }
    };
}

CacheNumbers VarExecutor::stored_piece(std::int64_t layer, std::size_t scale, std::int64_t group) const {
    const auto elements = cache_piece_elements(var_, scale, heads_of(group).second);
    const auto numbers = stored_cache(layout_.cache_piece[scale * index(head_groups(design_)) + index(group)],
                                      layout_.cache_stride, layer, elements);
    const auto half = numbers.begin() + elements / 2;
    return {{numbers.begin(), half}, {half, numbers.end()}};
}

}  // namespace tilewright::accel
