// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include "accel/design/json_file.hpp"
#include "accel/report/account.hpp"
#include "accel/report/evaluate.hpp"
#include "accel/schedule/linear_split.hpp"

namespace tilewright::accel {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

ordered_json resources_json(const Evaluation& evaluation) {
    const auto& total = evaluation.resources.total;
    const auto& available = evaluation.design.device.available;
    const auto entry = [](std::int64_t used, std::int64_t limit) {
        return ordered_json{
            {"used", used},
            {"available", limit},
            {"fraction", limit > 0 ? static_cast<double>(used) / static_cast<double>(limit) : 0.0}};
    };
    ordered_json result{
        {"fits", evaluation.overflow.empty()},       {"lut", entry(total.lut, available.lut)},
        {"ff", entry(total.ff, available.ff)},       {"dsp", entry(total.dsp, available.dsp)},
        {"bram", entry(total.bram, available.bram)}, {"uram", entry(total.uram, available.uram)}};
    if (evaluation.resources.aie.tiles > 0) {
        const auto& placement = evaluation.resources.aie;
        const auto& design = evaluation.design;
        const auto& mapping = design.uses_aie() ? *design.aie : *design.transformer()->aie_attention;
        const auto limits = aie_limits(design.device.aie, mapping.plio_bits);
        result["aie_tiles"] = entry(placement.tiles, limits.tiles);
        result["plio_in"] = entry(placement.plio_in, limits.plio_in);
        result["plio_out"] = entry(placement.plio_out, limits.plio_out);
    }
    auto& components = result["by_component"];
    for (const auto& [name, one] : evaluation.resources.components) {
        components[name] = {
            {"lut", one.lut}, {"ff", one.ff}, {"dsp", one.dsp}, {"bram", one.bram}, {"uram", one.uram}};
    }
    if (!evaluation.overflow.empty()) result["does_not_fit"] = evaluation.overflow;
    return result;
}

ordered_json energy_json(const Evaluation& evaluation) {
    const auto items = static_cast<double>(evaluation.items());
    ordered_json result{{"total_j", evaluation.energy.total_j},
                        {"per_item_j", evaluation.energy.total_j / items},
                        {"above_idle_j", evaluation.energy.above_idle_j},
                        {"items_per_j", items / evaluation.energy.total_j},
                        {"items_per_j_above_idle", items / evaluation.energy.above_idle_j},
                        {"uncertainty", evaluation.design.device.power.uncertainty}};
    auto& components = result["by_component"];
    for (const auto& [name, joules] : evaluation.energy.components_j) components[name] = joules;
    return result;
}

ordered_json utilization_json(const Activity& activity) {
    ordered_json result = ordered_json::object();
    const auto duration = static_cast<double>(activity.duration);
    for (const auto& engine : activity.engines) {
        ordered_json stalls = ordered_json::object();
        for (int i = 0; i < stall_cause_count; ++i) {
            const auto time = engine.stalled[static_cast<std::size_t>(i)];
            if (time > 0)
                stalls[to_string(static_cast<StallCause>(i))] = static_cast<double>(time) / duration;
        }
        result[engine.name] = {{"busy", static_cast<double>(engine.busy) / duration},
                               {"stalls", std::move(stalls)},
                               {"idle", static_cast<double>(engine.idle) / duration},
                               {"critical_path", static_cast<double>(engine.critical) / duration},
                               {"instructions", engine.instructions},
                               {"macs", engine.macs}};
    }
    return result;
}

// Bytes that engines asked one memory for, without the padding of beats and accesses.
std::int64_t requested_bytes(const Activity& activity, const std::string& memory) {
    std::int64_t bytes = 0;
    for (const auto& port : activity.ports) {
        if (port.memory != memory) continue;
        for (const auto& traffic : port.traffic) bytes += traffic.read_bytes + traffic.write_bytes;
    }
    return bytes;
}

// Where the time of a memory's data pins goes, as fractions of the run that add up to 1: the average over the
// channels that are used.
ordered_json bandwidth_account(const Activity& activity, std::size_t index,
                               const memory::DramSpecification& dram) {
    const auto& [name, statistics] = activity.memories[index];
    const auto& occupancy = activity.occupancy[index];
    const auto run = static_cast<double>(activity.duration) * static_cast<double>(occupancy.channels);
    const auto fraction = [&](memory::TimeFs time) { return static_cast<double>(time) / run; };
    // What posted writes answered did not move.
    const auto requested =
        std::min(memory::transfer_fs(requested_bytes(activity, name) - statistics.forwarded_bytes,
                                     dram.channel_bytes_per_s()),
                 statistics.data_busy);
    const auto whole = activity.duration * occupancy.channels;
    return {{"data", fraction(requested)},
            {"padding", fraction(statistics.data_busy - requested)},
            {"row_misses", fraction(statistics.row_stall)},
            {"row_conflicts", fraction(statistics.conflict_stall)},
            {"refresh", fraction(statistics.refresh_stall)},
            {"turnaround", fraction(statistics.turnaround_stall)},
            {"bank_group", fraction(statistics.bank_group_stall)},
            {"activate_window", fraction(statistics.activate_stall)},
            {"column_spacing", fraction(statistics.spacing_stall)},
            {"column_latency", fraction(statistics.column_stall)},
            {"port_limit", fraction(occupancy.active - statistics.served())},
            {"link_limit", fraction(occupancy.linked)},
            {"outstanding_limit", fraction(occupancy.limited)},
            {"burst_overhead",
             fraction(occupancy.in_flight - occupancy.active - occupancy.linked - occupancy.limited)},
            {"waiting_for_fabric", fraction(whole - occupancy.in_flight)},
            {"channels", occupancy.channels}};
}

ordered_json memory_json(const Evaluation& evaluation) {
    const auto& activity = *evaluation.activity;
    ordered_json result = ordered_json::object();
    const auto seconds = memory::seconds(activity.duration);
    for (std::size_t i = 0; i < activity.memories.size(); ++i) {
        const auto& [name, statistics] = activity.memories[i];
        const auto& dram = evaluation.design.device.memories.at(name).dram;
        const auto control = evaluation.design.memory_control(name);
        result[name] = {{"model", to_string(control.model)},
                        {"address_mapping", control.address_mapping},
                        {"page", to_string(control.page)},
                        {"refreshes_postponed", control.refreshes_postponed},
                        {"read_bytes", statistics.read_bytes},
                        {"write_bytes", statistics.write_bytes},
                        {"bandwidth_bytes_per_s",
                         static_cast<double>(statistics.read_bytes + statistics.write_bytes) / seconds},
                        {"row_hits", statistics.row_hits},
                        {"row_misses", statistics.row_misses},
                        {"row_activations", statistics.row_activations},
                        {"forwarded_bytes", statistics.forwarded_bytes},
                        {"refreshes", statistics.refreshes},
                        {"turnarounds", statistics.turnarounds},
                        {"peak_bytes_per_s", dram.bytes_per_s()},
                        {"bandwidth_account", bandwidth_account(activity, i, dram)}};
        const auto before = evaluation.memory_in_doubt.find(name);
        if (before != evaluation.memory_in_doubt.end()) {
            result[name]["in_doubt"] = before->second;
        } else if (control.model != DramModel::commands) {
            result[name]["in_doubt"] =
                static_cast<double>(activity.occupancy[i].in_doubt) / static_cast<double>(activity.duration);
        }
    }
    auto& ports = result["ports"];
    for (const auto& port : activity.ports) {
        ordered_json traffic = ordered_json::object();
        for (int i = 0; i < traffic_count; ++i) {
            const auto& one = port.traffic[static_cast<std::size_t>(i)];
            if (one.read_beats + one.write_beats == 0) continue;
            traffic[to_string(static_cast<Traffic>(i))] = {{"read_bytes", one.read_bytes},
                                                           {"write_bytes", one.write_bytes},
                                                           {"read_beats", one.read_beats},
                                                           {"write_beats", one.write_beats},
                                                           {"scale_beats", one.scale_beats}};
        }
        ports[port.name] = {{"memory", port.memory},
                            {"bursts", port.bursts},
                            {"data_busy_s", memory::seconds(port.data_busy)},
                            {"arbitration_s", memory::seconds(port.arbitration)},
                            {"traffic", std::move(traffic)}};
    }
    auto& buffers = result["buffers"];
    for (int i = 0; i < buffer_count; ++i) {
        const auto& one = activity.buffers[static_cast<std::size_t>(i)];
        buffers[to_string(static_cast<Buffer>(i))] = {{"capacity_bytes", one.capacity_bytes},
                                                      {"peak_bytes", one.peak_bytes}};
    }
    return result;
}

// What was fitted to published figures: parameters of the design that still have their fitted value, and
// constants of the cost model.
ordered_json fitted_json(const DesignDocument& document) {
    auto result = ordered_json::array();
    const auto& changed = document.changed();
    if (document.document().contains("fitted")) {
        for (const auto& entry : document.document().at("fitted")) {
            const auto pointer = entry.at("pointer").get<std::string>();
            const bool kept = std::none_of(changed.begin(), changed.end(),
                                           [&](const auto& other) { return pointer.starts_with(other); });
            if (kept) result.push_back(ordered_json(entry));
        }
    }
    const auto costs = read_json_file(config_root() / "cost" / "fabric.json");
    for (const auto& [name, constant] : costs.at("constants").items()) {
        if (constant.at("sure") != "fitted") continue;
        result.push_back(
            {{"pointer", "configs/cost/fabric.json#/constants/" + name}, {"figure", constant.at("source")}});
    }
    return result;
}

ordered_json bound_json(const Evaluation& evaluation) {
    ordered_json limits = ordered_json::object();
    for (const auto& [name, seconds] : evaluation.bound.limits_s) limits[name] = seconds;
    ordered_json result{{"latency_s", evaluation.bound.latency_s},
                        {"binds", evaluation.bound.binds},
                        {"limits_s", std::move(limits)},
                        {"energy_j", evaluation.bound_energy.total_j}};
    if (evaluation.activity) {
        result["simulated_over_bound"] = evaluation.latency_s() / evaluation.bound.latency_s;
        result["simulated_over_bound_energy"] = evaluation.energy.total_j / evaluation.bound_energy.total_j;
    }
    return result;
}

// JSON has no infinity; without error there is no ratio.
json finite_or_null(double value) {
    return std::isfinite(value) ? json(value) : json();
}

ordered_json numerics_json(const Evaluation& evaluation) {
    ordered_json result = ordered_json::object();
    if (evaluation.numerics) {
        const auto& numerics = *evaluation.numerics;
        auto operators = ordered_json::array();
        for (const auto& [name, error] : numerics.operators) {
            operators.push_back({{"name", name},
                                 {"sqnr_db", finite_or_null(error.sqnr_db)},
                                 {"cosine", error.cosine},
                                 {"max_abs_error", error.max_abs_error}});
        }
        const auto& block = numerics.operators.back().error;
        result = {
            {"data", numerics.data},
            {"seed", numerics.seed},
            {"tokens", numerics.tokens},
            {"block_sqnr_db", finite_or_null(block.sqnr_db)},
            {"operators", std::move(operators)},
            {"accumulator_bits", numerics.accumulator_bits},
            {"required_accumulator_bits", numerics.required_accumulator_bits},
            {"accumulator_may_overflow", numerics.accumulator_bits < numerics.required_accumulator_bits}};
        if (numerics.peak_signal_to_noise_db) {
            result["peak_signal_to_noise_db"] = finite_or_null(*numerics.peak_signal_to_noise_db);
        }
        if (numerics.differing_signs) result["differing_signs"] = *numerics.differing_signs;
    }
    result["mismatches"] = nullptr;  // unless data were carried
    if (evaluation.functional) {
        result["mismatches"] = evaluation.functional->mismatches;
        result["values_compared"] = evaluation.functional->values;
        if (evaluation.functional->mismatches > 0) {
            result["first_mismatch"] = evaluation.functional->first_mismatch;
        }
    }
    return result;
}

ordered_json workload_json(const Evaluation& evaluation) {
    const auto& design = evaluation.design;
    if (design.var) {
        const auto totals = models::var_totals(evaluation.graph);
        return {{"network", design.network_name()},
                {"images", design.var->step.images},
                {"guidance", design.var->step.guidance},
                {"tokens", evaluation.graph.tokens},
                {"block_linear_macs", totals.block_linear_macs},
                {"attention_macs", totals.attention_macs},
                {"adaln_macs", totals.adaln_macs},
                {"end_macs", totals.end_macs},
                {"block_linear_weights", totals.block_linear_weights}};
    }
    if (design.gpt) {
        const auto totals = models::gpt_totals(evaluation.graph);
        const auto& work = design.gpt->work;
        return {{"network", design.network_name()},
                {"tokens", evaluation.graph.tokens},
                {"prompt", work.prompt},
                {"beams", work.beams},
                {"generated", work.generated},
                {"parameters", totals.parameters},
                {"block_linear_macs", totals.block_linear_macs},
                {"attention_macs", totals.attention_macs},
                {"head_macs", totals.head_macs},
                {"block_linear_weights", totals.block_linear_weights}};
    }
    if (design.super_resolution) {
        const auto totals = models::super_resolution_totals(evaluation.graph);
        const auto& image = design.super_resolution->image;
        const auto scale = design.super_resolution->network.scale;
        return {{"network", design.network_name()},
                {"height", image.height},
                {"width", image.width},
                {"output_height", scale * image.height},
                {"output_width", scale * image.width},
                {"binary_macs", totals.binary_macs},
                {"convolution_macs", totals.convolution_macs},
                {"branch_macs", totals.branch_macs},
                {"binary_weights", totals.binary_weights},
                {"other_parameters", totals.other_parameters}};
    }
    const auto totals = models::totals(evaluation.graph, design.recipe);
    return {{"network", design.network_name()},
            {"tokens", evaluation.graph.tokens},
            {"macs", totals.macs},
            {"linear_macs", totals.linear_macs},
            {"ssm_macs", totals.ssm_macs},
            {"convolution_macs", totals.convolution_macs},
            {"linear_weight_bytes", totals.linear_weight_bytes},
            {"ssm_state_bytes", totals.ssm_state_bytes}};
}

// Layers that two engines share: the part of the outputs that the AI Engines make, by whole tiles.
ordered_json aie_share_json(const Evaluation& evaluation) {
    ordered_json shares;
    for (const auto& op : evaluation.graph.operators) {
        if (op.kind != models::OperatorKind::linear || op.layer > 0) continue;  // blocks are alike
        const auto split = split_of(evaluation.design, op);
        if (!split.shared()) continue;
        shares[linear_layer_name(evaluation.design, op.name)] =
            static_cast<double>(split.outputs(LinearEngine::aie)) / static_cast<double>(op.n);
    }
    return shares;
}

}  // namespace

ordered_json make_report(const DesignDocument& document, const Evaluation& evaluation) {
    const auto canonical = document.canonical();
    const auto& design = evaluation.design;
    const auto latency = evaluation.latency_s();
    ordered_json report;
    report["schema_version"] = 1;
    report["config"] = {{"hash", content_hash(canonical.dump())}, {"design", canonical}};
    report["provenance"] = {{"tool", "tilewright"},
                            {"version", TILEWRIGHT_VERSION},
                            {"fidelity", to_string(evaluation.fidelity)},
                            {"simulated", evaluation.activity.has_value()},
                            {"cost_constants", "configs/cost/fabric.json"}};
    report["provenance"]["fitted"] = fitted_json(document);
    report["throughput"] = {{"value", evaluation.items_per_s()},
                            {"unit", design.var                ? "images_per_s"
                                     : design.super_resolution ? "frames_per_s"
                                                               : "tokens_per_s"}};
    report["latency_s"] = latency;
    const auto period = memory::period_fs(design.clock_hz);
    report["cycles"] = evaluation.activity ? (evaluation.activity->duration + period - 1) / period
                                           : static_cast<std::int64_t>(latency * design.clock_hz);
    report["energy"] = energy_json(evaluation);
    report["power_w"] = evaluation.energy.total_j / latency;
    if (evaluation.fidelity != Fidelity::bound && !evaluation.activity) {
        // It does not fit, so nothing was simulated: it has resources and a bound, but neither speed nor
        // energy.
        report["throughput"]["value"] = nullptr;
        report["latency_s"] = report["cycles"] = report["energy"] = report["power_w"] = nullptr;
    }
    if (evaluation.activity) {
        report["utilization"] = utilization_json(*evaluation.activity);
        report["busiest"] = busiest_json(*evaluation.activity);
        report["bottleneck"] = bottleneck_json(*evaluation.activity);
        report["memory"] = memory_json(evaluation);
        const auto account = [&](LinearEngine engine) {
            return account_json(evaluation.design, *evaluation.program, *evaluation.activity, engine);
        };
        const auto on_fabric = account(LinearEngine::pl);
        const auto on_aie = account(LinearEngine::aie);
        report["account_cycles"] = on_fabric.is_null() ? on_aie : on_fabric;
        if (!on_fabric.is_null() && !on_aie.is_null()) report["account_cycles_aie"] = on_aie;
    }
    if (auto shares = aie_share_json(evaluation); !shares.empty()) report["aie_share"] = std::move(shares);
    report["resources"] = resources_json(evaluation);
    report["bound"] = bound_json(evaluation);
    report["numerics"] = numerics_json(evaluation);
    report["workload"] = workload_json(evaluation);
    report["wall"] = {{"program_s", evaluation.wall_program_s},
                      {"simulation_s", evaluation.wall_simulation_s}};
    return report;
}

}  // namespace tilewright::accel
