// SPDX-License-Identifier: Apache-2.0
// The executor between simulation and engines: transfers, buffers, what starts and completes.
#include "accel/functional/super_resolution_executor.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "accel/functional/functional_error.hpp"
#include "accel/functional/super_resolution_weights.hpp"
#include "models/index.hpp"

namespace tilewright::accel {

namespace {

using models::index;

// The number that follows a prefix of a name; none if the name does not begin so.
std::optional<std::int64_t> number_behind(const std::string& name, const std::string& prefix) {
    if (!name.starts_with(prefix)) return {};
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), number);
    if (error != std::errc()) return {};
    return number;
}

}  // namespace

SuperResolutionExecutor::SuperResolutionExecutor(const Design& design, const TileProgram& program,
                                                 const models::QuantizedSuperResolution& network,
                                                 const models::FeatureMap<float>& image)
    : ProgramExecutor(design, program),
      own_(*design.super_resolution),
      network_(network),
      layout_(lay_out_super_resolution(design)),
      output_({own_.image.height * own_.network.scale, own_.image.width * own_.network.scale},
              own_.network.colors),
      image_("the image", own_.image.height),
      map_("the feature map", own_.image.height),
      head_map_("the head's map", own_.image.height),
      sum_("the sum with the head's map", own_.image.height),
      large_("the large image", output_.size.height),
      signs_(own_.image, own_.network.channels),
      sign_tags_("the signs", own_.image.height),
      factors_("the pixels' factors", own_.image.height),
      counts_("the counts", own_.image.height),
      hidden_("the hidden channels", 1),
      branch_("the shifts", 1),
      gains_("the gains", 1),
      average_{-1, 0, models::ChannelAverage(own_.network.channels)} {
    add_convolution(network.head(), 0);
    for (const auto& stage : network.upsample())
        add_convolution(stage, static_cast<int>(convolutions_.size() - 1));
    add_convolution(network.tail(), own_.network.stages());
    const auto keep = [&](Region which, const char* name) {
        stored_.emplace(which, RowTags(name, own_.image.height));
    };
    keep(Region::image, "the image in memory");
    keep(Region::head_map, "the head's map in memory");
    keep(Region::map, "the feature map in memory");
    keep(Region::output, "the large image in memory");
    find_places();
    fill_memory(image);
    collect_releases();
}

void SuperResolutionExecutor::add_convolution(const models::QuantizedConvolution& kernel, int doublings) {
    const auto number = convolutions_.size();
    const auto name = number == 0 ? std::string("the head") : "convolution " + std::to_string(number);
    const models::ImageSize size{own_.image.height << doublings, own_.image.width << doublings};
    const auto& layer = layout_.convolutions[number];
    convolutions_.push_back({&kernel,
                             &layer,
                             linear_operands(design_)[layer.operands].weights,
                             {},
                             {size, std::vector<models::QuantizedRow>(index(size.pixels()))},
                             RowTags("the rounded input of " + name, size.height),
                             TaggedRows<float>("the output of " + name, 2 * size.height)});
}

void SuperResolutionExecutor::find_places() {
    for (const auto& section : program_.sections) {
        auto& places = places_.emplace_back();
        adds_head_.push_back(false);
        for (const auto& op : section.operators) {
            auto& place = places.emplace_back();
            if (const auto stage = number_behind(op.name, "upsample.")) {
                place.convolution = 1 + index(*stage);
            } else if (op.name.starts_with("tail.")) {
                place.convolution = convolutions_.size() - 1;
            } else if (const auto unit = number_behind(op.name, "body.")) {
                place.unit = *unit;
            } else if (op.name == "body.add") {
                adds_head_.back() = true;
            }
        }
    }
}

void SuperResolutionExecutor::start_load(const Step& step) {
    const auto piece = piece_of(step);
    Load load{piece, 0};
    if (piece.region != Region::convolution && piece.region != Region::unit) {
        const auto& tags = stored(piece.region);
        load.generation = tags.generation(piece.rows.begin);
        tags.require(piece.rows, load.generation);
    }
    loads_[key(step)] = load;
    const auto& layout = *layouts_[step.engine];
    staging_[key(step)].assign(layout.channels(),
                               std::vector<std::byte>(index(layout.padded_bytes(instruction(step)))));
}

// From now on until it completes nobody can say what memory holds there.
void SuperResolutionExecutor::start_store(const Step& step) {
    const auto piece = piece_of(step);
    for (const auto& [other, load] : loads_) {
        const bool same = load.piece.region == piece.region && load.piece.number == piece.number;
        if (same) throw FunctionalError("a strip is stored while it is being loaded");
    }
    stored(piece.region).drop(piece.rows);
    std::int64_t generation = 0;
    std::vector<std::byte> bytes;
    if (piece.region == Region::output) {
        const auto scale = own_.network.scale;
        const auto colors = large_.read({piece.rows.begin * scale, piece.rows.end * scale}, 0);
        const auto all = std::as_bytes(std::span(colors));
        bytes.assign(all.begin(), all.end());
    } else {
        if (piece.region == Region::map) generation = map_.generation(piece.rows.begin);
        bytes = map_bytes(map_.read(piece.rows, generation));
    }
    commits_[key(step)] = [&tags = stored(piece.region), rows = piece.rows, generation] {
        tags.make(rows, generation);
    };
    staging_[key(step)] = scattered(step.engine, instruction(step), bytes);
}

void SuperResolutionExecutor::complete_load(const Step& step) {
    const auto bytes = layouts_[step.engine]->gather(instruction(step), staging_.at(key(step)));
    const auto [piece, generation] = loads_.at(key(step));
    loads_.erase(key(step));
    switch (piece.region) {
        case Region::convolution: {
            auto& one = convolutions_[index(piece.number)];
            one.weights = unpack_convolution(*one.kernel, one.format, one.layer->weights, bytes);
            return;
        }
        case Region::unit:
            units_.insert_or_assign(piece.number, unpack_unit(own_.network, bytes, piece.number % 2 == 0));
            return;
        case Region::image:
            image_.write(piece.rows, {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
                         generation);
            return;
        default: {
            const bool to_add = piece.region == Region::head_map && adds_head_[step.section];
            (to_add ? head_map_ : map_).write(piece.rows, map_values(bytes), generation);
        }
    }
}

// A hold ends the life of what its holder has made, or loaded. Pixels that stay on the chip from the head to
// the addition are held by sections, from what makes their first strip to what works on the last one (of the
// head, the first section, what stores it), and live on.
void SuperResolutionExecutor::collect_releases() {
    for (std::size_t s = 0; s < program_.sections.size(); ++s) {
        const bool of_head = s == 0 && own_.feature_maps == FeatureMaps::on_chip;
        for (const auto& hold : program_.sections[s].holds) {
            const auto kind = [&](const InstructionRef& ref) { return program_.engines[ref.engine].kind; };
            const bool all_pixels = hold.buffer == Buffer::activations &&
                                    kind(hold.holder) != EngineKind::dma &&
                                    (kind(hold.releaser) == EngineKind::vector || of_head);
            if (all_pixels || hold.holder.index < 0 || hold.releaser.index < 0) continue;
            releases_[{s, hold.releaser.engine, index(hold.releaser.index)}].push_back(
                {hold.holder.engine, index(hold.holder.index)});
        }
    }
}

void SuperResolutionExecutor::give_up(const Step& holder, EngineKind by) {
    const auto& work = instruction(holder);
    const auto small_rows = [&] { return rows_of(holder, own_.image.width); };
    switch (work.opcode) {
        case Opcode::load: {
            const auto piece = piece_of(holder);
            if (piece.region == Region::convolution) {
                convolutions_[index(piece.number)].weights.reset();
            } else if (piece.region == Region::unit) {
                units_.erase(piece.number);
            } else if (piece.region == Region::image) {
                image_.drop(piece.rows);
            } else {
                const bool to_add = piece.region == Region::head_map && adds_head_[holder.section];
                (to_add ? head_map_ : map_).drop(piece.rows);
            }
            return;
        }
        case Opcode::quantize: {
            auto& inputs = convolutions_[place(holder).convolution].inputs;
            const auto rows = rows_of(holder, inputs.size.width);
            convolutions_[place(holder).convolution].input_tags.drop(rows);
            for (auto i = inputs.size.index(rows.begin, 0); i < inputs.size.index(rows.end, 0); ++i) {
                inputs.pixels[i] = {};
            }
            return;
        }
        case Opcode::matmul: {
            const auto number = place(holder).convolution;
            const auto rows = rows_of(holder, convolutions_[number].inputs.size.width);
            if (number == 0) return map_.drop(rows);
            if (number + 1 == convolutions_.size()) return large_.drop(rows);
            return convolutions_[number].made.drop({2 * rows.begin, 2 * rows.end});
        }
        case Opcode::binarize:
            // The binary engine is the last to read signs, rescaling the factors.
            return by == EngineKind::vector ? factors_.drop(small_rows()) : sign_tags_.drop(small_rows());
        case Opcode::binary_convolution:
            return counts_.drop(small_rows());
        case Opcode::residual_add:
            return sum_.drop(small_rows());
        default:
            return;
    }
}

void SuperResolutionExecutor::start(const Step& step) {
    named(step, [&] {
        const auto opcode = instruction(step).opcode;
        if (opcode == Opcode::load) return start_load(step);
        if (opcode == Opcode::store) return start_store(step);
        commits_[key(step)] = compute(step);
    });
}

void SuperResolutionExecutor::complete(const Step& step) {
    named(step, [&] {
        if (instruction(step).opcode == Opcode::load) complete_load(step);
        staging_.erase(key(step));
        if (const auto commit = commits_.find(key(step)); commit != commits_.end()) {
            commit->second();
            commits_.erase(commit);
        }
        const auto found = releases_.find({step.section, step.engine, step.position});
        if (found == releases_.end()) return;
        for (const auto& [engine, position] : found->second) {
            give_up({engine, step.section, step.repetition, position}, program_.engines[step.engine].kind);
        }
    });
}

}  // namespace tilewright::accel
