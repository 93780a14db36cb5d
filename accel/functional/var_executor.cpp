// SPDX-License-Identifier: Apache-2.0
// The executor between simulation and engines: transfers, buffers, what starts and completes.
#include "accel/functional/var_executor.hpp"

#include <algorithm>
#include <cstring>

#include "accel/engines/transformer_timing.hpp"
#include "accel/functional/functional_error.hpp"

namespace tilewright::accel {

namespace {

std::size_t index(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

std::vector<std::byte> bytes_of(std::span<const float> numbers) {
    std::vector<std::byte> bytes(numbers.size() * sizeof(float));
    std::memcpy(bytes.data(), numbers.data(), bytes.size());
    return bytes;
}

std::vector<float> floats_of(std::span<const std::byte> bytes) {
    std::vector<float> numbers(bytes.size() / sizeof(float));
    std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(float));
    return numbers;
}

std::vector<double> doubles(std::span<const float> numbers) {
    return {numbers.begin(), numbers.end()};
}

// Biases and query factors in the order in which they lie in memory.
std::vector<float> vectors_of(const models::QuantizedVarBlock& block) {
    std::vector<float> all;
    for (const auto* part :
         {&block.qkv.bias, &block.proj.bias, &block.fc1.bias, &block.fc2.bias, &block.query_factors}) {
        all.insert(all.end(), part->begin(), part->end());
    }
    return all;
}

}  // namespace

VarExecutor::VarExecutor(const Design& design, const TileProgram& program,
                         const models::QuantizedVar& network, const VarInstance& instance)
    : ProgramExecutor(design, program),
      var_(*design.var),
      network_(network),
      instance_(instance),
      width_(var_.network.width),
      dim_(var_.network.head_dim()),
      heads_(var_.network.heads),
      batch_(var_.step.batch()),
      layout_(lay_out_var(design)),
      weights_written_(instance.blocks.size(), false),
      outputs_(var_.network.scales.size()),
      modulation_(2, TaggedArray("the modulation", batch_ * 6, width_)),
      vectors_(2, TaggedArray("the biases", 1, block_vector_elements(var_.network))),
      residual_("the residual stream", batch_ * var_.network.scale_tokens(outputs_.size() - 1), width_),
      queries_("the queries", batch_ * var_.network.scale_tokens(outputs_.size() - 1), width_),
      normed_keys_("the normalised keys", batch_ * var_.network.scale_tokens(outputs_.size() - 1), width_),
      keys_("the keys", batch_ * var_.network.tokens(), width_),
      values_("the values", batch_ * var_.network.tokens(), width_) {
    const auto rows = batch_ * var_.network.scale_tokens(outputs_.size() - 1);
    const auto hidden = var_.network.hidden();
    std::int64_t next_bias = 0;  // biases lie layer by layer
    const auto add = [&](const std::string& name, const models::QuantizedVar::Linear& kernel,
                         models::QuantizedTransformerLinear models::QuantizedVarBlock::*weights,
                         std::int64_t inputs, std::int64_t outputs) {
        layers_.push_back({&kernel, weights, name, next_bias, TaggedArray(name + "'s input", rows, inputs),
                           TaggedArray(name + "'s rotated input", rows, inputs),
                           TaggedArray(name + "'s rounded input", rows, inputs),
                           TaggedArray(name + "'s output", rows, outputs)});
        next_bias += outputs;
    };
    using Block = models::QuantizedVarBlock;
    add(transformer_linear_names[qkv_linear], network.qkv(), &Block::qkv, width_, 3 * width_);
    add(transformer_linear_names[proj_linear], network.proj(), &Block::proj, width_, width_);
    add(transformer_linear_names[fc1_linear], network.fc1(), &Block::fc1, width_, hidden);
    add(transformer_linear_names[fc2_linear], network.fc2(), &Block::fc2, hidden, width_);
    const auto operands = linear_operands(design);
    std::size_t scale = 0;
    for (const auto& section : program.sections) {
        // Input, blocks and output of every scale.
        const bool blocks = section.name == "scale " + std::to_string(scale + 1);
        scale_of_section_.push_back(scale);
        is_block_section_.push_back(blocks);
        auto& orders = orders_.emplace_back();
        for (const auto kind : {LinearEngine::pl, LinearEngine::aie}) {
            const auto matrix = index_of(kind);
            if (!blocks || !matrix) continue;
            orders[static_cast<std::size_t>(kind)] = std::make_unique<VarWeightOrder>(
                section, kind, *matrix, weight_dma(kind),
                [&](const models::Operator& op) { return linear_layer(operands, op.name)->weights; });
        }
        if (section.name.ends_with("output")) ++scale;
    }
    collect_releases();
}

std::int64_t VarExecutor::generation(const Step& step) const {
    return static_cast<std::int64_t>(scale_of(step)) * var_.network.depth + step.repetition;
}

void VarExecutor::fail(const Step& step, const std::string& what) const {
    const auto& section = program_.sections[step.section];
    throw FunctionalError("section \"" + section.name + "\", block " + std::to_string(step.repetition) +
                          ", " + program_.engines[step.engine].name + " instruction " +
                          std::to_string(step.position) + " (" + program_.labels[instruction(step).label] +
                          "): " + what);
}

// A hold of what a DMA engine has loaded ends the weights' life with their last user.
void VarExecutor::collect_releases() {
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

// A block's weights, before the first load of any.
void VarExecutor::write_weights(const Step& step) {
    if (!is_block_section_[step.section] || weights_written_[index(step.repetition)]) return;
    weights_written_[index(step.repetition)] = true;
    const auto& section = program_.sections[step.section];
    for (const auto kind : {LinearEngine::pl, LinearEngine::aie}) {
        const auto& order = orders_[step.section][static_cast<std::size_t>(kind)];
        if (!order) continue;
        for (const auto& pass : order->passes()) {
            if (pass.again) continue;
            auto& layer = layer_of(section.operators[pass.operator_index].name);
            WeightCodec codec(pass.format);
            for (const auto& tile : pass.tiles) codec.append((block(step).*layer.weights).matrix, tile);
            for (const auto& load : pass.loads) {
                const Step at{weight_dma(kind), step.section, step.repetition, load.position};
                const auto& work = instruction(at);
                write_memory(at, codec.pack(load.begin, load.end, work.value_bytes, work.scale_bytes));
            }
        }
    }
}

std::pair<std::size_t, std::int64_t> VarExecutor::cache_piece_of(const Instruction& work) const {
    const auto found = std::find(layout_.cache_piece.begin(), layout_.cache_piece.end(), work.address);
    if (found == layout_.cache_piece.end()) throw FunctionalError("a transfer of no piece of the cache");
    const auto piece = found - layout_.cache_piece.begin();
    return {index(piece / head_groups(design_)), piece % head_groups(design_)};
}

// What others than the accelerator put into memory, just before it is loaded.
void VarExecutor::start_load(const Step& step) {
    const auto& work = instruction(step);
    staging_[key(step)].assign(layouts_[step.engine]->channels(),
                               std::vector<std::byte>(index(layouts_[step.engine]->padded_bytes(work))));
    if (is_weights(work.traffic)) {
        write_weights(step);
    } else if (work.traffic == Traffic::activations && is_block_section_[step.section]) {
        const bool modulation = work.address == layout_.modulation;
        write_memory(step, modulation ? bytes_of(instance_.modulation[index(step.repetition)])
                                      : bytes_of(vectors_of(block(step))));
    } else if (work.traffic == Traffic::activations) {
        write_memory(step, bytes_of(instance_.inputs[scale_of(step)]));
    }
}

void VarExecutor::start_store(const Step& step) {
    const auto& work = instruction(step);
    const auto scale = scale_of(step);
    std::vector<std::byte> bytes;
    if (work.traffic == Traffic::activations) {
        const auto rows = batch_ * var_.network.scale_tokens(scale);
        auto& output = outputs_[scale];
        // The blocks' last generation.
        const auto made = static_cast<std::int64_t>(scale + 1) * var_.network.depth;
        for (std::int64_t row = 0; row < rows; ++row) {
            for (const auto value : residual_.read(row, 0, width_, made)) {
                output.push_back(static_cast<float>(value));
            }
        }
        bytes = bytes_of(output);
    } else {
        const auto group = cache_piece_of(work).second;
        const auto first = group * heads_per_tile(design_);
        const auto count = std::min(heads_per_tile(design_), heads_ - first);
        const auto tokens = var_.network.scale_tokens(scale);
        const auto before = var_.network.tokens_until(scale);
        std::vector<double> elements;
        for (const auto* part : {&keys_, &values_}) {
            for (std::int64_t image = 0; image < batch_; ++image) {
                for (auto head = first; head < first + count; ++head) {
                    for (std::int64_t t = 0; t < tokens; ++t) {
                        const auto row = part->read(image * var_.network.tokens() + before + t, head * dim_,
                                                    dim_, generation(step));
                        elements.insert(elements.end(), row.begin(), row.end());
                    }
                }
            }
        }
        if (network_.cache_quantizer()) {
            bytes = network_.cache_quantizer()->pack(elements);
        } else {
            bytes = bytes_of(std::vector<float>(elements.begin(), elements.end()));
        }
    }
    staging_[key(step)] = layouts_[step.engine]->scatter(work, bytes);
}

void VarExecutor::complete_load(const Step& step) {
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
        const auto [scale, group] = cache_piece_of(work);
        const auto first = group * heads_per_tile(design_);
        const auto count = std::min(heads_per_tile(design_), heads_ - first);
        const auto elements = cache_piece_elements(var_, scale, count);
        const auto numbers = network_.cache_quantizer()
                                 ? network_.cache_quantizer()->unpack(bytes, index(elements))
                                 : doubles(floats_of(bytes));
        std::size_t at = 0;
        for (auto* part : {&keys_, &values_}) {
            for (std::int64_t image = 0; image < batch_; ++image) {
                for (auto head = first; head < first + count; ++head) {
                    for (std::int64_t t = 0; t < var_.network.scale_tokens(scale); ++t, at += index(dim_)) {
                        part->write(image * var_.network.tokens() + var_.network.tokens_until(scale) + t,
                                    head * dim_, std::span(numbers).subspan(at, index(dim_)),
                                    generation(step));
                    }
                }
            }
        }
        return;
    }
    const auto numbers = doubles(floats_of(bytes));
    if (!is_block_section_[step.section]) {
        const auto first = static_cast<std::int64_t>(scale_of(step)) * var_.network.depth;
        for (std::size_t row = 0; row * index(width_) < numbers.size(); ++row) {
            residual_.write(static_cast<std::int64_t>(row), 0,
                            std::span(numbers).subspan(row * index(width_), index(width_)), first);
        }
    } else if (work.address == layout_.modulation) {
        for (std::int64_t row = 0; row < 6 * batch_; ++row) {
            modulation_[index(generation(step) % 2)].write(
                row, 0, std::span(numbers).subspan(index(row * width_), index(width_)), generation(step));
        }
    } else {
        vectors_[index(generation(step) % 2)].write(0, 0, numbers, generation(step));
    }
}

void VarExecutor::start(const Step& step) {
    const auto& work = instruction(step);
    try {
        if (work.opcode == Opcode::load) return start_load(step);
        if (work.opcode == Opcode::store) return start_store(step);
        commits_[key(step)] = compute(step);
    } catch (const FunctionalError& error) {
        fail(step, error.what());
    } catch (const std::invalid_argument& error) {
        fail(step, error.what());
    }
}

void VarExecutor::complete(const Step& step) {
    const auto& work = instruction(step);
    try {
        if (work.opcode == Opcode::load) complete_load(step);
    } catch (const FunctionalError& error) {
        fail(step, error.what());
    }
    staging_.erase(key(step));
    if (const auto commit = commits_.find(key(step)); commit != commits_.end()) {
        commit->second();
        commits_.erase(commit);
    }
    const auto found = releases_.find({step.section, step.engine, step.position});
    if (found == releases_.end()) return;
    for (const auto& [engine, position] : found->second) {
        weights_.erase({engine, step.section, step.repetition, position});
    }
}

CachePiece VarExecutor::stored_piece(std::int64_t layer, std::size_t scale, std::int64_t group) const {
    const auto port = design_.port_of(Stream::state);
    const auto first = group * heads_per_tile(design_);
    const auto count = std::min(heads_per_tile(design_), heads_ - first);
    const auto elements = cache_piece_elements(var_, scale, count);
    const auto size = transfer_size(kv_format(var_), elements);
    Instruction work;
    work.address = layout_.cache_piece[scale * index(head_groups(design_)) + index(group)];
    work.address_stride = layout_.cache_stride;
    work.value_bytes = size.value_bytes;
    work.scale_bytes = size.scale_bytes;
    const auto bytes = read_memory(port, work, layer);
    const auto numbers = network_.cache_quantizer()
                             ? network_.cache_quantizer()->unpack(bytes, index(elements))
                             : doubles(floats_of(bytes));
    const auto half = numbers.begin() + elements / 2;
    return {{numbers.begin(), half}, {half, numbers.end()}};
}

}  // namespace tilewright::accel
