// SPDX-License-Identifier: Apache-2.0
// Runs of one process share what they have worked out of the DRAM; none may show.
#include <catch2/catch.hpp>

#include "accel/report/evaluate.hpp"
#include "memory/dram/episode_store.hpp"
#include "small_design.hpp"

using namespace tilewright::accel;
using nlohmann::json;
using tilewright::memory::DramEpisodeStore;
using tilewright::test::design_document;

TEST_CASE("a run behind others gives what it gives as the first one") {
    const auto report = [](const std::string& mapping, int ports, const char* recipe) {
        auto port = [](const char* name, const std::vector<std::string>& carries) {
            return json{{"name", name},      {"memory", "ddr4"}, {"width_bits", 256},
                        {"burst_beats", 64}, {"outstanding", 4}, {"carries", carries}};
        };
        json memory_ports = json::array({port("all", {"weights", "state", "convolution"})});
        if (ports == 2) {
            memory_ports =
                json::array({port("weights", {"weights"}), port("state", {"state", "convolution"})});
        }
        const auto document =
            design_document("lightmamba-vck190-w4a4", {{"/network/layers", 1},
                                                       {"/recipe", recipe},
                                                       {"/memory_ports", memory_ports},
                                                       {"/memories/ddr4/model", "commands"},
                                                       {"/memories/ddr4/address_mapping", mapping}});
        json result = make_report(document, evaluate(document, Fidelity::timing));
        result.erase("wall");
        return result;
    };
    const auto all = [&] {
        std::vector<json> reports;
        for (const auto* mapping : {"RoBaRaCoBgCh", "RoRaBaCoBgCh"}) {
            for (const auto* recipe : {"lightmamba-w4a4", "lightmamba-w8a8"}) {
                for (const int ports : {1, 2}) reports.push_back(report(mapping, ports, recipe));
            }
        }
        return reports;
    };
    DramEpisodeStore::forget_shared();
    const auto one_behind_the_other = all();
    CHECK(all() == one_behind_the_other);
    DramEpisodeStore::forget_shared();
    CHECK(report("RoRaBaCoBgCh", 1, "lightmamba-w8a8") == one_behind_the_other[6]);
    DramEpisodeStore::forget_shared();
    CHECK(report("RoBaRaCoBgCh", 2, "lightmamba-w4a4") == one_behind_the_other[1]);
}
