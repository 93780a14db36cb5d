// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numeric>

#include <catch2/catch.hpp>

#include "models/networks/mamba_reference.hpp"
#include "tiny_checkpoint.hpp"

using namespace tilewright::models;
using namespace tilewright::test;

namespace {

const std::vector<std::int64_t> prompt = {3, 17, 0, 39, 5, 5, 21, 8, 30, 2, 11};

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
    REQUIRE(a.size() == b.size());
    double most = 0;
    for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
    return most;
}

struct Network {
    TemporaryFolder folder;
    MambaConfig config;
    std::unique_ptr<MambaCheckpoint> checkpoint;
    std::unique_ptr<MambaReference> reference;

    explicit Network(MambaVersion version) : config(tiny_config(version)) {
        write_checkpoint(folder, config);
        checkpoint = std::make_unique<MambaCheckpoint>(folder.path());
        reference = std::make_unique<MambaReference>(*checkpoint);
    }
};

}  // namespace

TEST_CASE("the chunked prefill equals the recurrence to 1e-9, state included") {
    const Network network(MambaVersion::mamba2);
    auto recurrent_state = network.reference->initial_state();
    const auto recurrent = network.reference->run(prompt, recurrent_state, ScanForm::recurrent, 0, true);
    for (const std::int64_t chunk : {1, 2, 3, 5, 11, 256}) {
        CAPTURE(chunk);
        auto state = network.reference->initial_state();
        const auto chunked = network.reference->run(prompt, state, ScanForm::chunked, chunk, true);
        CHECK(largest_difference(chunked.logits, recurrent.logits) < 1e-9);
        for (std::size_t i = 0; i < chunked.blocks.size(); ++i) {
            CHECK(largest_difference(chunked.blocks[i], recurrent.blocks[i]) < 1e-9);
            CHECK(largest_difference(state.blocks[i].hidden, recurrent_state.blocks[i].hidden) < 1e-9);
            CHECK(largest_difference(state.blocks[i].window, recurrent_state.blocks[i].window) < 1e-9);
        }
    }
}

TEST_CASE("token by token gives what all at once gives") {
    for (const auto version : {MambaVersion::mamba1, MambaVersion::mamba2}) {
        const Network network(version);
        auto whole_state = network.reference->initial_state();
        const auto whole = network.reference->run(prompt, whole_state);
        auto state = network.reference->initial_state();
        std::vector<double> logits;
        for (const auto token : prompt) {
            const auto step = network.reference->run(std::vector<std::int64_t>{token}, state);
            logits.insert(logits.end(), step.logits.begin(), step.logits.end());
        }
        CHECK(largest_difference(logits, whole.logits) < 1e-12);
    }
}

TEST_CASE("a later token does not change what came before it, an earlier one does") {
    const Network network(MambaVersion::mamba2);
    auto state = network.reference->initial_state();
    const auto first = network.reference->run(prompt, state).logits;
    auto changed = prompt;
    changed[6] = 22;
    state = network.reference->initial_state();
    const auto second = network.reference->run(changed, state).logits;
    const std::size_t vocabulary = 40;
    for (std::size_t t = 0; t < prompt.size(); ++t) {
        double difference = 0;
        for (std::size_t v = 0; v < vocabulary; ++v) {
            difference =
                std::max(difference, std::abs(first[t * vocabulary + v] - second[t * vocabulary + v]));
        }
        CAPTURE(t);
        CHECK((difference > 1e-6) == (t >= 6));
    }
}

// One Mamba2 block of one head and one state element, written out by hand.
TEST_CASE("a block of the smallest size gives what the formulas give") {
    MambaConfig config;
    config.layers = 1;
    config.d_model = 1;
    config.expand = 1;
    config.head_dim = 1;
    config.d_state = 1;
    config.vocabulary = 8;
    std::map<std::string, OutputTensor> weights;
    const auto put = [&](const std::string& name, std::vector<std::int64_t> shape,
                         std::vector<float> values) {
        weights["backbone." + name] = {std::move(shape), std::move(values)};
    };
    put("embedding.weight", {8, 1}, {0, 2, 0, 0, 0, 0, 0, 1});
    put("layers.0.norm.weight", {1}, {0.5F});
    put("layers.0.mixer.in_proj.weight", {5, 1}, {1, 2, -1, 0.5F, 0.25F});  // z, x, B, C, dt
    put("layers.0.mixer.conv1d.weight", {3, 1, 4}, {0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1});
    put("layers.0.mixer.conv1d.bias", {3}, {0, 0.125F, 0});
    put("layers.0.mixer.dt_bias", {1}, {0.5F});
    put("layers.0.mixer.A_log", {1}, {0});
    put("layers.0.mixer.D", {1}, {3});
    put("layers.0.mixer.norm.weight", {1}, {1});
    put("layers.0.mixer.out_proj.weight", {1, 1}, {2});
    put("norm_f.weight", {1}, {1});
    const TemporaryFolder folder;
    folder.write(
        "config.json",
        R"({"d_model": 1, "n_layer": 1, "vocab_size": 8, "ssm_cfg": {"layer": "Mamba2", "d_state": 1,)"
        R"( "headdim": 1, "expand": 1}})");
    folder.write("model.safetensors", safetensors_bytes(weights));
    const MambaCheckpoint checkpoint(folder.path());
    const MambaReference reference(checkpoint);
    auto state = reference.initial_state();
    state.blocks[0].hidden = {0.75};
    const auto output = reference.run(std::vector<std::int64_t>{1}, state, ScanForm::recurrent, 0, true);

    const auto silu = [](double v) { return v / (1 + std::exp(-v)); };
    const double u = 2 / std::sqrt(4 + 1e-5) * 0.5;
    const double x = silu(2 * u);
    const double b = silu(-1 * u * 2 + 0.125);
    const double c = silu(0.5 * u);
    const double dt = std::log(1 + std::exp(0.25 * u + 0.5));
    const double h = std::exp(-dt) * 0.75 + dt * x * b;
    const double y = (h * c + 3 * x) * silu(u);
    const double gated = y / std::sqrt(y * y + 1e-5);
    const double expected = 2 + 2 * gated;
    CHECK(output.blocks[0][0] == Approx(expected).epsilon(1e-12));
    CHECK(state.blocks[0].hidden[0] == Approx(h).epsilon(1e-12));
    CHECK(output.logits[7] == Approx(expected / std::sqrt(expected * expected + 1e-5)).epsilon(1e-12));
}

TEST_CASE("a token beyond the vocabulary is refused") {
    const Network network(MambaVersion::mamba1);
    auto state = network.reference->initial_state();
    CHECK_THROWS_AS(network.reference->run(std::vector<std::int64_t>{40}, state), std::out_of_range);
    CHECK_THROWS_AS(network.reference->run(std::vector<std::int64_t>{-1}, state), std::out_of_range);
}
