// SPDX-License-Identifier: Apache-2.0
// The controller that works command by command as a TLM-2.0 target behind ports and interconnect.
#include <algorithm>
#include <map>
#include <stdexcept>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "accel/simulation/simulation_context.hpp"
#include "dram_fixtures.hpp"
#include "memory/dma/dma_channel.hpp"
#include "memory/dram/command_controller.hpp"
#include "memory/dram/dram_trace.hpp"
#include "memory/integer_math.hpp"
#include "memory/noc/interconnect.hpp"
#include "memory/simulation_time.hpp"
#include "transfer_request.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;

namespace {

constexpr TimeFs ns = 1'000'000;
constexpr TimeFs clock_fs = 625'000;
constexpr TimeFs way = 60 * ns;  // from port to memory, and back
constexpr std::int64_t channel_bytes = std::int64_t{1} << 30;

// One or two ports of 512 bits at 400 MHz, 25.6 GB/s each, in front of one DDR4 channel of 25.6 GB/s. Links
// are wide enough not to matter.
struct Ports {
    tilewright::accel::SimulationContext context;
    Agenda agenda{"agenda", 0};
    InterconnectSpecification specification{"noc", 1e9, 64, 256, 36, 36, 3, 8};
    Interconnect interconnect{"noc", specification, {{"a", 512, 400e6}, {"b", 512, 400e6}}, 1, channel_bytes};
    DramCommandController controller;
    ChannelArbiter arbiter{agenda, 0};
    DmaChannel a;
    DmaChannel b;
    std::vector<DramController::Served> served;

    explicit Ports(const std::string& mapping = "RoBaRaCoBgCh", PagePolicy page = PagePolicy::open,
                   std::int64_t burst_beats = 128, std::int64_t outstanding_bursts = 32)
        : controller("ddr4", agenda, ddr4(channel_bytes), {page},
                     AddressMapping(mapping, ddr4(channel_bytes)), 0, way),
          a("a", agenda, 64, burst_beats, outstanding_bursts),
          b("b", agenda, 64, burst_beats, outstanding_bursts) {
        a.socket.bind(*interconnect.port_sockets[0]);
        b.socket.bind(*interconnect.port_sockets[1]);
        interconnect.channel_sockets[0]->bind(controller.socket);
        a.expect_phases();
        b.expect_phases();
        controller.watch([this](const auto& burst) { served.push_back(burst); });
        controller.watch_busy([this](TimeFs begin, TimeFs end) { interconnect.served(0, begin, end); });
        sc_core::sc_report_handler::set_actions(sc_core::SC_WARNING, sc_core::SC_DO_NOTHING);
        sc_core::sc_start(sc_core::SC_ZERO_TIME);
    }
    void run_to(TimeFs time) { sc_core::sc_start(to_sc_time(time - simulation_time())); }
    static void run() { sc_core::sc_start(); }
};

struct End {
    TimeFs at = 0;
    std::function<void(TimeFs)> note() {
        return [this](TimeFs time) {
            CHECK(time >= simulation_time());  // nobody is told too late
            at = time;
        };
    }
};

}  // namespace

TEST_CASE("by command: a short read takes the way there, activate, column, data and the way back") {
    Ports ports;
    End end;
    request(ports.a, {0, 64, 0, false}, end.note());
    ports.run();
    CHECK(end.at == way + (22 + 22 + 4) * clock_fs + way + 2500 * ns / 1000);
}

TEST_CASE(
    "by command: a write is done when the queue has it, and the run ends when the pins have carried it") {
    Ports ports;
    End end;
    request(ports.a, {0, 64, 0, true}, end.note());
    ports.run();
    // One beat of 2.5 ns leaves the port while its head is on the way.
    CHECK(end.at == way + 2500 * ns / 1000 + way);
    // The pins carry them once they are there.
    CHECK(ports.served.front().last_data == way + 2500 * ns / 1000 + (22 + 16 + 4) * clock_fs);
    CHECK(simulation_time() >= ports.served.front().last_data);
    CHECK(ports.controller.statistics().write_bytes == 64);
}

TEST_CASE("by command: a read of what has just been written is answered from the queue") {
    Ports ports;
    End write;
    End read;
    request(ports.a, {0, 16 * 64, 0, true}, write.note());
    ports.run_to(45 * ns);
    request(ports.b, {15 * 64, 64, 0, false},
            read.note());  // arrives before the 16th has been given its column
    ports.run();
    CHECK(read.at == 45 * ns + way + clock_fs + way + 2500 * ns / 1000);
    // Its data did not pass the pins.
    const auto statistics = ports.controller.statistics();
    CHECK(statistics.read_bytes == 64);
    CHECK(statistics.forwarded_bytes == 64);
    CHECK(statistics.data_busy == 16 * 4 * clock_fs);
}

TEST_CASE("by command: a row hit of one port goes before an older conflict of the other one") {
    Ports ports("RoBaRaCoCh");
    End opened;
    End conflict;
    End hit;
    const auto next_row = std::int64_t{8192} * 16;  // of the same bank
    request(ports.a, {0, 64, 0, false}, opened.note());
    ports.run_to(15 * ns);  // the row has been opened and cannot be closed yet
    request(ports.a, {next_row, 64, 0, false}, conflict.note());
    request(ports.b, {64, 64, 0, false}, hit.note());
    ports.run();
    CHECK(hit.at < conflict.at);
    REQUIRE(ports.served.size() == 3);
    CHECK(ports.served[1].address == 64);
    CHECK(ports.served[2].address == next_row);
}

TEST_CASE("by command: written data are on the pins no sooner than they have left a slow port") {
    Ports ports;
    End end;
    // 8 KiB in 320 ns, as fast as the pins: the last access follows its data by row, column and data alone.
    request(ports.a, {0, 8192, 0, true}, end.note());
    ports.run();
    const auto there = 320 * ns + way;
    CHECK(end.at == there + way);
    CHECK(ports.served.front().last_data >= there + (16 + 4) * clock_fs);
    CHECK(ports.served.front().last_data <= there + (22 + 16 + 4 + 4) * clock_fs);
}

TEST_CASE("by command: a closed page opens the row of every access") {
    Ports ports("RoBaRaCoBgCh", PagePolicy::closed);
    End end;
    request(ports.a, {0, 1024, 0, false}, end.note());
    ports.run();
    CHECK(ports.controller.statistics().row_activations == 16);
    CHECK(ports.controller.statistics().row_hits == 0);
    Ports open;
    request(open.a, {0, 1024, 0, false}, end.note());
    open.run();
    CHECK(open.controller.statistics().row_activations == 4);  // one in every bank group
    CHECK(open.controller.statistics().row_hits == 12);
}

TEST_CASE("by command: what a sequential port gets depends on the mapping") {
    const auto time = [](const std::string& mapping) {
        Ports ports(mapping);
        End end;
        request(ports.a, {0, 4 << 20, 0, false}, end.note());
        ports.run();
        return static_cast<double>(end.at);
    };
    const auto peak = static_cast<double>(4 << 20) / 25.6e9 * 1e15;
    // Refresh takes 5 %; CCD_L to half of the peak but where the queue reaches into the next bank group.
    CHECK(peak / time("RoBaRaCoBgCh") == Approx(0.95).margin(0.01));
    CHECK(peak / time("MOP4CLXOR") == Approx(0.95).margin(0.01));
    CHECK(peak / time("RoBaRaCoCh") == Approx(0.617).margin(0.02));
}

TEST_CASE("by command: an address beyond the memory is an error") {
    Ports ports;
    End end;
    CHECK_THROWS_AS(request(ports.a, {channel_bytes, 64, 0, false}, end.note()), std::out_of_range);
    CHECK_THROWS_AS(request(ports.b, {channel_bytes - 64, 128, 0, true}, end.note()), std::out_of_range);
}

TEST_CASE(
    "by command: a port's data keep their order, and written ones wait for those that are read before") {
    Ports ports;
    End read;
    End write;
    End behind;
    request(ports.a, {0, 8192, 0, false}, read.note());
    request(ports.a, {1 << 20, 64, 0, true}, write.note());
    request(ports.a, {2 << 20, 64, 0, false}, behind.note());
    ports.run();
    const auto moved = ports.interconnect.port_busy(0);
    CHECK(moved == 130 * 2500 * ns / 1000);
    CHECK(write.at == read.at + 2500 * ns / 1000 + 2 * way);
    CHECK(behind.at > read.at);
}

TEST_CASE("by command: random transfers of a port reach the pins when the trace of their arrivals does") {
    CHECK(rc::check("port and trace", [] {
        const auto mapping = *rc::gen::element<std::string>("RoBaRaCoBgCh", "MOP4CLXOR", "RoBaRaCoCh");
        const auto page = *rc::gen::element(PagePolicy::open, PagePolicy::closed);
        Ports ports(mapping, page, *rc::gen::element(1, 16, 128));
        std::int64_t bytes = 0;
        const auto count = *rc::gen::inRange(1, 30);
        std::int64_t ended = 0;
        std::int64_t address = 0;
        for (int i = 0; i < count; ++i) {
            if (*rc::gen::inRange(0, 4) == 0) address = *rc::gen::inRange(0, 1 << 18) * std::int64_t{64};
            const auto length = *rc::gen::inRange(1, 300) * std::int64_t{64};
            request(ports.a, {address, length, 0, false}, [&](TimeFs end) {
                RC_ASSERT(end >= simulation_time());
                ++ended;
            });
            address += length;
            bytes += length;
            ports.run_to(simulation_time() + *rc::gen::inRange(1, 1000) * ns);
        }
        ports.run();
        RC_ASSERT(ended == count);
        const auto statistics = ports.controller.statistics();
        RC_ASSERT(statistics.read_bytes == bytes);
        RC_ASSERT(statistics.data_busy == bytes / 64 * 4 * clock_fs);
        // What a burst waits for is all in the account.
        const auto occupancy = ports.interconnect.occupancy(0);
        RC_ASSERT(statistics.served() <= occupancy.active);
        // Bursts that are only read wait in one queue, as the trace's requests do.
        std::sort(ports.served.begin(), ports.served.end(), [](const auto& x, const auto& y) {
            return std::pair(x.arrival, x.address) < std::pair(y.arrival, y.address);
        });
        std::vector<DramTraceRequest> requests;
        TimeFs last = 0;
        double latency = 0;
        for (const auto& burst : ports.served) {
            requests.push_back({divide_up(burst.arrival, clock_fs), false, burst.address, burst.bytes});
            last = std::max(last, burst.last_data);
            latency += static_cast<double>(burst.last_data / clock_fs - requests.back().clock);
        }
        const auto dram = ddr4(channel_bytes);
        const auto trace = run_dram_trace(dram, {page}, AddressMapping(mapping, dram), requests);
        RC_ASSERT(trace.last_data * clock_fs == last);
        RC_ASSERT(static_cast<double>(trace.read_latency_sum) == latency);
    }));
}

namespace {

void share(Ports& ports, int weight_a, int weight_b, std::int64_t burst_bytes) {
    auto& arbiter = ports.arbiter;
    arbiter.add(ports.a, weight_a, burst_bytes, ports.interconnect.request_latency(0));
    arbiter.add(ports.b, weight_b, burst_bytes, ports.interconnect.request_latency(1));
    ports.a.share(arbiter);
    ports.b.share(arbiter);
    arbiter.ask_for_room([&] { return ports.controller.has_room(); });
    ports.controller.tell_room([&] { arbiter.wake(); });
}

}  // namespace

TEST_CASE("by command: two ports that saturate a channel get it by their weights, reading or writing") {
    for (const bool a_writes : {false, true}) {
        for (const bool b_writes : {false, true}) {
            Ports ports;
            share(ports, 3, 1, 8192);
            End first;
            End second;
            request(ports.a, {0, 60 * 8192, 0, a_writes}, first.note());
            request(ports.b, {1 << 29, 60 * 8192, 0, b_writes}, second.note());
            ports.run();
            std::sort(ports.served.begin(), ports.served.end(),
                      [](const auto& x, const auto& y) { return x.arrival < y.arrival; });
            REQUIRE(ports.served.size() == 120);
            const auto of_a = std::count_if(ports.served.begin(), ports.served.begin() + 40,
                                            [](const auto& burst) { return burst.address < 1 << 29; });
            CAPTURE(a_writes, b_writes);
            CHECK(of_a >= 29);
            CHECK(of_a <= 31);
            CHECK(ports.b.arbitration() > ports.a.arbitration());
            // No pause between the bursts: the pins rest for refreshes, rows and turnarounds alone.
            const auto end = std::max(first.at, second.at);
            const auto data = 120 * 320 * ns;
            CHECK(end > data);
            CHECK(end < (a_writes == b_writes ? 1.07 : 1.15) * data);
        }
    }
}

TEST_CASE("by command: short bursts of ports that share a channel follow each other without a pause") {
    constexpr std::int64_t bursts = 4000;
    const auto time = [](bool shared) {
        Ports ports("RoBaRaCoBgCh", PagePolicy::open, 1, 256);
        if (shared) share(ports, 1, 1, 64);
        End a;
        End b;
        request(ports.a, {0, bursts * 64, 0, false}, a.note());
        request(ports.b, {1 << 29, bursts * 64, 0, false}, b.note());
        ports.run();
        return static_cast<double>(std::max(a.at, b.at));
    };
    const auto alone = time(false);
    CHECK(alone < 1.15 * static_cast<double>(2 * bursts * 4 * clock_fs));
    CHECK(time(true) < 1.1 * alone);
}
