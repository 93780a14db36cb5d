// SPDX-License-Identifier: Apache-2.0
#include "accel/rtl/design_modules.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "accel/engines/transformer_timing.hpp"
#include "accel/rtl/agreement_count.hpp"
#include "accel/rtl/binary_lane.hpp"
#include "accel/rtl/dot_lane.hpp"
#include "accel/rtl/quantizer.hpp"
#include "accel/rtl/text.hpp"

namespace tilewright::accel {

using models::NumberFormat;

namespace {

// One format of the inputs of a layer.
struct InputFormat {
    NumberFormat format;
    models::IntegerRange range = models::IntegerRange::symmetric;
    std::string pointer;
};

std::string layer_pointer(const Design& design, const LinearOperands& layer) {
    if (design.super_resolution) return "/recipe/convolutions";
    return design.is_mamba() ? "/recipe" : "/recipe/linears/" + layer.name;
}

std::vector<InputFormat> input_formats(const Design& design, const LinearOperands& layer) {
    const auto pointer = layer_pointer(design, layer) + "/activations/";
    if (!layer.dual) {
        return {{layer.activations.format, models::IntegerRange::symmetric, pointer + "format"}};
    }
    return {{layer.dual->positive, models::IntegerRange::symmetric, pointer + "positive"},
            {layer.dual->negative, models::IntegerRange::full, pointer + "negative"}};
}

models::TieRule tie_rule(const Design& design) {
    if (design.super_resolution) return design.super_resolution->recipe.ties;
    return design.is_mamba() ? design.recipe.ties : design.transformer()->recipe.ties;
}

void check_format(const NumberFormat& format, const std::string& pointer) {
    constexpr int widest = 8;
    if (format.bits <= widest && format.has_sign) return;
    throw RtlError(pointer,
                   format.has_sign
                       ? fmt::format("{} has {} bits, too many for tables", format.name, format.bits)
                       : fmt::format("{} has no sign", format.name),
                   fmt::format("formats of at most {} bits with a sign", widest));
}

class Modules {
  public:
    explicit Modules(const Design& design) : design_(design) {
        origin_ = {"", fmt::format("From the design {}, recipe {}; written by tilewright {}", design.name,
                                   design.recipe_name(), TILEWRIGHT_VERSION)};
    }

    void add_layers() {
        for (const auto& layer : linear_operands_on(design_, LinearEngine::pl)) {
            check_format(layer.weights.format, layer_pointer(design_, layer) + "/weights/format");
            for (const auto& input : input_formats(design_, layer)) {
                check_format(input.format, input.pointer);
                add_lane(layer, input);
            }
        }
        for (const auto& lane : lanes_) {
            modules_.push_back(lane.multiplier.module(origin_));
            modules_.push_back(lane.module(origin_of_lane(lane)));
        }
    }

    void add_quantizers() {
        for (const auto& layer : linear_operands(design_)) {
            for (const auto& input : input_formats(design_, layer)) {
                check_format(input.format, input.pointer);
                try {
                    const RtlQuantizer quantizer(input.format, tie_rule(design_), input.range);
                    if (!has(quantizer.name())) modules_.push_back(quantizer.module(origin_));
                } catch (const std::invalid_argument& error) {
                    throw RtlError(input.pointer, error.what(), "a format of smaller range");
                }
            }
        }
    }

    void add_binary_lane() {
        if (!design_.super_resolution) return;
        const auto& own = *design_.super_resolution;
        const BinaryLane lane{own.binary.inputs, own.network.channels};
        modules_.push_back(agreement_count(lane.group(), origin_));
        modules_.push_back(lane.module(origin_));
    }

    std::vector<RtlModule> take() { return std::move(modules_); }

  private:
    bool has(const std::string& name) const {
        return std::any_of(modules_.begin(), modules_.end(),
                           [&](const auto& module) { return module.name == name; });
    }

    // Layers of the same formats share a lane, whose accumulator holds their longest segments.
    void add_lane(const LinearOperands& layer, const InputFormat& input) {
        const auto segment = rescale_work(layer).segment;
        auto lane = std::find_if(lanes_.begin(), lanes_.end(), [&](const auto& other) {
            return other.multiplier.weights() == layer.weights.format &&
                   other.multiplier.inputs() == input.format;
        });
        if (lane == lanes_.end()) {
            try {
                lanes_.push_back(
                    {RtlMultiplier(layer.weights.format, input.format, design_.matrix.multiplier)});
            } catch (const std::invalid_argument& error) {
                throw RtlError(input.pointer, error.what(), "formats whose products have at most 62 bits");
            }
            lane = lanes_.end() - 1;
        }
        constexpr int widest_sum = 63;
        lane->segment = std::max(lane->segment, segment);
        if (lane->multiplier.product_bits() + std::bit_width(static_cast<std::uint64_t>(segment)) >
            widest_sum) {
            throw RtlError(input.pointer,
                           fmt::format("sums of {} products of {} and {} have more than {} bits", segment,
                                       layer.weights.format.name, input.format.name, widest_sum),
                           "formats of smaller range");
        }
        // What is wider than a segment is several lanes side by side.
        lane->inputs = static_cast<int>(std::min<std::int64_t>(design_.matrix.inputs, lane->segment));
    }

    std::vector<std::string> origin_of_lane(const DotLane& lane) const {
        auto lines = origin_;
        if (lane.inputs < design_.matrix.inputs) {
            lines.insert(
                lines.begin(),
                fmt::format("The matrix unit takes {} inputs a cycle, several segments at once; this "
                            "is the lane of one",
                            design_.matrix.inputs));
        }
        if (design_.is_mamba() && design_.matrix.accumulator_bits < lane.sum_bits()) {
            lines.insert(lines.begin(),
                         fmt::format("The design's accumulator keeps the low {} bits of the sum",
                                     design_.matrix.accumulator_bits));
        }
        return lines;
    }

    const Design& design_;
    std::vector<std::string> origin_;
    std::vector<DotLane> lanes_;
    std::vector<RtlModule> modules_;
};

// All source files of a module, itself first.
std::string sources(const RtlModule& module) {
    auto files = module.name + ".sv";
    for (const auto& used : module.uses) files += " " + used + ".sv";
    return files;
}

}  // namespace

std::vector<RtlModule> design_modules(const Design& design) {
    Modules modules(design);
    modules.add_layers();
    modules.add_quantizers();
    modules.add_binary_lane();
    return modules.take();
}

std::string modules_readme(const Design& design, const std::vector<RtlModule>& modules) {
    auto text = fmt::format(
        "# Arithmetic of {}\n\nSystemVerilog (IEEE 1800-2017) of what the resource model of "
        "tilewright counts: no control, no memories.\n",
        one_line(design.name));
    if (linear_operands_on(design, LinearEngine::pl).empty()) {
        text += "The design's linear layers run on AI Engines, so there is no multiplier here.\n";
    }
    text += "\n| module | computes | latency | vectors of its testbench |\n|---|---|---|---|\n";
    for (const auto& module : modules) {
        text += fmt::format(
            "| `{}.sv` | {} | {} | {}{} |\n", module.name, module.summary,
            module.latency == 0 ? std::string("combinational") : fmt::format("{} cycles", module.latency),
            module.vector_count, module.exhaustive ? ", all there are" : "");
    }
    text += "\nEach module's header says what its ports mean. In this folder:\n\n## Lint\n\n";
    for (const auto& module : modules) {
        text +=
            fmt::format("    verilator --lint-only -Wall --top-module {} {}\n", module.name, sources(module));
    }
    text +=
        "\n## Simulate\n\nA testbench ends with exit code 0 if its module makes the bits of tilewright's "
        "kernels.\n\n";
    for (const auto& module : modules) {
        text += fmt::format("    iverilog -g2012 -Wall -o {0}_tb.vvp {0}_tb.sv {1} && vvp -n {0}_tb.vvp\n",
                            module.name, sources(module));
    }
    return text;
}

}  // namespace tilewright::accel
