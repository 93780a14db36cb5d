// SPDX-License-Identifier: Apache-2.0
// Traces of simulations tell the times that the simulation counts.
#include <catch2/catch.hpp>

#include "accel/schedule/schedule.hpp"
#include "accel/simulation/accelerator.hpp"
#include "accel/trace/background_observer.hpp"
#include "accel/trace/chrome_trace.hpp"
#include "accel/trace/tee_observer.hpp"
#include "accel/trace/vcd_trace.hpp"
#include "small_design.hpp"
#include "trace_readers.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using nlohmann::json;
using test::ddr4_port;
using test::Settings;
using test::small_document;

namespace {

// Where a VCD's state of an engine is `working`, in femtoseconds.
double working_time(const test::Vcd& vcd, const std::string& engine) {
    double time = 0;
    const auto& changes = vcd.changes.at(engine + ".state");
    for (std::size_t i = 0; i < changes.size(); ++i) {
        const auto until = i + 1 < changes.size() ? changes[i + 1].first : vcd.times.back();
        if (changes[i].second == 1) time += static_cast<double>(until - changes[i].first);
    }
    return 1000 * time;
}

}  // namespace

TEST_CASE("both traces have every engine busy for as long as the report") {
    const json ports =
        json::array({ddr4_port("w", {"weights"}, 16), ddr4_port("s", {"state", "convolution"}, 16)});
    const Settings cases[] = {{},
                              {{"/memories/ddr4/model", "commands"}},
                              {{"/memory_ports", ports}},  // with an arbiter
                              {{"/memory_ports", ports}, {"/memories/ddr4/model", "commands"}}};
    for (const auto& settings : cases) {
        CAPTURE(test::text(settings));
        const test::Folder folder;
        const auto design = small_document(settings).parse();
        const auto program = build_program(design, build_graph(design));
        BackgroundObserver chrome(std::make_unique<ChromeTrace>(program, folder.file("trace.json")));
        VcdTrace vcd_trace(program, memory::period_fs(design.clock_hz), folder.file("trace.vcd"));
        TeeObserver both({&chrome, &vcd_trace});
        const auto activity = simulate(design, program, &both);
        const auto trace = json::parse(test::contents(folder.file("trace.json")));
        auto rows = test::read_slices(trace);
        const auto vcd = test::read_vcd(folder.file("trace.vcd"));
        for (std::size_t i = 0; i < activity.engines.size(); ++i) {
            const auto& engine = activity.engines[i];
            CAPTURE(engine.name);
            double told = 0;
            for (const auto& slice : rows[static_cast<int>(i) + 1]) {
                if (slice.category.empty()) told += 1e6 * static_cast<double>(slice.end - slice.begin);
            }
            CHECK(told == Approx(static_cast<double>(engine.busy)).epsilon(0.002));
            auto scope = engine.name;
            std::replace(scope.begin(), scope.end(), ' ', '_');
            CHECK(working_time(vcd, scope) == Approx(static_cast<double>(engine.busy)).epsilon(0.002));
        }
        for (const auto& event : trace.at("traceEvents")) {
            if (event.at("ph") != "C") continue;
            CHECK(event.at("ts").get<double>() <= 1e-9 * static_cast<double>(activity.duration));
        }
    }
}
