// SPDX-License-Identifier: Apache-2.0
// Around the blocks of a VAR program: AdaLN's vectors, what a scale's blocks take, and the head.
#include <algorithm>

#include "accel/functional/float_bytes.hpp"
#include "accel/functional/functional_error.hpp"
#include "accel/functional/var_executor.hpp"
#include "memory/integer_math.hpp"
#include "models/index.hpp"
#include "models/networks/quantized_var_ends.hpp"
#include "models/networks/transformer_operators.hpp"
#include "models/networks/unquantized_linear.hpp"

namespace tilewright::accel {

using models::index;

namespace {

constexpr std::int64_t condition_tag = 1 << 24;  // of no step and no block

std::int64_t most_tokens(const VarDesign& var) {
    return var.network.scale_tokens(var.network.scales.size() - 1);
}

std::int64_t most_rows(const VarDesign& var) {
    return var.step.batch() * most_tokens(var);
}

}  // namespace

VarEndBuffers::VarEndBuffers(const VarDesign& var)
    : classes("the class embeddings", var.step.batch(), var.network.width),
      conditions("the conditions", var.step.batch(), var.network.width),
      activated("the activated conditions", var.step.batch(), var.network.width),
      adaln_bias("AdaLN's biases", 1, 6 * var.network.width),
      adaln("AdaLN's vectors", var.step.batch(), 6 * var.network.width),
      head_adaln_bias("the biases of the head's AdaLN", 1, 2 * var.network.width),
      head_adaln("the head's AdaLN", var.step.batch(), 2 * var.network.width),
      start("the start", var.network.scale_tokens(0), var.network.width),
      maps("the token maps", most_rows(var), var.network.codebook_width),
      words("the words", most_rows(var), var.network.codebook_width),
      word_bias("the biases of the word embedding", 1, var.network.width),
      embedded("the embedded tokens", most_rows(var), var.network.width),
      places("the positions", most_tokens(var), var.network.width),
      head_modulation("the head's modulation", var.step.batch(), 2 * var.network.width),
      normed("the head's norm", most_rows(var), var.network.width),
      head_bias("the head's biases", 1, var.network.codebook),
      logits("the logits", most_rows(var), var.network.codebook) {}

// What all steps share, and what every step has anew.
std::int64_t VarExecutor::tag_of(const Step& step) const {
    const auto& section = program_.sections[step.section].name;
    if (section == "condition") return condition_tag;
    return section == "adaln" ? step.repetition : static_cast<std::int64_t>(step_of(step));
}

void VarExecutor::place_ends() {
    const auto c = block_.width;
    const auto vectors = [&](std::int64_t address, std::span<const float> numbers) {
        place_vectors(address, 0, 0, numbers);
    };
    vectors(layout_.classes, instance_.conditions);
    for (std::int64_t number = 0; var_.adaln && number < block_.blocks; ++number) {
        place_end_weights("blocks.0.ada_lin.1", layout_.adaln,
                          models::unquantized_matrix(block(number).adaln, 6 * c, c), layout_.adaln_stride,
                          number);
        place_vectors(layout_.adaln_bias, layout_.adaln_bias_stride, number, block(number).adaln_bias);
    }
    if (!var_.ends) return;
    const auto& ends = *instance_.ends;
    if (var_.adaln) {
        place_end_weights("head_nm.ada_lin.1", layout_.head_adaln,
                          models::unquantized_matrix(ends.head_adaln, 2 * c, c));
        vectors(layout_.head_adaln_bias, ends.head_adaln_bias);
    } else {
        vectors(layout_.modulation + layout_.modulation_stride * block_.blocks, instance_.head_modulation);
    }
    if (var_.network.scales.size() > 1) {
        place_end_weights(".word_embed", layout_.word_embedding,
                          models::unquantized_matrix(ends.word, c, var_.network.codebook_width));
    }
    place_end_weights(".head", layout_.head, models::unquantized_matrix(ends.head, var_.network.codebook, c));
    vectors(layout_.word_bias, ends.word_bias);
    vectors(layout_.head_bias, ends.head_bias);
    vectors(layout_.start, ends.start);
    const std::span<const float> places(instance_.places);
    for (std::size_t scale = 0; scale < var_.network.scales.size(); ++scale) {
        vectors(layout_.positions[scale], places.subspan(index(var_.network.tokens_until(scale) * c),
                                                         index(var_.network.scale_tokens(scale) * c)));
    }
}

// Loaded outside the blocks.
void VarExecutor::take_end_numbers(const Step& step, std::span<const double> numbers) {
    const auto address = instruction(step).address;
    const auto take = [&](TaggedArray& target) {
        const auto width = target.width();
        const auto rows = static_cast<std::int64_t>(numbers.size()) / width;
        for (std::int64_t row = 0; row < rows; ++row) {
            target.write(row, 0, numbers.subspan(index(row * width), index(width)), tag_of(step));
        }
    };
    if (address == layout_.classes) return take(ends_.classes);
    if (address == layout_.adaln_bias) return take(ends_.adaln_bias);
    if (address == layout_.head_adaln_bias) return take(ends_.head_adaln_bias);
    if (address == layout_.start) return take(ends_.start);
    if (address == layout_.word_bias) return take(ends_.word_bias);
    if (address == layout_.head_bias) return take(ends_.head_bias);
    if (address == layout_.modulation + layout_.modulation_stride * block_.blocks) {
        return take(ends_.head_modulation);
    }
    if (address == layout_.inputs) {
        if (var_.ends) return take(ends_.maps);
        return TransformerExecutor::take_numbers(step, numbers);
    }
    if (address != layout_.positions[step_of(step)]) {
        throw FunctionalError("a transfer of nothing that lies around the blocks");
    }
    take(ends_.places);
}

// Rows that an operation makes of rows: `make(row)`.
template <typename Make>
VarExecutor::Commit VarExecutor::make_rows(const Step& step, TaggedArray& target, std::int64_t rows,
                                           std::int64_t column, Make make) const {
    std::vector<std::vector<double>> made;
    for (std::int64_t row = 0; row < rows; ++row) made.push_back(doubles(make(row)));
    return [&target, column, tag = tag_of(step), made = std::move(made)] {
        for (std::size_t row = 0; row < made.size(); ++row) {
            target.write(static_cast<std::int64_t>(row), column, made[row], tag);
        }
    };
}

std::vector<float> VarExecutor::whole_row(const TaggedArray& from, std::int64_t row, std::int64_t tag) {
    return floats(from.read(row, 0, from.width(), tag));
}

// Columns [n0, n0 + n) of an unquantized linear layer; `input_tag`: of its input.
VarExecutor::Commit VarExecutor::end_linear(const Step& step, const TaggedArray& input,
                                            std::int64_t input_tag, const TaggedArray& bias,
                                            TaggedArray& output) const {
    const auto& work = instruction(step);
    const auto weights = models::unquantized_numbers(end_weights(step));
    const auto biases = floats(bias.read(0, work.n0, work.n, tag_of(step)));
    return make_rows(step, output, work.m, work.n0, [&](std::int64_t row) {
        return models::linear_float(weights, biases, whole_row(input, row, input_tag));
    });
}

VarExecutor::Commit VarExecutor::compute_ends(const Step& step) {
    const auto& name = op(step).name;
    const auto tag = tag_of(step);
    const auto rows = std::int64_t{instruction(step).m};
    if (name == "class_emb") {
        return make_rows(step, ends_.conditions, rows, 0,
                         [&](std::int64_t row) { return whole_row(ends_.classes, row, tag); });
    }
    if (name == "ada_lin.0") {
        return make_rows(step, ends_.activated, rows, 0, [&](std::int64_t row) {
            return models::activated_condition(whole_row(ends_.conditions, row, tag));
        });
    }
    if (name == "head_nm.ada_lin.1") {
        return end_linear(step, ends_.activated, tag, ends_.head_adaln_bias, ends_.head_adaln);
    }
    // The condition is the same for all blocks.
    if (name.ends_with("ada_lin.1")) {
        return end_linear(step, ends_.activated, condition_tag, ends_.adaln_bias, ends_.adaln);
    }
    const auto tokens = var_.network.scale_tokens(step_of(step));
    if (name.ends_with(".pos_start")) {
        return make_rows(step, ends_.embedded, rows, 0, [&](std::int64_t row) {
            return models::add_float(whole_row(ends_.classes, row / tokens, tag),
                                     whole_row(ends_.start, row % tokens, tag));
        });
    }
    if (name.ends_with(".next_input")) {
        return make_rows(step, ends_.words, rows, 0,
                         [&](std::int64_t row) { return whole_row(ends_.maps, row, tag); });
    }
    if (name.ends_with(".word_embed")) {
        return end_linear(step, ends_.words, tag, ends_.word_bias, ends_.embedded);
    }
    if (name.ends_with(".positions")) return add_places(step);
    if (name.ends_with(".head_nm.norm")) {
        return make_rows(step, ends_.normed, rows, 0, [&](std::int64_t row) {
            const auto modulation = whole_row(ends_.head_modulation, row / tokens, tag);
            return models::var_head_norm(modulation, final_row(step, row));
        });
    }
    if (name.ends_with(".head")) return end_linear(step, ends_.normed, tag, ends_.head_bias, ends_.logits);
    throw FunctionalError("the network's ends have no such operation");
}

VarExecutor::Commit VarExecutor::add_places(const Step& step) {
    const auto tokens = var_.network.scale_tokens(step_of(step));
    std::vector<std::vector<double>> made;
    for (std::int64_t row = 0; row < batch_ * tokens; ++row) {
        made.push_back(doubles(models::add_float(whole_row(ends_.embedded, row, tag_of(step)),
                                                 whole_row(ends_.places, row % tokens, tag_of(step)))));
    }
    return [this, step, made = std::move(made)] {
        for (std::size_t row = 0; row < made.size(); ++row) {
            write_input(step, static_cast<std::int64_t>(row), made[row]);
        }
    };
}

// AdaLN's vectors image by image, logits tile by tile: all rows of a tile one behind the other.
std::vector<float> VarExecutor::output(const Step& step) const {
    const auto& section = program_.sections[step.section].name;
    const auto rows_of = [&](const TaggedArray& from, std::int64_t rows, std::int64_t begin,
                             std::int64_t size) {
        std::vector<float> numbers;
        for (std::int64_t row = 0; row < rows; ++row) {
            const auto part = floats(from.read(row, begin, size, tag_of(step)));
            numbers.insert(numbers.end(), part.begin(), part.end());
        }
        return numbers;
    };
    if (section == "condition") return rows_of(ends_.head_adaln, batch_, 0, ends_.head_adaln.width());
    if (section == "adaln") return rows_of(ends_.adaln, batch_, 0, ends_.adaln.width());
    if (!var_.ends) return TransformerExecutor::output(step);
    const auto rows = batch_ * var_.network.scale_tokens(step_of(step));
    const auto& work = instruction(step);
    return rows_of(ends_.logits, rows, (work.address - layout_.outputs) / (4 * rows),
                   work.value_bytes / (4 * rows));
}

// The next scale's logits take the place of these, so they are read with the last tile.
void VarExecutor::stored(const Step& step) {
    const auto& section = program_.sections[step.section].name;
    if (section == "condition" || section == "adaln") return;
    if (!var_.ends) return TransformerExecutor::stored(step);
    const auto tiles = memory::divide_up(var_.network.codebook, design_.mapping.tile.outputs);
    if (++logit_tiles_ < tiles) return;
    logit_tiles_ = 0;
    stored_logits_[step_of(step)] = stored_tiles(
        layout_.outputs, batch_ * var_.network.scale_tokens(step_of(step)), var_.network.codebook);
}

}  // namespace tilewright::accel
