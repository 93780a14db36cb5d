// SPDX-License-Identifier: Apache-2.0
#include "accel/design/parse_var.hpp"

#include "accel/design/config_error.hpp"
#include "accel/design/parse_transformer.hpp"

namespace tilewright::accel {

using nlohmann::json;

models::VarConfig parse_var_network(const json& document, const std::string& file,
                                    const std::string& pointer) {
    models::VarConfig network;
    network.name = document.at("name").get<std::string>();
    network.depth = document.at("depth").get<int>();
    network.width = document.at("width").get<std::int64_t>();
    network.heads = document.at("heads").get<std::int64_t>();
    network.mlp_ratio = document.value("mlp_ratio", std::int64_t{4});
    network.scales = document.at("scales").get<std::vector<std::int64_t>>();
    network.codebook = document.at("codebook").get<std::int64_t>();
    network.codebook_width = document.at("codebook_width").get<std::int64_t>();
    network.classes = document.at("classes").get<std::int64_t>();
    network.shared_adaln = document.value("shared_adaln", false);
    if (network.width % network.heads != 0) {
        throw ConfigError(file, pointer + "/heads",
                          std::to_string(network.heads) + " heads do not divide " +
                              std::to_string(network.width) + " channels",
                          "allowed: a divisor");
    }
    for (std::size_t i = 1; i < network.scales.size(); ++i) {
        if (network.scales[i] > network.scales[i - 1]) continue;
        throw ConfigError(file, pointer + "/scales/" + std::to_string(i),
                          std::to_string(network.scales[i]) + " does not exceed the scale before it",
                          "allowed: sides in increasing order");
    }
    return network;
}

void parse_var(const json& document, Design& design, const std::string& file) {
    auto& var = design.var.emplace();
    var.network = parse_var_network(document.at("network"), file, "/network");
    var.block = block_of(var.network);
    const auto& workload = document.at("workload");
    var.step.images = workload.at("images").get<std::int64_t>();
    var.step.guidance = workload.at("guidance").get<bool>();
    var.adaln = workload.value("adaln", json("device")) == "device";
    parse_transformer(document, design, var, file);
}

}  // namespace tilewright::accel
