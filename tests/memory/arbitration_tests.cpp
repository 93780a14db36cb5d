// SPDX-License-Identifier: Apache-2.0
// Ports that share a memory channel, bursts that may be on their way, and switches in between.
#include <catch2/catch.hpp>

#include "accel/simulation/simulation_context.hpp"
#include "dram_fixtures.hpp"
#include "memory/dma/dma_channel.hpp"
#include "memory/dram/burst_controller.hpp"
#include "memory/noc/interconnect.hpp"
#include "memory/simulation_time.hpp"
#include "transfer_request.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;

namespace {

constexpr TimeFs ns = 1'000'000;
constexpr std::int64_t burst_bytes = 8192;

std::vector<std::size_t> picks(const std::vector<std::int64_t>& weights, std::vector<std::int64_t> waiting,
                               int count) {
    WeightedRoundRobin order;
    for (const auto weight : weights) order.add(weight, 64);
    std::vector<std::size_t> result;
    for (int i = 0; i < count; ++i) result.push_back(order.pick(waiting));
    return result;
}

// Two ports of 512 bits at 400 MHz, 25.6 GB/s each, in front of one DDR4 channel of 25.6 GB/s. Links are
// wide enough not to matter.
struct SharedChannel {
    tilewright::accel::SimulationContext context;
    Agenda agenda{"agenda", 0};
    InterconnectSpecification specification{"noc", 1e9, 64, 256, 36, 36, 3, 8};
    Interconnect interconnect{"noc", specification, {{"a", 512, 400e6}, {"b", 512, 400e6}}, 1, 1 << 30};
    DramBurstController controller{"ddr4", ddr4(1 << 30), {}, 0};
    ChannelArbiter arbiter{agenda, 80 * ns};  // 32 accesses of 2.5 ns
    DmaChannel a{"a", agenda, 64, 128, 32};
    DmaChannel b{"b", agenda, 64, 128, 32};
    std::vector<char> order;  // of the bursts, as they end

    SharedChannel(int weight_a, int weight_b) {
        a.socket.bind(*interconnect.port_sockets[0]);
        b.socket.bind(*interconnect.port_sockets[1]);
        interconnect.channel_sockets[0]->bind(controller.socket);
        arbiter.add(a, weight_a, burst_bytes, interconnect.request_latency(0));
        arbiter.add(b, weight_b, burst_bytes, interconnect.request_latency(1));
        a.share(arbiter);
        b.share(arbiter);
        sc_core::sc_report_handler::set_actions(sc_core::SC_WARNING, sc_core::SC_DO_NOTHING);
        sc_core::sc_start(sc_core::SC_ZERO_TIME);
    }

    void load(DmaChannel& port, char name, std::int64_t base, int bursts, bool write = false) {
        for (int i = 0; i < bursts; ++i) {
            request(port, {base + i * burst_bytes, burst_bytes, 0, write},
                    [this, name](TimeFs /*done*/) { order.push_back(name); });
        }
    }
    std::int64_t count(char name, std::size_t first) const {
        return std::count(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(first), name);
    }
};

}  // namespace

TEST_CASE("queues that always have work share bytes by their weights") {
    CHECK(picks({1, 1}, {64, 64}, 6) == std::vector<std::size_t>{0, 1, 0, 1, 0, 1});
    CHECK(picks({3, 1}, {64, 64}, 8) == std::vector<std::size_t>{0, 0, 0, 1, 0, 0, 0, 1});
    // By bytes, not by bursts: 64 of the second for two times 32 of the first.
    CHECK(picks({1, 1}, {32, 64}, 6) == std::vector<std::size_t>{0, 0, 1, 0, 0, 1});
    CHECK(picks({1, 5}, {64, 0}, 3) == std::vector<std::size_t>{0, 0, 0});  // alone, it gets everything
}

TEST_CASE("a queue that had no work does not save up its turns") {
    WeightedRoundRobin order;
    order.add(1, 64);
    order.add(1, 64);
    for (int i = 0; i < 10; ++i) CHECK(order.pick({64, 0}) == 0);
    CHECK(order.pick({64, 64}) == 1);
    CHECK(order.pick({64, 64}) == 0);
    CHECK(order.pick({64, 64}) == 1);
}

TEST_CASE("two ports that saturate a channel get it by their weights") {
    SharedChannel equal(1, 1);
    equal.load(equal.a, 'a', 0, 40);
    equal.load(equal.b, 'b', 1 << 29, 40);
    sc_core::sc_start();
    CHECK(equal.count('a', 40) == 20);

    SharedChannel weighted(3, 1);
    weighted.load(weighted.a, 'a', 0, 60);
    weighted.load(weighted.b, 'b', 1 << 29, 60);
    sc_core::sc_start();
    CHECK(weighted.count('a', 40) == 30);
    CHECK(weighted.count('a', 80) == 60);
    CHECK(weighted.b.arbitration() > weighted.a.arbitration());
    // The channel itself is busy all the time: 120 bursts of 320 ns, and refreshes.
    const auto stalls = weighted.controller.statistics();
    CHECK(stalls.data_busy == 120 * 320 * ns);
    CHECK(weighted.interconnect.occupancy(0).active < 120 * 320 * ns + stalls.refresh_stall + 1500 * ns);
}

TEST_CASE("two ports that saturate a channel get it by their weights whatever they do with it") {
    for (const bool a_writes : {false, true}) {
        for (const bool b_writes : {false, true}) {
            CAPTURE(a_writes, b_writes);
            SharedChannel weighted(3, 1);
            weighted.load(weighted.a, 'a', 0, 60, a_writes);
            weighted.load(weighted.b, 'b', (1 << 29) + 4 * 8192, 60, b_writes);  // in another bank
            sc_core::sc_start();
            CHECK(weighted.count('a', 40) == 30);
            CHECK(weighted.b.arbitration() > weighted.a.arbitration());
            const auto end = std::max(simulation_time(), weighted.controller.settle());
            const auto data = 120 * 320 * ns;
            CHECK(weighted.controller.statistics().data_busy == data);
            CHECK(end > data);
            // Refreshes, rows and, of reads and writes, turnarounds.
            CHECK(static_cast<double>(end) < 1.15 * static_cast<double>(data));
        }
    }
}

TEST_CASE("a port that comes later waits for its turn, not for the other one's whole transfer") {
    SharedChannel shared(1, 1);
    TimeFs long_done = 0;
    TimeFs short_done = 0;
    request(shared.a, {0, 100 * burst_bytes, 0, false}, [&](TimeFs done) { long_done = done; });
    sc_core::sc_start(sc_core::sc_time(2, sc_core::SC_US));
    request(shared.b, {1 << 29, burst_bytes, 0, false}, [&](TimeFs done) { short_done = done; });
    sc_core::sc_start();
    // At most the burst that is served, the one that has been chosen, and its own; there and back.
    CHECK(short_done < 2000 * ns + 3 * 320 * ns + 120 * ns + 60 * ns);
    CHECK(long_done > 101 * 320 * ns);
}

TEST_CASE("one burst on its way gives its bytes per latency") {
    const tilewright::accel::SimulationContext context;
    const Agenda agenda("agenda", 0);
    const InterconnectSpecification specification{"noc", 1e9, 16, 256, 36, 36, 3, 8};
    Interconnect interconnect("noc", specification, {{"a", 256, 400e6}}, 1, 1 << 20);
    DramBurstController controller("ddr4", ddr4(1 << 20), {}, 0);
    DmaChannel single("a", agenda, 32, 16, 1);  // bursts of 512 bytes
    single.socket.bind(*interconnect.port_sockets[0]);
    interconnect.channel_sockets[0]->bind(controller.socket);
    sc_core::sc_report_handler::set_actions(sc_core::SC_WARNING, sc_core::SC_DO_NOTHING);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
    // 60 ns there and back; activate, column and the first access 50 clocks of 0.625 ns (dram_tests.cpp); 16
    // beats of 2.5 ns.
    const auto first = 60 * ns + 50 * 625 * ns / 1000 + 60 * ns + 40 * ns;
    // The row is open; the column waits two clocks for its place in a frame.
    const auto hit = first - 22 * 625 * ns / 1000;
    CHECK(single.transfer({0, 8 * 512, 0, false}) == first + 7 * hit);
    const auto occupancy = interconnect.occupancy(0);
    // From the start on a burst waits because another one is on its way, but for the last one's latency.
    CHECK(occupancy.limited + occupancy.active >= first + 6 * hit);
    CHECK(occupancy.in_flight == first + 7 * hit);
    CHECK(occupancy.limited > 0);
}

TEST_CASE("every switch on the way takes its cycles, there and back") {
    const tilewright::accel::SimulationContext context;
    const Agenda agenda("agenda", 0);
    const InterconnectSpecification specification{"noc", 1e9, 16, 256, 36, 36, 3, 8};
    std::vector<PortSpecification> ports = {{"near", 256, 400e6, 1, 2}, {"usual", 256, 400e6}};
    Interconnect interconnect("noc", specification, ports, 2, 1 << 20);
    DramBurstController first("ddr4_0", ddr4(1 << 20), {}, 0);
    DramBurstController second("ddr4_1", ddr4(1 << 20), {}, 1 << 20);
    DmaChannel near("near", agenda, 32, 256, 32);
    DmaChannel usual("usual", agenda, 32, 256, 32);
    near.socket.bind(*interconnect.port_sockets[0]);
    usual.socket.bind(*interconnect.port_sockets[1]);
    interconnect.channel_sockets[0]->bind(first.socket);
    interconnect.channel_sockets[1]->bind(second.socket);
    sc_core::sc_report_handler::set_actions(sc_core::SC_WARNING, sc_core::SC_DO_NOTHING);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
    // 42 ns there: activate at clock 69, column at 92, its data up to 118. 60 ns: 97, 120, 146. Two beats.
    CHECK(near.transfer({0, 64, 0, false}) == 118 * 625 * ns / 1000 + 42 * ns + 5 * ns);
    CHECK(usual.transfer({1 << 20, 64, 0, false}) == 146 * 625 * ns / 1000 + 60 * ns + 5 * ns);
}
