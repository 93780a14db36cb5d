// SPDX-License-Identifier: Apache-2.0
// One channel that is simulated for all that are like it, beside the simulation of each: a run with data has
// all of them.
#include <map>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "accel/functional/mamba2_functional_run.hpp"
#include "accel/report/evaluate.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/simulation/accelerator.hpp"
#include "accel/simulation/like_channels.hpp"
#include "small_design.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using nlohmann::json;
using test::Settings;
using test::small_document;

namespace {

// Weights on so many channels from the first on, the rest on others, some of which they share.
Settings striped(int weights, int first, int rest, const char* model) {
    return {{"/device", "u280"},
            {"/memory_ports",
             {{{"name", "weights"},
               {"memory", "hbm"},
               {"width_bits", 256},
               {"burst_beats", 16},
               {"outstanding", 3},
               {"channels", weights},
               {"carries", {"weights"}}},
              {{"name", "state"},
               {"memory", "hbm"},
               {"width_bits", 128},
               {"burst_beats", 16},
               {"outstanding", 2},
               {"first_channel", first},
               {"channels", rest},
               {"carries", {"state", "convolution"}}}}},
            {"/memories/hbm/model", model}};
}

using Served = std::vector<std::vector<std::int64_t>>;

class BurstsOfChannels : public Observer {
  public:
    void work(memory::TimeFs, memory::TimeFs, std::size_t, const Instruction&) override {}
    void stall(memory::TimeFs, std::size_t, StallCause) override {}
    void idle(memory::TimeFs, std::size_t) override {}
    void buffer_fill(memory::TimeFs, Buffer, std::int64_t) override {}
    void section(memory::TimeFs, std::size_t, std::int64_t) override {}
    void finish(memory::TimeFs) override {}
    bool wants_bursts() const override { return true; }
    void burst(const std::string&, int channel, const memory::DramController::Served& one) override {
        of_channel[channel].push_back({one.arrival, one.address, one.bytes, one.write ? 1 : 0,
                                       one.service_begin, one.first_data, one.last_data});
    }

    std::map<int, Served> of_channel;
};

json report(const DesignDocument& document, Fidelity fidelity) {
    const auto evaluation = evaluate(document, fidelity);
    REQUIRE(evaluation.overflow.empty());
    json made = make_report(document, evaluation);
    for (const auto* own : {"wall", "functional", "numerics", "provenance"}) made.erase(own);
    made.at("config").erase("fidelity");
    return made;
}

}  // namespace

TEST_CASE("channels are alike where the same ports go to them") {
    const auto design = small_document(striped(8, 6, 4, "bursts")).parse();
    const auto first = first_of_like_channels(design, "hbm");
    REQUIRE(first.size() == 32);
    CHECK(std::vector<int>(first.begin(), first.begin() + 12) ==
          std::vector<int>{0, 0, 0, 0, 0, 0, 6, 6, 8, 8, 10, 10});
    CHECK(first.back() == 10);
}

TEST_CASE("one channel stands for those that are like it, in every figure") {
    for (const auto* model : {"bursts", "commands"}) {
        for (const auto& settings : {striped(8, 6, 4, model), striped(5, 0, 5, model),
                                     striped(3, 1, 1, model), striped(1, 3, 7, model)}) {
            INFO(test::text(settings));
            const auto document = small_document(settings);
            // Where they differ: a long report says little.
            CHECK(json::diff(report(document, Fidelity::timing), report(document, Fidelity::functional)) ==
                  json::array());
        }
    }
}

TEST_CASE("bursts of all channels are told, whichever of them is simulated") {
    for (const auto* model : {"bursts", "commands"}) {
        CAPTURE(model);
        const auto design = small_document(striped(8, 6, 4, model)).parse();
        const auto program = build_program(design, build_graph(design));
        BurstsOfChannels one;
        simulate(design, program, &one);
        BurstsOfChannels each;
        const models::QuantizedMamba network(design.network, design.recipe, design.matrix.accumulator_bits);
        const auto instance = synthetic_instance(design, network);
        CHECK(run_mamba2_functional(design, program, network, instance, &each).mismatches == 0);
        CHECK(one.of_channel.size() == 10);
        CHECK((one.of_channel == each.of_channel));
    }
}
