// SPDX-License-Identifier: Apache-2.0
// The defaults that schemas have are those of the program.
#include <fstream>

#include <catch2/catch.hpp>

#include "accel/report/evaluate.hpp"
#include "small_design.hpp"
#include "trace_readers.hpp"

using namespace tilewright::accel;
using nlohmann::json;
using tilewright::test::Folder;

namespace {

DesignDocument written(const Folder& folder, const std::string& name, const json& document) {
    std::ofstream(folder.file(name)) << document.dump();
    return DesignDocument::load(folder.file(name));
}

std::string report_of(const DesignDocument& document) {
    auto report = make_report(document, evaluate(document, Fidelity::timing));
    report.erase("wall");
    report.erase("provenance");  // has the file
    return report.dump();
}

}  // namespace

TEST_CASE("a design is the same with and without its defaults") {
    struct Case {
        const char* design;
        json change;                        // a merge patch, of what takes long or is not there
        std::vector<const char*> left_out;  // whatever stands there
    };
    const json array = {{"x", 2}, {"y", 2}, {"z", 2}, {"m", 16}, {"k", 16}, {"n", 16}, {"precision", "fp32"}};
    const Case cases[] = {
        {"lightmamba-vck190-w4a4",
         {{"network", {{"layers", 1}}}},
         {"/workload/tokens",
          "/workload/lm_head",
          "/engines/matrix/multiplier",
          "/engines/matrix/products_per_dsp",
          "/engines/matrix/accumulator_bits",
          "/engines/matrix/tile_drain_cycles",
          "/buffers/weights/ports",
          "/buffers/state/ports",
          "/buffers/activations/ports",
          "/buffers/intermediates/ports",
          "/memory_ports/0/outstanding_bursts",
          "/memory_ports/0/qos_weight",
          "/memory_ports/0/channels",
          "/memory_ports/0/first_channel",
          "/memory_ports/0/scales_inside_burst",
          "/mapping/groups_ahead",
          "/mapping/residual",
          "/mapping/linear_engine",
          "/network/head_dim",
          "/network/groups",
          "/recipe/rounding",
          "/recipe/functions",
          "/recipe/residual_fraction_bits"}},
        {"lightmamba-vck190-w4a4",
         {{"network", {{"layers", 1}}},
          {"recipe", "w16a16"},
          {"engines", {{"matrix", {{"products_per_dsp", 1}}}, {"aie", array}}},
          {"mapping", {{"linear_engine", "aie"}}},
          {"memories", {{"ddr4", {{"model", "commands"}}}}}},
         {"/engines/aie/kernel", "/engines/aie/plio_bits"}},
        {"fpqvar-vck190-fp4",
         {{"network", "var-small"}},
         {"/workload/ends", "/workload/adaln", "/mapping/linear_engine", "/mapping/attention_engine",
          "/network/mlp_ratio", "/network/shared_adaln", "/recipe/rounding", "/recipe/rotation_seed"}},
        {"codes-vck190-w8a8",
         {{"network", {{"layers", 1}}}},
         {"/workload/ends", "/mapping/tile/prompt_slice", "/recipe/rounding", "/recipe/rotation_seed"}},
        {"ebsr-vck190-light-x4",
         {{"workload", {{"height", 24}, {"width", 24}}}},
         {"/mapping/linear_engine", "/network/colors", "/recipe/rounding"}},
    };
    for (const auto& one : cases) {
        CAPTURE(one.design, one.change.dump());
        const Folder folder;
        auto document = DesignDocument::load(tilewright::test::source_path("configs/designs/" +
                                                                           std::string(one.design) + ".json"))
                            .document();
        document.merge_patch(one.change);
        // References that the patch has set are read when the design is.
        document = written(folder, "read.json", document).document();
        for (const auto* pointer : one.left_out) {
            const json::json_pointer at(pointer);
            if (document.contains(at)) document[at.parent_pointer()].erase(at.back());
        }
        const auto bare = written(folder, "bare.json", document);
        const auto full = written(folder, "full.json", bare.canonical());
        for (const auto* pointer : one.left_out) {
            CAPTURE(pointer);
            CHECK(full.document().contains(json::json_pointer(pointer)));
        }
        CHECK(full.canonical() == bare.canonical());
        CHECK(report_of(full) == report_of(bare));
    }
}
