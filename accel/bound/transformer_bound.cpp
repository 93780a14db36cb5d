// SPDX-License-Identifier: Apache-2.0
#include "accel/bound/transformer_bound.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "accel/engines/timing.hpp"
#include "accel/engines/transformer_timing.hpp"
#include "accel/schedule/transformer_layout.hpp"

namespace tilewright::accel {

namespace {

using models::OperatorKind;

// Of one step (a scale of VAR), or of what comes before the first.
struct Share {
    std::map<EngineKind, double> cycles;
    std::vector<double> bytes;  // by memory port
};

class TransformerBound {
  public:
    TransformerBound(const Design& design, const models::OperatorGraph& graph)
        : design_(design),
          transformer_(*design.transformer()),
          graph_(graph),
          layers_(linear_operands(design)),
          splits_(design) {
        shares_.resize((design.var ? design.var->network.scales.size() : design.gpt->work.steps().size()) +
                       1);
        for (auto& share : shares_) share.bytes.assign(design.memory_ports.size(), 0);
    }

    Bound bound() {
        for (const auto& op : graph_.operators) count_work(op);
        count_bytes();
        Bound result;
        std::map<EngineKind, double> cycles;
        std::vector<double> bytes(design_.memory_ports.size(), 0);
        double sequence = 0;
        for (const auto& share : shares_) {
            for (const auto& [engine, count] : share.cycles) cycles[engine] += count;
            for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] += share.bytes[i];
            sequence += slowest_s(share);
        }
        for (const auto& [engine, count] : cycles) {
            const auto seconds = count / design_.clock_hz;
            result.limits_s.emplace_back(std::string(to_string(engine)) + " unit", seconds);
            result.energy.busy_s[to_string(engine)] = seconds;
        }
        result.limits_s.emplace_back(design_.var ? "scales in sequence" : "steps in sequence", sequence);
        add_memory_limits(design_, bytes, result);
        result.energy.aie_vector_cycles = aie_vector_cycles_;
        result.energy.aie_floating_cycles = aie_floating_cycles_;
        take_largest(result);
        return result;
    }

  private:
    static std::size_t share_of(const std::string& name) {
        if (!name.starts_with("scale.") && !name.starts_with("step.")) return 0;
        return 1 + std::stoul(name.substr(name.find('.') + 1));
    }

    // Whether an operator runs on the accelerator at all.
    bool runs_here(const models::Operator& op) const {
        if (op.name.find("ada") != std::string::npos || op.name == "class_emb") {
            const bool head = op.name.starts_with("head_nm");
            return design_.var->adaln && (!head || transformer_.ends);
        }
        return op.layer >= 0 || transformer_.ends;
    }

    double least_attention_cycles(const models::Operator& op) {
        const auto elements = static_cast<double>(op.elements());
        if (!transformer_.aie_attention) {
            return elements / static_cast<double>(transformer_.attention.macs_per_cycle());
        }
        const auto& array = design_.device.aie;
        const auto& mapping = *transformer_.aie_attention;
        aie_floating_cycles_ += elements / array.macs(mapping.precision);
        Instruction whole;
        whole.m = static_cast<std::uint32_t>(op.count * op.m);
        whole.n = static_cast<std::uint32_t>(op.n);
        whole.k = static_cast<std::uint32_t>(op.k);
        double least = 0;
        for (const auto& [count, m, n, k] : attention_products(design_, op, whole)) {
            least +=
                static_cast<double>(count) * aie_least_cycles(array, mapping, {m, k, n}, design_.clock_hz);
        }
        return least / array.clock_hz * design_.clock_hz;
    }

    void count_work(const models::Operator& op) {
        if (!runs_here(op)) return;
        auto& cycles = shares_[share_of(op.name)].cycles;
        const auto elements = static_cast<double>(op.elements());
        const auto* layer = linear_layer(layers_, op.name);
        if (layer != nullptr && op.kind == OperatorKind::linear) {
            const auto work = least_linear_work(design_, op, splits_.of(op));
            if (work.fabric_cycles > 0) cycles[EngineKind::matrix] += work.fabric_cycles;
            if (work.aie_cycles > 0) cycles[EngineKind::aie] += work.aie_cycles;
            aie_vector_cycles_ += work.aie_vector_cycles;
            const auto inputs = static_cast<double>(op.m * op.k);
            cycles[EngineKind::quantizer] += inputs / transformer_.quantizer.lanes;
            if (layer == layers_.data() && transformer_.recipe.kv_cache) {  // keys and values
                cycles[EngineKind::quantizer] +=
                    static_cast<double>(2 * op.m * transformer_.block.kv_width()) /
                    transformer_.quantizer.lanes;
            }
            if (layer->rotation_block > 0) {
                cycles[EngineKind::hadamard] += inputs / design_.hadamard.points_per_cycle;
            }
            return;
        }
        switch (op.kind) {
            case OperatorKind::linear:
            case OperatorKind::matrix_product:
                cycles[EngineKind::attention] += least_attention_cycles(op);
                break;
            case OperatorKind::softmax:
                cycles[EngineKind::softmax] += elements / transformer_.softmax.lanes;
                break;
            case OperatorKind::modulate:       // in the last pass of the norm
            case OperatorKind::channel_scale:  // with the addition
                break;
            case OperatorKind::layer_norm:
                cycles[EngineKind::vector] += vector_passes(Opcode::norm) * elements / design_.vector.lanes;
                break;
            case OperatorKind::l2_norm:
                cycles[EngineKind::vector] +=
                    vector_passes(Opcode::l2_norm) * elements / design_.vector.lanes;
                break;
            default:
                cycles[EngineKind::vector] += elements / design_.vector.lanes;
        }
    }

    // Keys and values of so many tokens, of all blocks.
    double cached(std::int64_t tokens) const {
        const auto& block = transformer_.block;
        const auto format = kv_format(transformer_);
        const auto bits =
            models::value_bits(format, block.head_dim) + models::scale_bits(format, block.head_dim);
        return 2.0 * static_cast<double>(block.blocks * block.kv_heads * tokens) * static_cast<double>(bits) /
               8;
    }

    void count_bytes() {
        const auto& block = transformer_.block;
        const auto weights = design_.port_of(Stream::weights);
        const auto state = design_.port_of(Stream::state);
        const auto operators = transformer_linear_operators(design_);
        std::vector<double> linear(design_.memory_ports.size(), 0);  // of a block
        for (std::size_t i = 0; i < layers_.size(); ++i) {
            const auto& split = splits_.of(operators[i]);
            const auto row_bytes =
                static_cast<double>(models::stored_bytes(layers_[i].weights, layers_[i].inputs));
            for (const auto engine : {LinearEngine::pl, LinearEngine::aie}) {
                linear[design_.weights_port(engine)] +=
                    static_cast<double>(split.outputs(engine)) * row_bytes;
            }
        }
        for (std::size_t step = 1; step < shares_.size(); ++step) {
            auto& bytes = shares_[step].bytes;
            for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] += block.blocks * linear[i];
        }
        if (design_.gpt) {
            count_gpt_bytes(weights, state);
        } else {
            count_var_bytes(weights, state);
        }
    }

    void count_var_bytes(std::size_t weights, std::size_t state) {
        const auto& network = design_.var->network;
        const auto c = network.width;
        if (design_.var->adaln) {
            const auto matrices = network.shared_adaln ? 1 : network.depth;
            shares_[0].bytes[weights] += 2.0 * static_cast<double>(matrices * 6 * c * c);
        }
        const auto batch = design_.var->step.batch();
        for (std::size_t scale = 0; scale < network.scales.size(); ++scale) {
            auto& bytes = shares_[scale + 1].bytes;
            if (transformer_.ends) bytes[weights] += 2.0 * static_cast<double>(network.codebook * c);
            bytes[state] += cached(batch * network.tokens_until(scale));
            if (scale + 1 < network.scales.size())
                bytes[state] += cached(batch * network.scale_tokens(scale));
        }
    }

    void count_gpt_bytes(std::size_t weights, std::size_t state) {
        const auto& network = design_.gpt->network;
        const auto steps = design_.gpt->work.steps();
        for (std::size_t s = 0; s < steps.size(); ++s) {
            auto& bytes = shares_[s + 1].bytes;
            if (transformer_.ends && steps[s].head) {
                bytes[weights] += 2.0 * static_cast<double>(network.vocabulary * network.width);
            }
            bytes[state] += cached(steps[s].shared_context + steps[s].sequences * steps[s].own_context);
            bytes[state] += cached(steps[s].rows());
        }
    }

    double port_rate(const MemoryPort& port) const {
        return design_.port_specification(port).bytes_per_s() * port.channels;
    }

    double slowest_s(const Share& share) const {
        double slowest = 0;
        for (const auto& [engine, count] : share.cycles)
            slowest = std::max(slowest, count / design_.clock_hz);
        constexpr double bram_bytes = 36 * 1024 / 8.0;
        constexpr double uram_bytes = 288 * 1024 / 8.0;
        const auto held = static_cast<double>(design_.device.available.bram) * bram_bytes +
                          static_cast<double>(design_.device.available.uram) * uram_bytes;
        for (std::size_t i = 0; i < share.bytes.size(); ++i) {
            slowest = std::max(slowest, (share.bytes[i] - held) / port_rate(design_.memory_ports[i]));
        }
        return slowest;
    }

    const Design& design_;
    const TransformerDesign& transformer_;
    const models::OperatorGraph& graph_;
    const std::vector<LinearOperands> layers_;
    LinearSplits splits_;
    std::vector<Share> shares_;
    double aie_vector_cycles_ = 0;
    double aie_floating_cycles_ = 0;
};

}  // namespace

Bound transformer_lower_bound(const Design& design, const models::OperatorGraph& graph) {
    return TransformerBound(design, graph).bound();
}

}  // namespace tilewright::accel
