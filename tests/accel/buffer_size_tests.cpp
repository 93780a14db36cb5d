// SPDX-License-Identifier: Apache-2.0
// Buffers whose size a design gives.
#include <algorithm>
#include <string>

#include <catch2/catch.hpp>

#include "accel/schedule/program_check.hpp"
#include "accel/schedule/schedule.hpp"
#include "small_design.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using test::design_document;

namespace {

const std::string shipped[] = {"codes-vck190-w8a8",    "ebsr-vck190-light-x4-aie", "ebsr-vck190-light-x4",
                               "fpqvar-vck190-fp4",    "fpqvar-vck190-int6",       "lightmamba-rtl-vck190",
                               "lightmamba-u280-w4a4", "lightmamba-vck190-w4a4",   "mamba2-vck190-aie"};

}  // namespace

TEST_CASE("a buffer may be as large as the schedule makes it, or larger, and not smaller") {
    for (const auto& name : shipped) {
        auto design = design_document(name, {}).parse();
        const auto graph = build_graph(design);
        for (auto& buffer : design.buffers) buffer.bytes.reset();
        const auto open = build_program(design, graph);
        for (int b = 0; b < buffer_count; ++b) {
            const auto bytes = open.buffer_bytes[static_cast<std::size_t>(b)];
            CAPTURE(name, to_string(static_cast<Buffer>(b)), bytes);
            if (bytes == 0) continue;
            auto given = design;
            given.buffers[b].bytes = bytes;
            CHECK(build_program(given, graph).buffer_bytes == open.buffer_bytes);
            given.buffers[b].bytes = bytes - 1;
            try {
                const auto smaller = build_program(given, graph);
                // Groups of a state are loaded less far ahead.
                CHECK((design.is_mamba() && b == static_cast<int>(Buffer::state)));
                CHECK(check_program(smaller).empty());
            } catch (const MappingError& error) {
                CHECK(error.pointer() ==
                      std::string("/buffers/") + to_string(static_cast<Buffer>(b)) + "/bytes");
                CHECK_THAT(error.allowed(),
                           Catch::StartsWith("at least " + std::to_string(bytes) + " bytes"));
            }
        }
        // Weights come further ahead the more room there is, and never more than that.
        std::int64_t before = open.buffer_bytes[static_cast<std::size_t>(Buffer::weights)];
        for (const auto percent : {101, 130, 199, 200, 350, 1000}) {
            auto given = design;
            auto& bytes = given.buffers[static_cast<int>(Buffer::weights)].bytes;
            bytes = open.buffer_bytes[static_cast<std::size_t>(Buffer::weights)] * percent / 100;
            CAPTURE(name, percent);
            const auto program = build_program(given, graph);
            CHECK(check_program(program).empty());
            const auto kept =
                examine_program(program).buffer_demand[static_cast<std::size_t>(Buffer::weights)];
            CHECK(kept <= *bytes);
            CHECK(kept >= before * 95 / 100);  // slots are whole, and found to within 3 %
            before = std::max(before, kept);
        }
        if (design.super_resolution) continue;  // all that a section has
        CHECK(before > 2 * open.buffer_bytes[static_cast<std::size_t>(Buffer::weights)]);
    }
}
