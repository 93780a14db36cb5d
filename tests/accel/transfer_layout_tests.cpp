// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include <catch2/catch.hpp>

#include "accel/simulation/transfer_layout.hpp"
#include "small_design.hpp"

using namespace tilewright;
using namespace tilewright::accel;

TEST_CASE("a transfer is cut into equal shares, values and scales padded to beats apart") {
    const auto design = test::design_document("lightmamba-u280-w4a4").parse();
    MemoryPort port = design.memory_ports[0];
    port.width_bits = 128;  // beats of 16 bytes
    port.channels = 3;
    port.first_channel = 5;
    const TransferLayout layout(design, port);
    Instruction transfer;
    transfer.value_bytes = 100;  // shares of 34, in 3 beats
    transfer.scale_bytes = 10;   // shares of 4, in one
    transfer.address = 300;
    transfer.address_stride = 3000;
    CHECK(layout.share(100) == 34);
    CHECK(layout.padded_bytes(transfer) == 64);
    const auto channel_bytes = design.device.memories.at(port.memory).dram.organization.channel_bytes;
    CHECK(layout.address(transfer, 0, 0) == 5 * channel_bytes + 100);
    CHECK(layout.address(transfer, 2, 1) == 6 * channel_bytes + 2100);
    std::vector<std::byte> bytes(110);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i + 1);
    const auto parts = layout.scatter(transfer, bytes);
    REQUIRE(parts.size() == 3);
    CHECK(parts[1][0] == std::byte{35});
    CHECK(parts[2][31] == std::byte{100});  // the last value: 32 of them in the last share
    CHECK(parts[2][32] == std::byte{0});
    CHECK(parts[0][48] == std::byte{101});  // scales begin behind three beats
    CHECK(parts[2][49] == std::byte{110});
    CHECK(layout.gather(transfer, parts) == bytes);
}
