// SPDX-License-Identifier: Apache-2.0
// Mistakes in designs for VAR: the message names the place, the value and what is allowed.
#include <catch2/catch.hpp>

#include "accel/design/config_error.hpp"
#include "accel/report/evaluate.hpp"
#include "small_var.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using test::design_document;
using test::small_var_document;

namespace {

std::string message(const DesignDocument& document, Fidelity fidelity = Fidelity::timing) {
    try {
        evaluate(document, fidelity);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("mistakes in designs for VAR are explained") {
    const auto expect = [](const std::string& pointer, const nlohmann::json& value,
                           const std::vector<std::string>& words) {
        INFO(pointer << " = " << value.dump());
        const auto text = message(small_var_document({{pointer, value}}));
        for (const auto& word : words) CHECK_THAT(text, Catch::Contains(word));
    };
    expect("/mapping/tile/outputs", 100, {"/mapping/tile/outputs", "whole heads of 64", "multiples of 64"});
    expect("/mapping/tile/tokens", 0, {"/mapping/tile/tokens", "too small"});
    expect("/mapping/tile/feed_forward_rows", 100, {"/mapping/tile/feed_forward_rows", "multiples of 64"});
    expect("/mapping/pipeline/opertors", true, {"unknown key", "did you mean \"operators\""});
    expect("/engines/matrix/multiplier", "dsp", {"e2m1", "DSP blocks", "multiplier \"lut\""});
    expect("/recipe/linears/fc1",
           {{"weights", {{"format", "e5m2"}, {"scale_per", "channel"}, {"scale_bits", 16}}},
            {"activations", {{"format", "e5m2"}, {"scale_per", "token"}, {"scale_bits", 32}}}},
           {"/recipe/linears/fc1/weights", "products of e5m2 and e5m2 have 64 bits", "at most 62"});
    expect("/recipe", "lightmamba-w4a4", {"/recipe", "no recipe for this kind", "transformer"});
    expect("/network", "mamba2-130m", {"/network/family", "mamba2", "allowed: \"var\""});
    expect("/network/heads", 3, {"/network/heads", "do not divide 256", "a divisor"});
    expect("/network/scales", {1, 3, 3}, {"/network/scales/2", "does not exceed"});
    expect("/recipe/linears/fc1/weights/group_size", 96,
           {"/recipe/linears/fc1/weights/group_size", "does not divide the 256", "a divisor"});
    expect("/buffers/weights/bytes", 1000, {"/buffers/weights/bytes", "too small", "at least"});
    expect("/buffers/activations/bytes", 1000, {"/buffers/activations/bytes", "at least"});
    expect("/memory_ports/1/carries", {"state", "convolution"},
           {"/memory_ports/1/carries", "only Mamba has a convolution"});
    expect("/memory_ports/1/qos_weight", 0, {"/memory_ports/1/qos_weight", "too small"});
    expect("/memory_ports/1/carries", {"weights"}, {"the stream \"weights\" is carried by 2 ports"});
}

TEST_CASE("a design for Mamba takes no network and no recipe of VAR") {
    CHECK_THAT(message(design_document("lightmamba-vck190-w4a4", {{"/network", "var-d16"}})),
               Catch::Contains("/network/family") && Catch::Contains("no network for this kind of design"));
    CHECK_THAT(message(design_document("lightmamba-vck190-w4a4", {{"/recipe", "fpqvar-fp4"}})),
               Catch::Contains("/recipe") && Catch::Contains("no recipe for this kind of network"));
}

TEST_CASE("more products than a DSP block can make are refused, as the device has them") {
    auto document = design_document("fpqvar-vck190-int6", {{"/engines/matrix/products_per_dsp", 4}});
    CHECK_THAT(message(document), Catch::Contains("one DSP58; allowed: 1, 2, 3"));
    document.set("/engines/matrix/products_per_dsp", 3);
    CHECK(message(document).empty());
    // Products whose signs are summed apart are not summed in the block.
    document.set("/recipe/linears/fc2/activations",
                 {{"negative", "int6"}, {"positive", "int6"}, {"scale_per", "token"}, {"scale_bits", 32}});
    CHECK_THAT(message(document), Catch::Contains("one DSP58; allowed: 1, 2"));
    // A DSP48E2 has no such mode, however small the numbers.
    auto older = design_document("fpqvar-vck190-int6", {{"/recipe", "var-int4-kv8"},
                                                        {"/engines/matrix/products_per_dsp", 3},
                                                        {"/device/resources/dsp/unit", "DSP48E2"}});
    CHECK_THAT(message(older), Catch::Contains("one DSP48E2; allowed: 1, 2, 4"));
    // Of Mamba it is the same.
    const auto mamba = [](int products, const char* recipe) {
        return message(design_document(
            "lightmamba-vck190-w4a4", {{"/engines/matrix/products_per_dsp", products}, {"/recipe", recipe}}));
    };
    CHECK(mamba(3, "lightmamba-w8a8").empty());
    CHECK_THAT(mamba(4, "lightmamba-w8a8"), Catch::Contains("one DSP58; allowed: 1, 2, 3"));
    CHECK_THAT(mamba(2, "w16a16"), Catch::Contains("one product of fp16; allowed: 1, or integers"));
    CHECK_THAT(
        message(design_document("lightmamba-vck190-w4a4", {{"/engines/matrix/products_per_dsp", 1},
                                                           {"/engines/matrix/multiplier", "lut"},
                                                           {"/recipe", "w16a16"}})),
        Catch::Contains("#/weights/format: fp16 is too wide") && Catch::Contains("multiplier \"dsp\""));
}

TEST_CASE("a recipe that rotates needs a Hadamard unit") {
    auto document = small_var_document();
    auto engines = document.document().at("engines");
    engines.erase("hadamard");
    document.set("/engines", engines);
    CHECK_THAT(message(document),
               Catch::Contains("/engines/hadamard") && Catch::Contains("a hadamard engine"));
}

TEST_CASE("no data are carried through a shared AdaLN, and the message says so") {
    const auto shared = [](const char* adaln) {
        return small_var_document({{"/network/shared_adaln", true}, {"/workload/adaln", adaln}});
    };
    CHECK_THAT(message(shared("device"), Fidelity::functional), Catch::Contains("/workload/adaln"));
    CHECK(message(shared("precomputed"), Fidelity::functional).empty());
}

TEST_CASE("VAR-d36 does not fit the board's memories, which is a result") {
    const auto evaluation =
        evaluate(design_document("fpqvar-vck190-fp4", {{"/network", "var-d36"}}), Fidelity::timing);
    CHECK_FALSE(evaluation.activity);
    CHECK_THAT(evaluation.overflow, Catch::Contains("URAM of 463"));
}

TEST_CASE("VAR: a program of millions of instructions is refused") {
    CHECK_THAT(
        message(small_var_document(
            {{"/workload/images", 1024}, {"/mapping/tile/tokens", 1}, {"/mapping/tile/outputs", 64}})),
        Catch::Contains("/mapping/tile") && Catch::Contains("pieces") && Catch::Contains("fewer images"));
}
