// SPDX-License-Identifier: Apache-2.0
#include "accel/design/parse_gpt.hpp"

#include "accel/design/config_error.hpp"
#include "accel/design/parse_transformer.hpp"

namespace tilewright::accel {

using nlohmann::json;

namespace {

models::GptConfig parse_gpt_network(const json& from, const std::string& file) {
    models::GptConfig network;
    const auto count = [&](const char* name) { return from.at(name).get<std::int64_t>(); };
    network.name = from.at("name").get<std::string>();
    network.layers = from.at("layers").get<int>();
    network.width = count("width");
    network.heads = count("heads");
    network.hidden = from.value("hidden", 4 * network.width);
    network.positions = count("positions");
    network.vocabulary = count("vocabulary");
    if (network.width % network.heads != 0) {
        throw ConfigError(file, "/network/heads",
                          std::to_string(network.heads) + " heads do not divide " +
                              std::to_string(network.width) + " channels",
                          "allowed: a divisor");
    }
    return network;
}

void parse_work(const json& workload, const json& tile, GptDesign& gpt, const std::string& file) {
    auto& work = gpt.work;
    work.decode = workload.at("phase") == "decode";
    work.prompt = workload.at("prompt").get<std::int64_t>();
    for (const auto* key : {"beams", "generated"}) {
        if (work.decode || !workload.contains(key)) continue;
        throw ConfigError(file, std::string("/workload/") + key, "a prompt is read by all beams together",
                          "allowed: in phase \"decode\"");
    }
    work.beams = workload.value("beams", std::int64_t{1});
    work.generated = workload.value("generated", std::int64_t{0});
    work.slice = tile.value("prompt_slice", std::int64_t{512});
    work.attention_rows = tile.at("tokens").get<std::int64_t>();
    const auto tokens = work.prompt + (work.decode ? work.generated + 1 : 0);
    if (tokens > gpt.network.positions) {
        throw ConfigError(file, "/workload/prompt",
                          std::to_string(tokens) + " tokens are more than the network has positions for",
                          "allowed: at most " + std::to_string(gpt.network.positions));
    }
}

}  // namespace

void parse_gpt(const json& document, Design& design, const std::string& file) {
    auto& gpt = design.gpt.emplace();
    gpt.network = parse_gpt_network(document.at("network"), file);
    gpt.block = block_of(gpt.network);
    parse_work(document.at("workload"), document.at("mapping").at("tile"), gpt, file);
    parse_transformer(document, design, gpt, file);
}

}  // namespace tilewright::accel
