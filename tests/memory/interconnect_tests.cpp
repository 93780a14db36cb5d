// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include <catch2/catch.hpp>

#include "accel/simulation/simulation_context.hpp"
#include "dram_fixtures.hpp"
#include "memory/dma/dma_channel.hpp"
#include "memory/dram/burst_controller.hpp"
#include "memory/noc/interconnect.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;

namespace {

constexpr TimeFs ns = 1'000'000;

// Two ports in front of one DDR4 channel: 256 bits at 400 MHz, and 128 bits at 100 MHz.
struct Harness {
    tilewright::accel::SimulationContext context;
    Agenda agenda{"agenda", 0};
    InterconnectSpecification specification{"noc", 1e9, 16, 256, 40, 40, 2, 10};
    Interconnect interconnect{"noc", specification, {{"fast", 256, 400e6}, {"slow", 128, 100e6}}, 1, 1 << 20};
    DramBurstController controller{"ddr4", ddr4(1 << 20), {}, 0};
    DmaChannel fast{"fast", agenda, 32, 256, 32};
    DmaChannel slow{"slow", agenda, 16, 4, 32};

    Harness() {
        fast.socket.bind(*interconnect.port_sockets[0]);
        slow.socket.bind(*interconnect.port_sockets[1]);
        interconnect.channel_sockets[0]->bind(controller.socket);
        // Elaborates; that nothing is scheduled is as it should be.
        sc_core::sc_report_handler::set_actions(sc_core::SC_WARNING, sc_core::SC_DO_NOTHING);
        sc_core::sc_start(sc_core::SC_ZERO_TIME);
    }
};

// An access to a closed row that comes at the begin of a frame: activate in its place a clock later, column
// in the first frame behind RCD, data (22 clocks and 4).
constexpr TimeFs dram = 50 * 625 * ns / 1000;

}  // namespace

TEST_CASE("a short read takes the way there, the DRAM and the way back") {
    Harness harness;
    // 60 ns there; activate, column and data 50 clocks of 0.625 ns; 60 ns back; the port's two beats of
    // 2.5 ns, which outlast the link's four flits.
    CHECK(harness.fast.transfer({0, 64, 0, false}) == 60 * ns + dram + 60 * ns + 5 * ns);
}

TEST_CASE("a long read is bound by its port") {
    Harness harness;
    const auto done = harness.fast.transfer({0, 8192, 0, false});
    CHECK(done == 60 * ns + dram + 60 * ns + 640 * ns);
    // The next one, issued at once, streams behind it without a gap.
    CHECK(harness.fast.transfer({8192, 8192, 0, false}) == done + 640 * ns);
    CHECK(harness.interconnect.port_busy(0) == 1280 * ns);
}

TEST_CASE("scales begin on a beat of their own and long transfers are cut into bursts") {
    Harness harness;
    harness.fast.transfer({0, 8192, 6, false});
    CHECK(harness.fast.bursts() == 2);
    CHECK(harness.interconnect.port_busy(0) == 257 * 2500 * (ns / 1000));
    harness.slow.transfer({0, 100, 0, false});
    CHECK(harness.slow.bursts() == 2);  // seven beats in bursts of four
}

TEST_CASE("ports share the channel and slow ports stay slow") {
    Harness harness;
    // 8 KiB through the fast port occupy the DRAM's pins for 320 ns. The slow port has a link of its own, so
    // its data follow right behind them, then take four beats of 10 ns.
    const auto first_data = 60 * ns + dram;
    harness.fast.transfer({0, 8192, 0, false});
    CHECK(harness.slow.transfer({0, 64, 0, false}) ==
          first_data + 128 * 2500 * (ns / 1000) + 60 * ns + 40 * ns);
}

TEST_CASE("a write is done when memory has it and the answer is back") {
    Harness harness;
    const auto done = harness.fast.transfer({0, 8192, 0, true});
    CHECK(done == 640 * ns + 60 * ns + 60 * ns);
    // All data are there at 700 ns, clock 1120; columns go from 1144 on.
    CHECK(harness.controller.settle() == (1144 + 16 + 128 * 4) * 625 * ns / 1000);
    CHECK(harness.controller.statistics().write_bytes == 8192);
}

TEST_CASE("an address beyond the memory is an error") {
    Harness harness;
    CHECK_THROWS_AS(harness.fast.transfer({1 << 20, 64, 0, false}), std::out_of_range);
    CHECK_THROWS_AS(harness.fast.transfer({(1 << 20) - 32, 64, 0, false}), std::out_of_range);
}
