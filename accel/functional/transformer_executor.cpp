// SPDX-License-Identifier: Apache-2.0
// The executor between simulation and engines: transfers, buffers, what starts and completes.
#include "accel/functional/transformer_executor.hpp"

#include <algorithm>

#include "accel/engines/transformer_timing.hpp"
#include "accel/functional/float_bytes.hpp"
#include "accel/functional/functional_error.hpp"
#include "models/index.hpp"

namespace tilewright::accel {

namespace {

using models::index;

std::int64_t most(const std::vector<std::int64_t>& rows) {
    return *std::max_element(rows.begin(), rows.end());
}

}  // namespace

TransformerExecutor::TransformerExecutor(const Design& design, const TileProgram& program,
                                         const TransformerKernels& kernels,
                                         const std::vector<std::vector<float>>& inputs)
    : ProgramExecutor(design, program),
      block_(design.transformer()->block),
      cache_quantizer_(kernels.cache_quantizer),
      inputs_(inputs),
      weights_written_(index(block_.blocks), false),
      outputs_(kernels.rows.size()),
      vectors_(2, TaggedArray("the biases", 1, kernels.vector_elements)),
      residual_("the residual stream", most(kernels.rows), block_.width),
      keys_("the keys", kernels.cache_rows, kernels.cache_width),
      values_("the values", kernels.cache_rows, kernels.cache_width) {
    const auto operators = transformer_linear_operators(design);
    auto next_bias = kernels.first_bias;
    for (const auto linear : {qkv_linear, proj_linear, fc1_linear, fc2_linear}) {
        const auto& op = operators[linear];
        const auto array = [&](const char* what, std::int64_t columns) {
            return TaggedArray(op.name + what, most(kernels.rows), columns);
        };
        layers_.push_back({linear, kernels.linears[linear], op.name, next_bias, array("'s input", op.k),
                           array("'s rotated input", op.k), array("'s rounded input", op.k),
                           array("'s output", op.n)});
        next_bias += op.n;
    }
    collect_sections();
    collect_releases();
}

// Input, blocks and output of every step.
void TransformerExecutor::collect_sections() {
    const auto operands = linear_operands(design_);
    std::size_t number = 0;
    for (const auto& section : program_.sections) {
        const bool last = section.name.ends_with(" output");
        const bool blocks = !last && !section.name.ends_with(" input");
        step_of_section_.push_back(number);
        is_block_section_.push_back(blocks);
        auto& orders = orders_.emplace_back();
        for (const auto kind : {LinearEngine::pl, LinearEngine::aie}) {
            const auto matrix = index_of(kind);
            if (!blocks || !matrix) continue;
            orders[static_cast<std::size_t>(kind)] = std::make_unique<TransformerWeightOrder>(
                section, kind, *matrix, weight_dma(kind),
                [&](const models::Operator& op) { return linear_layer(operands, op.name)->weights; });
        }
        if (last) ++number;
    }
    if (number != outputs_.size()) throw FunctionalError("the program does not have the steps of its design");
}

// A hold of what a DMA engine has loaded ends the weights' life with their last user.
void TransformerExecutor::collect_releases() {
    for (std::size_t s = 0; s < program_.sections.size(); ++s) {
        for (const auto& hold : program_.sections[s].holds) {
            const bool loaded = program_.engines[hold.holder.engine].kind == EngineKind::dma;
            if (!loaded || hold.buffer != Buffer::weights || hold.holder.index < 0 || hold.releaser.index < 0)
                continue;
            releases_[{s, hold.releaser.engine, index(hold.releaser.index)}].push_back(
                {hold.holder.engine, index(hold.holder.index)});
        }
    }
}

std::int64_t TransformerExecutor::generation(const Step& step) const {
    return static_cast<std::int64_t>(step_of(step)) * block_.blocks + step.repetition;
}

std::vector<float> TransformerExecutor::vectors(const Step& step, std::int64_t begin,
                                                std::int64_t size) const {
    return floats(vectors_[index(generation(step) % 2)].read(0, begin, size, generation(step)));
}

void TransformerExecutor::take_vectors(const Step& step, std::span<const double> numbers) {
    vectors_[index(generation(step) % 2)].write(0, 0, numbers, generation(step));
}

void TransformerExecutor::write_cache(const Step& step, bool key, std::int64_t row, std::int64_t column,
                                      std::span<const double> numbers) {
    (key ? keys_ : values_).write(row, column, numbers, generation(step));
}

std::vector<std::byte> TransformerExecutor::pack_cache(std::span<const double> numbers) const {
    return cache_quantizer_ != nullptr ? cache_quantizer_->pack(numbers)
                                       : bytes_of(std::vector<float>(numbers.begin(), numbers.end()));
}

std::vector<double> TransformerExecutor::unpack_cache(std::span<const std::byte> bytes,
                                                      std::int64_t elements) const {
    return cache_quantizer_ != nullptr ? cache_quantizer_->unpack(bytes, index(elements))
                                       : doubles(floats_of(bytes));
}

std::vector<double> TransformerExecutor::stored_cache(std::int64_t address, std::int64_t stride,
                                                      std::int64_t block, std::int64_t elements) const {
    const auto size = transfer_size(kv_format(*design_.transformer()), elements);
    Instruction work;
    work.address = address;
    work.address_stride = stride;
    work.value_bytes = size.value_bytes;
    work.scale_bytes = size.scale_bytes;
    return unpack_cache(read_memory(design_.port_of(Stream::state), work, block), elements);
}

// A block's weights, before the first load of any.
void TransformerExecutor::write_weights(const Step& step) {
    if (!is_block_section_[step.section] || weights_written_[index(step.repetition)]) return;
    weights_written_[index(step.repetition)] = true;
    const auto& section = program_.sections[step.section];
    for (const auto kind : {LinearEngine::pl, LinearEngine::aie}) {
        const auto& order = orders_[step.section][static_cast<std::size_t>(kind)];
        if (!order) continue;
        for (const auto& pass : order->passes()) {
            if (pass.again) continue;
            const auto linear = layer_of(section.operators[pass.operator_index].name).linear;
            WeightCodec codec(pass.format);
            for (const auto& tile : pass.tiles) codec.append(weights(step.repetition, linear).matrix, tile);
            for (const auto& load : pass.loads) {
                const Step at{weight_dma(kind), step.section, step.repetition, load.position};
                const auto& work = instruction(at);
                write_memory(at, codec.pack(load.begin, load.end, work.value_bytes, work.scale_bytes));
            }
        }
    }
}

void TransformerExecutor::start_load(const Step& step) {
    const auto& work = instruction(step);
    staging_[key(step)].assign(layouts_[step.engine]->channels(),
                               std::vector<std::byte>(index(layouts_[step.engine]->padded_bytes(work))));
    if (is_weights(work.traffic)) return write_weights(step);
    const auto bytes =
        is_block_section_[step.section] ? bytes_before(step) : bytes_of(inputs_[step_of(step)]);
    if (!bytes.empty()) write_memory(step, bytes);
}

void TransformerExecutor::start_store(const Step& step) {
    const auto& work = instruction(step);
    std::vector<std::byte> bytes;
    if (work.traffic == Traffic::activations) {
        auto& output = outputs_[step_of(step)];
        // The blocks' last generation.
        const auto made = static_cast<std::int64_t>(step_of(step) + 1) * block_.blocks;
        const auto rows = static_cast<std::int64_t>(inputs_[step_of(step)].size()) / block_.width;
        for (std::int64_t row = 0; row < rows; ++row) {
            const auto numbers = floats(residual_.read(row, 0, block_.width, made));
            output.insert(output.end(), numbers.begin(), numbers.end());
        }
        bytes = bytes_of(output);
    } else {
        std::vector<double> elements;
        for (const auto& at : cache_vectors(step)) {
            const auto& part = at.key ? keys_ : values_;
            const auto numbers = part.read(at.row, at.column, block_.head_dim, generation(step));
            elements.insert(elements.end(), numbers.begin(), numbers.end());
        }
        bytes = pack_cache(elements);
    }
    staging_[key(step)] = layouts_[step.engine]->scatter(work, bytes);
}

void TransformerExecutor::complete_load(const Step& step) {
    const auto& work = instruction(step);
    const auto bytes = layouts_[step.engine]->gather(work, staging_.at(key(step)));
    if (is_weights(work.traffic)) {
        const auto [pass, number] = order_of(step).load(step.position);
        const auto& order = order_of(step).passes()[pass];
        const auto& load = order.loads[number];
        weights_[key(step)] = WeightCodec(order.format).unpack(bytes, load.begin, load.end, work.value_bytes);
        return;
    }
    if (work.traffic == Traffic::kv_cache) {
        const auto vectors = cache_vectors(step);
        const auto numbers = unpack_cache(bytes, static_cast<std::int64_t>(vectors.size()) * block_.head_dim);
        auto rest = std::span(numbers);
        for (const auto& at : vectors) {
            write_cache(step, at.key, at.row, at.column, rest.first(index(block_.head_dim)));
            rest = rest.subspan(index(block_.head_dim));
        }
        return;
    }
    const auto numbers = doubles(floats_of(bytes));
    if (is_block_section_[step.section]) return take_vectors(step, numbers);
    const auto width = index(block_.width);
    const auto first = static_cast<std::int64_t>(step_of(step)) * block_.blocks;
    for (std::size_t row = 0; row * width < numbers.size(); ++row) {
        residual_.write(static_cast<std::int64_t>(row), 0, std::span(numbers).subspan(row * width, width),
                        first);
    }
}

void TransformerExecutor::start(const Step& step) {
    named(step, [&] {
        const auto opcode = instruction(step).opcode;
        if (opcode == Opcode::load) return start_load(step);
        if (opcode == Opcode::store) return start_store(step);
        commits_[key(step)] = compute(step);
    });
}

void TransformerExecutor::complete(const Step& step) {
    named(step, [&] {
        if (instruction(step).opcode == Opcode::load) complete_load(step);
        if (const auto commit = commits_.extract(key(step)); commit) commit.mapped()();
        staging_.erase(key(step));
        const auto found = releases_.find({step.section, step.engine, step.position});
        if (found == releases_.end()) return;
        for (const auto& [engine, position] : found->second) {
            weights_.erase({engine, step.section, step.repetition, position});
        }
    });
}

}  // namespace tilewright::accel
