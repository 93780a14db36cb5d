// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <filesystem>
#include <iostream>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "accel/design/config_error.hpp"
#include "accel/design/json_file.hpp"
#include "accel/report/evaluate.hpp"
#include "accel/schedule/program_json.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/trace/background_observer.hpp"
#include "accel/trace/chrome_trace.hpp"
#include "accel/trace/trace_file.hpp"
#include "accel/trace/vcd_trace.hpp"
#include "cli/block_progress.hpp"
#include "cli/command.hpp"
#include "cli/figures.hpp"
#include "sweeps/atomic_file.hpp"
#include "sweeps/table.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;
using nlohmann::ordered_json;

namespace {

accel::Fidelity parse_fidelity(const std::string& name) {
    if (name == "bound") return accel::Fidelity::bound;
    if (name == "timing") return accel::Fidelity::timing;
    if (name == "functional") return accel::Fidelity::functional;
    throw UsageError("--fidelity \"" + name + "\" is not available; allowed: bound, timing, functional");
}

// The figures, then where the cycles of the matrix unit go.
sweeps::ResultTable figure_table(const ordered_json& report) {
    sweeps::ResultTable table;
    table.columns = {{"figure", ""}, {"value", ""}, {"unit", ""}};
    for (const auto& figure : main_figures(report)) {
        const auto value = metric(report, figure.metric);
        if (!value.is_null()) table.rows.push_back({{figure.name, value, figure.unit}, false, "", ""});
    }
    return table;
}

sweeps::ResultTable engine_table(const ordered_json& report) {
    sweeps::ResultTable table;
    table.columns = {{"engine", ""},        {"busy", ""},    {"critical path", ""},
                     {"largest stall", ""}, {"stalled", ""}, {"instructions", ""}};
    for (const auto& [name, engine] : report.at("utilization").items()) {
        nlohmann::json cause;
        double most = 0;
        for (const auto& [stall, fraction] : engine.at("stalls").items()) {
            if (fraction.get<double>() > most) {
                most = fraction.get<double>();
                cause = stall;
            }
        }
        table.rows.push_back(
            {{name, engine.at("busy"), engine.at("critical_path"), cause,
              cause.is_null() ? nlohmann::json() : nlohmann::json(most), engine.at("instructions")},
             false,
             "",
             ""});
    }
    return table;
}

accel::TileProgram scheduled_program(const accel::DesignDocument& document) {
    const auto design = document.parse();
    try {
        return accel::build_program(design, accel::build_graph(design));
    } catch (const accel::MappingError& error) {
        throw accel::ConfigError(document.file(), error.pointer(), error.what(),
                                 "allowed: " + error.allowed());
    }
}

void emit_stage(const accel::DesignDocument& document, const std::string& stage) {
    if (stage == "graph") {
        std::cout << accel::graph_to_json(accel::build_graph(document.parse())).dump(2) << "\n";
        return;
    }
    if (stage != "program") throw UsageError("--emit \"" + stage + "\" is unknown; allowed: graph, program");
    std::cout << accel::program_to_json(scheduled_program(document)).dump() << "\n";
}

// Observers for the traces that were asked for, and for a person who waits.
accel::ObserverFactory observers(const std::string& vcd, const std::string& trace, bool show_progress) {
    return [=](const accel::Design& design, const accel::TileProgram& program) {
        std::vector<std::unique_ptr<accel::Observer>> all;
        const auto add = [&all](std::unique_ptr<accel::Observer> writer) {
            all.push_back(std::make_unique<accel::BackgroundObserver>(std::move(writer)));
        };
        if (!vcd.empty()) {
            add(std::make_unique<accel::VcdTrace>(program, memory::period_fs(design.clock_hz), vcd));
        }
        if (show_progress) all.push_back(std::make_unique<BlockProgress>(program));
        if (!trace.empty()) add(std::make_unique<accel::ChromeTrace>(program, trace));
        return all;
    };
}

// "phase decode, tokens 1, lm_head true; 400 MHz".
std::string conditions(const ordered_json& design) {
    std::string text;
    for (const auto& [name, value] : design.at("workload").items()) {
        text += (text.empty() ? "" : ", ") + name + " " +
                (value.is_string() ? value.get<std::string>() : value.dump());
    }
    return fmt::format("{}; {} MHz", text, design.at("clock_hz").get<double>() / 1e6);
}

// What the figures do not say of themselves.
void print_caveats(const accel::Evaluation& evaluation, const ordered_json& report) {
    const auto& numerics = report.at("numerics");
    if (numerics.contains("data")) {
        std::cout << "\nNumerics are those of " << numerics.at("data").get<std::string>() << ".\n";
    }
    if (numerics.value("accumulator_may_overflow", false)) {
        std::cout << "Accumulators of " << numerics.at("accumulator_bits") << " bits may overflow: sums need "
                  << numerics.at("required_accumulator_bits") << ".\n";
    }
    if (evaluation.fidelity == accel::Fidelity::bound) {
        std::cout
            << "Nothing was simulated: without a schedule its buffers are not counted, so whether the design "
               "fits is not known.\n";
    }
}

void print_result(const accel::Evaluation& evaluation, const ordered_json& report) {
    std::cout << evaluation.design.name << ": " << evaluation.design.network_name() << " on "
              << evaluation.design.device.name << ", " << accel::to_string(evaluation.fidelity) << "\n"
              << conditions(report.at("config").at("design")) << "\n\n"
              << sweeps::format_table(figure_table(report));
    print_caveats(evaluation, report);
    if (!evaluation.activity) return;
    std::cout << "\n" << sweeps::format_table(engine_table(report));
    if (evaluation.functional) {
        std::cout << "\nFunctional: " << evaluation.functional->values
                  << " values compared with the kernels, " << evaluation.functional->mismatches
                  << " mismatches\n";
    }
    for (const auto* key : {"account_cycles", "account_cycles_aie"}) {
        if (!report.contains(key)) continue;
        const auto& account = report.at(key);
        std::cout << "\nCycles of the " << (account.at("engine") == "aie" ? "AI Engines:" : "matrix unit:");
        for (const auto& [name, cycles] : account.items()) {
            if (cycles.is_number()) std::cout << "  " << name << " " << cycles;
        }
        std::cout << "\n";
    }
    if (!report.contains("aie_share")) return;
    std::cout << "\nOutputs that the AI Engines make:";
    for (const auto& [layer, share] : report.at("aie_share").items()) {
        std::cout << fmt::format("  {} {:.4g}", layer, share.get<double>());
    }
    std::cout << "\n";
}

// Whoever interrupts a run finds no part of a trace.
extern "C" void end_by_signal(int signal) {
    accel::remove_unfinished_traces();
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

// A prompt whose residual stream takes up the chip need not keep it there.
std::string residual_hint(const accel::Evaluation& evaluation) {
    if (!evaluation.program) return {};
    const auto activations = static_cast<std::size_t>(accel::Buffer::activations);
    const auto resident = evaluation.program->resident_bytes[activations];
    if (resident == 0 || 2 * resident < evaluation.program->buffer_bytes[activations]) return {};
    return fmt::format(
        "; {} bytes of activations are the residual stream of all tokens, which /mapping/residual "
        "\"memory\" keeps in DRAM",
        resident);
}

}  // namespace

int run_command(const std::vector<std::string>& arguments) {
    po::options_description options("Options");
    options.add_options()("set", po::value<std::vector<std::string>>()->composing(),
                          "/json/pointer=VALUE: change the design before it is evaluated; may be repeated")(
        "fidelity", po::value<std::string>()->default_value("timing"),
        "bound (closed form), timing (SystemC) or functional (SystemC with data, compared with the kernels)")(
        "report", po::value<std::string>(), "write the report as JSON to this file")(
        "vcd", po::value<std::string>(), "write a VCD, and a GTKWave save file beside it")(
        "trace", po::value<std::string>(), "write Chrome/Perfetto trace-event JSON")(
        "emit", po::value<std::string>(), "print the operator graph or the tile program as JSON and stop")(
        "program", po::value<std::string>(),
        "run this tile program instead of the one that the schedule makes")("json",
                                                                            "print the report as JSON");
    po::variables_map values;
    if (!parse_options(arguments, "run DESIGN.json [OPTIONS]", options, "design", 1, 1, values))
        return success;
    check_outputs(values, {{"report"}, {"vcd", {".gtkw", ".gtkwfilter"}}, {"trace"}});
    auto document = accel::DesignDocument::load(values["design"].as<std::vector<std::string>>().front());
    if (values.count("set") > 0) {
        for (const auto& assignment : values["set"].as<std::vector<std::string>>())
            document.assign(assignment);
    }
    if (values.count("emit") > 0) {
        for (const auto* option : {"report", "vcd", "trace", "program"}) {
            if (values.count(option) > 0)
                throw UsageError("--emit stops before there is anything for --" + std::string(option) +
                                 "; allowed: one of them");
        }
        emit_stage(document, values["emit"].as<std::string>());
        return success;
    }
    const auto path = [&](const char* name) {
        return values.count(name) > 0 ? values[name].as<std::string>() : std::string();
    };
    std::vector<std::filesystem::path> inputs(document.files().begin(), document.files().end());
    inputs.emplace_back(path("program"));
    keep_inputs(values, {"report", "vcd", "trace"}, inputs);
    const auto fidelity = parse_fidelity(values["fidelity"].as<std::string>());
    if (fidelity == accel::Fidelity::bound && (!path("vcd").empty() || !path("trace").empty())) {
        throw UsageError("--vcd and --trace need a simulation; allowed: --fidelity timing, functional");
    }
    std::optional<accel::GivenProgram> program;
    if (values.count("program") > 0) {
        const auto file = path("program");
        program = {accel::program_from_json(accel::read_json_file(file), scheduled_program(document), file),
                   file};
    }
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        if (std::signal(signal, end_by_signal) == SIG_IGN) std::signal(signal, SIG_IGN);
    }
    const bool show_progress = fidelity == accel::Fidelity::functional && isatty(STDERR_FILENO) != 0;
    auto evaluation = accel::evaluate(
        document, fidelity, observers(path("vcd"), path("trace"), show_progress), std::move(program));
    accel::add_numerics(evaluation);
    const auto report = accel::make_report(document, evaluation);
    if (!path("report").empty()) sweeps::write_file_atomically(path("report"), report.dump(2) + "\n");
    if (values.count("json") > 0) {
        std::cout << report.dump(2) << "\n";
    } else {
        print_result(evaluation, report);
    }
    if (!evaluation.overflow.empty()) {
        std::cerr << "tilewright: " << document.file() << "#: does not fit " << evaluation.design.device.name
                  << ": " << evaluation.overflow << " ("
                  << evaluation.resources.most_of_overflow(evaluation.design.device.available) << ")"
                  << residual_hint(evaluation) << "\n";
        if (!path("vcd").empty() || !path("trace").empty())
            std::cerr << "tilewright: it was not simulated, so there is no trace\n";
        return does_not_fit;
    }
    if (evaluation.functional && evaluation.functional->mismatches > 0) {
        std::cerr << "tilewright: " << document.file() << "#: " << evaluation.functional->mismatches << " of "
                  << evaluation.functional->values
                  << " values differ from the kernels; the first: " << evaluation.functional->first_mismatch
                  << "\n";
        return check_failed;
    }
    return success;
}

}  // namespace tilewright::cli
