// SPDX-License-Identifier: Apache-2.0
// The executor between simulation and engines: transfers, buffers, what starts and completes.
#include "accel/functional/transformer_executor.hpp"

#include <algorithm>
#include <optional>

#include "accel/engines/transformer_timing.hpp"
#include "accel/functional/float_bytes.hpp"
#include "accel/functional/functional_error.hpp"
#include "accel/schedule/weight_stream.hpp"
#include "models/index.hpp"

namespace tilewright::accel {

namespace {

using models::index;

std::int64_t most(const std::vector<std::int64_t>& rows) {
    return *std::max_element(rows.begin(), rows.end());
}

// The engine that has products in a section; none, if no engine has.
std::optional<std::size_t> multiplies(const Section& section) {
    for (std::size_t engine = 0; engine < section.streams.size(); ++engine) {
        const auto& work = section.streams[engine];
        if (std::any_of(work.begin(), work.end(),
                        [](const Instruction& one) { return one.opcode == Opcode::matmul; })) {
            return engine;
        }
    }
    return {};
}

}  // namespace

TransformerExecutor::TransformerExecutor(const Design& design, const TileProgram& program,
                                         const TransformerKernels& kernels,
                                         const std::vector<std::vector<float>>& inputs)
    : ProgramExecutor(design, program),
      block_(design.transformer()->block),
      cache_quantizer_(kernels.cache_quantizer),
      inputs_(inputs),
      outputs_(kernels.rows.size()),
      vectors_(2, TaggedArray("the biases", 1, kernels.vector_elements)),
      residual_("the residual stream", most(kernels.rows), block_.width),
      keys_("the keys", kernels.cache_rows, kernels.cache_width),
      values_("the values", kernels.cache_rows, kernels.cache_width) {
    const auto operators = transformer_linear_operators(design);
    const auto operands = linear_operands(design);
    auto next_bias = kernels.first_bias;
    for (const auto linear : {qkv_linear, proj_linear, fc1_linear, fc2_linear}) {
        const auto& op = operators[linear];
        const auto array = [&](const char* what, std::int64_t columns) {
            return TaggedArray(op.name + what, most(kernels.rows), columns);
        };
        layers_.push_back({linear,
                           kernels.linears[linear],
                           op.name,
                           next_bias,
                           operands[linear].weights.group_size,
                           array("'s input", op.k),
                           array("'s rotated input", op.k),
                           array("'s rounded input", op.k),
                           array("'s output", op.n),
                           {}});
        next_bias += op.n;
    }
    collect_sections();
    collect_releases();
}

// Every step has its input, its blocks and what follows them. In front of the first one is what all share.
void TransformerExecutor::collect_sections() {
    const auto operands = linear_operands(design_);
    std::size_t steps = 0;
    for (const auto& section : program_.sections) {
        const bool input = section.name.ends_with(" input");
        if (input) ++steps;
        const bool shared = steps == 0;
        const bool blocks =
            !shared && !input && !section.name.ends_with(" output") && !section.name.ends_with("head");
        step_of_section_.push_back(shared ? 0 : steps - 1);
        is_block_section_.push_back(blocks);
        auto& orders = orders_.emplace_back();
        const auto add_order = [&](LinearEngine kind, std::size_t engine, const auto& format_of) {
            orders[static_cast<std::size_t>(kind)] =
                std::make_unique<TransformerWeightOrder>(section, kind, engine, weight_dma(kind), format_of);
        };
        if (!blocks) {
            // Products outside the blocks are the attention unit's.
            const auto unquantized = [](const models::Operator&) { return unquantized_weights(); };
            if (const auto engine = multiplies(section)) add_order(LinearEngine::pl, *engine, unquantized);
            continue;
        }
        for (const auto kind : {LinearEngine::pl, LinearEngine::aie}) {
            const auto matrix = index_of(kind);
            if (!matrix) continue;
            add_order(kind, *matrix,
                      [&](const models::Operator& op) { return linear_layer(operands, op.name)->weights; });
        }
    }
    if (steps != outputs_.size()) {
        throw FunctionalError("the program does not have the steps of its design");
    }
}

const TransformerWeightOrder& TransformerExecutor::order_of(const Step& step, LinearEngine kind) const {
    const auto& order = orders_[step.section][static_cast<std::size_t>(kind)];
    if (!order) throw FunctionalError("the section multiplies by no weights there");
    return *order;
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

std::int64_t TransformerExecutor::rows_in(std::span<const double> numbers) const {
    const auto size = static_cast<std::int64_t>(numbers.size());
    if (size % block_.width != 0) {
        throw FunctionalError("a transfer of " + std::to_string(size) +
                              " numbers, which are no whole rows of " + std::to_string(block_.width));
    }
    return size / block_.width;
}

std::span<const double> TransformerExecutor::row_of(std::span<const double> numbers, std::int64_t row) const {
    return numbers.subspan(index(row * block_.width), index(block_.width));
}

void TransformerExecutor::take_numbers(const Step& step, std::span<const double> numbers) {
    if (!in_blocks(step)) {
        for (std::int64_t row = 0; row < rows_in(numbers); ++row) {
            write_input(step, row, row_of(numbers, row));
        }
        return;
    }
    vectors_[index(generation(step) % 2)].write(0, 0, numbers, generation(step));
}

void TransformerExecutor::write_input(const Step& step, std::int64_t row, std::span<const double> numbers) {
    residual_.write(row, 0, numbers, static_cast<std::int64_t>(step_of(step)) * block_.blocks);
}

std::vector<float> TransformerExecutor::final_row(const Step& step, std::int64_t row) const {
    const auto made = static_cast<std::int64_t>(step_of(step) + 1) * block_.blocks;
    return floats(residual_.read(row, 0, block_.width, made));
}

void TransformerExecutor::stored(const Step& step) {
    const auto bytes = static_cast<std::int64_t>(sizeof(float) * inputs_[step_of(step)].size());
    const auto work = transfer_at(output_address(), 0, {bytes, 0});
    outputs_[step_of(step)] = floats_of(read_memory(design_.port_of(Stream::state), work, 0));
}

std::vector<float> TransformerExecutor::output(const Step& step) const {
    std::vector<float> output;
    const auto rows = static_cast<std::int64_t>(inputs_[step_of(step)].size()) / block_.width;
    for (std::int64_t row = 0; row < rows; ++row) {
        const auto numbers = final_row(step, row);
        output.insert(output.end(), numbers.begin(), numbers.end());
    }
    return output;
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

std::vector<float> TransformerExecutor::stored_tiles(std::int64_t address, std::int64_t rows,
                                                     std::int64_t columns) const {
    const auto tile = design_.mapping.tile.outputs;
    std::vector<float> matrix(index(rows * columns));
    for (std::int64_t n0 = 0; n0 < columns; n0 += tile) {
        const auto n = std::min(tile, columns - n0);
        const auto work = transfer_at(address + 4 * rows * n0, 0, {4 * rows * n, 0});
        const auto numbers = floats_of(read_memory(design_.port_of(Stream::state), work, 0));
        for (std::int64_t row = 0; row < rows; ++row) {
            std::copy_n(numbers.begin() + row * n, n, matrix.begin() + row * columns + n0);
        }
    }
    return matrix;
}

std::vector<double> TransformerExecutor::stored_cache(std::int64_t address, std::int64_t stride,
                                                      std::int64_t block, std::int64_t elements) const {
    const auto work =
        transfer_at(address, stride, transfer_size(kv_format(*design_.transformer()), elements));
    return unpack_cache(read_memory(design_.port_of(Stream::state), work, block), elements);
}

void TransformerExecutor::place_pass(const TransformerWeightOrder::Pass& pass, LinearEngine kind,
                                     std::int64_t address, std::int64_t stride, std::int64_t block,
                                     const models::QuantizedMatrix& matrix) {
    WeightCodec codec(pass.format);
    for (const auto& tile : pass.tiles) codec.append(matrix, tile);
    place_stream(weight_dma(kind), address, stride, block, pass.format, codec, 0, pass.elements());
}

void TransformerExecutor::place_weights(const LinearLayout& layout) {
    const auto first = std::find(is_block_section_.begin(), is_block_section_.end(), true);
    const auto number = static_cast<std::size_t>(first - is_block_section_.begin());
    if (number == is_block_section_.size()) throw FunctionalError("the program has no blocks");
    const auto& section = program_.sections[number];
    for (const auto kind : {LinearEngine::pl, LinearEngine::aie}) {
        const auto engine = static_cast<std::size_t>(kind);
        const auto& order = orders_[number][engine];
        if (!order) continue;
        for (const auto& pass : order->passes()) {
            if (pass.again) continue;
            const auto linear = layer_of(section.operators[pass.operator_index].name).linear;
            for (std::int64_t block = 0; block < block_.blocks; ++block) {
                place_pass(pass, kind, layout.linear[engine][linear], layout.linear_stride[engine], block,
                           weights(block, linear).matrix);
            }
        }
    }
}

void TransformerExecutor::place_end_weights(std::string_view operator_end, std::int64_t address,
                                            const models::QuantizedMatrix& matrix, std::int64_t stride,
                                            std::int64_t repetition) {
    for (std::size_t s = 0; s < orders_.size(); ++s) {
        const auto& order = orders_[s][static_cast<std::size_t>(LinearEngine::pl)];
        if (is_block_section_[s] || !order) continue;
        for (const auto& pass : order->passes()) {
            if (!program_.sections[s].operators[pass.operator_index].name.ends_with(operator_end)) continue;
            // Other steps cut it in the same way.
            return place_pass(pass, LinearEngine::pl, address, stride, repetition, matrix);
        }
    }
    throw FunctionalError("the program has no linear layer " + std::string(operator_end));
}

void TransformerExecutor::place_vectors(std::int64_t address, std::int64_t stride, std::int64_t block,
                                        std::span<const float> numbers) {
    place(design_.port_of(Stream::state), address, stride, block,
          {static_cast<std::int64_t>(numbers.size_bytes()), 0}, bytes_of(numbers));
}

void TransformerExecutor::start_load(const Step& step) {
    const auto& work = instruction(step);
    staging_[key(step)].assign(layouts_[step.engine]->channels(),
                               std::vector<std::byte>(index(layouts_[step.engine]->padded_bytes(work))));
    const bool input = program_.sections[step.section].name.ends_with(" input");
    if (!input || !inputs_placed_.insert(step.section).second) return;
    for (const auto& [address, numbers] : input_of(step_of(step))) place_vectors(address, 0, 0, numbers);
}

void TransformerExecutor::start_store(const Step& step) {
    const auto& work = instruction(step);
    std::vector<std::byte> bytes;
    if (work.traffic == Traffic::activations) {
        bytes = bytes_of(output(step));
    } else {
        std::vector<double> elements;
        for (const auto& at : cache_vectors(step)) {
            const auto& part = at.key ? keys_ : values_;
            const auto numbers = part.read(at.row, at.column, block_.head_dim, generation(step));
            elements.insert(elements.end(), numbers.begin(), numbers.end());
        }
        bytes = pack_cache(elements);
    }
    staging_[key(step)] = scattered(step.engine, work, bytes);
}

void TransformerExecutor::complete_load(const Step& step) {
    const auto& work = instruction(step);
    const auto bytes = layouts_[step.engine]->gather(work, staging_.at(key(step)));
    if (is_weights(work.traffic)) {
        const auto& order = order_of(step, linear_engine(step));
        const auto [number, load_number] = order.load(step.position);
        const auto& pass = order.passes()[number];
        const auto& load = pass.loads[load_number];
        weights_[key(step)] = pass.codec->unpack(bytes, load.begin, load.end, work.value_bytes);
        return;
    }
    if (work.traffic == Traffic::kv_cache) {
        const auto vectors = cache_vectors(step);
        const auto elements = static_cast<std::int64_t>(vectors.size()) * block_.head_dim;
        const auto size = transfer_size(kv_format(*design_.transformer()), elements);
        if (work.value_bytes != size.value_bytes || work.scale_bytes != size.scale_bytes) {
            throw FunctionalError("a piece of the cache of " + std::to_string(size.bytes()) +
                                  " bytes is loaded as " +
                                  std::to_string(work.value_bytes + work.scale_bytes));
        }
        const auto numbers = unpack_cache(bytes, elements);
        auto rest = std::span(numbers);
        for (const auto& at : vectors) {
            write_cache(step, at.key, at.row, at.column, rest.first(index(block_.head_dim)));
            rest = rest.subspan(index(block_.head_dim));
        }
        return;
    }
    take_numbers(step, doubles(floats_of(bytes)));
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
        const auto opcode = instruction(step).opcode;
        if (opcode == Opcode::load) complete_load(step);
        if (opcode == Opcode::store && !in_blocks(step)) stored(step);
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
