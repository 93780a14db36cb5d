// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include <catch2/catch.hpp>

#include "models/kernels/image_bytes.hpp"

using namespace tilewright::models;

TEST_CASE("every byte of an image is the color that it becomes") {
    for (int byte = 0; byte <= 255; ++byte) {
        CHECK(byte_of_color(color_of_byte(static_cast<std::uint8_t>(byte))) == byte);
    }
    CHECK(color_of_byte(0) == 0.0F);
    CHECK(color_of_byte(255) == 1.0F);
    CHECK(color_of_byte(51) == 0.2F);
}

TEST_CASE("colors become the nearest byte, ties to even, within the range of an image") {
    CHECK(byte_of_color(0.5F) == 128);      // 127.5
    CHECK(byte_of_color(0.5F / 255) == 1);  // above half, once rounded to binary32
    CHECK(byte_of_color(0.49999F) == 127);
    CHECK(byte_of_color(-0.1F) == 0);
    CHECK(byte_of_color(-0.0F) == 0);
    CHECK(byte_of_color(1.002F) == 255);
    CHECK(byte_of_color(7.0F) == 255);
    CHECK(byte_of_color(std::numeric_limits<float>::max()) == 255);
    CHECK(byte_of_color(-std::numeric_limits<float>::infinity()) == 0);
}
