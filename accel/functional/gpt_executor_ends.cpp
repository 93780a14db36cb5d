// SPDX-License-Identifier: Apache-2.0
// The ends of a GPT-BigCode program: embedding, final norm, head.
#include <algorithm>

#include "accel/functional/float_bytes.hpp"
#include "accel/functional/functional_error.hpp"
#include "accel/functional/gpt_executor.hpp"
#include "models/index.hpp"
#include "models/networks/transformer_operators.hpp"
#include "models/networks/unquantized_linear.hpp"

namespace tilewright::accel {

using models::index;

namespace {

// Of what is computed outside the blocks.
std::int64_t tag_of(std::size_t step) {
    return static_cast<std::int64_t>(step);
}

}  // namespace

std::span<const float> GptInstance::embedding(std::size_t step, std::int64_t row) const {
    const auto width = ends->norm.size();
    return std::span(ends->embedding).subspan(index(tokens[step][index(row)]) * width, width);
}

std::span<const float> GptInstance::position(const models::GptStep& step, std::int64_t row) const {
    const auto width = ends->norm.size();
    const auto at = step.shared_context + step.own_context + row % step.tokens;
    return std::span(ends->positions).subspan(index(at) * width, width);
}

GptExecutor::Placed GptExecutor::input_of(std::size_t step) const {
    if (!gpt_.ends) return {{layout_.embedding, instance_.inputs[step]}};
    std::vector<float> embeddings;
    std::vector<float> positions;
    const auto append = [](std::vector<float>& to, std::span<const float> row) {
        to.insert(to.end(), row.begin(), row.end());
    };
    for (std::int64_t row = 0; row < steps_[step].rows(); ++row) {
        append(embeddings, instance_.embedding(step, row));
        append(positions, instance_.position(steps_[step], row));
    }
    const auto behind = layout_.embedding + 4 * steps_[step].rows() * block_.width;
    return {{layout_.embedding, std::move(embeddings)}, {behind, std::move(positions)}};
}

void GptExecutor::take_numbers(const Step& step, std::span<const double> numbers) {
    if (in_blocks(step) || !gpt_.ends) return TransformerExecutor::take_numbers(step, numbers);
    const auto address = instruction(step).address;
    auto& target = address == layout_.final_norm  ? norm_vectors_
                   : address == layout_.embedding ? embeddings_
                                                  : positions_;
    for (std::int64_t row = 0; row < rows_in(numbers); ++row) {
        target.write(row, 0, row_of(numbers, row), tag_of(step_of(step)));
    }
}

GptExecutor::Commit GptExecutor::compute_own(const Step& step) {
    const auto& name = op(step).name;
    if (in_blocks(step) || !gpt_.ends) return TransformerExecutor::compute_own(step);
    if (name.ends_with(".embedding")) return embed(step);
    if (name.ends_with(".positions")) return add_positions(step);
    if (name.ends_with(".final_norm")) return final_norm(step);
    if (name.ends_with(".lm_head")) return head(step);
    throw FunctionalError("the network's ends have no such operation");
}

GptExecutor::Commit GptExecutor::publish_rows(const Step& step, TaggedArray& target, std::int64_t column,
                                              std::vector<std::vector<double>> rows) const {
    return [&target, column, tag = tag_of(step_of(step)), rows = std::move(rows)] {
        for (std::size_t row = 0; row < rows.size(); ++row) {
            target.write(static_cast<std::int64_t>(row), column, rows[row], tag);
        }
    };
}

// The embedding's rows come as they are.
GptExecutor::Commit GptExecutor::embed(const Step& step) {
    std::vector<std::vector<double>> rows;
    for (std::int64_t row = 0; row < steps_[step_of(step)].rows(); ++row) {
        rows.push_back(embeddings_.read(row, 0, block_.width, tag_of(step_of(step))));
    }
    return publish_rows(step, embedded_, 0, std::move(rows));
}

GptExecutor::Commit GptExecutor::add_positions(const Step& step) {
    const auto read = [&](const TaggedArray& from, std::int64_t row) {
        return floats(from.read(row, 0, block_.width, tag_of(step_of(step))));
    };
    std::vector<std::vector<double>> rows;
    for (std::int64_t row = 0; row < steps_[step_of(step)].rows(); ++row) {
        rows.push_back(doubles(models::add_float(read(embedded_, row), read(positions_, row))));
    }
    return [this, step, rows = std::move(rows)] {
        for (std::size_t row = 0; row < rows.size(); ++row) {
            write_input(step, static_cast<std::int64_t>(row), rows[row]);
        }
    };
}

// Of every sequence's last token.
GptExecutor::Commit GptExecutor::final_norm(const Step& step) {
    const auto& at = steps_[step_of(step)];
    const auto weight = floats(norm_vectors_.read(0, 0, block_.width, tag_of(step_of(step))));
    const auto bias = floats(norm_vectors_.read(1, 0, block_.width, tag_of(step_of(step))));
    std::vector<std::vector<double>> rows;
    for (std::int64_t s = 0; s < at.sequences; ++s) {
        rows.push_back(doubles(models::gpt_norm(final_row(step, (s + 1) * at.tokens - 1), weight, bias)));
    }
    return publish_rows(step, normed_, 0, std::move(rows));
}

GptExecutor::Commit GptExecutor::head(const Step& step) {
    const auto weights = models::unquantized_numbers(end_weights(step));
    std::vector<std::vector<double>> rows;
    for (std::int64_t s = 0; s < steps_[step_of(step)].sequences; ++s) {
        const auto normed = floats(normed_.read(s, 0, block_.width, tag_of(step_of(step))));
        rows.push_back(doubles(models::gpt_logits(weights, normed)));
    }
    return publish_rows(step, logits_, instruction(step).n0, std::move(rows));
}

// Logits are stored tile by tile, all sequences of a tile one behind the other.
std::vector<float> GptExecutor::output(const Step& step) const {
    if (!gpt_.ends) return TransformerExecutor::output(step);
    const auto& work = instruction(step);
    const auto sequences = steps_[step_of(step)].sequences;
    const auto column_bytes = 4 * sequences;
    std::vector<float> numbers;
    for (std::int64_t s = 0; s < sequences; ++s) {
        const auto row = floats(logits_.read(s, (work.address - layout_.outputs) / column_bytes,
                                             work.value_bytes / column_bytes, tag_of(step_of(step))));
        numbers.insert(numbers.end(), row.begin(), row.end());
    }
    return numbers;
}

// Logits are read when all of them are there.
void GptExecutor::stored(const Step& step) {
    if (!gpt_.ends) TransformerExecutor::stored(step);
}

std::vector<float> GptExecutor::stored_logits() const {
    return stored_tiles(layout_.outputs, steps_.back().sequences, gpt_.network.vocabulary);
}

}  // namespace tilewright::accel
