// SPDX-License-Identifier: Apache-2.0
#include "accel/bound/super_resolution_bound.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "accel/schedule/super_resolution_layout.hpp"

namespace tilewright::accel {

namespace {

using models::OperatorKind;
using Cycles = std::map<EngineKind, double>;

// Head, every unit and what follows the body cannot overlap: a unit needs the average of all pixels.
std::size_t phase_of(const models::Operator& op, std::size_t phases) {
    if (op.layer >= 0) {
        // The average for a unit is taken as the pixels before it are made.
        return static_cast<std::size_t>(op.layer) + (op.kind == OperatorKind::average_pool ? 0 : 1);
    }
    return op.name == "head.conv" ? 0 : phases - 1;
}

class SuperResolutionBound {
  public:
    SuperResolutionBound(const Design& design, const models::OperatorGraph& graph)
        : design_(design), own_(*design.super_resolution), graph_(graph) {
        phases_.resize(static_cast<std::size_t>(own_.network.units()) + 2);
    }

    Bound bound() {
        for (const auto& op : graph_.operators) count(op, phases_[phase_of(op, phases_.size())]);
        Bound result;
        Cycles all;
        double sequence = 0;
        for (const auto& phase : phases_) {
            double slowest = 0;
            for (const auto& [engine, cycles] : phase) {
                all[engine] += cycles;
                slowest = std::max(slowest, cycles);
            }
            sequence += slowest / design_.clock_hz;
        }
        for (const auto& [engine, cycles] : all) {
            const auto seconds = cycles / design_.clock_hz;
            result.limits_s.emplace_back(std::string(to_string(engine)) + " unit", seconds);
            result.energy.busy_s[to_string(engine)] = seconds;
        }
        result.limits_s.emplace_back("units in sequence", sequence);
        add_memory_limits(design_, port_bytes(), result);
        result.energy.aie_vector_cycles = aie_vector_cycles_;
        take_largest(result);
        return result;
    }

  private:
    void count(const models::Operator& op, Cycles& cycles) {
        const auto elements = static_cast<double>(op.elements());
        const double lanes = design_.vector.lanes;
        switch (op.kind) {
            case OperatorKind::convolution_2d: {
                const auto work = least_linear_work(design_, op, split_of(design_, op));
                if (work.fabric_cycles > 0) cycles[EngineKind::matrix] += work.fabric_cycles;
                if (work.aie_cycles > 0) cycles[EngineKind::aie] += work.aie_cycles;
                aie_vector_cycles_ += work.aie_vector_cycles;
                const auto inputs = static_cast<double>(op.m * op.k) / models::convolution_taps;
                cycles[EngineKind::quantizer] += inputs / own_.quantizer.lanes;
                break;
            }
            case OperatorKind::binary_convolution:
                cycles[EngineKind::binary] += elements / static_cast<double>(own_.binary.macs_per_cycle());
                break;
            case OperatorKind::average_pool:  // as pixels are rescaled; by itself behind the head
                if (op.layer == 0) cycles[EngineKind::vector] += elements / lanes;
                break;
            case OperatorKind::linear:
            case OperatorKind::sigmoid:
            case OperatorKind::binarize:       // and the factor of the pixel
            case OperatorKind::channel_scale:  // addition and leaky ReLU in the same pass
                cycles[EngineKind::vector] += elements / lanes;
                break;
            case OperatorKind::residual_add:
                if (op.layer < 0) cycles[EngineKind::vector] += elements / lanes;
                break;
            default:
                break;
        }
    }

    // Every weight comes once; the head's pixels are written and read again, those of the units where they
    // lie in memory.
    std::vector<double> port_bytes() const {
        std::vector<double> bytes(design_.memory_ports.size(), 0);
        const auto add = [&](std::size_t port, std::int64_t count) {
            bytes[port] += static_cast<double>(count);
        };
        const auto layout = lay_out_super_resolution(design_);
        for (const auto& layer : layout.convolutions) {
            add(design_.weights_port(layer.engine), layer.weights.bytes());
        }
        add(design_.port_of(Stream::weights), layout.unit_bytes * own_.network.units());
        const auto pixels = own_.image.pixels();
        const auto map = feature_map_bytes(own_, pixels, own_.network.channels);
        const auto large = std::int64_t{own_.network.scale} * own_.network.scale;
        auto maps = 2 * map;
        // The first unit reads what the head has written; what the last one writes is read by the addition.
        if (own_.feature_maps == FeatureMaps::memory) maps += (2 * own_.network.units() + 1) * map;
        add(design_.port_of(Stream::state), maps + pixels * own_.network.colors * (1 + large));
        return bytes;
    }

    const Design& design_;
    const SuperResolutionDesign& own_;
    const models::OperatorGraph& graph_;
    std::vector<Cycles> phases_;
    double aie_vector_cycles_ = 0;
};

}  // namespace

Bound super_resolution_lower_bound(const Design& design, const models::OperatorGraph& graph) {
    return SuperResolutionBound(design, graph).bound();
}

}  // namespace tilewright::accel
