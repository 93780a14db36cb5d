// SPDX-License-Identifier: Apache-2.0
// What makes the large image: the head's map is added, and strips go through all stages and the tail.
#include "accel/schedule/super_resolution_schedule.hpp"

namespace tilewright::accel {

// One strip more goes into the addition, and one more out of every stage.
void SuperResolutionSchedule::upsample_step(std::size_t step) {
    const auto channels = own_.network.channels;
    if (step < strips_) {
        const auto at = strip(step);
        const auto bytes = map_bytes(at.size, channels);
        Refs space;
        if (step >= strips_in_flight) {
            space.push_back(added_[step - strips_in_flight]);
        } else if (on_chip()) {
            space.push_back({engines_.vector, -1});  // the buffer is full of the body's pixels before
        }
        const auto load = [&](const StripRegion& from) {
            return move(Opcode::load, Traffic::feature_maps, from.strip(step), bytes, "map", {}, space);
        };
        Refs data = {load(layout_.head_map)};
        if (!on_chip()) {
            data.push_back(load(layout_.map));
            const auto& stored = units_[1].map_stores[step];
            builder_.wait_for_data(data.back(), {stored.engine, stored.index - body_transfers_});
        }
        added_.push_back(work(engines_.vector, Opcode::residual_add, addition_, 1, "add", at, data));
        for (const auto& ref : data) builder_.hold(Buffer::activations, bytes, ref, added_.back());
        quantize(stages_.front(), step, added_.back());
        builder_.hold(Buffer::activations, bytes, added_.back(), stages_.front().quantized.back());
    }
    for (std::size_t s = 0; s < stages_.size(); ++s) {
        auto& stage = stages_[s];
        if (s > 0 && step >= 2 * s && step - 2 * s < strips_) {
            const auto index = step - 2 * s;
            const auto& made = stages_[s - 1].made[index];
            quantize(stage, index, made);
            builder_.hold(Buffer::activations,
                          map_bytes(strip(index, stage.doublings).size, stage.input_channels), made,
                          stage.quantized.back());
        }
        if (step < 2 * s + 1 || step - 2 * s - 1 >= strips_) continue;
        const auto index = step - 2 * s - 1;
        const bool last = s + 1 == stages_.size();
        multiply(stage, index, last && index >= 2 ? Refs{stored_[index - 2]} : Refs{});
        if (last) store_image(index);
    }
}

void SuperResolutionSchedule::store_image(std::size_t index) {
    const auto& tail = stages_.back();
    const auto at = strip(index, tail.doublings);
    const auto colors = own_.network.colors;
    stored_.push_back(move(Opcode::store, Traffic::activations, layout_.output.strip(index), at.size * colors,
                           "image", {tail.made.back()}));
    builder_.hold(Buffer::activations, at.size * colors, tail.made.back(), stored_.back());
}

void SuperResolutionSchedule::upsampler() {
    const auto channels = own_.network.channels;
    const auto stages = own_.network.stages();
    addition_ = add_operator("body.add");
    for (int s = 0; s < stages; ++s) {
        stages_.push_back(convolution(1 + static_cast<std::size_t>(s),
                                      "upsample." + std::to_string(s) + ".conv", s, channels));
    }
    stages_.push_back(convolution(1 + static_cast<std::size_t>(stages), "tail.conv", stages, channels));
    begin("upsampler", 1);
    for (auto& stage : stages_) stage.weights = load_weights(*stage.layer);
    for (std::size_t step = 0; step < strips_ + 2 * stages_.size(); ++step) upsample_step(step);
    if (on_chip()) {
        builder_.hold(Buffer::activations, map_bytes(own_.image.pixels(), channels), added_.front(),
                      added_.back());
    }
    builder_.end_section();
}

}  // namespace tilewright::accel
