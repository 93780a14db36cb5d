// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "models/networks/mamba.hpp"

using namespace tilewright::models;

namespace {

MambaConfig mamba2(int layers, std::int64_t d_model) {
    MambaConfig config;
    config.name = "mamba2";
    config.layers = layers;
    config.d_model = d_model;
    return config;
}

MambaConfig mamba1(int layers, std::int64_t d_model) {
    auto config = mamba2(layers, d_model);
    config.version = MambaVersion::mamba1;
    config.d_state = 16;
    config.vocabulary = 50280;
    return config;
}

Recipe w4a4() {
    Recipe recipe;
    const auto& int4 = number_format("int4");
    const auto& int8 = number_format("int8");
    recipe.weights = recipe.activations = {int4, 128, ScaleKind::floating_point, 16};
    recipe.state = recipe.convolution = {int8, 8, ScaleKind::power_of_two, 4};
    recipe.ssm_intermediate = number_format("int16");
    recipe.residual = number_format("int32");
    return recipe;
}

}  // namespace

TEST_CASE("a Mamba2 decode token has the MACs, weights and state worked out by hand") {
    struct Expected {
        int layers;
        std::int64_t d_model, linear, convolution, ssm, parameters, weight_bytes, state_bytes;
    };
    // linear = layers (d in_proj + d_inner d) + 50288 d with in_proj = 2 d_inner + 256 + heads;
    // convolution = layers (d_inner + 256) 4; ssm = layers (heads 128 + 3 d_inner 128 + d_inner);
    // weight bytes: half a byte each and two bytes for every 128; state: a byte each and half a byte for
    // every 8.
    const auto row =
        GENERATE(Expected{24, 768, 128716800, 172032, 14266368, 128989632, 66369600, 5013504},
                 Expected{48, 1024, 367640576, 442368, 38043648, 368346624, 189564672, 13369344},
                 Expected{48, 1536, 779132928, 638976, 57065472, 780161280, 401740416, 20054016},
                 Expected{48, 2048, 1342406656, 835584, 76087296, 1343757312, 692178432, 26738688},
                 Expected{64, 2560, 2700369920, 1376256, 126812160, 2702599680, 1392378240, 44564480});
    const auto graph = build_mamba_graph(mamba2(row.layers, row.d_model), {});
    const auto sum = totals(graph, w4a4());
    CAPTURE(row.d_model);
    CHECK(sum.linear_macs == row.linear);
    CHECK(sum.convolution_macs == row.convolution);
    CHECK(sum.ssm_macs == row.ssm);
    CHECK(sum.macs == row.linear + row.convolution + row.ssm);
    CHECK(sum.parameters == row.parameters);
    CHECK(sum.linear_weight_bytes == row.weight_bytes);
    CHECK(sum.ssm_state_bytes == row.state_bytes);
}

TEST_CASE("a Mamba1 decode token has the linear MACs and parameters worked out by hand") {
    struct Expected {
        int layers;
        std::int64_t d_model, linear, parameters;
    };
    const auto row =
        GENERATE(Expected{24, 768, 128268288, 129135360}, Expected{48, 1024, 369205248, 371516416},
                 Expected{48, 1536, 789737472, 793204224}, Expected{48, 2048, 1367556096, 1372178432},
                 Expected{64, 2560, 2760642560, 2768345600});
    const auto sum = totals(build_mamba_graph(mamba1(row.layers, row.d_model), {}), w4a4());
    CAPTURE(row.d_model);
    CHECK(sum.linear_macs == row.linear);
    CHECK(sum.parameters == row.parameters);
}

TEST_CASE("a prefill does the block's work once a token and makes logits once") {
    MambaStep step;
    step.phase = Phase::prefill;
    step.tokens = 300;
    const auto config = mamba2(64, 2560);
    const auto sum = totals(build_mamba_graph(config, step), w4a4());
    CHECK(sum.linear_macs == 300 * (2700369920LL - 128737280LL) + 128737280LL);
    CHECK(sum.ssm_macs == 300 * 126812160LL);
    CHECK(sum.ssm_state_bytes == 44564480);
    CHECK(sum.parameters == 2702599680);
}

TEST_CASE("the chunked prefill has the matrix products of state-space duality") {
    MambaStep step;
    step.phase = Phase::prefill;
    step.tokens = 300;
    step.scan = ScanForm::chunked;
    const auto sum = totals(build_mamba_graph(mamba2(64, 2560), step), w4a4());
    // Chunks of 256 and 44 tokens, 80 heads of 64, state 128, one group.
    const auto chunk = [](std::int64_t q) { return q * q * 128 + 80 * (q * q * 64 + 2 * q * 64 * 128); };
    CHECK(sum.product_macs == 64 * (chunk(256) + chunk(44)));
}

TEST_CASE("a graph can be executed in its order") {
    MambaStep step;
    step.online_hadamard = true;
    const auto graph = build_mamba_graph(mamba2(2, 128), step);
    std::vector<bool> made(graph.tensors.size(), false);
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        made[i] = graph.tensors[i].role != TensorRole::activation;
    }
    for (const auto& op : graph.operators) {
        CAPTURE(op.name);
        for (const auto input : op.inputs) CHECK(made[input]);
        for (const auto output : op.outputs) {
            CHECK_FALSE(made[output]);
            made[output] = true;
        }
    }
}

TEST_CASE("in_proj's segments tile its outputs in the order of the checkpoints") {
    const auto graph = build_mamba_graph(mamba2(1, 2560), {});
    for (const auto& op : graph.operators) {
        if (op.name.find("in_proj") == std::string::npos) continue;
        std::int64_t next = 0;
        std::string order;
        for (const auto& segment : op.segments) {
            CHECK(segment.begin == next);
            next += segment.size;
            order += segment.name + " ";
        }
        CHECK(next == 10576);
        CHECK(order == "z x B C dt ");
    }
}

TEST_CASE("sizes that contradict each other are refused") {
    auto config = mamba2(1, 100);  // d_inner 200 is no multiple of 64
    CHECK_THROWS_AS(build_mamba_graph(config, {}), std::invalid_argument);
    MambaStep step;
    step.tokens = 2;
    CHECK_THROWS_AS(build_mamba_graph(mamba2(1, 128), step), std::invalid_argument);
    step.phase = Phase::prefill;
    step.scan = ScanForm::chunked;
    CHECK_THROWS_AS(build_mamba_graph(mamba1(1, 128), step), std::invalid_argument);
}

TEST_CASE("stored bytes round values and scales up to whole bytes") {
    const Quantization int4{number_format("int4"), 128, ScaleKind::floating_point, 16};
    CHECK(stored_bytes(int4, 128) == 64 + 2);
    CHECK(stored_bytes(int4, 129) == 65 + 4);
    const Quantization released{number_format("int8"), 8, ScaleKind::power_of_two, 4};
    CHECK(stored_bytes(released, 655360) == 655360 + 40960);
    const Quantization fp16{number_format("fp16"), 0, ScaleKind::none, 0};
    CHECK(stored_bytes(fp16, 3) == 6);
}
